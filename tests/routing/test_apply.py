"""A company from one file (N6): planned, applied whole or not at all, and again without change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from services.routing.apply import export, orders
from services.routing.apply.marks import Unreadable
from services.routing.apply.orders import NoLonger
from services.routing.apply.use_case import Made, make
from shared.database import Database

TODAY = date(2026, 8, 12)
DOMAIN = "zeisig.example"
FILE = """
company:
  name: Zeisig GmbH
  domain: zeisig.example
  classes: [national, mobile]
trunks:
  - name: zeisig-1
    host: sip.carrier.example
    username: zeisig
    password_env: TRUNK_PASSWORD_ZEISIG
    register: true
  - name: zeisig-2
sites:
  - name: Berlin
    area_code: 30
    region: BE
    main_number: 030 5558000
    pools:
      - {first: 030 5558000, last: 030 5558099}
      - {first: 030 5558100, last: 030 5558199, valid_from: 2027-01-01}
    departments: [Verkauf, Technik]
  - name: Wien
    country: AT
    area_code: 1
    region: 9
    time_zone: Europe/Vienna
subscribers:
  - extension: 21
    first_name: Anna
    last_name: Amsel
    site: Berlin
    department: Verkauf
    email: anna@zeisig.example
    mobile_number: 0171 5550121
    number: 030 5558021
    additional_numbers:
      - {number: 030 5558091, ring: bellcore-dr2}
    devices:
      - {id: zeisig-anna, label: Tischtelefon}
      - {id: zeisig-anna-soft}
    mailbox: {deliver_as_mail: true, email: anna@zeisig.example, on_busy: false}
    settings:
      do_not_disturb: {enabled: true}
  - extension: 22
    last_name: Buche
    site: Berlin
    number: 030 5558022
    devices:
      - id: zeisig-bernd
"""
SECRETS = {"TRUNK_PASSWORD_ZEISIG": "geheim-1"}


class Undone(Exception):
    """Rolls a look back."""


@pytest.fixture
def files(database: Database, owner_sql: Any) -> Iterator[Files]:
    one = Files(database)
    yield one
    owner_sql("DELETE FROM directory.subscribers WHERE company_id IN"
              " (SELECT company_id FROM directory.companies WHERE sip_domain LIKE 'zeisig%%')")
    owner_sql("DELETE FROM directory.companies WHERE sip_domain LIKE 'zeisig%%'")


class Files:
    def __init__(self, database: Database) -> None:
        self.database = database

    def apply(self, text: str, *, prune: bool = False, today: date = TODAY) -> Made:
        with self.database.platform() as tx:
            return make(tx, text, prune=prune, secrets=SECRETS, today=today)

    def plan(self, text: str, *, prune: bool = False) -> Made:
        try:
            with self.database.platform() as tx:
                made = make(tx, text, prune=prune, secrets=SECRETS, today=TODAY)
                raise Undone
        except Undone:
            return made

    def keep(self, text: str) -> int:
        made = self.plan(text)
        with self.database.platform() as tx:
            return orders.keep(tx, text, False, made)

    def order(self, order_id: int) -> Made:
        with self.database.platform() as tx:
            return orders.order(tx, order_id, secrets=SECRETS, today=TODAY)

    def export(self, domain: str = DOMAIN) -> str:
        with self.database.platform() as tx:
            return export.of(tx, domain=domain)

    def wrong(self, text: str, **more: Any) -> list[str]:
        """What is wrong with it, as shown."""
        with pytest.raises(Unreadable) as refused:
            self.apply(text, **more)
        return [str(one) for one in refused.value.wrong]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.database.platform() as tx:
            return [tuple(row.values()) for row in tx.rows(sql)]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_file_makes_a_company_and_a_second_time_nothing(files: Files) -> None:
    made = files.apply(FILE)
    assert made.changes_anything
    assert set(made.passwords) == {"zeisig-anna", "zeisig-anna-soft", "zeisig-bernd"}
    again = files.apply(FILE)
    assert again.plan["changes"] == []
    assert not again.changes_anything
    assert not again.passwords


def test_a_plan_shows_what_is_created_changed_and_removed_and_does_nothing(files: Files) -> None:
    files.apply(FILE)
    changed = FILE.replace("Technik", "Einkauf").replace("last_name: Buche", "last_name: Birke").replace(
        "{enabled: true}", "{enabled: false}")
    made = files.plan(changed, prune=True)
    shown = {(one["action"], one["kind"], one["name"]): one["fields"] for one in made.plan["changes"]}
    assert shown == {
        ("remove", "department", "Berlin / Technik"): {},
        ("create", "department", "Berlin / Einkauf"): {},
        ("change", "subscriber", "22"): {"last_name": {"old": "Buche", "new": "Birke"}},
        ("change", "setting", "subscriber / 21 / do_not_disturb"): {"enabled": {"old": True, "new": False}},
    }
    assert files.apply(FILE, prune=True).plan["changes"] == []


def test_what_is_not_named_stays_without_prune_and_goes_with_it(files: Files) -> None:
    files.apply(FILE)
    shorter = FILE[: FILE.index("  - extension: 22")]
    kept = files.apply(shorter)
    assert not kept.changes_anything
    assert {(one["kind"], one["name"]) for one in kept.plan["changes"]} == {
        ("subscriber", "22"), ("number", "+49305558022"), ("device", "zeisig-bernd")}
    gone = files.apply(shorter, prune=True)
    assert gone.plan["removed"] == 3
    assert files.rows("SELECT 1 FROM directory.numbers WHERE number = '+49305558022'") == []
    assert files.apply(shorter, prune=True).plan["changes"] == []


def test_an_exported_company_applied_again_changes_nothing(files: Files) -> None:
    files.apply(FILE)
    text = files.export()
    assert "geheim" not in text
    assert files.apply(text, prune=True).plan["changes"] == []


def test_a_kept_plan_is_ordered_once(files: Files) -> None:
    order_id = files.keep(FILE)
    made = files.order(order_id)
    assert made.changes_anything
    with pytest.raises(NoLonger) as refused:
        files.order(order_id)
    assert refused.value.error == "order_ended"


def test_a_kept_plan_that_no_longer_fits_is_refused_and_stays(files: Files) -> None:
    files.apply(FILE)
    changed = FILE.replace("last_name: Buche", "last_name: Birke")
    order_id = files.keep(changed)
    files.apply(FILE.replace("last_name: Buche", "last_name: Buchsbaum"))
    with pytest.raises(NoLonger) as refused:
        files.order(order_id)
    assert refused.value.error == "plan_outdated"
    assert "subscriber 22" in str(refused.value)
    assert files.rows("SELECT last_name FROM directory.subscribers WHERE extension = '22' AND last_name LIKE 'B%'"
                      " AND company_id = (SELECT company_id FROM directory.companies"
                      " WHERE sip_domain = 'zeisig.example')") == [("Buchsbaum",)]
    files.apply(FILE)
    assert files.order(order_id).plan["changed"] == 1, "as it was again, it fits again"


def test_a_discarded_plan_cannot_be_ordered(files: Files) -> None:
    order_id = files.keep(FILE)
    with files.database.platform() as tx:
        orders.discard(tx, order_id)
    with pytest.raises(NoLonger):
        files.order(order_id)
