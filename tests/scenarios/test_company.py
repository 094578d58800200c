"""Companies, numbers, and the record of calls (N1, N2, N3, L1, O1, X1)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.stage import Stage


@proves("N1")
def test_the_same_extension_of_another_company_is_another_person(stage: Stage) -> None:
    anna, ulf = stage.telephones["anna"].register(), stage.telephones["ulf"].register()
    vera = stage.telephones["vera"].register()
    stage.telephones["bernd"].register()
    call = vera.dial("21")  # ext 21 is Anna in one company, Ulf in the other
    ringing = ulf.wait_for_ring()
    assert ringing.shown_name.startswith("Vera")
    assert anna.stays_silent()
    ringing.answer()
    call.hangup()
    stranger = vera.dial("23")  # an extension only the other company has
    stranger.wait_for("ended", timeout_s=15)
    assert stage.telephones["clara"].stays_silent()


@proves("N1", "X1")
def test_nothing_of_another_company_is_seen_over_http(stage: Stage) -> None:
    mine = stage.http("presence", "GET", "/v1/watched", token="anna").body["watched"]
    assert mine is not None
    refused = stage.http("presence", "PUT", "/v1/watched", token="ulf", json_body={"extensions": ["23"]})
    assert refused.status == 422, "extension 23 exists, but in the other company"


@proves("N2", "N3", "O1")
def test_all_numbers_of_a_subscriber_ring_his_telephones_from_outside(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    call = stage.telephones.carrier.dial("+49305550022", from_number="+491715550123")
    ringing = bernd.wait_for_ring()
    assert ringing.shown_number in ("01715550123", "+491715550123", "0171 5550123", "00491715550123")
    ringing.answer()
    call.wait_for("answered")
    call.hangup()


@proves("N3", "O1", "O2")
def test_a_number_dialled_in_any_usual_form_goes_out_as_e164_with_the_business_number(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    for dialled in ("01715550123", "+491715550123", "00491715550123"):
        call = anna.dial(dialled)
        outside = stage.telephones.carrier.wait_for_ring()
        assert outside.number == "+491715550123"
        assert outside.shown_number == "+49305550021"
        outside.answer()
        call.wait_for("answered")
        call.hangup()
        outside.wait_for("ended")


@proves("N3", "O5")
def test_an_emergency_call_goes_out_and_shows_the_sites_number(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    for number in ("112", "110"):
        call = anna.dial(number)
        outside = stage.telephones.carrier.wait_for_ring()
        assert outside.number == number
        assert outside.shown_number == "+49305550000"
        outside.answer()
        call.wait_for("answered")
        call.hangup()
        outside.wait_for("ended")


@proves("N2")
def test_both_telephones_of_a_subscriber_ring_and_the_first_to_answer_has_the_call(stage: Stage) -> None:
    desk, soft = stage.telephones["anna"].register(), stage.telephones["anna-soft"].register()
    bernd = stage.telephones["bernd"].register()
    call = bernd.dial(stage.extension("anna"))
    at_desk, at_soft = desk.wait_for_ring(), soft.wait_for_ring()
    at_soft.answer()
    call.wait_for("answered")
    at_desk.wait_for("ended")
    call.hangup()
    soft.unregister()


@proves("L1", "R13")
def test_the_call_log_tells_placed_received_and_missed_calls_with_names(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    answered = anna.dial("22")
    bernd.wait_for_ring().answer()
    answered.wait_for("answered")
    answered.hangup()
    missed = anna.dial("22")
    bernd.wait_for_ring()
    missed.hangup()

    def entries(token: str) -> list[dict[str, object]]:
        answer = stage.http("routing", "GET", "/v1/call-log?limit=10", token=token)
        assert answer.status == 200, answer.body
        return list(answer.body["entries"])

    def kinds(token: str) -> list[object]:
        return [entry["kind"] for entry in entries(token)[:2]]

    stage.wait_until(lambda: kinds("bernd") == ["missed", "received"], 10, "Bernd's log")
    stage.wait_until(lambda: kinds("anna") == ["placed", "placed"], 10, "Anna's log")
    newest = entries("bernd")[0]
    assert str(newest["name"]).startswith("Anna")
    assert newest["number"] == "21"
    assert newest["rung"], "the log names the rung that decided"


@proves("X1")
def test_every_service_says_how_it_is(stage: Stage) -> None:
    for service in ("routing", "callback", "voicemail", "presence"):
        assert stage.http(service, "GET", "/health", token=None).status == 200
        ready = stage.http(service, "GET", "/ready", token=None)
        assert (ready.status, ready.body["ready"]) == (200, True), ready.body
        assert b"pbx_" in stage.http(service, "GET", "/metrics", token=None).content
        document = stage.http(service, "GET", "/openapi.json", token=None)
        assert document.status == 200
        assert document.body["paths"]
