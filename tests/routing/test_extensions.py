"""Which extensions there may be (N4)."""

from __future__ import annotations

import pytest

from services.routing.extensions import Inside, broken

PLAIN = Inside(codes=frozenset({"*43", "#64"}))
WITH_MOBILES = Inside(mobile_integration=True)


@pytest.mark.parametrize(("extension", "inside", "error"), [
    ("7", PLAIN, "extension_invalid"),
    ("1234567", PLAIN, "extension_invalid"),
    ("2a", PLAIN, "extension_invalid"),
    ("²²", PLAIN, "extension_invalid"),
    ("77", PLAIN, "extension_reserved"),
    ("7712", PLAIN, "extension_reserved"),
    ("78843", PLAIN, "extension_reserved"),
    ("110", PLAIN, "extension_is_emergency"),
    ("112", PLAIN, "extension_is_emergency"),
    ("999", Inside(countries=frozenset({"DE", "GB"})), "extension_is_emergency"),
    ("144", Inside(countries=frozenset({"CH"})), "extension_is_emergency"),
    ("21", WITH_MOBILES, "extension_not_for_mobiles"),
    ("0210", WITH_MOBILES, "extension_not_for_mobiles"),
    ("911", WITH_MOBILES, "extension_not_for_mobiles"),
    ("21", Inside(taken={"21": "Anna Berger"}), "extension_in_use"),
    ("4321", Inside(codes=frozenset({"4321"})), "extension_is_code"),
])
def test_an_extension_that_breaks_a_rule_is_refused_by_its_name(extension, inside, error):
    found = broken(extension, inside)
    assert found is not None
    assert found.error == error


@pytest.mark.parametrize(("extension", "inside"), [
    ("21", PLAIN), ("76", PLAIN), ("790", PLAIN), ("021", PLAIN), ("999", PLAIN), ("911", PLAIN),
    ("210", WITH_MOBILES), ("177", PLAIN), ("178", WITH_MOBILES), ("121", Inside(taken={"12": "somebody"})),
])
def test_other_extensions_are_free(extension, inside):
    assert broken(extension, inside) is None


def test_who_has_a_taken_extension_is_named():
    found = broken("21", Inside(taken={"21": "Anna Berger"}))
    assert found is not None
    assert "Anna Berger" in found.message
