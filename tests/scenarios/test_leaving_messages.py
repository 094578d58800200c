"""A caller hears what he said, says it again, marks it urgent or takes it back; deletions taken back (V1, V2, V5)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import numpy
import pytest

from operations.story_report import proves
from tests.scenarios.spoken import LIKE, likeness, prompt, starts_hearing
from tests.scenarios.stage import BEEP_HZ, Sound, Stage
from tests.scenarios.telephones import Call
from tests.scenarios.test_greetings import greetings
from tests.scenarios.test_voicemail import delete_all, leave_message, mailbox_of, messages_of, the_mail

GREETING_HZ, FIRST_HZ, SECOND_HZ = 440, 600, 850


class Leaving:
    """Anna, at Clara's mailbox, with what she hears."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.call: Call = stage.telephones["anna"].register().dial("23")
        self.recording = starts_hearing(self.call)
        self._beeps = 0.0

    def heard(self) -> Sound:
        return Sound.so_far(self.recording)

    def wait_for_beep(self) -> None:
        self._stage.wait_until(
            lambda: self.heard().seconds_of(BEEP_HZ) >= self._beeps + 0.2, 20, "the beep")
        gevent.sleep(0.3)  # to its end: half a beep more would count as the next one
        self._beeps = self.heard().seconds_of(BEEP_HZ)

    def say(self, hz: int, seconds: float = 1.5) -> None:
        self.call.speak(f"tone:{hz}")
        gevent.sleep(seconds)
        assert self.call.up, f"{self.call} ended while the caller spoke"

    def press(self, keys: str) -> None:
        self.call.speak("silence")
        self.call.send_digits(keys)

    def wait_until_told(self, name: str) -> None:
        """Looks at the last seconds heard only, as it looks again and again; a telephone writes 4 s at a time."""
        wanted = prompt("de", name)
        last = len(wanted) + 8 * 8000
        self._stage.wait_until(
            lambda: likeness(self.heard().samples[-last:].astype(float), wanted)[0] >= LIKE, 25, name)

    def wait_until_thanked(self) -> None:
        self.is_told("mailbox-thanks")

    def is_told(self, name: str) -> None:
        self.call.wait_for("ended", timeout_s=30)
        assert self.call.end_cause == "NORMAL_CLEARING"
        wanted = prompt("de", name)
        like, _ = likeness(self.heard().samples[-len(wanted) - 16_000:].astype(float), wanted)
        assert like >= LIKE, f"{name} was not the last thing heard: {like:.2f}"


@pytest.fixture(autouse=True)
def claras_mailbox(stage: Stage) -> Iterator[None]:
    delete_all(stage, "clara")
    with (greetings(stage, "clara", 0.6, personal=GREETING_HZ),
          mailbox_of(stage, "clara", on_always=True, deliver_as_mail=False)):
        yield
    delete_all(stage, "clara")


def the_message(stage: Stage) -> dict[str, Any]:
    [message] = stage.wait_until(lambda: messages_of(stage, "clara") or None, 5, "the message")
    return message


def audio_of(stage: Stage, message: dict[str, Any]) -> Sound:
    answer = stage.http("voicemail", "GET", f"/v1/messages/{message['message_id']}/audio", token="clara")
    assert answer.status == 200
    return Sound.read(io.BytesIO(answer.content))


@proves("V1")
def test_the_caller_hears_what_he_said_marks_it_urgent_and_sends_it(stage: Stage) -> None:
    leaving = Leaving(stage)
    leaving.wait_for_beep()
    leaving.say(FIRST_HZ)
    leaving.press("#2")
    stage.wait_until(lambda: leaving.heard().seconds_of(FIRST_HZ) >= 1, 15, "what was said")
    assert messages_of(stage, "clara") == [], "it has not been sent yet"
    leaving.press("41")
    leaving.wait_until_thanked()
    message = the_message(stage)
    assert message["urgent"]
    assert audio_of(stage, message).seconds_of(FIRST_HZ) >= 1
    count = stage.http("voicemail", "GET", "/v1/messages/count", token="clara").body
    assert (count["new"], count["new_urgent"]) == (1, 1)


@proves("V1")
def test_said_again_only_the_second_time_counts(stage: Stage) -> None:
    leaving = Leaving(stage)
    leaving.wait_for_beep()
    leaving.say(FIRST_HZ)
    leaving.press("#3")
    leaving.wait_for_beep()
    leaving.say(SECOND_HZ)
    leaving.call.hangup()
    message = the_message(stage)
    sound = audio_of(stage, message)
    assert sound.seconds_of(SECOND_HZ) >= 1
    assert sound.seconds_of(FIRST_HZ) < 0.2
    assert not message["urgent"]


@proves("V1")
@pytest.mark.parametrize("how", ["hangs up", "says nothing", "ends it at once"])
def test_said_again_in_vain_the_first_is_the_message(stage: Stage, how: str) -> None:
    with mailbox_of(stage, "clara", silence_end_s=6):
        leaving = Leaving(stage)
        leaving.wait_for_beep()
        leaving.say(FIRST_HZ)
        leaving.press("#3")
        if how == "hangs up":
            stage.wait_until(lambda: again_of(stage), 10, "the second recording")
            leaving.call.hangup()
        elif how == "says nothing":
            leaving.wait_until_thanked()
        else:
            stage.wait_until(lambda: again_of(stage), 10, "the second recording")
            leaving.press("#2")
            stage.wait_until(lambda: leaving.heard().seconds_of(FIRST_HZ) >= 1, 20, "what was said at first")
            leaving.press("1")
            leaving.wait_until_thanked()
    assert audio_of(stage, the_message(stage)).seconds_of(FIRST_HZ) >= 1
    assert not again_of(stage)


@proves("V1")
def test_a_message_that_is_taken_back_was_never_left(stage: Stage) -> None:
    clara, before = stage.telephones["clara"].register(), deleted_of(stage)
    leaving = Leaving(stage)
    leaving.wait_for_beep()
    leaving.say(FIRST_HZ)
    leaving.press("#*")
    leaving.is_told("mailbox-discarded")
    assert messages_of(stage, "clara") == []
    assert deleted_of(stage) == before
    assert not clara.message_lamp.lit


@proves("V1")
def test_hanging_up_instead_of_answering_leaves_the_message(stage: Stage) -> None:
    leaving = Leaving(stage)
    leaving.wait_for_beep()
    leaving.say(FIRST_HZ)
    leaving.press("#4")
    leaving.wait_until_told("mailbox-marked-urgent")
    leaving.call.hangup()
    message = the_message(stage)
    assert message["urgent"]
    assert audio_of(stage, message).seconds_of(FIRST_HZ) >= 1


@proves("V1", "V5")
def test_silence_ends_the_recording(stage: Stage) -> None:
    with mailbox_of(stage, "clara", silence_end_s=4):  # a telephone's ears are a second or two late
        leaving = Leaving(stage)
        leaving.wait_for_beep()
        leaving.say(FIRST_HZ)
        leaving.call.speak("silence")
        leaving.wait_until_thanked()
    assert audio_of(stage, the_message(stage)).seconds_of(FIRST_HZ) >= 1


@proves("V1", "V5")
def test_who_says_nothing_leaves_nothing(stage: Stage) -> None:
    with mailbox_of(stage, "clara", silence_end_s=2):
        leaving = Leaving(stage)
        leaving.wait_for_beep()
        leaving.is_told("mailbox-goodbye")
    assert messages_of(stage, "clara") == []


@proves("V1", "V5")
def test_a_telephone_that_stops_sending_has_left_what_was_said_before(stage: Stage) -> None:
    """Muted, or out of coverage: no packets come any more, not even silent ones."""
    with mailbox_of(stage, "clara", silence_end_s=7):  # longer than the ears are late and all that is said
        leaving = Leaving(stage)
        leaving.wait_for_beep()
        leaving.say(FIRST_HZ, 2)
        leaving.call.speak("nothing")
        leaving.wait_until_thanked()
    assert audio_of(stage, the_message(stage)).seconds_of(FIRST_HZ) >= 1.5


@proves("V1", "V5")
def test_a_pause_without_packets_is_as_long_in_the_message_as_it_was(stage: Stage) -> None:
    leaving = Leaving(stage)
    leaving.wait_for_beep()
    leaving.say(FIRST_HZ)
    leaving.call.speak("nothing")
    gevent.sleep(2)
    leaving.say(SECOND_HZ)
    leaving.call.hangup()
    sound = audio_of(stage, the_message(stage))
    assert sound.seconds_of(FIRST_HZ) >= 1
    assert sound.seconds_of(SECOND_HZ) >= 1
    spoken = numpy.nonzero(numpy.abs(sound.samples) > 1000)[0]
    assert numpy.diff(spoken).max() / sound.rate > 1.5, "the pause was cut out"


@proves("V1", "V5")
def test_at_the_limit_the_caller_is_told_and_may_still_send_it(stage: Stage) -> None:
    with mailbox_of(stage, "clara", max_message_s=10):
        leaving = Leaving(stage)
        leaving.wait_for_beep()
        leaving.say(FIRST_HZ, 7)
        leaving.wait_until_told("mailbox-limit-reached")
        leaving.press("1")
        leaving.wait_until_thanked()
    # The switch counts whole seconds of the clock (switch_ivr_record_file): at most one less than allowed, never more.
    assert 8.8 <= the_message(stage)["duration_ms"] / 1000 <= 10.1


@proves("V2", "V4")
def test_a_deleted_message_is_taken_back_over_http_and_the_lamp_follows(stage: Stage) -> None:
    clara = stage.telephones["clara"].register()
    stage.telephones["anna"].register()
    leave_message(stage, "23", seconds=1.5)
    path = f"/v1/messages/{the_message(stage)['message_id']}"
    clara.message_lamp.wait_for(new=1)
    whole = stage.http("voicemail", "GET", f"{path}/audio", token="clara").content
    part = stage.http("voicemail", "GET", f"{path}/audio", token="clara", headers={"Range": "bytes=100-299"})
    assert (part.status, part.content) == (206, whole[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    assert stage.http("voicemail", "GET", f"{path}/audio", token="clara",
                      headers={"Range": f"bytes={len(whole)}-"}).status == 416
    assert stage.http("voicemail", "DELETE", path, token="clara").status == 204
    clara.message_lamp.wait_for(new=0)
    assert stage.http("voicemail", "GET", f"{path}/audio", token="clara").status == 404
    for stranger in ("anna", "bernd"):
        assert stage.http("voicemail", "POST", f"{path}/restore", token=stranger).status == 404
    back = stage.http("voicemail", "POST", f"{path}/restore", token="clara")
    assert (back.status, back.body["state"]) == (200, "new")
    clara.message_lamp.wait_for(new=1)
    assert stage.http("voicemail", "GET", f"{path}/audio", token="clara").content == whole


@proves("V5", "V3")
def test_deleted_after_the_mail_it_can_still_be_taken_back(stage: Stage) -> None:
    stage.telephones["anna"].register()
    with mailbox_of(stage, "clara", deliver_as_mail=True, email="clara@musterbau.example", audio_format="wav",
                    delete_after_mail=True):
        before = deleted_of(stage)
        leave_message(stage, "23", seconds=1.5)
        [message_id] = stage.wait_until(lambda: deleted_of(stage) - before, 10, "its deletion")
        assert messages_of(stage, "clara") == []
        assert the_mail(stage, {"message_id": message_id}, "clara@musterbau.example")
        path = f"/v1/messages/{message_id}"
        assert stage.http("voicemail", "POST", f"{path}/restore", token="clara").status == 200
    assert the_message(stage)["message_id"] == message_id


def again_of(stage: Stage) -> list[Path]:
    """What is being said again just now."""
    return list(Path(stage.env["PBX_SPOOL"], "recordings").glob("*.again.wav"))


def deleted_of(stage: Stage) -> set[str]:
    answer = stage.http("voicemail", "GET", "/v1/messages?state=deleted&page_size=200", token="clara")
    return {one["message_id"] for one in answer.body["messages"]}
