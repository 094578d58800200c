"""Routing as a process at a real FreeSWITCH: killed, hung, without its database, and its directory kept right."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest

from operations.instance import find_freeswitch
from operations.places import SOUNDS
from shared.esl.errors import CommandRejected
from tests.routing.lab import Lab, running_lab
from tests.scenarios.spoken import hears

pytestmark = [
    pytest.mark.live, pytest.mark.slow,
    pytest.mark.skipif(find_freeswitch() is None, reason="there is no FreeSWITCH on this machine"),
]


DEVICES = ("anna-desk", "bernd-desk", "clara-desk", "david-desk", "emma-desk", "felix-desk", "greta-desk")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("routing")) as one:
        for device in DEVICES:
            one.telephones[device].register()
        wait_until(lambda: cached(one, "24@musterbau.example"))  # the last of those the tests ask for is primed
        yield one


def wait_until(look, within_s: float = 10.0):
    with gevent.Timeout(within_s):
        while not (found := look()):
            gevent.sleep(0.05)
    return found


def cached(lab: Lab, entry: str, variable: str = "pbx_company") -> str:
    with lab.client() as client:
        try:
            return client.api("user_data", entry, "var", variable)
        except CommandRejected:  # nothing there: -ERR no reply
            return ""


def looked_up(lab: Lab) -> int:
    """How many look-ups routing has made since it started: it primes its memory with one for each device."""
    with urllib.request.urlopen(f"{lab.http}/metrics", timeout=5) as answer:
        return next((int(float(line.split()[1])) for line in answer.read().decode().splitlines()
                     if line.startswith("pbx_routing_lookup_seconds_count")), 0)


def talk(lab: Lab, dialled: str, who: str) -> tuple[str, str]:
    """Anna dials, the other side answers: what it was asked for, and whom it was shown."""
    call = lab.telephones["anna"].dial(dialled)
    ringing = (lab.telephones.carrier if who == "carrier" else lab.telephones[who]).wait_for_ring(8)
    shown = ringing.number, ringing.shown_number
    ringing.answer()
    call.wait_for("answered").hangup()
    ringing.wait_for("ended")
    return shown


def call_in(lab: Lab, number: str, who: str) -> str:
    call = lab.telephones.carrier.dial(number, from_number="+491715550100")
    ringing = lab.telephones[who].wait_for_ring(8)
    ringing.answer()
    call.wait_for("answered").hangup()
    ringing.wait_for("ended")
    return ringing.shown_number


def everybody_is_still_reached(lab: Lab) -> None:
    assert talk(lab, "22", "bernd") == ("bernd-desk", "21")
    assert talk(lab, "112", "carrier") == ("112", "+49305550000")
    assert call_in(lab, "+49305550022", "bernd") == "+491715550100"


@contextmanager
def forwards(lab: Lab, **to: str) -> Iterator[None]:
    for extension, target in to.items():
        lab.sql(
            "INSERT INTO routing.forwardings (company_id, subscriber_id, kind, target)"
            " SELECT company_id, subscriber_id, 'busy', %(target)s FROM directory.subscribers"
            " WHERE extension = %(extension)s AND company_id = 1", target=target, extension=extension.strip("_"))
    try:
        yield
    finally:
        lab.sql("DELETE FROM routing.forwardings")


def test_five_redirections_reach_the_last_telephone(lab: Lab) -> None:
    with forwards(lab, _22="23", _23="24", _24="25", _25="26", _26="27"):
        call = lab.telephones["anna"].dial("22")
        for who in ("bernd", "clara", "david", "emma", "felix"):
            lab.telephones[who].wait_for_ring(8).reject(486)
        ringing = lab.telephones["greta"].wait_for_ring(8)
        assert ["sip:26@" in ringing.diversion[0], "sip:22@" in ringing.diversion[-1]] == [True, True]
        ringing.answer()
        call.wait_for("answered").hangup()


def test_extensions_and_numbers_of_registered_people_are_known_to_the_switch_ahead(lab: Lab) -> None:
    assert wait_until(lambda: cached(lab, "22@musterbau.example")) == "1"
    assert wait_until(lambda: cached(lab, "+49305550022@numbers.invalid")) == "1"


def test_a_changed_extension_is_forgotten_and_the_new_one_known(lab: Lab) -> None:
    change = "UPDATE directory.subscribers SET extension = %(to)s WHERE extension = %(of)s AND company_id = 1"
    lab.sql(change, of="27", to="57")
    wait_until(lambda: not cached(lab, "27@musterbau.example"))
    wait_until(lambda: cached(lab, "57@musterbau.example"))
    wait_until(lambda: cached(lab, "greta-desk@musterbau.example", "presence_id") == "57@musterbau.example")
    lab.sql(change, of="57", to="27")
    wait_until(lambda: cached(lab, "greta-desk@musterbau.example", "presence_id") == "27@musterbau.example")


def flushes(lab: Lab) -> dict[str, float]:
    with urllib.request.urlopen(f"{lab.http}/metrics", timeout=5) as answer:
        lines = [line.rpartition(" ") for line in answer.read().decode().splitlines() if "flushes_total{" in line]
    return {line[0].partition('"')[2].rstrip('"}'): float(line[2]) for line in lines}


def test_what_changed_while_nobody_listened_is_forgotten_and_nothing_else(lab: Lab) -> None:
    cached(lab, "jonas-desk@musterbau.example")   # never registered: only looked at, and kept for ever
    assert cached(lab, "jonas-desk@musterbau.example") == "1"
    lab.routing.stop(signal.SIGKILL)
    try:
        lab.sql("DELETE FROM directory.devices WHERE device_id = 'jonas-desk' AND company_id = 1")
        lab.sql("UPDATE directory.subscribers SET language = 'en' WHERE extension = '27' AND company_id = 1")
        assert cached(lab, "jonas-desk@musterbau.example") == "1"
    finally:
        lab.routing.start()
    wait_until(lambda: not cached(lab, "jonas-desk@musterbau.example"))
    wait_until(lambda: cached(lab, "greta-desk@musterbau.example", "pbx_language") == "en")
    wait_until(lambda: cached(lab, "27@musterbau.example", "pbx_language") == "en")
    done = flushes(lab)
    assert "all" not in done
    assert done["entry"] <= 6       # device, extension and number of two; nobody else's


def registered(lab: Lab, device: str) -> bool:
    with lab.client() as client:
        return f"{device}@musterbau.example" in client.api("sofia", "status", "profile", "internal", "reg")


def test_a_flush_the_switch_did_not_hear_is_said_again(lab: Lab) -> None:
    lab.telephones["ida-desk"].register()
    assert registered(lab, "ida-desk")
    assert cached(lab, "ida-desk@musterbau.example") == "1"
    os.kill(lab.switch.pid, signal.SIGSTOP)
    try:
        lab.sql("DELETE FROM directory.devices WHERE device_id = 'ida-desk' AND company_id = 1")
        wait_until(lambda: "not brought up to date yet" in lab.routing.words(), 15)
    finally:
        os.kill(lab.switch.pid, signal.SIGCONT)
    wait_until(lambda: not cached(lab, "ida-desk@musterbau.example"), 20)
    wait_until(lambda: not registered(lab, "ida-desk"))     # who was removed rings no more


def test_killed_the_switch_goes_on_alone_but_opens_nothing_that_may_be_barred(lab: Lab) -> None:
    lab.routing.stop(signal.SIGKILL)
    try:
        everybody_is_still_reached(lab)
        call = lab.telephones["anna"].dial("01715550100").wait_for("ended", 15)
        assert "answered" not in call.states
    finally:
        lab.routing.start()
    assert talk(lab, "01715550100", "carrier") == ("+491715550100", "+49305550021")


def test_a_call_that_is_up_survives_the_service(lab: Lab) -> None:
    call = lab.telephones["anna"].dial("22")
    ringing = lab.telephones["bernd"].wait_for_ring(8)
    ringing.answer()
    call.wait_for("answered")
    lab.routing.stop(signal.SIGKILL)
    lab.routing.start()
    assert call.up
    assert ringing.up
    call.hangup()


def test_hung_its_callers_fall_back_as_soon_as_the_watchdog_has_ended_it(lab: Lab) -> None:
    lab.routing.send(signal.SIGSTOP)
    killer = gevent.spawn_later(1.0, lab.routing.stop, signal.SIGKILL)  # what the watchdog does after 2 s
    try:
        everybody_is_still_reached(lab)
    finally:
        killer.join()
        lab.routing.start()


@contextmanager
def frozen_database(lab: Lab) -> Iterator[None]:
    lab.line.freeze()
    try:
        yield
    finally:
        lab.line.thaw()


def test_with_its_database_frozen_calls_are_routed_by_what_was_known(lab: Lab) -> None:
    # The test before has restarted routing; what the switch has cached stays and says nothing of its memory.
    wait_until(lambda: looked_up(lab) >= len(DEVICES))
    with frozen_database(lab):
        everybody_is_still_reached(lab)
        assert talk(lab, "24", "david") == ("david-desk", "21")   # never called before: primed when it registered
        assert talk(lab, "01715550100", "carrier") == ("+491715550100", "+49305550021")
        began = time.monotonic()
        talk(lab, "22", "bernd")
        assert time.monotonic() - began < 2
    wait_until(lambda: "database back" in lab.routing.words())
    assert talk(lab, "22", "bernd") == ("bernd-desk", "21")


def test_with_its_database_frozen_a_code_is_answered_that_it_is_not_possible_now(lab: Lab) -> None:
    (lab.folder / "sounds" / "de").symlink_to(SOUNDS / "de")
    came_back = lab.routing.words().count("database back")
    with frozen_database(lab):
        for _ in range(2):      # while it is tried, and once it is known to be away
            call = lab.telephones["anna"].dial("*78")
            hears(call, "de", "code-not-possible-now")
    wait_until(lambda: lab.routing.words().count("database back") > came_back)
    assert lab.sql("SELECT 1 FROM routing.call_settings WHERE do_not_disturb") == []
    hears(lab.telephones["anna"].dial("*78"), "de", "do-not-disturb-on")
    hears(lab.telephones["anna"].dial("*79"), "de", "do-not-disturb-off")


def test_the_log_of_calls_is_complete_also_of_those_made_without_the_database(lab: Lab) -> None:
    def logged() -> bool:
        rows = lab.sql("SELECT from_memory, dialled FROM routing.calls WHERE ended_at IS NOT NULL")
        return {(True, "24"), (True, "01715550100"), (False, "22")} <= set(rows)

    wait_until(logged, 60)  # a statement that was under way is given up after its own limit
