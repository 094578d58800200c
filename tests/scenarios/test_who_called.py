"""Who called, told alike at the display, in the list of calls, in the mailbox and in its mail (O2, R13, L1, V2, V3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.settings import set_to
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Call
from tests.scenarios.test_call_log import emptied, entries, newest, table
from tests.scenarios.test_calls import contact
from tests.scenarios.test_click_to_dial import click
from tests.scenarios.test_voicemail import delete_all, mailbox_of, messages_of, the_mail

OUTSIDE = "+491715550123"
MOBILE = "+491715550100"
NOBODY = {"number": None, "name": None, "subscriber_id": None}


@pytest.fixture(autouse=True)
def claras_mailbox(stage: Stage) -> Iterator[None]:
    delete_all(stage, "clara")
    with mailbox_of(stage, "clara", on_no_answer=True, no_answer_rings=2, on_always=True, deliver_as_mail=True,
                    email="clara@musterbau.example", audio_format="wav"):
        yield
    delete_all(stage, "clara")


def speaks(stage: Stage, call: Call, timeout_s: float = 30) -> dict[str, Any]:
    """Leaves a message in Clara's mailbox on a call that was answered there, or will be; it, as she lists it."""
    call.wait_for("answered", timeout_s=timeout_s)
    stage.wait_for_beep(call.record(), timeout_s)
    call.speak("tone:700")
    gevent.sleep(1.6)  # speaking takes its time
    assert call.up, f"{call} ended while the caller spoke"
    call.hangup()
    [message] = stage.wait_until(lambda: messages_of(stage, "clara") or None, 8, "the message")
    return message


def anna(stage: Stage) -> dict[str, Any]:
    return {"number": "21", "name": "Anna Berger", "subscriber_id": stage.subscriber_id("anna")}


# ----- a colleague who withholds


@proves("O2", "R13", "L1", "R15")
def test_a_colleague_who_withholds_his_number_is_nowhere_named_to_the_one_he_calls(stage: Stage) -> None:
    telephones = stage.telephones
    caller, bernd = telephones["anna"].register(), telephones["bernd"].register()
    emptied(stage, "anna", "bernd")
    call = caller.dial("*6722")
    assert bernd.wait_for_ring().shown_number == "anonymous"
    call.hangup()
    line = newest(stage, "bernd", kind="missed")
    assert (line["number"], line["name"], line["colleague_id"], line["contact_id"]) == (None, None, None, None)
    assert entries(stage, "bernd", "&search=Anna") == []
    assert entries(stage, "bernd", "&search=21") == []
    [row] = table(stage.http("routing", "GET", "/v1/call-log.csv", token="bernd").content)
    assert (row["name"], row["number"], row["number_shown"]) == ("", "", "")
    whole = stage.http("routing", "GET", f"/v1/call-log/{line['call_id']}", token="bernd").body
    assert (whole["caller_number"], whole["caller_name"]) == (None, None)
    told = stage.http("routing", "GET", f"/v1/calls/{line['call_id']}/explain", token="bernd").body
    assert told["caller"] == {"number": None, "name": "", "withheld": True}
    assert "Anna" not in str(told) + str(whole)
    # His own list names whom he called, and the company's records name both.
    assert newest(stage, "anna", kind="placed")["number"] == "22"
    [record] = stage.http("routing", "GET", "/v1/company/calls?limit=1", token="admin").body["calls"]
    assert (record["call_id"], record["caller_number"]) == (line["call_id"], "21")


@proves("O2", "R1")
def test_the_short_ring_of_a_forwarding_shows_no_withheld_colleague(stage: Stage) -> None:
    telephones = stage.telephones
    caller, bernd = telephones["anna"].register(), telephones["bernd"].register()
    telephones["david"].register()
    with set_to(stage, "forwardings", "bernd", always={"enabled": True, "target": "24", "ring_splash": True}):
        call = caller.dial("*6722")
        assert bernd.wait_for_ring().shown_number == "anonymous"
        call.hangup()


@proves("O2", "V2", "V3")
def test_a_colleague_who_withholds_his_number_leaves_a_message_without_a_name(stage: Stage) -> None:
    message = speaks(stage, stage.telephones["anna"].register().dial("*6723"))
    assert message["caller"] == NOBODY
    mail = the_mail(stage, message, "clara@musterbau.example")
    assert "Anna" not in mail.as_string()


# ----- who is meant, whatever leg he speaks on


@proves("C1", "V2", "V3")
def test_a_message_left_through_a_click_is_his_who_clicked(stage: Stage) -> None:
    telephone = stage.telephones["anna"].register()
    assert click(stage, "23").status == 202
    message = speaks(stage, telephone.wait_for_ring().answer())
    assert message["caller"] == anna(stage)
    assert "Anna Berger, 21" in str(the_mail(stage, message, "clara@musterbau.example")["Subject"])


@proves("C1", "O2", "V2")
def test_a_click_from_the_mobile_shows_no_mailbox_the_mobile(stage: Stage) -> None:
    clara = stage.telephones["clara"].register()
    with (mailbox_of(stage, "clara", on_always=False),
          set_to(stage, "mobile_number", "anna", number=MOBILE)):
        answer = click(stage, "23", first_leg="mobile", press_1=False)
        assert answer.status == 202, answer.body
        first = stage.telephones.carrier.wait_for_ring().answer()
        clara.wait_for_ring()  # and is not answered: the mailbox is the second step
        message = speaks(stage, first)
    assert message["caller"] == anna(stage)


@proves("R13", "V2")
def test_a_colleague_who_was_called_and_transferred_on_is_still_who_he_is(stage: Stage) -> None:
    telephones = stage.telephones
    caller, bernd = telephones["anna"].register(), telephones["bernd"].register()
    david = telephones["david"].register()
    call = caller.dial("22")
    answered = bernd.wait_for_ring().answer()
    call.wait_for("answered").transfer("24")
    ringing = david.wait_for_ring()
    assert (ringing.shown_name.split()[0], ringing.shown_number) == ("Bernd", "22")
    answered.hangup()
    emptied(stage, "bernd")
    call = caller.dial("22")
    answered = bernd.wait_for_ring().answer()
    call.wait_for("answered").transfer("23")
    message = speaks(stage, answered)
    assert message["caller"]["subscriber_id"] == stage.subscriber_id("bernd")


@proves("R13", "V2")
def test_somebody_outside_who_was_called_and_transferred_on_is_known_by_his_number(stage: Stage) -> None:
    telephones = stage.telephones
    call = telephones["anna"].register().dial("01715550123")
    outside = telephones.carrier.wait_for_ring().answer()
    call.wait_for("answered").transfer("23")
    assert speaks(stage, outside)["caller"]["number"] == OUTSIDE


# ----- a carrier's numbers


@proves("V2", "V3", "N3")
@pytest.mark.parametrize(("said", "meant"), [
    ("4930123456", "+4930123456"), ("491715550100", MOBILE), ("017155501004", "+4917155501004")])
def test_the_number_of_a_message_is_the_callers_whatever_form_the_carrier_gave_it(
    stage: Stage, said: str, meant: str,
) -> None:
    clara = stage.telephones["clara"].register()
    with mailbox_of(stage, "clara", on_always=False):
        with contact(stage, "admin", "/v1/company/contacts", "Karl", "Klein", meant):
            call = stage.telephones.carrier.dial("+49305550023", from_number=said)
            ringing = clara.wait_for_ring()
            assert (ringing.shown_name, ringing.shown_number) == ("Karl Klein", meant)
            message = speaks(stage, call)
        assert message["caller"] == {"number": meant, "name": "Karl Klein", "subscriber_id": None}
        assert "Karl Klein" in str(the_mail(stage, message, "clara@musterbau.example")["Subject"])


@proves("O2", "V2", "X1")
@pytest.mark.parametrize("routing_too", [False, True])
def test_a_withheld_number_stays_so_while_the_mailbox_is_away(stage: Stage, routing_too: bool) -> None:
    """The carrier asserts it for the system alone (P-Asserted-Identity, Privacy: id)."""
    away = ["voicemail", *(["routing"] if routing_too else [])]
    stage.telephones["clara"].register()
    stage.telephones["clara"].unregister()
    for service in away:
        instances.stop_process(stage.instance, service)
    try:
        call = stage.telephones.carrier.dial("+49305550023", from_number=None, asserted=OUTSIDE)
        call.wait_for("answered", timeout_s=40)
        stage.wait_for_beep(call.record())
        call.speak("tone:700")
        gevent.sleep(1.6)
        call.hangup()
    finally:
        for service in away:
            instances.start_process(stage.instance, service)
        instances.wait_until_healthy(stage.instance, away, timeout_s=60)
    [message] = stage.wait_until(lambda: messages_of(stage, "clara") or None, 15, "the message")
    assert message["caller"] == NOBODY
