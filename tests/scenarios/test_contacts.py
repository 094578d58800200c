"""The phone book: searched as one types, the chosen number called, and named in the log of calls (C7, L1)."""

from __future__ import annotations

from typing import Any

from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.test_click_to_dial import click, wait_for_state

OUTSIDE = "+491715550177"
ANNAS_NUMBER = "+49305550021"


def search(stage: Stage, text: str, token: str = "anna") -> list[dict[str, Any]]:
    answer = stage.http("routing", "GET", f"/v1/directory?search={text}", token=token)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["entries"]
    return found


@proves("C7", "L1")
def test_a_contact_is_found_as_one_types_called_and_named_in_the_log(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    made = stage.http("routing", "POST", "/v1/contacts", json_body={
        "first_name": "Jörg", "last_name": "Möbius", "organisation": "Baustoffe Möbius",
        "numbers": [{"label": "work", "number": "030 5559876"}, {"label": "mobile", "number": "0171 5550177"}]})
    assert made.status == 201, made.body
    path = f"/v1/contacts/{made.body['contact_id']}"
    try:
        for typed in ("m", "moeb", "joe", "baust", "0171555"):
            assert "Jörg Möbius" in [entry["name"] for entry in search(stage, typed)], typed
        assert search(stage, "moeb", token="bernd") == [], "one's own are nobody else's"
        [entry] = search(stage, "moebius")
        chosen = next(number for number in entry["numbers"] if number["label"] == "mobile")
        answer = click(stage, chosen["number"])
        assert answer.status == 202, answer.body
        anna.wait_for_ring().answer()
        outside = stage.telephones.carrier.wait_for_ring().answer()
        assert outside.number == OUTSIDE
        wait_for_state(stage, answer.body, "connected")
        outside.hangup()
        wait_for_state(stage, answer.body, "ended")

        def named() -> dict[str, Any] | None:
            lines = stage.http("routing", "GET", "/v1/call-log?limit=5").body["entries"]
            return next((line for line in lines if line["number"] == OUTSIDE), None)

        line = stage.wait_until(named, 10, "the call in the log")
        assert (line["name"], line["contact_id"], line["kind"]) == ("Jörg Möbius", made.body["contact_id"], "placed")
    finally:
        stage.http("routing", "DELETE", path)


@proves("C7")
def test_the_companys_contacts_are_everybodys_and_an_administrators_to_change(stage: Stage) -> None:
    body = {"organisation": "Spedition Übermorgen", "numbers": [{"number": "+43 1 5550100"}]}
    refused = stage.http("routing", "POST", "/v1/company/contacts", json_body=body)
    assert (refused.status, refused.body["error"]) == (403, "forbidden")
    nameless = stage.http("routing", "POST", "/v1/company/contacts", token="admin",
                          json_body={**body, "organisation": ""})
    assert (nameless.status, nameless.body["error"]) == (422, "name_missing")
    made = stage.http("routing", "POST", "/v1/company/contacts", token="admin", json_body=body)
    assert made.status == 201, made.body
    path = f"/v1/company/contacts/{made.body['contact_id']}"
    try:
        for who in ("anna", "bernd"):
            [entry] = search(stage, "uebermorgen", token=who)
            assert (entry["kind"], entry["numbers"][0]["number"]) == ("company", "+4315550100")
        assert search(stage, "uebermorgen", token="ulf") == [], "another company's people do not see them"
    finally:
        assert stage.http("routing", "DELETE", path, token="admin").status == 204


@proves("C7")
def test_a_colleague_is_found_by_name_or_extension_and_called(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    for typed in ("koe", "K%C3%B6hler", "bernd%20k", "22"):
        entry = next(one for one in search(stage, typed) if one["name"] == "Bernd Köhler")
    assert entry["numbers"][0] == {"label": "extension", "number": "22", "shown": "22"}
    answer = click(stage, entry["numbers"][0]["number"])
    anna.wait_for_ring().answer()
    bernd.wait_for_ring().answer()
    wait_for_state(stage, answer.body, "connected")


@proves("C7")
def test_whom_one_talks_with_is_handed_on_to_the_chosen_colleague(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    answer = click(stage, OUTSIDE)
    first = anna.wait_for_ring().answer()
    outside = stage.telephones.carrier.wait_for_ring().answer()
    wait_for_state(stage, answer.body, "connected")
    path = f"/v1/calls/{answer.body['id']}/transfer"
    for target, refusal in (("0900 5123456", (403, "number_not_allowed")), ("*78", (422, "invalid_target")),
                            ("112", (422, "invalid_target"))):
        refused = stage.http("callback", "POST", path, json_body={"target": target})
        assert (refused.status, refused.body["error"]) == refusal
        assert refused.body["field"] == "target"
    [entry] = [one for one in search(stage, "koehler") if one["kind"] == "colleague"]
    handed = stage.http("callback", "POST", path, json_body={"target": entry["numbers"][0]["number"]})
    assert handed.status == 202, handed.body
    ringing = bernd.wait_for_ring()
    first.wait_for("ended")
    ringing.answer()
    outside.send_digits("7")
    ringing.wait_for_digits("7")
    wait_for_state(stage, answer.body, "ended")
    assert stage.http("callback", "POST", path, json_body={"target": "22"}).body["error"] == "not_connected"


@proves("C7", "O2", "L1")
def test_whom_one_talks_with_is_handed_on_to_a_contact_outside_in_ones_own_name(stage: Stage) -> None:
    anna, carrier = stage.telephones["anna"].register(), stage.telephones.carrier
    answer = click(stage, OUTSIDE)
    first = anna.wait_for_ring().answer()
    talking = carrier.wait_for_ring().answer()
    wait_for_state(stage, answer.body, "connected")
    handed = stage.http("callback", "POST", f"/v1/calls/{answer.body['id']}/transfer",
                        json_body={"target": "0171 5550199"})
    assert handed.status == 202, handed.body
    ringing = carrier.wait_for_ring()
    assert ringing.number == "+491715550199"
    assert ANNAS_NUMBER[1:] in ringing.shown_number + "".join(ringing.headers.values())
    first.wait_for("ended")
    ringing.answer()
    talking.send_digits("7")
    ringing.wait_for_digits("7")
    wait_for_state(stage, answer.body, "ended")
    ringing.hangup()
    talking.wait_for("ended")

    def placed() -> Any:
        entries = stage.http("routing", "GET", "/v1/call-log?limit=5").body["entries"]
        return next((one for one in entries if one["number"] == "+491715550199"), None)

    assert stage.wait_until(placed, 20, "the call in her list")["kind"] == "placed"
