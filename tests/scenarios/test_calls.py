"""Telephones call each other, talk, and refuse; what happens then by forwarding is in test_forwarding.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from operations.story_report import proves
from tests.scenarios.outside import hears_an_announcement
from tests.scenarios.settings import set_to
from tests.scenarios.stage import Sound, Stage

TALK_S = 1.0        # what is said has a length
MOBILE = "+491715550123"


@contextmanager
def forwarding(stage: Stage, who: str, kind: str, target: str, rings: int | None = None) -> Iterator[None]:
    """Switched on over HTTP by its owner, and off again afterwards."""
    body = {"enabled": True, "target": target, **({"rings": rings} if rings is not None else {})}
    answer = stage.http("routing", "PUT", f"/v1/forwardings/{kind}", token=who, json_body=body)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        stage.http("routing", "PUT", f"/v1/forwardings/{kind}", token=who, json_body={"enabled": False})


@contextmanager
def contact(stage: Stage, who: str, path: str, first_name: str, last_name: str, number: str = MOBILE) -> Iterator[None]:
    """In the phone book: the company's, or his own."""
    made = stage.http("routing", "POST", path, token=who, json_body={
        "first_name": first_name, "last_name": last_name, "numbers": [{"label": "mobile", "number": number}]})
    assert made.status == 201, made.body
    try:
        yield
    finally:
        stage.http("routing", "DELETE", f"{path}/{made.body['contact_id']}", token=who)


@contextmanager
def no_mailbox(stage: Stage, who: str) -> Iterator[None]:
    """So that what comes after the forwarding is not a recording."""
    answer = stage.http("voicemail", "PATCH", "/v1/mailbox", token=who, json_body={"enabled": False})
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        stage.http("voicemail", "PATCH", "/v1/mailbox", token=who, json_body={"enabled": True})


@proves("R13", "O1", "N2")
def test_two_colleagues_call_talk_and_hang_up(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("22")
    ringing = bernd.wait_for_ring()
    assert (ringing.shown_name, ringing.shown_number) == ("Anna Berger", "21")
    call.wait_for("ringing")
    ringing.answer()
    call.wait_for("answered").speak("tone:440")
    ringing.speak("tone:880")
    call.record()
    ringing.record()
    call.send_digits("12#")
    ringing.wait_for_digits("12#")
    gevent.sleep(TALK_S)
    assert Sound.read(ringing.heard()).seconds_of(440) > 0.3
    assert Sound.read(call.heard()).seconds_of(880) > 0.3
    ringing.hangup()
    call.wait_for("ended")
    assert call.end_cause == "NORMAL_CLEARING"


@proves("R13")
def test_a_caller_the_company_knows_is_shown_by_name_from_outside_too(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    with contact(stage, "admin", "/v1/company/contacts", "Karl", "Klein"):
        stage.telephones.carrier.dial("+49305550022", from_number=MOBILE, name="Bank of Anywhere")
        ringing = bernd.wait_for_ring()
        assert (ringing.shown_name, ringing.shown_number) == ("Karl Klein", MOBILE)
        ringing.reject(486)
    # What is one's own is nobody else's, and a caller's own words are nobody's.
    with contact(stage, "anna", "/v1/contacts", "Kalle", "Privat"):
        stage.telephones.carrier.dial("+49305550022", from_number=MOBILE, name="Bank of Anywhere")
        ringing = bernd.wait_for_ring()
        assert (ringing.shown_name, ringing.shown_number) == (MOBILE, MOBILE)


@proves("R2", "R10")
def test_rejecting_at_ones_own_telephone_is_busy(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    with forwarding(stage, "bernd", "busy", "23"):
        anna.dial("22")
        bernd.wait_for_ring().reject(603)
        clara.wait_for_ring()


@proves("R2")
def test_busy_without_forward_and_mailbox_is_busy(stage: Stage) -> None:
    anna, david = stage.telephones["anna"].register(), stage.telephones["david"].register()
    with no_mailbox(stage, "david"):
        call = anna.dial("24")
        david.wait_for_ring().reject(486)
        call.wait_for("ended", timeout_s=15)
        assert (call.end_cause, call.sip_status) == ("USER_BUSY", 486)


@proves("O1", "O3", "C1")
def test_short_numbers_go_out_as_they_are_dialled_and_directory_enquiries_are_barred(stage: Stage) -> None:
    anna, carrier = stage.telephones["anna"].register(), stage.telephones.carrier
    for dialled in ("115", "116117"):
        call = anna.dial(dialled)
        outside = carrier.wait_for_ring()
        assert (outside.number, outside.shown_number) == (dialled, "+49305550021")
        call.hangup()
        outside.wait_for("ended")
    for dialled in ("11833", "+4911833"):
        assert hears_an_announcement(anna.dial(dialled)).end_cause == "OUTGOING_CALL_BARRED"
    assert carrier.stays_silent()
    with set_to(stage, "speed_dials", "anna", entries=[{"code": "07", "number": "116 117", "label": "Arzt"}]):
        anna.dial("*8007")
        assert carrier.wait_for_ring().number == "116117"
