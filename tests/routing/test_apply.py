"""A company from one file (N6): planned, applied whole or not at all, and again without change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psycopg2
import pytest

from operations.places import ROOT
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


def test_the_example_of_the_docs_can_be_applied_and_again_without_change(files: Files) -> None:
    text = (ROOT / "docs" / "company.example.yaml").read_text().replace("beispiel.example", "zeisig-beispiel.example")
    assert files.apply(text).plan["created"] > 15
    assert files.apply(text, prune=True).plan["changes"] == []
    assert files.apply(files.export("zeisig-beispiel.example"), prune=True).plan["changes"] == []


# ----- what is wrong


@pytest.mark.parametrize(("old", "new", "field", "rule"), [
    ("extension: 22", "extension: 77", "subscribers[2].extension", "77 or 78"),
    ("extension: 22", "extension: 112", "subscribers[2].extension", "emergency"),
    ("extension: 22", "extension: 144", "subscribers[2].extension", "emergency"),   # of Vienna
    ("extension: 22", "extension: 21", "subscribers[2].extension", "there already (line"),
    ("extension: 22", "extension: 2", "subscribers[2].extension", "2 to 6 digits"),
    ("number: 030 5558022", "number: 030 5557000", "subscribers[2].number", "in no number pool of Berlin"),
    ("number: 030 5558022", "number: 030 5558150", "subscribers[2].number", "not valid before 2027-01-01"),
    ("number: 030 5558022", "number: 030 5558021", "subscribers[2].number", "there already"),
    ("number: 030 5558022", "number: +4940555721", "subscribers[2].number", "not free"),
    ("number: 030 5558022", "number: abc", "subscribers[2].number", "only digits"),
    ("id: zeisig-bernd", "id: buche-21", "subscribers[2].devices[1].id", "not free"),
    ("id: zeisig-bernd", "id: zeisig-anna", "subscribers[2].devices[1].id", "there already"),
    ("id: zeisig-bernd", "id: Großes Telefon", "subscribers[2].devices[1].id", "a-z"),
    ("region: BE", "region: XX", "sites[1].region", "no region of DE"),
    ("country: AT", "country: ZZ", "sites[2].country", "no country"),
    ("Europe/Vienna", "Mars/Base", "sites[2].time_zone", "no time zone"),
    ("department: Verkauf", "department: Keine", "subscribers[1].department", "no department Keine"),
    ("    site: Berlin\n    department", "    site: Rom\n    department", "subscribers[1].site", "no site Rom"),
    ("classes: [national, mobile]", "classes: [national, moon]", "company.classes[2]", "must be one of"),
    ("{enabled: true}", "{enabled: perhaps}", "subscribers[1].settings.do_not_disturb.enabled", "true or false"),
    ("{enabled: true}", "{loud: true}", "subscribers[1].settings.do_not_disturb.loud", "no such field"),
    ("do_not_disturb:", "mobile_number:", "subscribers[1].settings.mobile_number", "stands elsewhere"),
    ("do_not_disturb:", "night_service:", "subscribers[1].settings.night_service", "no such setting"),
    ("do_not_disturb: {enabled: true}", "forwardings: {busy: {enabled: true, target: 99}}",
     "subscribers[1].settings.forwardings.busy.target", "nobody has the extension 99"),
    ("last: 030 5558099", "last: 030 5558100", "sites[1].pools[2].first", "overlaps"),
    ("main_number: 030 5558000", "main_number: 030 5557000", "sites[1].main_number", "is in no number pool"),
    ("last: 030 5558099", "last: 030 5557000", "sites[1].pools[1].last", "before first"),
    ("TRUNK_PASSWORD_ZEISIG", "TRUNK_PASSWORD_OTHER", "trunks[1].password_env", "not set"),
    ("TRUNK_PASSWORD_ZEISIG", "PBX_DATABASE_URL_ROUTING", "trunks[1].password_env", "name of a secret"),
    ("email: anna@zeisig.example, on_busy", "email: nobody, on_busy", "subscribers[1].mailbox.email", "mail address"),
    ("{deliver_as_mail: true, email: anna@zeisig.example,", "{deliver_as_mail: true,", "subscribers[1].mailbox.email",
     "needed"),
    ("  name: Zeisig GmbH\n", "", "company.name", "is missing"),
])
def test_a_mistake_is_named_with_line_field_and_rule_and_nothing_is_kept(
        files: Files, old: str, new: str, field: str, rule: str) -> None:
    text = FILE.replace(old, new, 1)
    assert text != FILE
    with pytest.raises(Unreadable) as refused:
        files.apply(text)
    found = [one for one in refused.value.wrong if one.field == field]
    assert found, [str(one) for one in refused.value.wrong]
    assert rule in found[0].rule
    if new:
        mark = found[0].mark
        assert mark is not None
        line = text.splitlines()[mark.line - 1]
        assert new.strip().splitlines()[0].split(": ")[-1].strip("{}").split(",")[0][:4] in line, line
    assert files.rows("SELECT 1 AS one FROM directory.companies WHERE sip_domain = 'zeisig.example'") == []


def test_all_mistakes_are_named_at_once_in_the_order_of_the_lines(files: Files) -> None:
    text = FILE.replace("region: BE", "region: XX").replace("extension: 22", "extension: 78").replace(
        "department: Verkauf", "department: Keine")
    wrong = files.wrong(text)
    assert len(wrong) == 3
    assert [one.split(",")[0] for one in wrong] == [
        f"line {line_of(text, part)}" for part in ("region: XX", "department: Keine", "extension: 78")]


def test_the_eleventh_additional_number_is_refused_with_its_line(files: Files) -> None:
    numbers = "".join(f"      - {{number: 030 55580{n}}}\n" for n in range(40, 51))
    text = FILE.replace("      - {number: 030 5558091, ring: bellcore-dr2}\n", numbers)
    [wrong] = files.wrong(text)
    assert wrong.startswith(f"line {line_of(text, '030 5558050')}, ")
    assert "at most 10" in wrong


def test_numbers_that_are_not_named_count_towards_the_ten(files: Files) -> None:
    files.apply(FILE)
    numbers = "".join(f"      - {{number: 030 55580{n}}}\n" for n in range(40, 50))
    text = FILE.replace("      - {number: 030 5558091, ring: bellcore-dr2}\n", numbers)
    [wrong] = files.wrong(text)
    assert "would have 11 additional numbers" in wrong
    files.apply(text, prune=True)


def test_a_main_number_that_changes_is_free_and_one_that_is_exchanged_is_not_lost(files: Files) -> None:
    files.apply(FILE)
    files.apply(FILE.replace("number: 030 5558022", "number: 030 5558055"))
    assert files.rows("SELECT 1 AS one FROM directory.numbers WHERE number = '+49305558022'") == []
    files.apply(FILE)
    swapped = FILE.replace("5558021", "XXX").replace("5558022", "5558021").replace("XXX", "5558022")
    assert files.apply(swapped).plan["changed"] == 2
    assert files.apply(swapped, prune=True).plan["changes"] == []


def test_a_device_handed_on_keeps_its_password_though_its_owner_goes(files: Files) -> None:
    files.apply(FILE)
    before = files.rows("SELECT sip_ha1 FROM directory.devices WHERE device_id = 'zeisig-bernd'")
    text = FILE.replace("extension: 22", "extension: 23").replace("number: 030 5558022", "number: 030 5558023")
    made = files.apply(text, prune=True)
    assert made.passwords == {}
    assert files.rows("SELECT sip_ha1 FROM directory.devices WHERE device_id = 'zeisig-bernd'") == before
    assert files.apply(text, prune=True).plan["changes"] == []


def test_people_can_move_to_another_site_while_theirs_is_deleted(files: Files) -> None:
    files.apply(FILE)
    text = FILE.replace("name: Berlin", "name: Zentrale").replace("site: Berlin", "site: Zentrale")
    files.apply(text, prune=True)
    assert files.apply(text, prune=True).plan["changes"] == []


def test_a_large_order_tells_the_switch_once(files: Files, admin_database_url: str) -> None:
    people = "".join(f"""  - extension: {1000 + n}
    last_name: N{n}
    site: Berlin
    devices: [{{id: zeisig-n{n}}}]
    mailbox: {{}}
""" for n in range(150))
    assert set(heard(admin_database_url, lambda: files.apply(FILE + people))) >= {"*"}
    assert len(heard(admin_database_url, lambda: files.apply(FILE, prune=True))) <= 3
    assert "zeisig-bernd@zeisig.example" in heard(
        admin_database_url, lambda: files.apply(FILE[: FILE.index("  - extension: 22")], prune=True))


def heard(url: str, done: Callable[[], object]) -> list[str]:
    """What the switch's directory is told meanwhile."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        connection.cursor().execute("LISTEN pbx_directory")
        done()
        connection.cursor().execute("SELECT 1")
        connection.poll()
        return [notice.payload for notice in connection.notifies if not notice.payload.startswith("gateways@")]
    finally:
        connection.close()


def test_every_change_is_audited_as_applied(files: Files) -> None:
    files.apply(FILE)
    files.apply(FILE.replace("last_name: Buche", "last_name: Birke"))
    rows = files.rows("SELECT what, via, actor_role, before ->> 'last_name' AS old, after ->> 'last_name' AS new"
                      " FROM routing.audit WHERE what = 'subscriber 22' ORDER BY audit_id")
    assert rows[-2:] == [("subscriber 22", "apply", "operator", None, "Buche"),
                         ("subscriber 22", "apply", "operator", "Buche", "Birke")]
    assert files.rows("SELECT 1 AS one FROM routing.audit WHERE after::text LIKE '%geheim%'") == []


def test_a_trunk_password_comes_from_outside_the_file_and_is_never_shown(files: Files) -> None:
    made = files.apply(FILE)
    assert "geheim" not in str(made.plan)
    assert files.rows("SELECT password FROM directory.trunks WHERE name = 'zeisig-1'") == [("geheim-1",)]
    reordered = FILE.replace("zeisig-2", "XXX").replace("name: zeisig-1", "name: zeisig-2").replace("XXX", "zeisig-1")
    with files.database.platform() as tx, pytest.raises(Unreadable):
        make(tx, FILE, prune=False, secrets={}, today=TODAY)
    assert "geheim" not in str(files.plan(reordered).plan)
