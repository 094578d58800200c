"""Trunks as data: what the carrier sees of a call, the next trunk when one fails, trunks that come and go."""

from __future__ import annotations

import pytest

from operations.story_report import proves
from tests.scenarios.outside import (
    MOBILE,
    dead_port,
    first_trunk,
    first_trunk_with,
    second_carrier_port,
    setting,
    silent_port,
    trunk,
    trunks,
)
from tests.scenarios.settings import set_to
from tests.scenarios.stage import Stage
from tests.scenarios.test_forwarding import forwarding
from tests.scenarios.test_simultaneous_ring import numbers

TIMER_B_S = 6
"""freeswitch/conf/profiles/external.xml"""
DIALLED = "01715550123"
ANNA = "+49305550021"
BERND = "+49305550022"


@proves("O2", "O4")
def test_the_carrier_sees_the_callers_own_number_asserted(stage: Stage) -> None:
    stage.telephones["anna"].register().dial(DIALLED)
    outside = stage.telephones.carrier.wait_for_ring()
    assert outside.number == MOBILE
    assert f"sip:{ANNA}@" in outside.headers["From"]
    assert f"sip:{ANNA}@" in outside.headers["P-Asserted-Identity"]
    assert "Anna" not in outside.headers["From"] + outside.headers["P-Asserted-Identity"]
    assert not {"Privacy", "Remote-Party-ID", "P-Preferred-Identity", "Diversion", "History-Info"} & set(
        outside.headers)


@proves("O2")
def test_a_suppressed_number_is_for_the_carrier_alone(stage: Stage) -> None:
    with setting(stage, "anna", "shown_number", suppressed=True):
        stage.telephones["anna"].register().dial(DIALLED)
        outside = stage.telephones.carrier.wait_for_ring()
    assert "sip:anonymous@anonymous.invalid" in outside.headers["From"]
    assert ANNA not in outside.headers["From"]
    assert f"sip:{ANNA}@" in outside.headers["P-Asserted-Identity"]
    assert outside.headers["Privacy"] == "id"
    assert outside.shown_number == "anonymous"


@proves("O2", "F1")
def test_the_number_is_suppressed_or_shown_for_one_call_by_code(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    call = anna.dial(f"*67{DIALLED}")
    once = stage.telephones.carrier.wait_for_ring()
    assert (once.number, once.shown_number) == (MOBILE, "anonymous")
    call.hangup()
    call = anna.dial(DIALLED)
    assert stage.telephones.carrier.wait_for_ring().shown_number == ANNA
    call.hangup()
    with setting(stage, "anna", "shown_number", suppressed=True):
        anna.dial(f"*65{DIALLED}")
        shown = stage.telephones.carrier.wait_for_ring()
        assert "Privacy" not in shown.headers
        assert shown.shown_number == ANNA


@proves("O2")
@pytest.mark.parametrize(("style", "there", "not_there"), [
    ("from", None, "P-Asserted-Identity"),
    ("p_preferred_identity", "P-Preferred-Identity", "P-Asserted-Identity"),
    ("remote_party_id", "Remote-Party-ID", "P-Asserted-Identity"),
])
def test_the_number_stands_where_the_trunk_wants_it(
    stage: Stage, style: str, there: str | None, not_there: str,
) -> None:
    with first_trunk_with(stage, caller_style=style):
        stage.telephones["anna"].register().dial(DIALLED)
        outside = stage.telephones.carrier.wait_for_ring()
    assert f"sip:{ANNA}@" in outside.headers["From"]
    assert there is None or f"sip:{ANNA}@" in outside.headers[there]
    assert not_there not in outside.headers


@proves("O2")
@pytest.mark.parametrize("style", ["id_only", "from_only"])
def test_privacy_is_said_the_trunks_way(stage: Stage, style: str) -> None:
    with first_trunk_with(stage, privacy_style=style), setting(stage, "anna", "shown_number", suppressed=True):
        stage.telephones["anna"].register().dial(DIALLED)
        outside = stage.telephones.carrier.wait_for_ring()
    if style == "id_only":
        assert ANNA in outside.headers["From"]
        assert outside.headers["Privacy"] == "id"
    else:
        assert "anonymous.invalid" in outside.headers["From"]
        assert not any(ANNA in value for value in outside.headers.values())
        assert "Privacy" not in outside.headers


@proves("O2")
def test_numbers_are_written_the_trunks_way(stage: Stage) -> None:
    with first_trunk_with(stage, number_format="national"):
        stage.telephones["anna"].register().dial("+43 1 5550123".replace(" ", ""))
        assert stage.telephones.carrier.stays_silent()  # another country: not before it is allowed
        stage.telephones["anna"].dial(DIALLED)
        outside = stage.telephones.carrier.wait_for_ring()
        assert outside.number == DIALLED
        assert "sip:0305550021@" in outside.headers["P-Asserted-Identity"]


@proves("R13")
@pytest.mark.parametrize(("style", "there"), [
    ("diversion", {"Diversion"}), ("history_info", {"History-Info"}), ("both", {"Diversion", "History-Info"}),
    ("none", set()),
])
def test_a_carrier_learns_who_forwarded_in_its_own_way(stage: Stage, style: str, there: set[str]) -> None:
    stage.telephones["bernd"].register()
    with first_trunk_with(stage, diversion_style=style), forwarding(stage, "bernd", always=MOBILE):
        stage.telephones["anna"].register().dial("22")
        outside = stage.telephones.carrier.wait_for_ring()
    assert {"Diversion", "History-Info"} & set(outside.headers) == there
    assert f"sip:{BERND}@" in outside.headers["P-Asserted-Identity"]  # never a number the company does not own
    if "Diversion" in there:
        assert f"<sip:{BERND}@" in outside.headers["Diversion"]
        assert "reason=unconditional" in outside.headers["Diversion"]
    if "History-Info" in there:
        assert f"<sip:{BERND}@" in outside.headers["History-Info"]
        assert f"<sip:{MOBILE}@" in outside.headers["History-Info"]
    assert not any("Bernd" in value or "sip:22@" in value for value in outside.headers.values())


@proves("R13")
def test_a_call_forwarded_twice_names_both_places_and_no_colleagues(stage: Stage) -> None:
    with forwarding(stage, "bernd", always="23"), forwarding(stage, "clara", always=MOBILE):
        stage.telephones["anna"].register().dial("22")
        outside = stage.telephones.carrier.wait_for_ring()
    clara, bernd = (outside.headers["Diversion"].index(number) for number in ("+49305550023", BERND))
    assert clara < bernd  # the last who forwarded comes first
    assert "Clara" not in outside.headers["Diversion"]


@proves("O4")
@pytest.mark.parametrize("how", ["nobody listens", "the carrier fails"])
def test_the_next_trunk_takes_a_call_the_first_cannot(stage: Stage, how: str) -> None:
    port = dead_port(stage) if how == "nobody listens" else second_carrier_port(stage)
    with trunk(stage, port=port, position=1):
        call = stage.telephones["anna"].register().dial(DIALLED)
        if how == "the carrier fails":
            stage.telephones["carrier-2"].wait_for_ring().reject(503)
        outside = stage.telephones.carrier.wait_for_ring(timeout_s=10)
        outside.answer()
        call.wait_for("answered").hangup()


@proves("O4")
def test_a_carrier_that_does_not_let_us_call_is_followed_by_the_next_and_tried_last(stage: Stage) -> None:
    """403: no account, no credit. To the switch it is the cause of a 603, and that is said by the person called."""
    with trunk(stage, port=second_carrier_port(stage), position=1):
        anna, carrier = stage.telephones["anna"].register(), stage.telephones.carrier
        first = anna.dial(DIALLED)
        stage.telephones["carrier-2"].wait_for_ring().reject(403)
        carrier.wait_for_ring().answer()
        first.wait_for("answered").hangup()
        first.wait_for("ended")
        second = anna.dial(DIALLED)
        carrier.wait_for_ring().hangup()
        second.wait_for("ended", timeout_s=15)


@proves("O4", "R8")
def test_a_carrier_that_says_nothing_is_waited_for_once(stage: Stage) -> None:
    for name in ("anna", "bernd"):
        stage.telephones[name].register()
    anna, carrier = stage.telephones["anna"], stage.telephones.carrier
    with silent_port(stage) as port, trunk(stage, port=port, position=1):
        first = anna.dial(DIALLED)
        carrier.wait_for_ring(timeout_s=TIMER_B_S + 6).answer()
        first.wait_for("answered").hangup()
        first.wait_for("ended")
        # From now on it is tried last: by calls, and by what rings along.
        second = anna.dial(DIALLED)
        carrier.wait_for_ring(timeout_s=TIMER_B_S - 1).hangup()
        second.wait_for("ended", timeout_s=15)
        with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)):
            third = anna.dial("22")
            assert stage.telephones["bernd"].wait_for_ring().up
            carrier.wait_for_ring(timeout_s=TIMER_B_S - 1).answer()
            third.wait_for("answered").hangup()


@proves("O4")
@pytest.mark.parametrize("status", [486, 480, 404, 603])
def test_what_the_far_network_says_of_the_number_no_other_trunk_is_asked_again(stage: Stage, status: int) -> None:
    with trunk(stage, port=second_carrier_port(stage), position=1):
        call = stage.telephones["anna"].register().dial(DIALLED)
        stage.telephones["carrier-2"].wait_for_ring().reject(status)
        call.wait_for("ended", timeout_s=15)
        assert stage.telephones.carrier.stays_silent()


@proves("O4")
def test_a_trunk_that_could_not_register_is_shown_so_and_passed_over(stage: Stage) -> None:
    with trunk(stage, port=dead_port(stage), position=1, register=True, username="benutzer", password="geheim"):
        stage.telephones["anna"].register().dial(DIALLED)
        assert stage.telephones.carrier.wait_for_ring(timeout_s=10).number == MOBILE


@proves("O4")
def test_a_trunk_comes_and_goes_and_changes_while_calls_are_made(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    with trunk(stage, label="Zweiter", port=second_carrier_port(stage), position=1) as made:
        assert first_trunk(stage)["label"] == "Zweiter"
        call = anna.dial(DIALLED)
        stage.telephones["carrier-2"].wait_for_ring().answer()
        call.wait_for("answered")
        off = stage.http("routing", "PATCH", f"/v1/trunks/{made['trunk_id']}", token="admin",
                         json_body={"enabled": False})
        assert (off.status, off.body["state"]) == (200, "unknown")
        second = stage.telephones["anna"].dial(DIALLED)
        stage.telephones.carrier.wait_for_ring()
        assert call.up
        second.hangup()
        call.hangup()


@proves("O4")
def test_callers_come_in_over_a_trunk_that_was_added(stage: Stage) -> None:
    stage.telephones["bernd"].register()
    with trunk(stage, port=second_carrier_port(stage)):
        stage.telephones["carrier-2"].dial(BERND, from_number=MOBILE)
        assert stage.telephones["bernd"].wait_for_ring().shown_number == MOBILE


@proves("O4", "X7")
def test_trunks_are_an_administrators_and_keep_their_passwords(stage: Stage) -> None:
    for token, expected in ((None, 401), ("anna", 403), ("operator", 403), ("admin", 200)):
        assert stage.http("routing", "GET", "/v1/trunks", token=token).status == expected
    address = f"/v1/companies/{stage.company_id()}/trunks"
    listed = stage.http("routing", "GET", address, token="operator")
    assert listed.status == 200
    assert stage.http("routing", "GET", "/v1/companies/999999/trunks", token="admin").status == 404
    with trunk(stage, username="benutzer", password="sehr-geheim-77", port=dead_port(stage)) as made:
        shown = stage.http("routing", "GET", f"/v1/trunks/{made['trunk_id']}", token="admin")
        assert shown.body["password_set"] is True
        assert b"sehr-geheim" not in shown.content
        assert b"sehr-geheim" not in stage.http("routing", "GET", "/v1/trunks", token="admin").content
    assert stage.http("routing", "GET", f"/v1/trunks/{made['trunk_id']}", token="admin").status == 404


@proves("O4")
@pytest.mark.parametrize(("body", "field"), [
    ({"label": "X"}, "host"),
    ({"label": "", "host": "127.0.0.1"}, "label"),
    ({"label": "X", "host": "a b"}, "host"),
    ({"label": "X", "host": "127.0.0.1:5060"}, "host"),
    ({"label": "X", "host": "127.0.0.1", "port": 0}, "port"),
    ({"label": "X", "host": "127.0.0.1", "port": "5060"}, "port"),
    ({"label": "X", "host": "127.0.0.1", "register": True}, "register"),
    ({"label": "X", "host": "127.0.0.1", "register": True, "username": "a"}, "register"),
    ({"label": "X", "host": "127.0.0.1", "password": "a\u0007"}, "password"),
    ({"label": "X", "host": "127.0.0.1", "caller_style": "loud"}, "caller_style"),
    ({"label": "X", "host": "127.0.0.1", "colour": "red"}, "colour"),
])
def test_a_trunk_that_breaks_a_rule_is_refused_and_the_field_named(
    stage: Stage, body: dict[str, object], field: str,
) -> None:
    def without_state() -> list[dict[str, object]]:
        return [{name: value for name, value in one.items() if name != "state"} for one in trunks(stage)]

    before = without_state()
    answer = stage.http("routing", "POST", "/v1/trunks", token="admin", json_body=body)
    assert (answer.status, answer.body["field"]) == (422, field), answer.body
    assert without_state() == before


@proves("O4")
def test_two_trunks_of_a_company_are_not_called_the_same(stage: Stage) -> None:
    answer = stage.http("routing", "POST", "/v1/trunks", token="admin",
                        json_body={"label": first_trunk(stage)["label"], "host": "127.0.0.1"})
    assert (answer.status, answer.body["error"], answer.body["field"]) == (422, "label_taken", "label")


@proves("O4", "X7")
def test_of_two_who_change_a_trunk_at_the_same_time_the_second_is_told(stage: Stage) -> None:
    with trunk(stage, port=dead_port(stage)) as made:
        address = f"/v1/trunks/{made['trunk_id']}"
        read = stage.http("routing", "GET", address, token="admin").headers["ETag"]
        first = stage.http("routing", "PATCH", address, token="admin", json_body={"privacy_style": "from_only"},
                           headers={"If-Match": read})
        assert first.status == 200, first.body
        second = stage.http("routing", "PATCH", address, token="admin", json_body={"enabled": False},
                            headers={"If-Match": read})
        assert (second.status, second.body["error"], second.body["field"]) == (412, "changed_meanwhile", "If-Match")
        assert second.headers["ETag"] == first.headers["ETag"]
        assert stage.http("routing", "GET", address, token="admin").body["enabled"] is True
