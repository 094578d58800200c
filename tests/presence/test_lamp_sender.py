"""Lamps are sent when what they show changes, once, and again when nobody knows what they show."""

from __future__ import annotations

import gevent
import pytest
from gevent.queue import Queue

from services.presence.lamp_sender import LampSender
from services.presence.lamps import DARK, LampAddress, Picture
from services.presence.states import Lamp
from shared.esl.commands import Command
from shared.esl.errors import ConnectionLost

FIRST = LampAddress("21", 1, "annadeskkey", "musterbau.example")
SECOND = LampAddress("21", 2, "annadeskkey", "musterbau.example")
RINGING = Picture(Lamp.EARLY, "22", "Bernd")
TALKING = Picture(Lamp.CONFIRMED, "22", "Bernd")


class Line:
    """What a switch would get; fails on demand."""

    def __init__(self) -> None:
        self.sent: Queue[tuple[str, str]] = Queue()
        self.pictures = {FIRST: RINGING, SECOND: DARK}
        self.broken = False
        self.sender = LampSender(self.send, self.pictures.__getitem__)

    def send(self, command: Command) -> None:
        if self.broken:
            raise ConnectionLost("gone")
        headers = dict(command.headers)
        self.sent.put((headers["from"].partition("@")[0], headers["answer-state"]))

    def next(self) -> tuple[str, str]:
        with gevent.Timeout(5):
            return self.sent.get()


@pytest.fixture
def line():
    line = Line()
    running = gevent.spawn(line.sender.run)
    yield line
    running.kill()


def test_a_lamp_is_sent_once_for_one_picture(line: Line):
    line.sender.wake([FIRST])
    assert line.next() == ("21-1-annadeskkey", "early")
    line.sender.wake([FIRST])
    line.sender.wake([SECOND])
    assert line.next() == ("21-2-annadeskkey", "terminated")


def test_a_subscription_gets_its_first_picture_though_it_is_known(line: Line):
    line.sender.wake([FIRST])
    line.next()
    line.sender.wake([FIRST], again=True)
    assert line.next() == ("21-1-annadeskkey", "early")


def test_what_changes_several_times_is_sent_as_it_is_in_the_end(line: Line):
    line.sender.wake([FIRST])
    assert line.next() == ("21-1-annadeskkey", "early")
    line.pictures[FIRST] = TALKING
    line.sender.wake([FIRST])
    line.pictures[FIRST] = DARK
    line.sender.wake([FIRST])
    assert line.next() == ("21-1-annadeskkey", "terminated")
    assert line.sent.empty()


def test_what_changes_now_goes_before_what_a_gap_made_unsure(line: Line):
    line.sender.wake([SECOND], patient=True)
    line.sender.wake([FIRST])
    assert line.next()[0] == "21-1-annadeskkey"
    assert line.next()[0] == "21-2-annadeskkey"


def test_a_lamp_that_did_not_get_through_is_sent_when_the_line_is_back(line: Line):
    line.broken = True
    line.sender.wake([FIRST])
    gevent.idle()
    line.broken = False
    line.sender.forget_shown()
    line.sender.wake([FIRST], patient=True)
    assert line.next() == ("21-1-annadeskkey", "early")
