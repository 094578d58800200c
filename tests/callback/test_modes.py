"""By which telephone a click dials: what was asked for, what is set, what there is."""

import pytest

from services.callback.modes import (
    Mode,
    NoSuchTelephone,
    Place,
    Preferences,
    Ringing,
    Telephones,
    Wishes,
    mode_of,
    ringing,
)

DEVICES = ("anna-desk", "anna-soft")
MOBILE, HOME = "+491715550100", "+49897654321"
ALL = Telephones(DEVICES, MOBILE, HOME)
IN_THE_OFFICE = Telephones(DEVICES, MOBILE)


@pytest.mark.parametrize(("wishes", "preferences", "mode"), [
    (Wishes(), Preferences(), Mode.CALL_BACK),
    (Wishes(), Preferences(Mode.THIS_PHONE), Mode.THIS_PHONE),
    (Wishes(Mode.CALL_BACK), Preferences(Mode.THIS_PHONE), Mode.CALL_BACK),
    (Wishes(Mode.THIS_PHONE), Preferences(), Mode.THIS_PHONE),
    (Wishes(Mode.THIS_PHONE), Preferences(always_call_back=True), Mode.CALL_BACK),
    (Wishes(), Preferences(Mode.THIS_PHONE, always_call_back=True), Mode.CALL_BACK),
    (Wishes(first_leg=Place.MOBILE), Preferences(Mode.THIS_PHONE), Mode.CALL_BACK),
    (Wishes(device_id="anna-desk"), Preferences(Mode.THIS_PHONE), Mode.CALL_BACK),
])
def test_what_is_asked_for_counts_before_what_is_set_and_always_call_back_before_both(wishes, preferences, mode):
    assert mode_of(wishes, preferences) is mode


@pytest.mark.parametrize(("wishes", "preferences", "telephones", "rings"), [
    (Wishes(), Preferences(), IN_THE_OFFICE, Ringing(Place.DEVICES, DEVICES)),
    (Wishes(), Preferences(device_id="anna-soft"), IN_THE_OFFICE, Ringing(Place.DEVICES, ("anna-soft",))),
    (Wishes(), Preferences(device_id="gone"), IN_THE_OFFICE, Ringing(Place.DEVICES, DEVICES)),
    (Wishes(device_id="anna-desk"), Preferences(device_id="anna-soft"), ALL, Ringing(Place.DEVICES, ("anna-desk",))),
    (Wishes(), Preferences(), ALL, Ringing(Place.REMOTE_OFFICE, number=HOME)),
    (Wishes(), Preferences(first_leg=Place.MOBILE), ALL, Ringing(Place.REMOTE_OFFICE, number=HOME)),
    (Wishes(first_leg=Place.DEVICES), Preferences(), ALL, Ringing(Place.DEVICES, DEVICES)),
    (Wishes(), Preferences(first_leg=Place.MOBILE), IN_THE_OFFICE, Ringing(Place.MOBILE, number=MOBILE)),
    (Wishes(first_leg=Place.MOBILE), Preferences(press_1=True), ALL,
     Ringing(Place.MOBILE, number=MOBILE, press_1=True)),
    (Wishes(first_leg=Place.MOBILE, press_1=False), Preferences(press_1=True), ALL,
     Ringing(Place.MOBILE, number=MOBILE)),
])
def test_remote_office_rings_first_while_it_is_on_else_what_is_set(wishes, preferences, telephones, rings):
    assert ringing(wishes, preferences, telephones) == rings


@pytest.mark.parametrize(("wishes", "telephones", "error", "field"), [
    (Wishes(), Telephones(), "no_device", None),
    (Wishes(device_id="bernd-desk"), ALL, "unknown_device", "device"),
    (Wishes(first_leg=Place.REMOTE_OFFICE), IN_THE_OFFICE, "remote_office_off", "first_leg"),
    (Wishes(first_leg=Place.MOBILE), Telephones(DEVICES), "no_mobile_number", "first_leg"),
    (Wishes(first_leg=Place.MOBILE, device_id="anna-desk"), ALL, "invalid_field", "device"),
])
def test_a_telephone_that_is_not_there_is_named(wishes, telephones, error, field):
    with pytest.raises(NoSuchTelephone) as refused:
        ringing(wishes, Preferences(), telephones)
    assert (refused.value.error, refused.value.field) == (error, field)
    assert refused.value.rule
