"""Who may register, and that the switch remembers them."""

from __future__ import annotations

import pytest

from tests.handsets.configuration import Login
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.telephones import TelephoneRefused, Telephones

pytestmark = pytest.mark.live


def test_a_wrong_password_is_refused(lab: Lab, telephones: Telephones) -> None:
    try:
        with pytest.raises(TelephoneRefused):
            telephones["clara"].register(password="wrong")
    finally:
        telephones["clara"].register(password=lab.passwords["clara-desk"])
        telephones["clara"].unregister()


def test_an_extension_is_no_login_even_once_the_switch_knows_it(lab: Lab, telephones: Telephones) -> None:
    """The fallback's entries stand in the same cache as the devices."""
    assert lab.api("user_data", f"22@{DOMAIN}", "var", "pbx_mailbox") == "2"
    assert lab.handsets is not None
    lab.handsets.add_login(Login("22", DOMAIN, "anything"))
    with pytest.raises(TelephoneRefused, match="403"):
        telephones.perform({"do": "register", "device": "22"})


def test_a_device_registers_again_with_the_directory_away(lab: Lab, telephones: Telephones) -> None:
    telephones["anna"].unregister()
    lab.directory.close()
    try:
        telephones["anna"].register()
    finally:
        lab.directory.open()
