"""What happens to what is dialled."""

import pytest

from services.routing.facts import CallerRule, CodeDialled, Company, Dialled, Intercept
from services.routing.outgoing import route
from services.routing.plan import Act, Announce, PickUp, Ring, Say, ToMailbox, ToPortal, TrunkLeg
from shared.barring import Range
from tests.routing.build import BERLIN, outgoing, person

OUTSIDE = Dialled("01715550100", "+491715550100", "mobile")
EMERGENCY = Dialled("112", is_emergency=True)


def test_an_extension_rings_the_colleague():
    decision = route(outgoing(person(21), Dialled("22"), person(22)))
    assert decision.step.legs[0].device_id == "bernd-desk"
    assert decision.rung == "devices"


def test_a_colleagues_outside_number_stays_inside():
    decision = route(outgoing(person(21), Dialled("55500022", "+493055500022", "national"), person(22)))
    assert decision.step.legs[0].device_id == "bernd-desk"


def test_a_number_outside_goes_over_the_trunk_and_shows_the_own_number():
    step = route(outgoing(person(21), OUTSIDE)).step
    assert step.legs == (TrunkLeg("musterbau-1", "+491715550100", "+493055500021", 21),)


def test_without_an_own_number_the_sites_is_shown():
    step = route(outgoing(person(21, main_number=""), OUTSIDE)).step
    assert step.legs[0].shown_number == BERLIN.main_number


def test_the_next_trunk_is_tried_only_when_one_fails():
    two = Company(7, "musterbau.example", ("one", "two"), frozenset({"mobile"}))
    step = route(outgoing(person(21), OUTSIDE, company=two)).step
    assert step.not_reachable.legs[0].trunk == "two"
    assert not isinstance(step.busy, Ring)
    assert not isinstance(step.no_answer, Ring)


@pytest.mark.parametrize("dialled", [
    Dialled("090055512", "+4990055512", "premium"),
    Dialled("00882", "+8825550100", "satellite"),
    Dialled("0012025550123", "+12025550123", "international"),
])
def test_expensive_classes_are_barred_until_the_company_allows_them(dialled):
    step = route(outgoing(person(21), dialled)).step
    assert isinstance(step, Announce)
    assert (step.prompt, step.cause) == ("number-barred", "OUTGOING_CALL_BARRED")


def test_a_barring_profile_bars_and_its_longer_prefix_allows():
    barred = person(21, barring_outgoing=(Range("+49171", False),))
    allowed = person(21, barring_outgoing=(Range("+49171", False), Range("+4917155501", True)))
    assert route(outgoing(barred, OUTSIDE)).rung == "barring"
    assert route(outgoing(allowed, OUTSIDE)).rung == "external number"


@pytest.mark.parametrize("settings", [
    {}, {"intercept_outgoing": Intercept()}, {"barring_outgoing": (Range("", False),)},
    {"enterprise_outgoing": (CallerRule("none", external=True, action="reject"),)},
])
def test_emergency_calls_go_out_whatever_is_barred_with_the_sites_number(settings):
    step = route(outgoing(person(21, **settings), EMERGENCY)).step
    assert step.legs == (TrunkLeg("musterbau-1", "112", "+49305550000", 0),)


def test_an_intercepted_subscriber_hears_so():
    assert route(outgoing(person(21, intercept_outgoing=Intercept()), Dialled("22"), person(22))).rung == "intercept"


def test_an_unknown_extension_is_announced():
    step = route(outgoing(person(21), Dialled("99"))).step
    assert (step.prompt, step.cause) == ("number-not-assigned", "UNALLOCATED_NUMBER")


def test_a_code_dialled_wrongly_is_answered_with_what_is_wrong():
    code = CodeDialled("", refused="code-unknown")
    decision = route(outgoing(person(21, language="en"), Dialled("*4711"), code=code))
    assert decision.step == Say(("code-unknown",), "en", "feature_code_refused")
    assert decision.rung == "feature code or speed dial"


def test_a_code_asks_to_be_done_and_changes_nothing_by_itself():
    decision = route(outgoing(person(21), Dialled("*720301"), code=CodeDialled("forward_always_on", "0301")))
    assert decision.step == Act("forward_always_on", "0301", "de")


def test_a_code_from_nobodys_telephone_is_refused_in_words():
    decision = route(outgoing(None, Dialled("*78"), code=CodeDialled("do_not_disturb_on")))
    assert decision.step == Say(("code-nobodys-telephone",), "de", "feature_code_refused")


def test_the_portal_is_entered_by_a_code_the_own_mailbox_or_any():
    own = route(outgoing(person(21, language="en"), Dialled("*86"), code=CodeDialled("own_mailbox"))).step
    assert own == ToPortal(21, "en")
    assert route(outgoing(person(21), Dialled("*62"), code=CodeDialled("voice_portal"))).step == ToPortal(
        21, "de", asks_whose=True)
    nobody = route(outgoing(None, Dialled("*86"), code=CodeDialled("own_mailbox"))).step
    assert nobody == Say(("code-nobodys-telephone",), "de", "feature_code_refused")


@pytest.mark.parametrize("caller", [person(21), None], ids=["a colleague", "somebody who was transferred"])
def test_a_mailbox_is_reached_without_ringing(caller):
    code = CodeDialled("to_mailbox", "22", number="22")
    callee = person(22, language="en", do_not_disturb=True)
    assert route(outgoing(caller, Dialled("22"), callee, code=code)).step == ToMailbox(22, "22", "en", "direct")
    nobody = CodeDialled("to_mailbox", "112", number="112")
    assert route(outgoing(caller, Dialled("112"), code=nobody)).step == Say(
        ("number-not-assigned",), "de", "feature_code_refused")


def test_the_number_behind_a_code_climbs_the_rungs_as_if_it_had_been_dialled():
    code = CodeDialled("speed_dial", "07", number="22")
    decision = route(outgoing(person(21), Dialled("22"), person(22), code=code))
    assert decision.step.legs[0].device_id == "bernd-desk"
    assert ("code", "speed_dial") in [saw for line in decision.trace for saw in line.saw]
    emergency = Dialled("112", is_emergency=True)
    assert route(outgoing(person(21), emergency, code=code)).rung == "emergency"


def test_a_transferred_caller_reaches_colleagues_but_never_the_outside():
    assert route(outgoing(None, Dialled("22"), person(22))).step.legs[0].device_id == "bernd-desk"
    assert route(outgoing(None, OUTSIDE)).rung == "barring"


def test_a_lamp_key_calls_the_watched_person():
    key = Dialled("lamp+21-1-abcdefghij", is_lamp=True, lamp_owner_id=22)
    assert route(outgoing(person(21), key, person(22))).step.legs[0].device_id == "bernd-desk"


def test_a_lamp_key_takes_a_call_that_rings_there_and_else_calls():
    key = Dialled("lamp+21-1-abcdefghij", is_lamp=True, lamp_owner_id=22, pick_up_leg_uuid="1-2")
    step = route(outgoing(person(21), key, person(22))).step
    assert isinstance(step, PickUp)
    assert step.otherwise.legs[0].device_id == "bernd-desk"


def test_a_lamp_key_that_watches_nobody_says_so():
    step = route(outgoing(person(21), Dialled("lamp+21-1-abcdefghij", is_lamp=True))).step
    assert step.prompt == "number-not-assigned"


@pytest.mark.parametrize("held", [
    {"intercept_outgoing": Intercept()},
    {"enterprise_outgoing": (CallerRule("nobody", internal=True, action="announce"),)},
    {"enterprise_outgoing": (CallerRule("not him", numbers=frozenset({"22"}), action="announce"),)},
])
@pytest.mark.parametrize("rings", ["", "1-2"])
def test_a_lamp_key_gets_nobody_around_interception_and_rules(held, rings):
    key = Dialled("lamp+21-1-abcdefghij", is_lamp=True, lamp_owner_id=22, pick_up_leg_uuid=rings)
    decision = route(outgoing(person(21, **held), key, person(22)))
    assert decision.step == Announce("call-not-permitted", "de", "OUTGOING_CALL_BARRED", decision.step.reason)
    assert decision.rung in ("intercept", "enterprise rule")
