"""Codes in front of a number, speed dials, Remote Office, night service, mobiles, a company's own codes (F1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from operations.story_report import proves
from tests.scenarios.dialled_codes import as_before, change, dials, digits, setting
from tests.scenarios.stage import Answer, Stage
from tests.scenarios.telephones import NeverHappened, Telephone

OUTSIDE = "0305550088"
ANNAS_NUMBER = "+49305550021"


def shown_outside(stage: Stage, who: str, dialled: str) -> Any:
    """The call as it reaches the carrier, ended there."""
    call = stage.telephones[who].dial(dialled)
    there = stage.telephones.carrier.wait_for_ring()
    there.reject(486)
    call.wait_for("ended", timeout_s=10)
    return there


def is_hidden(shown: str) -> bool:
    return not any(digit.isdigit() for digit in shown)


@proves("F1", "O2")
def test_the_number_is_suppressed_or_shown_for_one_call(stage: Stage) -> None:
    stage.telephones["anna"].register()
    with as_before(stage, "anna", "shown_number"):
        assert ANNAS_NUMBER[3:] in shown_outside(stage, "anna", OUTSIDE).shown_number
        assert is_hidden(shown_outside(stage, "anna", f"*67{OUTSIDE}").shown_number)
        assert ANNAS_NUMBER[3:] in shown_outside(stage, "anna", OUTSIDE).shown_number
        dials(stage, ("anna", "*31", ["suppress-number-on"]))
        assert is_hidden(shown_outside(stage, "anna", OUTSIDE).shown_number)
        assert ANNAS_NUMBER[3:] in shown_outside(stage, "anna", f"*65{OUTSIDE}").shown_number
        assert is_hidden(shown_outside(stage, "anna", OUTSIDE).shown_number)
        dials(stage, ("anna", "#31", ["suppress-number-off"]))


@proves("F1", "N3", "O5")
def test_an_emergency_call_behind_a_code_goes_out_with_the_sites_number(stage: Stage) -> None:
    stage.telephones["anna"].register()
    there = shown_outside(stage, "anna", "*67112")
    assert there.number == "112"
    assert "305550000" in there.shown_number


@proves("F1", "R7")
def test_no_call_waiting_while_a_call_made_with_the_code_is_up(stage: Stage) -> None:
    anna, bernd, clara = (stage.telephones[name].register() for name in ("anna", "bernd", "clara"))
    with as_before(stage, "anna", "call_waiting"), stage.setting(
            "voicemail.mailboxes", subscriber_id=stage.subscriber_id("anna"), on_busy=False, on_no_answer=False):
        call = anna.dial("*7022")
        bernd.wait_for_ring().answer()
        call.wait_for("answered")
        stage.wait_until(lambda: is_busy(clara, "21"), 10, "anna being busy to a second caller")
        call.hangup()
        stage.wait_until(lambda: not is_busy(clara, "21"), 10, "anna ringing again")
        assert setting(stage, "anna", "call_waiting")["enabled"] is True


@proves("F1", "R7")
def test_a_second_caller_finds_the_line_busy_when_call_waiting_is_off_by_code(stage: Stage) -> None:
    clara, david = stage.telephones["clara"].register(), stage.telephones["david"].register()
    anna = stage.telephones["anna"].register()
    with as_before(stage, "clara", "call_waiting"), stage.setting(
            "voicemail.mailboxes", subscriber_id=stage.subscriber_id("clara"), on_busy=False, on_no_answer=False):
        call = clara.dial("24")
        david.wait_for_ring().answer()
        call.wait_for("answered")
        dials(stage, ("clara", "#43", ["call-waiting-off"]))
        stage.wait_until(lambda: is_busy(anna, "23"), 10, "clara being busy to a second caller")
        dials(stage, ("clara", "*43", ["call-waiting-on"]))
        assert not is_busy(anna, "23")
        call.hangup()


def is_busy(caller: Telephone, extension: str) -> bool:
    """Whether a call there ends at once, as busy; one that rings is taken back."""
    call = caller.dial(extension)
    try:
        call.wait_for("ringing", timeout_s=10)
    except NeverHappened:
        assert call.end_cause == "USER_BUSY", call
        return True
    call.hangup()
    return False


@proves("F1", "O3")
def test_speed_dials_of_ones_own_and_of_the_site(stage: Stage) -> None:
    stage.telephones["anna"].register()
    bernd, clara = stage.telephones["bernd"].register(), stage.telephones["clara"].register()
    with as_before(stage, "anna", "speed_dials", "do_not_disturb"), site_speed_dials(stage, ("08", "22"), ("09", "22")):
        change(stage, "anna", "speed_dials", {"entries": [
            {"code": "07", "number": "22"}, {"code": "08", "number": "23"}, {"code": "10", "number": "*78"}]})
        call = stage.telephones["anna"].dial("*8007")
        bernd.wait_for_ring()
        call.hangup()
        call = stage.telephones["anna"].dial("*8008")   # one's own goes before the site's
        clara.wait_for_ring()
        call.hangup()
        call = stage.telephones["anna"].dial("*8009")
        bernd.wait_for_ring()
        call.hangup()
        dials(stage, ("anna", "*8010", ["do-not-disturb-on"]), ("anna", "*8011", ["speed-dial-nothing-stored"]),
              ("bernd", "*8007", ["speed-dial-nothing-stored"]))


@contextmanager
def site_speed_dials(stage: Stage, *entries: tuple[str, str]) -> Iterator[None]:
    with stage.database.platform() as tx:
        for code, number in entries:
            tx.execute(
                "INSERT INTO routing.speed_dials (company_id, site_id, code, number)"
                " SELECT company_id, site_id, :code, :number FROM directory.subscribers WHERE subscriber_id = :s",
                code=code, number=number, s=stage.subscriber_id("anna"))
    try:
        yield
    finally:
        with stage.database.platform() as tx:
            tx.execute("DELETE FROM routing.speed_dials WHERE site_id IS NOT NULL")


@proves("F1", "R9")
def test_remote_office_by_code_warns_and_moves_the_calls(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    bernd = stage.telephones["bernd"].register()
    with as_before(stage, "anna", "remote_office"):
        said = ["remote-office-is-set-to", *digits(OUTSIDE), "remote-office-warning"]
        dials(stage, ("anna", f"*84{OUTSIDE}", said))
        assert setting(stage, "anna", "remote_office")["number"] == "+49305550088"
        call = bernd.dial("21")
        stage.telephones.carrier.wait_for_ring()
        assert anna.stays_silent()
        call.hangup()
        off = ("anna", "*85", ["remote-office-off"])
        dials(stage, off, ("anna", "*84", said), off)
        assert setting(stage, "anna", "remote_office")["enabled"] is False


@contextmanager
def night(stage: Stage, **settings: Any) -> Iterator[int]:
    """The settings of Anna's site for the while; gives its id."""
    with stage.database.platform() as tx:
        site = tx.one("SELECT company_id, site_id FROM directory.subscribers WHERE subscriber_id = :s",
                      s=stage.subscriber_id("anna"))
        before = tx.rows("SELECT * FROM routing.site_settings WHERE site_id = :site", site=site.site_id)
    try:
        answer = _night(stage, site.site_id, settings)
        assert answer.status == 200, answer.body
        yield site.site_id
    finally:
        with stage.database.platform() as tx:
            tx.execute("DELETE FROM routing.night_switchers WHERE site_id = :site", site=site.site_id)
            tx.execute("DELETE FROM routing.site_settings WHERE site_id = :site", site=site.site_id)
            for row in before:
                names = [name for name in row if name != "night_times"]
                tx.execute(f"INSERT INTO routing.site_settings ({', '.join(names)})"
                           f" VALUES ({', '.join(f':{name}' for name in names)})", **{n: row[n] for n in names})


def _night(stage: Stage, site_id: int, settings: Any) -> Answer:
    return stage.http("routing", "PATCH", f"/v1/sites/{site_id}/settings/night_service", token="operator",
                      json_body=settings)


@proves("F1", "G6")
def test_night_service_is_switched_by_those_who_may(stage: Stage) -> None:
    clara = stage.telephones["clara"].register()
    with night(stage, target="23", who_may_switch="administrators") as site_id:
        dials(stage, ("david", "#80", ["code-not-permitted"]))
        assert _night(stage, site_id, {"who_may_switch": "listed", "switchers": ["24"]}).status == 200
        dials(stage, ("david", "#80", ["night-service-on"]), ("emma", "#81", ["code-not-permitted"]))
        call = stage.telephones.carrier.dial("+49305550025", from_number="+491715550123")
        clara.wait_for_ring()
        call.hangup()
        dials(stage, ("david", "#81", ["night-service-off"]))
        emma = stage.telephones["emma"].register()
        call = stage.telephones.carrier.dial("+49305550025", from_number="+491715550123")
        emma.wait_for_ring()
        call.hangup()
        assert _night(stage, site_id, {"who_may_switch": "everybody"}).status == 200
        dials(stage, ("emma", "#80", ["night-service-on"]), ("emma", "#81", ["night-service-off"]))


@proves("F1", "G6")
def test_night_service_without_a_target_says_so(stage: Stage) -> None:
    with night(stage, target=None, who_may_switch="everybody"):
        dials(stage, ("felix", "#80", ["code-not-set-up"]))


@contextmanager
def integrated_mobile(stage: Stage, device: str) -> Iterator[None]:
    def switch(on: bool) -> None:
        with stage.database.platform() as tx:
            tx.execute("UPDATE directory.companies SET mobile_integration = :on WHERE company_id = :c",
                       on=on, c=stage.company_id())
            tx.execute("UPDATE directory.devices SET is_mobile = :on WHERE device_id = :d", on=on, d=device)

    switch(True)
    try:
        yield
    finally:
        switch(False)


@proves("F1", "N8")
def test_an_integrated_mobile_dials_788_for_the_star_and_other_telephones_do_not(stage: Stage) -> None:
    mobile = stage.telephones["anna-soft"].register()
    with as_before(stage, "anna", "do_not_disturb", "forwardings"), integrated_mobile(stage, "anna-soft"):
        dials(stage, ("anna-soft", "78878", ["do-not-disturb-on"]))
        assert setting(stage, "anna", "do_not_disturb")["enabled"] is True
        dials(stage, ("anna-soft", "78879", ["do-not-disturb-off"]))
        dials(stage, ("anna-soft", "7887222", ["forward-always-is-set-to", *digits("22")]),
              ("anna-soft", "78861", ["code-unknown"]))     # *61* has no mobile form
        dials(stage, ("anna-soft", "*73", ["forward-always-off"]))
        call = stage.telephones["anna"].register().dial("78878")
        call.wait_for("ended", timeout_s=20)
        assert call.end_cause == "UNALLOCATED_NUMBER"
        assert setting(stage, "anna", "do_not_disturb")["enabled"] is False
    call = mobile.dial("78878")
    call.wait_for("ended", timeout_s=20)
    assert call.end_cause == "UNALLOCATED_NUMBER"


@proves("F1")
def test_a_company_dials_its_own_code_and_looks_it_up(stage: Stage) -> None:
    company = "/v1/company/settings/feature_codes"

    def put(code: str | None) -> Answer:
        return stage.http("routing", "PATCH", company, token="admin",
                          json_body={"codes": {"do_not_disturb_on": code}})

    refused = put("*79")
    assert (refused.status, refused.body["field"]) == (422, "codes.do_not_disturb_on")
    with as_before(stage, "anna", "do_not_disturb"):
        assert put("*123").status == 200
        try:
            shown = stage.http("routing", "GET", "/v1/feature-codes", token="anna").body["codes"]
            [one] = [entry for entry in shown if entry["function"] == "do_not_disturb_on"]
            assert (one["code"], one["mobile_code"], one["changed"]) == ("*123", "788123", True)
            dials(stage, ("anna", "*123", ["do-not-disturb-on"]), ("bernd", "*78", ["code-unknown"]))
        finally:
            assert put(None).status == 200
        dials(stage, ("anna", "*78", ["do-not-disturb-on"]))
        assert stage.http("routing", "PATCH", company, token="anna", json_body={"codes": {}}).status == 403
