"""Each setting over HTTP: what is taken, how it is kept and shown, and what is refused with which words."""

from __future__ import annotations

from functools import partial

import pytest

from services.routing.features import Scope
from services.routing.schemas import rules as rule_schemas
from tests.routing.settings_http import ANNA, BERND, address, refused, settings_client, taken, wipe


@pytest.fixture(scope="module")
def client(database, owner_sql):
    with settings_client(database, owner_sql) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(owner_sql):
    yield
    wipe(owner_sql)


@pytest.fixture
def ok(client):
    """ok("anna", "call_waiting", {...}): the whole resource after a change that is taken."""
    return partial(taken, client)



# ----- targets


def test_numbers_are_taken_in_any_usual_form_kept_as_e164_and_shown_as_people_write(ok):
    for entered in ("0171 5550100", "+49 171/555-0100", "0049 (171) 5550100"):
        kept = ok("anna", "remote_office", {"number": entered})
        assert (kept["number"], kept["shown"]) == ("+491715550100", {"+491715550100": "0171 5550100"})
    assert ok("anna", "remote_office", {"number": "55502211"})["number"] == "+493055502211"
    assert ok("anna", "remote_office", {"number": None})["shown"] == {}


@pytest.mark.parametrize(("name", "body", "error", "field"), [
    ("forwardings", {"busy": {"enabled": True}}, "target_missing", "busy.target"),
    ("forwardings", {"busy": {"enabled": True, "target": "99"}}, "target_unknown", "busy.target"),
    ("forwardings", {"busy": {"enabled": True, "target": "21"}}, "target_is_own", "busy.target"),
    ("forwardings", {"busy": {"enabled": True, "target": "030 5557021"}}, "target_is_own", "busy.target"),
    ("forwardings", {"always": {"target": "112"}}, "target_is_emergency", "always.target"),
    ("forwardings", {"always": {"target": "0900 5123456"}}, "target_not_allowed", "always.target"),
    ("forwardings", {"always": {"target": "+1 212 5550100"}}, "target_not_allowed", "always.target"),
    ("forwardings", {"always": {"target": "+870 773 123456"}}, "target_not_allowed", "always.target"),
    ("forwardings", {"always": {"target": "drei"}}, "target_invalid", "always.target"),
    ("forwardings", {"no_answer": {"rings": 1}}, "invalid_field", "no_answer.rings"),
    ("forwardings", {"no_answer": {"rings": 21}}, "invalid_field", "no_answer.rings"),
    ("forwardings", {"busy": {"rings": 3}}, "invalid_field", "busy.rings"),
    ("forwardings", {"sometimes": {"enabled": True}}, "invalid_field", "sometimes"),
    ("forwardings", {"busy": None}, "invalid_field", "busy"),
    ("remote_office", {"enabled": True}, "number_missing", "number"),
    ("remote_office", {"number": "22"}, "number_not_outside", "number"),
    ("remote_office", {"number": "030 5557022"}, "number_not_outside", "number"),
    ("remote_office", {"number": "110"}, "target_is_emergency", "number"),
    ("remote_office", {"number": "0190 123456"}, "target_not_allowed", "number"),
    ("simultaneous_ring", {"enabled": True}, "numbers_missing", "numbers"),
    ("simultaneous_ring", {"numbers": [{"number": "22"}]}, "number_not_outside", "numbers.0.number"),
    ("simultaneous_ring", {"numbers": [{"number": "0171 5550100"}, {"number": "+491715550100"}]}, "number_twice",
     "numbers.1.number"),
    ("simultaneous_ring", {"numbers": [{"confirm": True}]}, "invalid_field", "numbers.0.number"),
    ("shown_number", {"number": "030 5557022"}, "number_not_own", "number"),
    ("shown_number", {"number": "+4940555721"}, "number_not_own", "number"),
    ("shown_number", {"number": "0171 5550121"}, "number_not_own", "number"),
    ("mobile_number", {"number": "030 5557022"}, "number_not_outside", "number"),
    ("mobile_number", {"number": "0900 5123456"}, "target_not_allowed", "number"),
    ("distinctive_rings", {"rings": [{"number": "030 5557021", "ring": "two"}]}, "number_not_own", "rings.0.number"),
    ("distinctive_rings", {"rings": [{"number": "+4930555799", "ring": "two"}]}, "number_not_own", "rings.0.number"),
    ("distinctive_rings", {"rings": [{"number": "030 5557021", "ring": "a b"}]}, "invalid_field", "rings.0.ring"),
    ("speed_dials", {"entries": [{"code": "7", "number": "22"}]}, "invalid_field", "entries.0.code"),
    ("speed_dials", {"entries": [{"code": "100", "number": "22"}]}, "invalid_field", "entries.0.code"),
    ("speed_dials", {"entries": [{"code": "07", "number": "99"}]}, "target_unknown", "entries.0.number"),
    ("speed_dials", {"entries": [{"code": "07", "number": "22"}] * 2}, "invalid_field", "entries"),
    ("speed_dials", {"entries": [{"code": "07", "number": "22", "label": "x" * 81}]}, "invalid_field",
     "entries.0.label"),
    ("call_waiting", {"enabled": None}, "invalid_field", "enabled"),
    ("calls_at_once", {"calls": 0}, "invalid_field", "calls"),
    ("calls_at_once", {"calls": 21}, "invalid_field", "calls"),
    ("barring", {"profile": "Nobody's"}, "profile_unknown", "profile"),
    ("intercept", {"action": "ring"}, "invalid_field", "target"),
    ("intercept", {"action": "explode"}, "invalid_field", "action"),
    ("intercept", {"incoming": True, "action": "ring", "target": "21"}, "target_is_own", "target"),
    ("mailbox_conditions", {"busy": True}, "no_mailbox", None),
    ("mailbox_conditions", {"rings": 1}, "invalid_field", "rings"),
    ("executive_filter", {"enabled": True}, "assistants_missing", "assistants"),
    ("executive_filter", {"assistants": ["21"]}, "assistant_is_executive", "assistants.0"),
    ("executive_filter", {"assistants": ["22", "22"]}, "assistant_twice", "assistants.1"),
    ("executive_filter", {"assistants": ["99"]}, "target_unknown", "assistants.0"),
    ("selective_forwarding", {"enabled": True}, "rules_missing", "rules"),
    ("selective_forwarding", {"enabled": True, "rules": [{"name": "All", "external": True}]}, "target_missing",
     "rules.0.target"),
    ("selective_forwarding", {"rules": [{"name": "All", "external": True, "target": "99"}]}, "target_unknown",
     "rules.0.target"),
    ("negative_list", {"rules": [{"name": "Nobody"}]}, "invalid_field", "rules.0.numbers"),
    ("negative_list", {"rules": [{"name": "", "internal": True}]}, "invalid_field", "rules.0.name"),
    ("negative_list", {"rules": [{"name": "x" * 81, "internal": True}]}, "invalid_field", "rules.0.name"),
    ("negative_list", {"rules": [{"name": "a\nb", "internal": True}]}, "invalid_field", "rules.0.name"),
    ("negative_list", {"rules": [{"name": "A", "internal": True}] * 2}, "invalid_field", "rules"),
    ("negative_list", {"rules": [{"name": "A", "numbers": ["99"]}]}, "target_unknown", "rules.0.numbers.0"),
    ("negative_list", {"rules": [{"name": "A", "numbers": ["22", "nope"]}]}, "target_invalid", "rules.0.numbers.1"),
    ("negative_list", {"rules": [{"name": "A", "prefixes": ["171"]}]}, "prefix_invalid", "rules.0.prefixes.0"),
    ("negative_list", {"rules": [{"name": "A", "internal": True, "action": "reject"}]}, "invalid_field",
     "rules.0.action"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "weekly": [{"weekday": 7, "from": "08:00", "to": "09:00"}]}}]}, "invalid_field",
     "rules.0.times.weekly.0.weekday"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "weekly": [{"weekday": 1, "from": "24:00", "to": "09:00"}]}}]}, "invalid_field", "rules.0.times.weekly.0.from"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "weekly": [{"weekday": 1, "from": "8:00", "to": "09:00"}]}}]}, "invalid_field", "rules.0.times.weekly.0.from"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "weekly": [{"weekday": 1, "from": "08:00", "to": "08:00"}]}}]}, "invalid_field", "rules.0.times.weekly.0.to"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "periods": [{"from": "2026-12-24T12:00", "to": "2026-12-24T12:00"}]}}]}, "invalid_field",
     "rules.0.times.periods.0.to"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "periods": [{"from": "2026-02-30T12:00", "to": "2026-12-24T12:00"}]}}]}, "invalid_field",
     "rules.0.times.periods.0.from"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "periods": [{"from": "2026-12-24T12:00+01:00", "to": "2027-12-24T12:00"}]}}]}, "invalid_field",
     "rules.0.times.periods.0.from"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {"holiday_region": "DE-XX"}}]},
     "invalid_field", "rules.0.times.holiday_region"),
    ("positive_list", {"rules": [{"name": "A", "internal": True, "times": {
        "on_holidays": True, "not_on_holidays": True}}]}, "invalid_field", "rules.0.times.not_on_holidays"),
    ("enterprise_rules", {"incoming": [{"name": "A", "external": True}]}, "invalid_field", "incoming.0.action"),
    ("enterprise_rules", {"incoming": [{"name": "A", "external": True, "action": "send_to"}]}, "invalid_field",
     "incoming.0.target"),
    ("enterprise_rules", {"outgoing": [{"name": "A", "anonymous": True, "action": "reject"}]}, "invalid_field",
     "outgoing.0.anonymous"),
])
def test_what_breaks_a_rule_is_refused_with_field_and_rule(client, name, body, error, field):
    assert refused(client, name, body) == (422, error, field)


def test_a_target_that_vanished_meanwhile_does_not_stand_in_the_way(client, ok, owner_sql):
    owner_sql("INSERT INTO directory.subscribers (company_id, subscriber_id, site_id, last_name, extension)"
              " VALUES (701, 70199, 7011, 'Kurz', '39')")
    ok("anna", "forwardings", {"busy": {"enabled": True, "target": "39"}})
    ok("anna", "negative_list", {"rules": [{"name": "Kurz", "numbers": ["39"]}]})
    owner_sql("DELETE FROM directory.subscribers WHERE subscriber_id = 70199")
    assert ok("anna", "forwardings", {"busy": {"enabled": False}})["busy"] == {"enabled": False, "target": "39"}
    assert ok("anna", "negative_list", {"enabled": True})["rules"][0]["numbers"] == ["39"]
    assert refused(client, "forwardings", {"busy": {"enabled": True}}) == (422, "target_unknown", "busy.target")


# ----- limits


def test_five_numbers_ring_too_and_a_sixth_is_refused(client, ok):
    five = [{"number": f"0171 555010{n}"} for n in range(5)]
    kept = ok("anna", "simultaneous_ring", {"enabled": True, "numbers": five})
    assert [one["number"] for one in kept["numbers"]] == [f"+49171555010{n}" for n in range(5)]
    six = [*five, {"number": "0171 5550105"}]
    assert refused(client, "simultaneous_ring", {"numbers": six}) == (422, "invalid_field", "numbers")
    assert len(client.get("anna", "/v1/settings/simultaneous_ring").get_json()["numbers"]) == 5
    assert ok("anna", "simultaneous_ring", {"numbers": five[::-1]})["numbers"][0]["number"] == "+491715550104"


def test_ones_own_mobile_is_offered_where_numbers_ring_too(client, ok):
    ok("anna", "mobile_number", {"number": "0171 5550100"})
    answer = client.patch("anna", "/v1/settings/simultaneous_ring", {"enabled": True})
    assert (answer.status_code, answer.get_json()["error"]) == (422, "numbers_missing")
    assert "+491715550100" in answer.get_json()["hint"]


def test_a_number_rings_with_one_person_of_a_company(client, ok):
    ok("anna", "simultaneous_ring", {"numbers": [{"number": "0171 5550100", "confirm": True}]})
    answer = client.patch("bernd", "/v1/settings/simultaneous_ring", {"numbers": [{"number": "0171 5550100"}]})
    assert (answer.status_code, answer.get_json()["error"]) == (422, "number_taken")
    assert client.patch("stranger", "/v1/settings/simultaneous_ring",
                        {"numbers": [{"number": "0171 5550100"}]}).status_code == 200
    ok("anna", "simultaneous_ring", {"numbers": []})
    ok("bernd", "simultaneous_ring", {"numbers": [{"number": "0171 5550100"}]})


@pytest.mark.parametrize(("name", "field"), [
    ("negative_list", "rules"), ("positive_list", "rules"), ("selective_forwarding", "rules"),
    ("executive_filter", "rules"), ("enterprise_rules", "incoming"), ("enterprise_rules", "outgoing"),
])
def test_a_list_has_at_most_twenty_rules(client, name, field):
    extra = {"action": "reject"} if name == "enterprise_rules" else {}
    rules = [{"name": f"Rule {n}", "internal": True, **extra} for n in range(rule_schemas.MOST_RULES)]
    assert client.patch("admin", address(name, Scope.SUBSCRIBER), {field: rules}).status_code == 200
    more = {field: [*rules, {"name": "One more", "internal": True, **extra}]}
    assert refused(client, name, more) == (422, "invalid_field", field)
    assert len(client.get("admin", address(name, Scope.SUBSCRIBER)).get_json()[field]) == rule_schemas.MOST_RULES


def test_a_hundred_speed_dials_of_a_person_and_a_site_each_apart(client, ok):
    entries = [{"code": f"{n:02}", "number": "030 55502211", "label": f"Number {n}"} for n in range(100)]
    kept = ok("anna", "speed_dials", {"entries": entries[::-1]})
    assert [entry["code"] for entry in kept["entries"]] == [f"{n:02}" for n in range(100)]
    assert ok("admin", "speed_dials", {"entries": [{"code": "00", "number": "*62"}]}, Scope.SITE)["entries"] == [
        {"code": "00", "number": "*62", "label": ""}]
    ok("anna", "speed_dials", {"entries": [{"code": "00", "number": "112"}]})
    assert len(client.get("admin", address("speed_dials", Scope.SITE)).get_json()["entries"]) == 1
    assert client.get("bernd", "/v1/settings/speed_dials").get_json()["entries"] == []


# ----- one by one


def test_forwardings_are_merged_kind_by_kind(ok):
    ok("anna", "forwardings", {"busy": {"enabled": True, "target": "22"}, "no_answer": {"rings": 2}})
    kept = ok("anna", "forwardings", {"no_answer": {"enabled": True, "target": "0171 5550100"},
                                      "always": {"ring_splash": True}})
    assert {name: kept[name] for name in ("always", "busy", "no_answer", "not_reachable")} == {
        "always": {"enabled": False, "target": None, "ring_splash": True},
        "busy": {"enabled": True, "target": "22"},
        "no_answer": {"enabled": True, "target": "+491715550100", "rings": 2},
        "not_reachable": {"enabled": False, "target": None}}
    assert ok("anna", "forwardings", {"busy": {"enabled": False, "target": None}})["busy"]["target"] is None


def test_one_kind_put_alone_is_the_same_setting_with_the_same_audit(client, ok):
    put = client.ask("anna", "PUT", "/v1/forwardings/busy", {"enabled": True, "target": "030 55502211"})
    assert put.status_code == 200
    assert ok("anna", "forwardings", {})["busy"] == {"enabled": True, "target": "+493055502211"}
    refused_put = client.ask("anna", "PUT", "/v1/forwardings/busy", {"enabled": True, "target": "99"})
    assert (refused_put.status_code, refused_put.get_json()["error"], refused_put.get_json()["field"]) == (
        422, "target_unknown", "target")
    [entry] = client.get("admin", "/v1/company/audit?what=forwardings").get_json()["entries"]
    assert (entry["after"]["busy"]["enabled"], entry["actor_subscriber_id"]) == (True, ANNA)


def test_switching_remote_office_on_warns_of_forwards_at_the_remote_line(ok):
    assert ok("anna", "remote_office", {"number": "030 555098"})["warnings"] == []
    [warning] = ok("anna", "remote_office", {"enabled": True})["warnings"]
    assert "remote line" in warning
    assert ok("anna", "remote_office", {"enabled": False})["number"] == "+4930555098"


def test_only_an_own_number_is_shown(ok):
    assert ok("bernd", "shown_number", {"number": "030 555799"})["number"] == "+4930555799"
    assert ok("bernd", "shown_number", {"suppressed": True}) | {"shown": {}} == {
        "suppressed": True, "number": "+4930555799", "shown": {}, "warnings": []}
    assert ok("bernd", "shown_number", {"number": None})["number"] is None


@pytest.mark.parametrize("taken_away", [
    "DELETE FROM directory.numbers WHERE number = '+49305550032'",
    "UPDATE directory.numbers SET subscriber_id = 70122 WHERE number = '+49305550032'",
])
def test_a_number_that_is_no_longer_ones_own_is_no_longer_shown(client, ok, owner_sql, taken_away):
    owner_sql("INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id)"
              " VALUES ('+49305550032', 701, 7011, 70121)")
    ok("anna", "shown_number", {"number": "+49305550032"})
    owner_sql(taken_away)
    assert client.get("anna", "/v1/settings/shown_number").get_json()["number"] is None
    owner_sql("DELETE FROM directory.numbers WHERE number = '+49305550032'")


def test_an_additional_number_has_a_ring_of_its_own(ok):
    assert ok("bernd", "distinctive_rings", {})["rings"] == [{"number": "+4930555799", "ring": "bellcore-2"}]
    assert ok("bernd", "distinctive_rings", {"rings": [{"number": "030 555799", "ring": "bellcore-3"}]})["rings"] == [
        {"number": "+4930555799", "ring": "bellcore-3"}]
    assert ok("bernd", "distinctive_rings", {"rings": []})["rings"] == []


def test_the_mailbox_of_voicemail_is_changed_by_its_own_function_and_keeps_its_revision(ok, owner_sql, client):
    assert ok("bernd", "mailbox_conditions", {}) | {"shown": {}} == {
        "always": False, "busy": False, "no_answer": True, "rings": 6, "shown": {}, "warnings": []}
    before = owner_sql("SELECT revision, max_messages FROM voicemail.mailboxes WHERE subscriber_id = %(id)s", id=BERND)
    assert ok("bernd", "mailbox_conditions", {"busy": True, "rings": 2})["rings"] == 2
    after = owner_sql("SELECT revision, max_messages FROM voicemail.mailboxes WHERE subscriber_id = %(id)s", id=BERND)
    assert after == [(before[0][0] + 1, before[0][1])]
    assert client.patch("stranger", f"/v1/subscribers/{BERND}/settings/mailbox_conditions", {}).status_code == 404


def test_voicemails_function_keeps_to_the_company_of_the_transaction(database, owner_sql):
    with database.company(702) as tx:
        assert tx.one("SELECT voicemail.change_conditions(701, :id, true, true, true, 2) AS done",
                      id=BERND).done is False
    assert owner_sql("SELECT on_always FROM voicemail.mailboxes WHERE subscriber_id = %(id)s", id=BERND) == [(False,)]


def test_assistants_are_named_by_extension_in_their_order(ok):
    kept = ok("anna", "executive_filter", {"enabled": True, "external": False, "assistants": ["24", "22"]})
    assert (kept["assistants"], kept["internal"], kept["external"]) == (["24", "22"], True, False)
    assert ok("anna", "executive_filter", {"enabled": False, "assistants": []})["assistants"] == []


def test_rules_keep_their_order_their_times_and_their_numbers_as_e164(ok):
    times = {"weekly": [{"weekday": 4, "from": "18:00", "to": "24:00"}, {"weekday": 6, "from": "22:00", "to": "06:00"}],
             "periods": [{"from": "2026-12-24T12:00", "to": "2027-01-02T08:00"}], "on_holidays": True,
             "not_on_holidays": False, "holiday_region": "DE-BE"}
    rules = [{"name": "Zuerst", "is_exception": True, "numbers": ["22", "0171 5550100", "+491715550100"],
              "prefixes": ["0171", "0043"], "times": times},
             {"name": "Alle", "external": True, "anonymous": True, "target": "23"}]
    kept = ok("anna", "selective_forwarding", {"enabled": True, "target": "030 55502211", "rules": rules})
    first, second = kept["rules"]
    assert (first["name"], first["numbers"], first["prefixes"], first["times"], first["target"]) == (
        "Zuerst", ["22", "+491715550100"], ["+49171", "+43"], times, None)
    assert (second["name"], second["target"], second["enabled"], second["times"]["weekly"]) == ("Alle", "23", True, [])
    assert ok("anna", "selective_forwarding", {"rules": []})["rules"] == []
    assert ok("anna", "negative_list", {"rules": [{"name": "Alle", "external": True}]})["enabled"] is False


def test_an_intercept_of_a_person_and_of_a_site(ok):
    kept = ok("admin", "intercept", {"incoming": True, "action": "announce_then_transfer", "target": "22"},
              of=ANNA)
    assert (kept["incoming"], kept["outgoing"], kept["target"]) == (True, False, "22")
    assert ok("admin", "intercept", {"outgoing": True}, Scope.SITE)["action"] == "announce"
    given_back = {"incoming": False, "action": "announce", "target": None}
    assert ok("admin", "intercept", given_back, of=ANNA)["target"] is None


def test_rules_of_a_person_a_site_and_the_company_are_three_lists(ok):
    rule = {"name": "Wettbewerb", "prefixes": ["0171"], "action": "send_to", "target": "22"}
    for scope in Scope:
        kept = ok("admin", "enterprise_rules", {"outgoing": [{**rule, "name": scope.value}]}, scope,
                  ANNA if scope is Scope.SUBSCRIBER else None)
        assert [(one["name"], one["prefixes"], one["target"]) for one in kept["outgoing"]] == [
            (scope.value, ["+49171"], "22")]
    assert ok("admin", "enterprise_rules", {"outgoing": []}, Scope.COMPANY)["outgoing"] == []
    assert len(ok("admin", "enterprise_rules", {}, Scope.SITE)["outgoing"]) == 1


# ----- barring


def profiles(*names, **more):
    return {"profiles": [{"name": name, **more} for name in names]}


def test_ranges_are_kept_in_their_order_as_prefixes_of_e164(ok):
    outgoing = [{"prefix": "+", "allowed": False}, {"prefix": "0", "allowed": True},
                {"prefix": "0043 1", "allowed": True}, {"prefix": "0171", "allowed": False}]
    [kept] = ok("admin", "barring_profiles", profiles("Inland", outgoing=outgoing), Scope.COMPANY)["profiles"]
    assert [(one["prefix"], one["allowed"]) for one in kept["outgoing"]] == [
        ("+", False), ("+49", True), ("+431", True), ("+49171", False)]
    assert (kept["incoming"], kept["forwarded"]) == ([], [])


@pytest.mark.parametrize(("body", "error", "field"), [
    (profiles("A", "a"), "invalid_field", "profiles"),
    (profiles(""), "invalid_field", "profiles.0.name"),
    (profiles("A", outgoing=[{"prefix": "0171"}]), "invalid_field", "profiles.0.outgoing.0.allowed"),
    (profiles("A", outgoing=[{"prefix": "00", "allowed": True}]), "prefix_invalid", "profiles.0.outgoing.0.prefix"),
    (profiles("A", outgoing=[{"prefix": "0171", "allowed": True}, {"prefix": "+49171", "allowed": False}]),
     "prefix_twice", "profiles.0.outgoing.1.prefix"),
    (profiles("A", id=999), "profile_unknown", "profiles.0.id"),
    (profiles(*[f"P{n}" for n in range(101)]), "invalid_field", "profiles"),
])
def test_a_profile_that_says_two_things_is_refused(client, body, error, field):
    assert refused(client, "barring_profiles", body, Scope.COMPANY) == (422, error, field)


def test_only_a_profile_that_exists_is_assigned_and_one_in_use_is_not_deleted(client, ok):
    ok("admin", "barring_profiles", profiles("Inland", "Nichts"), Scope.COMPANY)
    ok("admin", "barring", {"profile": "Inland"}, of=ANNA)
    ok("admin", "barring", {"profile": "Nichts"}, Scope.SITE)
    assert refused(client, "barring", {"profile": "inland"})[1] == "profile_unknown"
    for left_out, user in (("Nichts", "21 Person 21"), ("Inland", "site Berlin")):
        answer = client.patch("admin", address("barring_profiles", Scope.COMPANY), profiles(left_out))
        said = answer.get_json()
        assert (answer.status_code, said["error"], said["field"]) == (409, "profile_in_use", "profiles")
        assert user in said["message"]
    assert len(client.get("admin", "/v1/company/settings/barring_profiles").get_json()["profiles"]) == 2
    ok("admin", "barring", {"profile": None}, of=ANNA)
    assert len(ok("admin", "barring_profiles", profiles("Nichts"), Scope.COMPANY)["profiles"]) == 1


def test_a_profile_is_renamed_by_its_id_and_two_may_exchange_names(ok):
    first, second = ok("admin", "barring_profiles", profiles("A", "B", incoming=[{"prefix": "0900", "allowed": False}]),
                       Scope.COMPANY)["profiles"]
    ok("admin", "barring", {"profile": "A"}, of=ANNA)
    kept = ok("admin", "barring_profiles", {"profiles": [{**first, "name": "B"}, {**second, "name": "A"}]},
              Scope.COMPANY)["profiles"]
    assert [(one["id"], one["name"]) for one in kept] == [(second["id"], "A"), (first["id"], "B")]
    assert ok("admin", "barring", {}, of=ANNA)["profile"] == "B"


def test_a_profile_nobody_touched_keeps_its_ranges_when_it_is_named_again(ok):
    [kept] = ok("admin", "barring_profiles", profiles("A", outgoing=[{"prefix": "0", "allowed": True}]),
                Scope.COMPANY)["profiles"]
    both = ok("admin", "barring_profiles", {"profiles": [kept, {"name": "B"}]}, Scope.COMPANY)["profiles"]
    assert both[0] == kept


def test_costly_classes_are_denied_until_the_company_allows_them(client, ok):
    assert ok("admin", "number_classes", {}, Scope.COMPANY)["allowed"] == ["national", "mobile"]
    assert refused(client, "remote_office", {"number": "+1 212 5550100"})[1] == "target_not_allowed"
    kept = ok("admin", "number_classes", {"allowed": ["international", "mobile", "national"]}, Scope.COMPANY)
    assert kept["allowed"] == ["national", "mobile", "international"]
    assert "international" in kept["warnings"][0]
    assert ok("anna", "remote_office", {"number": "+1 212 5550100"})["number"] == "+12125550100"
    assert refused(client, "number_classes", {"allowed": ["emergency"]}, Scope.COMPANY)[1] == "invalid_field"


def test_limits_of_a_company_are_merged_price_by_price(client, ok):
    kept = ok("admin", "call_limits", {"daily_budget_cents": None, "cents_per_minute": {"mobile": 12}}, Scope.COMPANY)
    assert (kept["daily_budget_cents"], kept["cents_per_minute"]["mobile"], kept["cents_per_minute"]["national"]) == (
        None, 12, 2)
    assert ok("admin", "call_limits", {"external_calls_per_minute": 7}, Scope.COMPANY)["longest_call_s"] == 14_400
    for body, field in (({"longest_call_s": 9}, "longest_call_s"), ({"alert_percent": 101}, "alert_percent"),
                        ({"external_calls_per_minute": 0}, "external_calls_per_minute"),
                        ({"cents_per_minute": {"mobile": -1}}, "cents_per_minute.mobile"),
                        ({"cents_per_minute": {"moon": 1}}, "cents_per_minute.moon")):
        assert refused(client, "call_limits", body, Scope.COMPANY) == (422, "invalid_field", field)


# ----- night service


def test_what_was_switched_by_hand_is_shown_until_the_schedule_changes_next(client, ok, owner_sql):
    everyday = [{"weekday": day, "from": "18:00", "to": "08:00"} for day in range(7)]
    ok("admin", "night_service", {"target": "25", "scheduled": True, "times": {"weekly": everyday}}, Scope.SITE)
    assert ok("admin", "night_service", {"by_hand": True}, Scope.SITE)["by_hand"] is True
    owner_sql("UPDATE routing.site_settings SET night_by_hand_at = now() - interval '1 day'")
    assert ok("admin", "night_service", {}, Scope.SITE)["by_hand"] is None
    assert ok("admin", "night_service", {"target": "26"}, Scope.SITE)["by_hand"] is None
    assert ok("admin", "night_service", {"by_hand": True}, Scope.SITE)["by_hand"] is True
    assert ok("admin", "night_service", {"by_hand": False}, Scope.SITE)["by_hand"] is False
    [(age,)] = owner_sql("SELECT now() - night_by_hand_at < interval '1 minute' FROM routing.site_settings")
    assert age


@pytest.mark.parametrize(("body", "error", "field"), [
    ({"by_hand": True}, "target_missing", "target"),
    ({"scheduled": True}, "target_missing", "target"),
    ({"scheduled": True, "target": "25"}, "times_missing", "times"),
    ({"target": "99"}, "target_unknown", "target"),
    ({"by_hand": "yes"}, "invalid_field", "by_hand"),
    ({"who_may_switch": "cats"}, "invalid_field", "who_may_switch"),
    ({"who_may_switch": "listed"}, "switchers_missing", "switchers"),
    ({"switchers": ["99"]}, "target_unknown", "switchers.0"),
    ({"times": {"holiday_region": "XX"}}, "invalid_field", "times.holiday_region"),
])
def test_a_night_that_would_lead_nowhere_is_refused(client, body, error, field):
    assert refused(client, "night_service", body, Scope.SITE) == (422, error, field)


def test_night_is_also_switched_without_a_schedule(ok):
    assert ok("admin", "night_service", {"target": "0171 5550100", "by_hand": True}, Scope.SITE)["by_hand"] is True
    assert ok("admin", "night_service", {"by_hand": None}, Scope.SITE)["by_hand"] is None


# ----- pickup groups


def test_pickup_groups_are_kept_in_order_and_changed_as_a_whole(ok, owner_sql):
    groups = [{"name": "Sales", "members": ["23", "21"]}, {"name": "Office", "members": []}]
    kept = ok("admin", "pickup_groups", {"groups": groups}, Scope.COMPANY)["groups"]
    assert kept == [{"name": "Office", "members": []}, {"name": "Sales", "members": ["21", "23"]}]
    # From one group to the other, and nobody is in two on the way.
    moved = [{"name": "Office", "members": ["23"]}, {"name": "Sales", "members": ["21", "22"]}]
    assert ok("admin", "pickup_groups", {"groups": moved}, Scope.COMPANY)["groups"] == moved
    [(members,)] = owner_sql("SELECT count(*) FROM routing.pickup_group_members WHERE company_id = 701")
    assert members == 3
    renamed = [{"name": "Service", "members": ["21", "22"]}]
    assert ok("admin", "pickup_groups", {"groups": renamed}, Scope.COMPANY)["groups"] == renamed
    assert ok("admin", "pickup_groups", {"groups": []}, Scope.COMPANY)["groups"] == []


@pytest.mark.parametrize(("groups", "error", "field"), [
    ([{"name": "A", "members": ["99"]}], "target_unknown", "groups.0.members.0"),
    ([{"name": "A", "members": ["21", "21"]}], "in_two_groups", "groups.0.members.1"),
    ([{"name": "A", "members": ["21"]}, {"name": "B", "members": ["21"]}], "in_two_groups", "groups.1.members.0"),
    ([{"name": "A"}, {"name": "A"}], "group_twice", "groups.1.name"),
    ([{"name": ""}], "invalid_field", "groups.0.name"),
    ([{"members": []}], "invalid_field", "groups.0.name"),
    ([{"name": "A", "members": "21"}], "invalid_field", "groups.0.members"),
    ("A", "invalid_field", "groups"),
])
def test_a_pickup_group_that_breaks_a_rule_is_refused(client, groups, error, field):
    assert refused(client, "pickup_groups", {"groups": groups}, Scope.COMPANY) == (422, error, field)
