"""Where a setting belongs: how numbers are written there, whose they are, and what may be called from there.

find() locks the owner's row, so that two changes of one owner come one after the other.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from services.routing.facts import Company
from services.routing.features.words import Refused, Scope, Whose
from services.routing.rungs.barring import may_be_dialled
from shared.database import Transaction
from shared.dialling import is_emergency, is_short_for_outside, number_class
from shared.phone_number import InvalidNumber, PhoneNumber, number_prefix

# NO KEY UPDATE: rows that merely refer to the owner, a call that ends just now for one, need not wait.
_FIND = {
    Scope.SUBSCRIBER: """
        SELECT s.extension, t.site_id, t.country, t.area_code, c.allowed_classes,
               ARRAY(SELECT n.number FROM directory.numbers n WHERE n.company_id = s.company_id
                     AND n.subscriber_id = s.subscriber_id ORDER BY NOT n.is_main, n.number) AS numbers
        FROM directory.subscribers s
        JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)
        JOIN directory.companies c ON c.company_id = s.company_id
        WHERE s.company_id = :company_id AND s.subscriber_id = :subscriber_id FOR NO KEY UPDATE OF s""",
    Scope.SITE: """
        SELECT NULL AS extension, t.site_id, t.country, t.area_code, c.allowed_classes, ARRAY[]::text[] AS numbers
        FROM directory.sites t JOIN directory.companies c ON c.company_id = t.company_id
        WHERE t.company_id = :company_id AND t.site_id = :site_id FOR NO KEY UPDATE OF t""",
    # Numbers of a company are read as at its first site.
    Scope.COMPANY: """
        SELECT NULL AS extension, NULL AS site_id, coalesce(t.country, 'DE') AS country,
               coalesce(t.area_code, '') AS area_code, c.allowed_classes, ARRAY[]::text[] AS numbers
        FROM directory.companies c
        LEFT JOIN directory.sites t ON t.company_id = c.company_id
              AND t.site_id = (SELECT min(f.site_id) FROM directory.sites f WHERE f.company_id = c.company_id)
        WHERE c.company_id = :company_id FOR NO KEY UPDATE OF c""",
}


@dataclass(frozen=True)
class Place:
    tx: Transaction
    whose: Whose
    extension: str | None
    """Of the subscriber; None for a site or the company."""
    site_id: int | None
    country: str
    area_code: str
    allowed_classes: frozenset[str]
    numbers: tuple[str, ...]
    """The subscriber's own, the main one first."""

    def target(self, entered: str, field: str, *, kept: Container[str | None] = (), dialled: bool = True) -> str:
        """Where calls are sent: an extension of the company as it is, everything else as E.164.

        kept: what is stored already and passes unlooked at, so that a target that vanished meanwhile does not stand
        in the way of other changes. dialled: False for a number that is only compared with.
        """
        text = entered.strip()
        if text in kept:
            return text
        if dialled and is_emergency(text, self.country):
            raise Refused("target_is_emergency", "an emergency number is no target for calls", field)
        if dialled and text == self.extension:
            raise Refused("target_is_own", "calls cannot be sent to oneself", field)
        if _looks_like_an_extension(text) and not self._is_short_and_nobodys(text):
            self.subscriber_with(text, field)
            return text
        number = self.number(text, field, error="target_invalid")
        if not dialled or number in kept:
            return number
        if number in self.numbers:
            raise Refused("target_is_own", "calls cannot be sent to oneself", field)
        if not self.is_of_the_company(number):
            self.must_be_allowed(number, field)
        return number

    def outside(self, entered: str, field: str, *, kept: Container[str | None] = ()) -> str:
        """A telephone outside the company that the company may call, as E.164."""
        text = entered.strip()
        if text in kept:
            return text
        if is_emergency(text, self.country):
            raise Refused("target_is_emergency", "an emergency number is nobody's telephone", field)
        if _looks_like_an_extension(text):
            raise Refused("number_not_outside", "only numbers outside the company", field,
                          "outside numbers begin with 0 or +")
        number = self.number(text, field)
        if number in kept:
            return number
        if self.is_of_the_company(number):
            raise Refused("number_not_outside", f"{number} belongs to the company; only numbers outside", field)
        self.must_be_allowed(number, field)
        return number

    def _is_short_and_nobodys(self, digits: str) -> bool:
        return is_short_for_outside(digits, self.country) and self._owner_of(digits) is None

    def number(self, entered: str, field: str, *, error: str = "number_invalid") -> str:
        """Any usual form -> E.164."""
        try:
            return PhoneNumber.parse(entered.strip(), self.country, self.area_code).e164
        except InvalidNumber as invalid:
            raise Refused(error, f"{field}: {invalid.rule}", field) from invalid

    def prefix(self, entered: str, field: str) -> str:
        """The beginning of numbers: 0171, +49171, or + for all."""
        try:
            return number_prefix(entered, self.country)
        except InvalidNumber as invalid:
            raise Refused("prefix_invalid", f"{field}: {invalid.rule}", field) from invalid

    def subscriber_with(self, extension: str, field: str) -> int:
        found = self._owner_of(extension)
        if found is None:
            raise Refused("target_unknown", f"nobody has the extension {extension}", field,
                          "outside numbers begin with 0 or +")
        return found

    def _owner_of(self, extension: str) -> int | None:
        found = self.tx.row(
            "SELECT subscriber_id FROM directory.subscribers"
            " WHERE company_id = :company_id AND extension = :extension",
            company_id=self.whose.company_id, extension=extension)
        return int(found.subscriber_id) if found else None

    def is_of_the_company(self, number: str) -> bool:
        return self.tx.row(
            "SELECT 1 AS there FROM directory.numbers WHERE company_id = :company_id AND number = :number",
            company_id=self.whose.company_id, number=number) is not None

    def must_be_allowed(self, number: str, field: str) -> None:
        known_class = number_class(number, self.country).value
        company = Company(self.whose.company_id, "", allowed_classes=self.allowed_classes)
        if may_be_dialled(number, known_class, company, ()):
            raise Refused("target_not_allowed", f"{known_class} numbers are not allowed in this company", field,
                          "the company's number_classes say which are")


def country_of(tx: Transaction, whose: Whose) -> str:
    """Whose way of writing numbers is theirs. NotFound."""
    sql = _FIND[whose.scope]
    country: str = tx.one(sql[:sql.rindex("FOR NO KEY")], company_id=whose.company_id, **_ids(whose)).country
    return country


def _looks_like_an_extension(text: str) -> bool:
    return text.isascii() and text.isdigit() and 2 <= len(text) <= 6 and not text.startswith("0")


def find(tx: Transaction, whose: Whose) -> Place:
    """Raises NotFound."""
    row = tx.one(_FIND[whose.scope], company_id=whose.company_id, **_ids(whose))
    return Place(tx, whose, row.extension, row.site_id, row.country, row.area_code, frozenset(row.allowed_classes),
                 tuple(row.numbers))


def _ids(whose: Whose) -> dict[str, Any]:
    match whose.scope:
        case Scope.SUBSCRIBER:
            return {"subscriber_id": whose.subscriber_id}
        case Scope.SITE:
            return {"site_id": whose.site_id}
        case _:
            return {}
