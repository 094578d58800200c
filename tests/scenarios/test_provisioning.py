"""A company from a file, numbers and handsets that come and go, while the suite runs (N1, N2, N4, N6, N7)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from operations.story_report import proves
from tests.scenarios.stage import Answer, Stage
from tests.scenarios.telephones import Telephone, TelephoneRefused

DOMAIN = "neubau.example"
OUTSIDE = "+491715550123"
ORDER_S = 60
"""A process is started for it, which takes its time on a busy machine."""
FREE_NUMBER = "+49305550077"


@dataclass
class Neubau:
    """A small new company. Each story has telephones of other names: a real one keeps what it was told once."""

    number: int
    telephones: dict[str, Telephone] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def nora(self) -> Telephone:
        return self.telephones[f"nora-{self.number}"]

    @property
    def otto(self) -> Telephone:
        return self.telephones[f"otto-{self.number}"]

    def is_turned_away(self, telephone: Telephone, password: str) -> bool:
        """It registers anew with this password, and is refused."""
        try:
            telephone.register(password=password)
        except TelephoneRefused:
            return True
        return False

    def file(self, **changes: Any) -> dict[str, Any]:
        """Its wanted state; changes: fields of its second subscriber."""
        return {
            "company": {"name": "Neubau KG", "domain": DOMAIN},
            "sites": [{"name": "Köln", "area_code": "221", "region": "NW", "main_number": "0221 5550000",
                       "pools": [{"first": "0221 5550000", "last": "0221 5550099"}]}],
            "subscribers": [
                {"extension": "21", "first_name": "Nora", "last_name": "Neu", "number": "0221 5550021",
                 "devices": [{"id": f"nora-{self.number}", "label": "Tischtelefon"}]},
                {"extension": "22", "first_name": "Otto", "last_name": "Alt", "number": "0221 5550022",
                 "devices": [{"id": f"otto-{self.number}"}], "mailbox": {}, **changes}],
        }


# Nor does the switch forget for a while where a telephone of that name was last.
_rounds = count(int(time.time()) % 1_000_000)


def apply(stage: Stage, file: dict[str, Any], query: str = "do=apply") -> Answer:
    return stage.http("routing", "POST", f"/v1/companies/apply?{query}", token="operator", json_body=file,
                      timeout_s=ORDER_S)


def applied(stage: Stage, file: dict[str, Any], query: str = "do=apply") -> Any:
    answer = apply(stage, file, query)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.fixture
def new(stage: Stage) -> Iterator[Neubau]:
    """Ordered over HTTP a moment ago; its telephones have the passwords the answer showed."""
    made = Neubau(next(_rounds))
    for one in applied(stage, made.file())["devices"]:
        made.passwords[one["device_id"]] = one["password"]
        made.telephones[one["device_id"]] = stage.new_telephone(one["device_id"], one["domain"], one["password"])
    yield made
    stage.telephones.reset()
    with stage.database.platform() as tx:
        ids = {"domain": DOMAIN}
        tx.execute("DELETE FROM directory.subscribers WHERE company_id IN"
                   " (SELECT company_id FROM directory.companies WHERE sip_domain = :domain)", **ids)
        tx.execute("DELETE FROM directory.companies WHERE sip_domain = :domain", **ids)


def post(stage: Stage, path: str, body: dict[str, Any], token: str = "admin") -> Answer:
    return stage.http("routing", "POST", path, token=token, json_body=body)


@proves("N1", "N6")
def test_handsets_of_a_company_from_a_file_register_and_call_at_once(stage: Stage, new: Neubau) -> None:
    anna = stage.telephones["anna"].register()
    nora, otto = new.nora.register(), new.otto.register()
    call = nora.dial("22")
    ringing = otto.wait_for_ring()
    assert (ringing.shown_name, ringing.shown_number) == ("Nora Neu", "21")
    ringing.answer()
    call.wait_for("answered").hangup()
    ringing.wait_for("ended")
    call = otto.dial("21")      # in the demo company 21 is Anna
    nora.wait_for_ring().reject(486)
    call.wait_for("ended", timeout_s=20)
    assert anna.stays_silent()


@proves("N6")
def test_the_same_file_again_changes_nothing_and_a_change_shows_old_and_new(stage: Stage, new: Neubau) -> None:
    assert applied(stage, new.file())["plan"]["changes"] == []
    planned = applied(stage, new.file(last_name="Uralt"), "do=plan")
    assert (planned["applied"], [one["fields"] for one in planned["plan"]["changes"]]) == (
        False, [{"last_name": {"old": "Alt", "new": "Uralt"}}])
    assert applied(stage, new.file())["plan"]["changes"] == [], "a plan changes nothing"


@proves("N6")
def test_a_setting_in_the_file_holds_for_the_next_call(stage: Stage, new: Neubau) -> None:
    nora, otto = new.nora.register(), new.otto.register()
    applied(stage, new.file(mailbox={"on_busy": False}, settings={"do_not_disturb": {"enabled": True}}))
    call = nora.dial("22").wait_for("ended", timeout_s=15)
    assert call.end_cause == "USER_BUSY"
    assert otto.stays_silent()


@proves("N6")
def test_a_kept_plan_is_ordered_later_but_not_when_it_no_longer_fits(stage: Stage, new: Neubau) -> None:
    def order(order_id: int) -> Answer:
        return stage.http("routing", "POST", f"/v1/companies/plans/{order_id}/order", token="operator",
                          timeout_s=ORDER_S)

    kept = applied(stage, new.file(last_name="Uralt"), "do=keep")["order_id"]
    outdated = applied(stage, new.file(first_name="Ottokar"), "do=keep")["order_id"]
    assert order(kept).status == 200
    refused = order(outdated)
    assert (refused.status, refused.body["error"]) == (409, "plan_outdated")
    assert "22" in refused.body["message"]
    discarded = stage.http("routing", "DELETE", f"/v1/companies/plans/{outdated}", token="operator")
    assert discarded.status == 204
    assert order(outdated).body["error"] == "order_ended"


@proves("N2", "N4", "N6", "N7")
def test_a_file_with_mistakes_names_all_of_them_and_changes_nothing(stage: Stage, new: Neubau) -> None:
    file = new.file(number="030 5550022", additional_numbers=[{"number": "0221 5550022"}, {"number": "0221 5550022"}])
    person = {"last_name": "Neu", "devices": [{"id": new.nora.device}]}
    file["subscribers"] += [
        {**person, "extension": "77"}, {**person, "extension": "112"}, {**person, "extension": "21"},
        {**person, "extension": "23", "department": "Keine", "devices": [], "additional_numbers": [
            {"number": f"0221 55500{n}"} for n in range(30, 41)]}]
    answer = apply(stage, file)
    assert (answer.status, answer.body["error"]) == (422, "invalid_file")
    found = [(one["field"], one["rule"]) for one in answer.body["wrong"]]
    for place, word in (
            ("subscribers[2].additional_numbers[2].number", "already"), ("subscribers[3].extension", "77"),
            ("subscribers[4].extension", "emergency"), ("subscribers[5].extension", "already"),
            ("subscribers[6].department", "Keine"), ("subscribers[6].additional_numbers[11]", "at most 10")):
        assert any(where == place and word in rule for where, rule in found), (place, found)
    assert all(one["line"] for one in answer.body["wrong"])
    outside_pools = apply(stage, new.file(number="030 5550022"))
    assert outside_pools.status == 422
    assert outside_pools.body["wrong"][0]["field"] == "subscribers[2].number"
    assert applied(stage, new.file())["plan"]["changes"] == []


@proves("N2")
def test_a_removed_device_can_neither_register_nor_call_nor_ring(stage: Stage, new: Neubau) -> None:
    nora, otto = new.nora.register(), new.otto.register()
    call = nora.dial("22")
    ringing = otto.wait_for_ring()
    call.hangup()
    ringing.wait_for("ended")
    gone = stage.http("routing", "DELETE", f"/v1/devices/{new.otto.device}", token="operator")
    assert gone.status == 204
    # Until the switch has forgotten it, a moment later, its calls are known but nobody's: they lead nowhere either.
    stage.wait_until(lambda: otto.dial("21").wait_for("ended", timeout_s=15).end_cause == "CALL_REJECTED", 10,
                     "the switch's refusal")
    assert nora.stays_silent()
    call = nora.dial("22")
    assert new.is_turned_away(otto, new.passwords[otto.device])
    call.hangup()
    assert otto.stays_silent()


@proves("N2")
def test_a_lost_handset_is_locked_out_by_a_new_password(stage: Stage, new: Neubau) -> None:
    nora = new.nora.register()
    answer = stage.http("routing", "POST", f"/v1/devices/{nora.device}/password", token="operator")
    renewed, old = answer.body["password"], new.passwords[nora.device]
    stage.wait_until(lambda: new.is_turned_away(nora, old), 20, "the refusal of the old password")
    nora.register(password=renewed)


@proves("N2", "N7")
def test_a_number_rings_in_its_own_way_once_it_is_assigned_and_is_nobodys_once_it_is_released(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    address = f"/v1/subscribers/{stage.subscriber_id('bernd')}/numbers"
    unknown = stage.telephones.carrier.dial(FREE_NUMBER, from_number=OUTSIDE).wait_for("ended", timeout_s=20)
    assert unknown.end_cause == "UNALLOCATED_NUMBER"
    made = post(stage, address, {"number": "030 5550077", "ring": "bellcore-dr3"})
    assert made.status == 201, made.body
    try:
        call = stage.telephones.carrier.dial(FREE_NUMBER, from_number=OUTSIDE)
        ringing = bernd.wait_for_ring()
        assert "bellcore-dr3" in ringing.alert_info
        call.hangup()
        ringing.wait_for("ended")
        taken = post(stage, f"/v1/subscribers/{stage.subscriber_id('clara')}/numbers", {"number": "030 5550077"})
        assert (taken.status, taken.body["field"]) == (409, "number")
        assert "22 Bernd" in taken.body["message"]
    finally:
        released = stage.http("routing", "DELETE", f"{address}/{FREE_NUMBER}", token="admin")
    assert released.status == 204
    free = stage.http("routing", "GET", f"/v1/sites/{_site_id(stage, 'Berlin')}/numbers?state=free&search=5550077",
                      token="admin").body["numbers"]
    assert [one["number"] for one in free] == [FREE_NUMBER]
    unknown = stage.telephones.carrier.dial(FREE_NUMBER, from_number=OUTSIDE).wait_for("ended", timeout_s=20)
    assert unknown.end_cause == "UNALLOCATED_NUMBER"
    assert bernd.stays_silent()


def _site_id(stage: Stage, name: str) -> int:
    sites = stage.http("routing", "GET", "/v1/sites", token="admin").body["sites"]
    return next(int(one["site_id"]) for one in sites if one["name"] == name)


@proves("N2")
def test_the_eleventh_additional_number_is_refused(stage: Stage, new: Neubau) -> None:
    person = applied(stage, new.file(additional_numbers=[{"number": f"0221 55500{n}"} for n in range(30, 40)]))
    with stage.database.platform() as tx:
        subscriber_id = tx.one("SELECT subscriber_id FROM directory.subscribers WHERE company_id = :id"
                               " AND extension = '22'", id=person["company_id"]).subscriber_id
    address = f"/v1/subscribers/{subscriber_id}/numbers"
    refused = post(stage, address, {"number": "0221 5550040"}, token="operator")
    assert (refused.status, refused.body["error"], refused.body["field"]) == (422, "too_many_numbers", "number")
    assert len(stage.http("routing", "GET", address, token="operator").body["numbers"]) == 11


@proves("N4")
@pytest.mark.parametrize(("extension", "error"), [
    ("77", "extension_reserved"), ("7812", "extension_reserved"), ("110", "extension_is_emergency"),
    ("112", "extension_is_emergency"), ("22", "extension_in_use")])
def test_an_extension_there_may_not_be_is_refused(stage: Stage, extension: str, error: str) -> None:
    body = {"last_name": "Neu", "extension": extension, "site_id": _site_id(stage, "Berlin")}
    refused = post(stage, "/v1/subscribers", body)
    assert (refused.status, refused.body["error"], refused.body["field"]) == (
        409 if error == "extension_in_use" else 422, error, "extension")


@proves("N7", "O2", "X7")
def test_numbers_are_an_operators_to_give_also_the_one_a_site_shows(stage: Stage) -> None:
    site = f"/v1/sites/{_site_id(stage, 'Berlin')}"
    own = post(stage, f"{site}/pools", {"first": "030 5550200", "last": "030 5550209"})
    assert (own.status, own.body["error"]) == (403, "forbidden")
    for number in ("030 5550300", "0221 5550022"):
        refused = stage.http("routing", "PATCH", site, token="admin", json_body={"main_number": number})
        assert (refused.status, refused.body["error"], refused.body["field"]) == (
            422, "number_not_in_pool", "main_number")


@proves("N7")
def test_numbers_of_a_pool_can_be_had_from_its_date_on_and_of_no_pool_never(stage: Stage) -> None:
    address = f"/v1/sites/{_site_id(stage, 'Berlin')}/pools"
    made = post(stage, address, {"first": "030 5550200", "last": "030 5550209", "valid_from": "2199-01-01"},
                token="operator")
    assert made.status == 201, made.body
    try:
        numbers = f"/v1/subscribers/{stage.subscriber_id('bernd')}/numbers"
        too_early = post(stage, numbers, {"number": "030 5550200"})
        assert (too_early.status, too_early.body["error"]) == (422, "number_not_yet_valid")
        nowhere = post(stage, numbers, {"number": "030 5550300"})
        assert (nowhere.status, nowhere.body["error"]) == (422, "number_not_in_pool")
        overlaps = post(stage, address, {"first": "030 5550050", "last": "030 5550150"}, token="operator")
        assert (overlaps.status, overlaps.body["error"]) == (409, "range_overlaps")
    finally:
        gone = stage.http("routing", "DELETE", f"{address}/{made.body['pool_id']}", token="operator")
    assert gone.status == 204
