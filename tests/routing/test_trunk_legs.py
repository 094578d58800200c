"""What one leg through a trunk is told: shown number, privacy, who forwarded, its end; in a string nobody can widen."""

from __future__ import annotations

import pytest

from services.routing.facts import ForwardReason, Redirection
from services.routing.limits import CallLimits
from services.routing.plan import TrunkLeg
from services.routing.trunk_legs import NothingKnown, trunk_leg
from services.routing.trunks import Trunk, as_written, forwarded_variables, shown_variables
from shared.dialling import UndiallableError, dial_string, leg_string, variables_string

OWN = "+493055500021"
MOBILE = "+491715550123"
BERND = Redirection("22", "+493055500022", "Bernd Buche", ForwardReason.BUSY)
CLARA = Redirection("23", "+493055500023", "Clara Clemens", ForwardReason.ALWAYS)
NUMBERLESS = Redirection("24", "", "David Daus", ForwardReason.ALWAYS)


def trunk(**more: object) -> Trunk:
    return Trunk("amsel-1", host="sip.carrier.example", **more)  # type: ignore[arg-type]


class Known(NothingKnown):
    def __init__(self, known: Trunk) -> None:
        self._known = known

    def trunk(self, name: str) -> Trunk | None:
        return self._known

    def limits_of(self, company_id: int) -> CallLimits:
        return CallLimits(longest_call_s=900)


@pytest.mark.parametrize(("written", "number", "expected"), [
    ("e164", MOBILE, MOBILE), ("plain", MOBILE, "491715550123"), ("national", MOBILE, "01715550123"),
    ("national", "+43155501234", "0043155501234"), ("national", OWN, "03055500021"), ("national", "112", "112"),
    ("plain", "112", "112"),
])
def test_numbers_are_written_as_the_trunk_wants_them(written: str, number: str, expected: str) -> None:
    assert as_written(number, written, OWN) == expected


def test_a_swiss_trunk_writes_swiss_numbers_nationally() -> None:
    assert as_written("+41446681800", "national", "+41446681801") == "0446681800"
    assert as_written(MOBILE, "national", "+41446681801") == "00491715550123"


def test_nothing_is_said_of_a_caller_who_has_no_number() -> None:
    assert shown_variables(trunk(), "", withheld=False) == {}


@pytest.mark.parametrize("style", ["from", "p_asserted_identity", "p_preferred_identity", "remote_party_id"])
@pytest.mark.parametrize("privacy", ["id", "id_only", "from_only"])
def test_a_suppressed_number_never_stands_in_from_but_where_the_trunk_asked_for_it(style: str, privacy: str) -> None:
    told = shown_variables(trunk(caller_style=style, privacy_style=privacy), OWN, withheld=True)
    assert ("sip_from_uri" in told) == (privacy != "id_only")
    if privacy == "from_only":
        assert told["sip_cid_type"] == "none"
        assert "hide_number" not in told["origination_privacy"]
    elif style == "from":
        assert told["sip_h_Privacy"] == "id"
    else:
        assert "hide_number" in told["origination_privacy"]


@pytest.mark.parametrize("style", ["diversion", "history_info", "both", "none"])
def test_a_carrier_is_told_no_names_and_no_extensions(style: str) -> None:
    told = forwarded_variables(trunk(diversion_style=style), (BERND, NUMBERLESS, CLARA), MOBILE)
    assert not any(word in value for value in told.values() for word in ("Bernd", "Clara", "David", "sip:2"))
    assert ("sip_h_Diversion" in told) == (style in ("diversion", "both"))
    assert ("sip_h_History-Info" in told) == (style in ("history_info", "both"))


def test_the_last_who_forwarded_comes_first_in_diversion_and_last_in_history_info() -> None:
    told = forwarded_variables(trunk(diversion_style="both"), (BERND, CLARA), MOBILE)
    assert told["sip_h_Diversion"] == (
        "<sip:+493055500023@sip.carrier.example>;reason=unconditional, "
        "<sip:+493055500022@sip.carrier.example>;reason=user-busy")
    assert told["sip_h_History-Info"] == (
        "<sip:+493055500022@sip.carrier.example>;index=1, <sip:+493055500023@sip.carrier.example>;index=1.1, "
        "<sip:+491715550123@sip.carrier.example;cause=302>;index=1.1.1")


def test_a_leg_ends_after_the_longest_call_but_never_to_an_emergency_centre() -> None:
    leg = trunk_leg(TrunkLeg("amsel-1", MOBILE, OWN, 21), 7, "d.example", (), Known(trunk()), {})
    assert leg.variables["execute_on_answer"] == "sched_hangup +900 ALLOTTED_TIMEOUT"
    assert leg.variables["pbx_leg_cents"] == "10"
    emergency = trunk_leg(TrunkLeg("amsel-1", "112", OWN, 0), 7, "d.example", (), Known(trunk()), {})
    assert not {"execute_on_answer", "pbx_leg_cents", "pbx_leg_subscriber"} & set(emergency.variables)


def test_a_trunk_nobody_described_is_dialled_all_the_same() -> None:
    leg = trunk_leg(TrunkLeg("unheard-of", MOBILE, OWN, 21), 7, "amsel.example", (CLARA,), NothingKnown(), {})
    assert leg.number == MOBILE
    assert "@amsel.example>" in leg.variables["sip_h_Diversion"]


def test_a_comma_in_a_header_makes_no_second_leg() -> None:
    leg = trunk_leg(TrunkLeg("amsel-1", MOBILE, OWN, 21), 7, "d.example", (BERND, CLARA), Known(trunk()), {})
    text = leg_string(leg)
    assert text.startswith("[^^!")
    assert text.count("!") == len(leg.variables)
    assert dial_string([leg]).endswith("]sofia/gateway/amsel-1/+491715550123")


@pytest.mark.parametrize(("name", "value"), [
    ("execute_on_answer", "system rm"), ("execute_on_answer", "sched_hangup +60 ALLOTTED_TIMEOUT,x=y"),
    ("sip_from_uri", "sip:+4930@evil.example"), ("sip_h_Diversion", '"x" <sip:1@d>;reason=y'),
    ("sip_h_Diversion", "<sip:1@d>;reason=y]sofia/gateway/x/0900"), ("sip_h_History-Info", "<sip:1@d>;index=1}{"),
    ("sip_h_Privacy", "id,api_on_answer=x"), ("exclude_outgoing_extra_header", "a|b"),
])
def test_the_variables_that_may_say_more_say_only_what_they_are_for(name: str, value: str) -> None:
    with pytest.raises(UndiallableError):
        variables_string("[", {name: value}, "]")


def test_a_password_is_in_no_repr() -> None:
    assert "geheim" not in repr(trunk(password="geheim"))
