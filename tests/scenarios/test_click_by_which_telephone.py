"""A click by which telephone: Remote Office, the mobile, this one (C1, C4); what it may, how often, and what the one
who was called back hears when the target cannot be reached (C3, C5).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from operations.story_report import proves
from tests.scenarios.outside import dead_port, plenty_of_calls, second_carrier_port, trunk
from tests.scenarios.settings import MOBILE, registered, rule, set_to
from tests.scenarios.spoken import LIKE, likeness, prompt
from tests.scenarios.stage import Answer, Sound, Stage
from tests.scenarios.telephones import Call

HOME = "+49897654321"
CUSTOMER = "+491715550123"
CLARAS_NUMBER = "+49305550023"
RINGING_HZ = 425
SETTLED = ("ended", "failed", "cancelled", "unknown")


@pytest.fixture(autouse=True)
def _plenty(stage: Stage) -> Iterator[None]:
    """So that what the stories click in a minute does not add up to the limits they are not about."""
    with plenty_of_calls(stage), set_to(stage, "click_to_dial_limits", "clara", at_once=20, per_minute=60):
        yield


def click(stage: Stage, target: str, **wishes: Any) -> Answer:
    return stage.http("callback", "POST", "/v1/calls", token="clara", json_body={"target": target, **wishes},
                      headers={"Idempotency-Key": str(uuid.uuid4())})


def clicked(stage: Stage, target: str, **wishes: Any) -> dict[str, Any]:
    answer = click(stage, target, **wishes)
    assert answer.status == 202, answer.body
    found: dict[str, Any] = answer.body
    return found


def comes_to(stage: Stage, attempt: dict[str, Any], state: str, timeout_s: float = 15) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body: dict[str, Any] = stage.http("callback", "GET", f"/v1/calls/{attempt['id']}", token="clara").body
        assert body["state"] == state or body["state"] not in SETTLED, body
        return body if body["state"] == state else None

    return stage.wait_until(look, timeout_s, f"state {state} of {attempt}")


@contextmanager
def a_mobile(stage: Stage, number: str = MOBILE) -> Iterator[None]:
    with set_to(stage, "mobile_number", "clara", number=number):
        yield


@contextmanager
def remote_office(stage: Stage) -> Iterator[None]:
    with set_to(stage, "remote_office", "clara", enabled=True, number=HOME):
        yield


def presses_1_until_it_rings(stage: Stage, first: Call, who: str) -> Call:
    """Keys pressed before the prompt are lost: so again and again, as people do."""
    def look() -> Call | None:
        first.send_digits("1")
        telephone = stage.telephones[who]
        return None if telephone.stays_silent() else telephone.wait_for_ring()

    return stage.wait_until(look, 15, f"the ringing at {who}")


def limit_now(stage: Stage, who: str, number: str) -> str | None:
    """What routing would stop this call with."""
    query = urlencode({"caller": stage.extension(who), "callee": number})
    answer = stage.http("routing", "GET", f"/v1/explain?{query}", token="admin")
    assert answer.status == 200, answer.body
    limit: str | None = answer.body["limit"]
    return limit


def is_told(first: Call, recording: str, name: str, language: str = "de") -> None:
    first.wait_for("ended", timeout_s=20)
    like, _ = likeness(Sound.so_far(recording).samples.astype(float), prompt(language, name))
    assert like >= LIKE, f"{name} was not heard: {like:.2f}"


# ----- what rings first (C1)


@proves("C1", "R9", "O2")
def test_with_remote_office_on_its_number_rings_first_then_the_target_sees_the_business_number(stage: Stage) -> None:
    telephones = registered(stage, "clara", "bernd")
    with remote_office(stage):
        attempt = clicked(stage, CUSTOMER)
        assert (attempt["first_leg"], attempt["first_leg_number"]) == ("remote_office", HOME)
        first = telephones.carrier.wait_for_ring()
        assert (first.number, first.shown_number) == (HOME, CLARAS_NUMBER)
        assert "0171 5550123" in first.headers["From"], "its display shows whom it will call"
        assert telephones["clara"].stays_silent()
        comes_to(stage, attempt, "ringing_first")
        first.answer()
        target = telephones.carrier.wait_for_ring()
        assert (target.number, target.shown_number) == (CUSTOMER, CLARAS_NUMBER)
        target.answer()
        comes_to(stage, attempt, "connected")
        assert stage.http("callback", "DELETE", f"/v1/calls/{attempt['id']}", token="clara").body[
            "state"] == "cancelled"
        first.wait_for("ended")
        target.wait_for("ended")


@proves("C1", "C4")
def test_the_mobile_rings_first_when_it_is_set_so_and_the_desk_when_asked_for(stage: Stage) -> None:
    telephones = registered(stage, "clara", "bernd")
    with a_mobile(stage), set_to(stage, "click_to_dial", "clara", first_leg="mobile"):
        attempt = clicked(stage, "22")
        mobile = telephones.carrier.wait_for_ring()
        assert (mobile.number, mobile.shown_number) == (MOBILE, CLARAS_NUMBER)
        assert "Bernd" in mobile.headers["From"]
        mobile.answer()
        target = telephones["bernd"].wait_for_ring()
        assert (target.shown_number, target.shown_name.split()[0]) == ("23", "Clara")
        target.answer()
        comes_to(stage, attempt, "connected")
        target.hangup()
        mobile.wait_for("ended")
        comes_to(stage, attempt, "ended")
        clicked(stage, "22", first_leg="devices")
        telephones["clara"].wait_for_ring().hangup()
        assert telephones.carrier.stays_silent()


@proves("C1", "R8")
def test_who_must_press_1_has_the_call_only_then(stage: Stage) -> None:
    telephones = registered(stage, "clara", "bernd")
    with a_mobile(stage):
        attempt = clicked(stage, "22", first_leg="mobile", press_1=True)
        mobile = telephones.carrier.wait_for_ring().answer()
        mobile.send_digits("2")
        comes_to(stage, attempt, "ringing_first")
        assert telephones["bernd"].stays_silent()
        target = presses_1_until_it_rings(stage, mobile, "bernd").answer()
        comes_to(stage, attempt, "connected")
        mobile.hangup()
        target.wait_for("ended")


@proves("C1", "C3")
def test_a_mobile_mailbox_that_presses_nothing_calls_nobody_and_is_the_reason(stage: Stage) -> None:
    telephones = registered(stage, "clara", "bernd")
    with a_mobile(stage):
        attempt = clicked(stage, "22", first_leg="mobile", press_1=True)
        telephones.carrier.wait_for_ring().answer().hangup()
        failed = comes_to(stage, attempt, "failed")
        assert failed["reason"] == "first_not_confirmed"
        assert "1" in failed["message"]
        assert telephones["bernd"].stays_silent()


@proves("C1", "O4")
def test_a_first_trunk_that_is_dead_is_passed_over_and_a_busy_mobile_is_not_tried_again(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    with a_mobile(stage), trunk(stage, port=dead_port(stage), position=1):
        attempt = clicked(stage, "22", first_leg="mobile")
        telephones.carrier.wait_for_ring(timeout_s=15).reject(486)
        failed = comes_to(stage, attempt, "failed")
        assert failed["reason"] == "first_busy"
        assert failed["message"] == "Ihr Telefon war besetzt"
    with a_mobile(stage), trunk(stage, port=second_carrier_port(stage)):
        attempt = clicked(stage, "22", first_leg="mobile")
        telephones.carrier.wait_for_ring().reject(486)
        assert comes_to(stage, attempt, "failed")["reason"] == "first_busy"
        assert telephones["carrier-2"].stays_silent()


@proves("C1", "C2")
def test_called_off_while_the_mobile_rings_no_trunk_is_tried_any_more(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    with a_mobile(stage), trunk(stage, port=second_carrier_port(stage)):
        attempt = clicked(stage, "22", first_leg="mobile")
        ringing = telephones.carrier.wait_for_ring()
        stage.http("callback", "DELETE", f"/v1/calls/{attempt['id']}", token="clara")
        ringing.wait_for("ended")
        assert comes_to(stage, attempt, "cancelled")
        assert telephones["carrier-2"].stays_silent()


@proves("C1", "O2")
def test_another_number_of_ones_own_or_none_can_be_shown_for_this_call(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    numbers = f"/v1/subscribers/{stage.subscriber_id('clara')}/numbers"
    made = stage.http("routing", "POST", numbers, token="admin", json_body={"number": "030 5550083"})
    assert made.status == 201, made.body
    try:
        clicked(stage, CUSTOMER, shown_number="030 5550083")
        telephones["clara"].wait_for_ring().answer()
        outside = telephones.carrier.wait_for_ring()
        assert outside.shown_number == "+49305550083"
        outside.hangup()
        clicked(stage, CUSTOMER, suppress_number=True)
        telephones["clara"].wait_for_ring().answer()
        outside = telephones.carrier.wait_for_ring()
        assert "anonymous" in outside.headers["From"]
        outside.hangup()
        refused = click(stage, CUSTOMER, shown_number="+49305550022")
        assert (refused.status, refused.body["error"]) == (422, "number_not_own")
    finally:
        assert stage.http("routing", "DELETE", f"{numbers}/+49305550083", token="admin").status in (200, 204)


# ----- the mode (C4)


@proves("C4")
def test_in_the_mode_this_phone_the_answer_is_the_number_and_nothing_rings(stage: Stage) -> None:
    telephones = registered(stage, "clara", "bernd")
    with set_to(stage, "click_to_dial", "clara", mode="this_phone"):
        answer = click(stage, "tel:0171-5550123")
        assert (answer.status, answer.body["dial"]) == (200, CUSTOMER)
        assert click(stage, "22").body["dial"] == "+49305550022"
        assert click(stage, "112").body["dial"] == "112"
        refused = click(stage, "99")
        assert (refused.status, refused.body["field"]) == (422, "target")
        assert stage.http("callback", "GET", "/v1/calls?limit=1", token="clara").status == 200
        asked = clicked(stage, "22", mode="call_back")
        telephones["clara"].wait_for_ring().hangup()
        comes_to(stage, asked, "failed")
        with set_to(stage, "click_to_dial", "clara", always_call_back=True):
            asked = clicked(stage, "22", mode="this_phone")
            telephones["clara"].wait_for_ring().hangup()
            comes_to(stage, asked, "failed")
    assert telephones["bernd"].stays_silent()
    assert telephones.carrier.stays_silent()


@proves("C4", "R9")
def test_what_is_no_telephone_of_ones_own_rings_never_first(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    with set_to(stage, "forwardings", "clara", always={"enabled": True, "target": CUSTOMER}):
        for wishes, status, error, field in (
            ({"first_leg": "remote_office"}, 409, "remote_office_off", "first_leg"),
            ({"first_leg": "mobile"}, 409, "no_mobile_number", "first_leg"),
            ({"first_leg": CUSTOMER}, 422, "invalid_field", "first_leg"),
            ({"device": CUSTOMER}, 422, "unknown_device", "device"),
            ({"device": "bernd-desk"}, 422, "unknown_device", "device"),
        ):
            refused = click(stage, "22", **wishes)
            assert (refused.status, refused.body["error"], refused.body["field"]) == (status, error, field)
            assert refused.body["message"]
    with set_to(stage, "remote_office", "clara", enabled=False, number=HOME):
        assert click(stage, "22", first_leg="remote_office").body["error"] == "remote_office_off"
    assert telephones.carrier.stays_silent()
    assert telephones["clara"].stays_silent()


# ----- when it fails the first leg hears it (C3)


@proves("C3")
def test_the_first_leg_hears_the_target_ring_and_then_that_it_is_busy(stage: Stage) -> None:
    telephones = registered(stage, "clara", "david")
    with set_to(stage, "mailbox_conditions", "david", busy=False):
        attempt = clicked(stage, "24")
        first = telephones["clara"].wait_for_ring().answer()
        recording = first.record()
        target = telephones["david"].wait_for_ring()
        if stage.real:  # the simulator plays no ringing tone
            stage.wait_until(lambda: Sound.so_far(recording).seconds_of(RINGING_HZ) >= 0.5, 10, "the ringing tone")
        target.reject(486)
        is_told(first, recording, "callee-busy")
        failed = comes_to(stage, attempt, "failed")
        assert (failed["reason"], failed["message"]) == ("target_busy", "die gewählte Nummer war besetzt")


@proves("C3", "G10")
def test_what_a_company_rule_forbids_is_heard_at_the_first_leg_even_by_who_hangs_up_meanwhile(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    rules = [rule("No such customers", prefixes=["+49171555"], action="announce")]
    with set_to(stage, "enterprise_rules", "clara", outgoing=rules):
        attempt = clicked(stage, CUSTOMER)
        first = telephones["clara"].wait_for_ring().answer()
        recording = first.record()
        is_told(first, recording, "call-not-permitted")
        assert comes_to(stage, attempt, "failed")["reason"] == "barred"
    assert telephones.carrier.stays_silent()


# ----- what is barred, how often, whereto (C5)


@proves("C5", "N5")
def test_a_barring_profile_holds_for_the_target_and_for_the_telephone_that_rings_first(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    profile = {"name": "Story without 0171", "outgoing": [{"prefix": "+49171", "allowed": False}]}
    kept = stage.http("routing", "GET", "/v1/company/settings/barring_profiles", token="admin").body["profiles"]
    with set_to(stage, "barring_profiles", "company", profiles=[*kept, profile]), \
            set_to(stage, "barring", "clara", profile=profile["name"]), a_mobile(stage):
        barred = click(stage, CUSTOMER)
        assert (barred.status, barred.body["error"], barred.body["field"]) == (403, "number_not_allowed", "target")
        barred = click(stage, "22", first_leg="mobile")
        assert (barred.status, barred.body["error"], barred.body["field"]) == (403, "number_not_allowed", "first_leg")
    assert telephones["clara"].stays_silent()
    assert telephones.carrier.stays_silent()


@proves("C5")
def test_both_legs_outside_count_and_the_one_too_many_hears_so(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    with a_mobile(stage):
        attempt = clicked(stage, CUSTOMER, first_leg="mobile")
        mobile = telephones.carrier.wait_for_ring()
        with set_to(stage, "call_limits", "company", per_subscriber_per_minute=1):
            stage.wait_until(lambda: limit_now(stage, "clara", CUSTOMER) is not None, 15, "the limit")
            mobile.answer()
            recording = mobile.record()
            is_told(mobile, recording, "call-not-permitted")
            assert comes_to(stage, attempt, "failed")["reason"] == "barred"
            attempt = clicked(stage, "22", first_leg="mobile")
            assert comes_to(stage, attempt, "failed")["reason"] == "first_limit"
            assert telephones.carrier.stays_silent()


@proves("C5")
def test_limits_of_person_and_company_refuse_and_say_when_to_come_again(stage: Stage) -> None:
    telephones = registered(stage, "clara")
    with set_to(stage, "click_to_dial_limits", "clara", at_once=1):
        first = clicked(stage, "22")
        ringing = telephones["clara"].wait_for_ring()
        refused = click(stage, "24")
        assert (refused.status, refused.body["error"]) == (429, "too_many_calls")
        assert int(refused.headers["Retry-After"]) > 0
        ringing.hangup()
        comes_to(stage, first, "failed")
    with set_to(stage, "click_to_dial_company_limits", "company", per_minute=1):
        refused = click(stage, "24")
        assert refused.status == 429
        assert "company" in refused.body["message"]
    allowed = stage.http("routing", "GET", "/v1/company/settings/number_classes", token="admin").body["allowed"]
    with set_to(stage, "number_classes", "company", allowed=sorted({*allowed, "international"})), \
            set_to(stage, "click_to_dial_limits", "clara", countries=["DE", "AT"]):
        refused = click(stage, "+44 20 7946 0018")
        assert (refused.status, refused.body["error"]) == (403, "number_not_allowed")
        assert "GB" in refused.body["message"]
    assert telephones["clara"].stays_silent()


@proves("C5", "X7")
def test_nobody_raises_his_own_limits(stage: Stage) -> None:
    answer = stage.http("routing", "PATCH", "/v1/settings/click_to_dial_limits", token="clara",
                        json_body={"per_minute": 60})
    assert (answer.status, answer.body["error"]) == (403, "forbidden")
    assert stage.http("routing", "GET", "/v1/company/settings/click_to_dial_company_limits",
                      token="clara").status == 403
    for wrong in ({"per_minute": 0}, {"at_once": 21}, {"countries": []}, {"countries": ["XX"]}):
        path = f"/v1/subscribers/{stage.subscriber_id('clara')}/settings/click_to_dial_limits"
        refused = stage.http("routing", "PATCH", path, token="admin", json_body=wrong)
        assert (refused.status, refused.body["field"].split(".")[0]) == (422, next(iter(wrong)))
