"""Settings over HTTP, end to end: who changes one sees the next call go by it. What is refused changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from operations.story_report import proves
from tests.scenarios.settings import wait_until_on_a_call
from tests.scenarios.stage import Answer, Stage
from tests.scenarios.telephones import Call, Telephones

MOBILE = "+491715550123"
BERND_NUMBER = "+49305550022"


class Settings:
    """As somebody: settings.change("clara", "call_waiting", {...}); all of it is taken back after the story."""

    def __init__(self, stage: Stage, undo: ExitStack) -> None:
        self._stage = stage
        self._undo = undo

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self._stage.http("routing", method, path, token=who, json_body=body, headers=headers)

    def change(self, who: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """path: name of one's own setting, or the whole path of another."""
        path = path if path.startswith("/") else f"/v1/settings/{path}"
        before = self.ask(who, "GET", path)
        assert before.status == 200, before.body
        answer = self.ask(who, "PATCH", path, body)
        assert answer.status == 200, answer.body
        self._undo.callback(self._back, "admin" if "/v1/settings" not in path else who, path, before.body)
        changed: dict[str, Any] = answer.body
        return changed

    def refused(self, who: str, path: str, body: dict[str, Any], status: int = 422) -> dict[str, Any]:
        path = path if path.startswith("/") else f"/v1/settings/{path}"
        answer = self.ask(who, "PATCH", path, body)
        assert answer.status == status, answer.body
        said: dict[str, Any] = answer.body
        assert said["message"]
        return said

    def of(self, name: str, who: str) -> str:
        return f"/v1/subscribers/{self._stage.subscriber_id(who)}/settings/{name}"

    def of_site(self, name: str, who: str) -> str:
        with self._stage.database.platform() as tx:
            site_id = tx.one("SELECT site_id FROM directory.subscribers WHERE subscriber_id = :id",
                             id=self._stage.subscriber_id(who)).site_id
        return f"/v1/sites/{site_id}/settings/{name}"

    def _back(self, who: str, path: str, before: dict[str, Any]) -> None:
        answer = self.ask(who, "PATCH", path, before)
        assert answer.status == 200, answer.body


@pytest.fixture
def settings(stage: Stage) -> Iterator[Settings]:
    with ExitStack() as undo:
        yield Settings(stage, undo)


@pytest.fixture
def people(stage: Stage) -> Telephones:
    for who in ("anna", "bernd", "clara", "david"):
        stage.telephones[who].register()
    return stage.telephones


@contextmanager
def talking(telephones: Telephones, who: str, other: str, extension: str) -> Iterator[Call]:
    call = telephones[who].dial(extension)
    telephones[other].wait_for_ring().answer()
    call.wait_for("answered")
    yield call
    call.hangup()


def is_turned_away(call: Call, *causes: str) -> None:
    """Ends without anybody having answered."""
    call.wait_for("ended", timeout_s=20)
    assert "answered" not in call.states
    assert call.end_cause in causes, call


def rings_and_ends(call: Call, telephones: Telephones, who: str) -> None:
    telephones[who].wait_for_ring()
    call.hangup()


# ----- one's own


@proves("R6", "X7")
def test_do_not_disturb_gives_busy_until_it_is_switched_off(people: Telephones, settings: Settings) -> None:
    settings.change("clara", "do_not_disturb", {"enabled": True})
    settings.change("clara", "mailbox_conditions", {"busy": False})
    is_turned_away(people["anna"].dial("23"), "USER_BUSY")
    assert people["clara"].stays_silent()
    settings.change("clara", "do_not_disturb", {"enabled": False})
    rings_and_ends(people["anna"].dial("23"), people, "clara")


@proves("R7")
def test_without_call_waiting_a_second_caller_finds_the_line_busy(
        stage: Stage, people: Telephones, settings: Settings) -> None:
    settings.change("clara", "mailbox_conditions", {"busy": False})
    settings.change("clara", "call_waiting", {"enabled": False})
    with talking(people, "clara", "david", "24"):
        wait_until_on_a_call(stage, "clara")
        is_turned_away(people["anna"].dial("23"), "USER_BUSY")
        settings.change("clara", "call_waiting", {"enabled": True})
        rings_and_ends(people["anna"].dial("23"), people, "clara")


@proves("R5")
def test_withheld_numbers_are_turned_away_and_colleagues_never(people: Telephones, settings: Settings) -> None:
    settings.change("bernd", "anonymous_rejection", {"enabled": True})
    is_turned_away(people.carrier.dial(BERND_NUMBER, from_number=None), "CALL_REJECTED")
    assert people["bernd"].stays_silent()
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number=MOBILE), people, "bernd")
    settings.change("anna", "shown_number", {"suppressed": True})
    rings_and_ends(people["anna"].dial("22"), people, "bernd")


@proves("R4", "N3")
def test_a_list_rejects_whom_its_rules_fit(people: Telephones, settings: Settings) -> None:
    rule = {"name": "Mobile telephones", "prefixes": ["0171"]}
    settings.change("bernd", "negative_list", {"enabled": True, "rules": [rule]})
    is_turned_away(people.carrier.dial(BERND_NUMBER, from_number=MOBILE), "CALL_REJECTED")
    assert people["bernd"].stays_silent()
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number="+493022222222"), people, "bernd")
    settings.change("bernd", "negative_list", {"rules": [{**rule, "enabled": False}]})
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number=MOBILE), people, "bernd")


@proves("R4", "R3", "E1", "G10")
def test_the_twenty_first_rule_is_refused_and_so_is_one_that_fits_nobody(stage: Stage, settings: Settings) -> None:
    rules = [{"name": f"Rule {n}", "internal": True} for n in range(20)]
    for name in ("negative_list", "positive_list", "selective_forwarding", "executive_filter"):
        settings.change("bernd", name, {"rules": rules})
        said = settings.refused("bernd", name, {"rules": [*rules, {"name": "One more", "internal": True}]})
        assert said["field"] == "rules"
        assert settings.refused("bernd", name, {"rules": [{"name": "Nobody"}]})["field"] == "rules.0.numbers"
        assert len(settings.ask("bernd", "GET", f"/v1/settings/{name}").body["rules"]) == 20
    enterprise = [{**rule, "action": "reject"} for rule in [*rules, {"name": "One more", "internal": True}]]
    said = settings.refused("admin", settings.of("enterprise_rules", "bernd"), {"incoming": enterprise})
    assert said["field"] == "incoming"


@proves("R3")
def test_chosen_callers_are_sent_elsewhere_and_exceptions_stay(people: Telephones, settings: Settings) -> None:
    settings.change("bernd", "selective_forwarding", {"enabled": True, "target": "23", "rules": [
        {"name": "But not the boss", "is_exception": True, "numbers": ["21"]},
        {"name": "Colleagues", "internal": True}]})
    rings_and_ends(people["david"].dial("22"), people, "clara")
    rings_and_ends(people["anna"].dial("22"), people, "bernd")
    for wrong, field in (({"weekly": [{"weekday": 0, "from": "25:00", "to": "26:00"}]}, "weekly.0.from"),
                         ({"holiday_region": "DE-XX"}, "holiday_region"),
                         ({"periods": [{"from": "2026-12-24T12:00", "to": "2026-12-23T12:00"}]}, "periods.0.to")):
        said = settings.refused("bernd", "selective_forwarding", {"rules": [
            {"name": "Sometime", "internal": True, "times": wrong}]})
        assert said["field"] == f"rules.0.times.{field}"


@proves("R8", "N3")
def test_a_number_outside_rings_too_and_a_sixth_is_refused(people: Telephones, settings: Settings) -> None:
    five = [{"number": f"0171 555012{n}"} for n in range(3, 8)]
    settings.change("clara", "simultaneous_ring", {"enabled": True, "numbers": five[:1]})
    call = people["anna"].dial("23")
    people["clara"].wait_for_ring()
    assert people.carrier.wait_for_ring().number == MOBILE
    call.hangup()
    settings.change("clara", "simultaneous_ring", {"numbers": five})
    said = settings.refused("clara", "simultaneous_ring", {"numbers": [*five, {"number": "0171 5550130"}]})
    assert said["field"] == "numbers"
    assert len(settings.ask("clara", "GET", "/v1/settings/simultaneous_ring").body["numbers"]) == 5
    assert settings.refused("bernd", "simultaneous_ring", {"numbers": five[:1]})["error"] == "number_taken"
    said = settings.refused("clara", "simultaneous_ring", {"numbers": [{"number": "22"}]})
    assert said["field"] == "numbers.0.number"
    settings.change("clara", "simultaneous_ring", {"numbers": five[:1], "enabled": False})
    rings_and_ends(people["anna"].dial("23"), people, "clara")
    assert people.carrier.stays_silent()


@proves("R9")
def test_remote_office_warns_needs_a_number_and_then_rings_nowhere_else(
        people: Telephones, settings: Settings) -> None:
    assert settings.refused("clara", "remote_office", {"enabled": True})["error"] == "number_missing"
    changed = settings.change("clara", "remote_office", {"enabled": True, "number": "0171 5550123"})
    assert len(changed["warnings"]) == 1
    assert changed["shown"] == {MOBILE: "0171 5550123"}
    call = people["anna"].dial("23")
    assert people.carrier.wait_for_ring().number == MOBILE
    assert people["clara"].stays_silent()
    call.hangup()
    settings.change("clara", "remote_office", {"enabled": False})
    rings_and_ends(people["anna"].dial("23"), people, "clara")


@proves("O2", "N1")
def test_a_number_of_somebody_else_is_never_shown(people: Telephones, settings: Settings) -> None:
    for foreign in (BERND_NUMBER, "+49405550021", MOBILE):
        assert settings.refused("anna", "shown_number", {"number": foreign})["error"] == "number_not_own"
    call = people["anna"].dial("01715550123")
    assert people.carrier.wait_for_ring().shown_number == "+49305550021"
    call.hangup()
    settings.change("anna", "shown_number", {"suppressed": True})
    call = people["anna"].dial("01715550123")
    outside = people.carrier.wait_for_ring()
    assert "anonymous" in outside.headers["From"].lower(), outside.headers
    assert outside.headers["Privacy"] == "id"
    call.hangup()


@proves("O3")
def test_a_speed_dial_is_dialled_by_its_two_digits(people: Telephones, settings: Settings) -> None:
    settings.change("anna", "speed_dials", {"entries": [{"code": "07", "number": "0171 5550123", "label": "Mobile"}]})
    call = people["anna"].dial("*8007")
    assert people.carrier.wait_for_ring().number == MOBILE
    call.hangup()
    settings.change("admin", settings.of_site("speed_dials", "anna"), {"entries": [{"code": "08", "number": "23"}]})
    rings_and_ends(people["anna"].dial("*8008"), people, "clara")
    for wrong in ({"code": "7", "number": "23"}, {"code": "100", "number": "23"}):
        assert settings.refused("anna", "speed_dials", {"entries": [wrong]})["field"] == "entries.0.code"


@proves("N2")
def test_an_additional_number_rings_in_its_own_way(stage: Stage, people: Telephones, settings: Settings) -> None:
    number = "+49305550090"
    with stage.database.platform() as tx:
        tx.execute("INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id)"
                   " SELECT :number, company_id, site_id, subscriber_id FROM directory.subscribers"
                   " WHERE subscriber_id = :id", number=number, id=stage.subscriber_id("bernd"))
    try:
        settings.change("bernd", "distinctive_rings", {"rings": [{"number": "030 5550090", "ring": "bellcore-dr3"}]})
        call = people.carrier.dial(number, from_number=MOBILE)
        assert "bellcore-dr3" in people["bernd"].wait_for_ring().alert_info
        call.hangup()
        said = settings.refused("bernd", "distinctive_rings", {"rings": [{"number": BERND_NUMBER, "ring": "x"}]})
        assert said["error"] == "number_not_own"
    finally:
        with stage.database.platform() as tx:
            tx.execute("DELETE FROM directory.numbers WHERE number = :number", number=number)


@proves("R11")
def test_when_the_mailbox_takes_a_call_is_voicemails_and_changed_here(stage: Stage, settings: Settings) -> None:
    before = stage.http("voicemail", "GET", "/v1/mailbox", token="clara")
    settings.change("clara", "mailbox_conditions", {"busy": not before.body["on_busy"], "rings": 7})
    after = stage.http("voicemail", "GET", "/v1/mailbox", token="clara")
    assert (after.body["on_busy"], after.body["no_answer_rings"]) == (not before.body["on_busy"], 7)
    assert after.headers["ETag"] != before.headers["ETag"]
    assert settings.refused("clara", "mailbox_conditions", {"rings": 1})["field"] == "rings"


# ----- an administrator's


@proves("N5", "X7")
def test_a_barred_number_is_not_dialled_and_a_profile_in_use_not_deleted(
        people: Telephones, settings: Settings) -> None:
    assert settings.refused("admin", settings.of("barring", "anna"), {"profile": "Nobody's"})["field"] == "profile"
    settings.change("admin", "/v1/company/settings/barring_profiles", {"profiles": [{
        "name": "No mobiles", "outgoing": [{"prefix": "0171", "allowed": False},
                                           {"prefix": "0171 5550124", "allowed": True}]}]})
    settings.change("admin", settings.of("barring", "anna"), {"profile": "No mobiles"})
    is_turned_away(people["anna"].dial("01715550123"), "OUTGOING_CALL_BARRED", "CALL_REJECTED", "NORMAL_CLEARING")
    assert people.carrier.stays_silent()
    call = people["anna"].dial("01715550124")  # the longer prefix wins
    assert people.carrier.wait_for_ring().number == "+491715550124"
    call.hangup()
    said = settings.refused("admin", "/v1/company/settings/barring_profiles", {"profiles": []}, 409)
    assert "21 Anna Berger" in said["message"]
    settings.refused("anna", "barring", {"profile": None}, 403)
    settings.refused("anna", "/v1/company/settings/barring_profiles", {"profiles": []}, 403)


@proves("N5", "N3")
def test_classes_a_company_may_not_dial_are_refused_as_targets_too(people: Telephones, settings: Settings) -> None:
    abroad = {"always": {"enabled": True, "target": "+43 1 5550100"}}
    assert settings.refused("bernd", "forwardings", abroad)["error"] == "target_not_allowed"
    changed = settings.change("admin", "/v1/company/settings/number_classes",
                              {"allowed": ["national", "mobile", "international"]})
    assert changed["warnings"]
    settings.change("bernd", "forwardings", abroad)
    call = people["anna"].dial("22")
    assert people.carrier.wait_for_ring().number == "+4315550100"
    call.hangup()


@proves("G9", "X7")
def test_calls_of_somebody_who_left_are_caught_by_an_administrator_alone(
        people: Telephones, settings: Settings) -> None:
    path = settings.of("intercept", "bernd")
    settings.change("admin", path, {"incoming": True, "action": "ring", "target": "23"})
    rings_and_ends(people["anna"].dial("22"), people, "clara")
    assert people["bernd"].stays_silent()
    settings.refused("bernd", "intercept", {"incoming": False}, 403)
    assert settings.ask("bernd", "GET", "/v1/settings/intercept").body["target"] == "23"
    assert settings.refused("admin", path, {"target": None})["field"] == "target"


@proves("G6", "X7")
def test_night_is_switched_by_those_whom_the_site_lets(people: Telephones, settings: Settings) -> None:
    path = settings.of_site("night_service", "anna")
    assert settings.refused("admin", path, {"by_hand": True})["error"] == "target_missing"
    settings.change("admin", path, {"target": "24", "who_may_switch": "listed", "switchers": ["21"]})
    settings.refused("bernd", path, {"by_hand": True}, 403)
    settings.refused("anna", path, {"target": "21"}, 403)
    assert settings.ask("anna", "PATCH", path, {"by_hand": True}).status == 200
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number=MOBILE), people, "david")
    assert people["bernd"].stays_silent()
    rings_and_ends(people["anna"].dial("22"), people, "bernd")  # colleagues call as by day
    assert settings.ask("anna", "PATCH", path, {"by_hand": False}).status == 200
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number=MOBILE), people, "bernd")


@proves("G10", "X7")
def test_a_rule_of_the_company_sends_a_call_elsewhere(people: Telephones, settings: Settings) -> None:
    path = "/v1/company/settings/enterprise_rules"
    settings.change("admin", path, {"incoming": [
        {"name": "Big customer", "numbers": [MOBILE], "action": "send_to", "target": "24"}]})
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number=MOBILE), people, "david")
    assert people["bernd"].stays_silent()
    rings_and_ends(people.carrier.dial(BERND_NUMBER, from_number="+493022222222"), people, "bernd")
    settings.refused("bernd", path, {"incoming": []}, 403)
    assert settings.refused("admin", path, {"incoming": [
        {"name": "Nowhere", "external": True, "action": "send_to"}]})["field"] == "incoming.0.target"


@proves("E1")
def test_an_executives_calls_ring_at_the_assistant(people: Telephones, settings: Settings) -> None:
    assert settings.refused("david", "executive_filter", {"enabled": True})["error"] == "assistants_missing"
    settings.change("david", "executive_filter", {"enabled": True, "external": False, "assistants": ["23"]})
    rings_and_ends(people["anna"].dial("24"), people, "clara")
    assert people["david"].stays_silent()
    rings_and_ends(people["clara"].dial("24"), people, "david")  # his own assistant


# ----- who, when, and what for


@proves("X7", "N1")
def test_settings_of_others_do_not_exist_and_each_change_is_in_the_audit(
        stage: Stage, people: Telephones, settings: Settings) -> None:
    for who in ("bernd", "ulf"):
        assert settings.ask(who, "GET", settings.of("do_not_disturb", "anna")).status == 404
        settings.refused(who, settings.of("do_not_disturb", "anna"), {"enabled": True}, 404)
        assert settings.ask(who, "GET", "/v1/company/audit").status == 403
    path = f"/v1/subscribers/{stage.subscriber_id('ulf')}/settings/do_not_disturb"
    settings.refused("admin", path, {"enabled": True}, 404)
    settings.change("admin", settings.of("do_not_disturb", "anna"), {"ring_reminder": True})
    settings.change("anna", "do_not_disturb", {"ring_reminder": False})
    entries = settings.ask("admin", "GET", "/v1/company/audit?what=do_not_disturb&limit=2").body["entries"]
    assert [(one["actor_role"], one["via"], one["before"], one["after"]) for one in entries] == [
        ("subscriber", "http", {"ring_reminder": True}, {"ring_reminder": False}),
        ("administrator", "http", {"ring_reminder": False}, {"ring_reminder": True})]


@proves("X7")
def test_two_who_change_the_same_setting_do_not_overwrite_each_other(stage: Stage, settings: Settings) -> None:
    path = "/v1/settings/speed_dials"
    settings.change("clara", "speed_dials", {"entries": []})
    seen = settings.ask("clara", "GET", path).headers["ETag"]
    body = {"entries": [{"code": "01", "number": "22"}]}
    assert settings.ask("clara", "PATCH", path, body, **{"If-Match": seen}).status == 200
    late = settings.ask("admin", "PATCH", settings.of("speed_dials", "clara"), {"entries": []}, **{"If-Match": seen})
    assert (late.status, late.body["error"]) == (412, "changed_meanwhile")
    assert late.headers["ETag"] == settings.ask("clara", "GET", path).headers["ETag"]
    assert settings.ask("clara", "GET", path).body["entries"] == [{"code": "01", "number": "22", "label": ""}]
