"""The triggers of freeswitch/conf/profiles/internal.xml in an SQLite of our own: who is let in, what stays of a call.

What mod_sofia does with the rows is told by the stories (tests/scenarios/test_plain_lamps.py).
"""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PROFILE = Path(__file__).resolve().parents[2] / "freeswitch" / "conf" / "profiles" / "internal.xml"
# Of sofia_glue.c, what the triggers look at.
TABLES = """
CREATE TABLE sip_registrations (call_id, sip_user, sip_host, sip_realm, network_ip, network_port VARCHAR(6));
CREATE TABLE sip_subscriptions (proto, sip_user, sip_host, sub_to_user, sub_to_host, presence_hosts, event, contact,
  call_id, full_from, full_via, expires INTEGER, user_agent, accept, profile_name, hostname, network_port VARCHAR(6),
  network_ip, version INTEGER, orig_proto, full_to);
CREATE TABLE sip_dialogs (uuid, call_id, sip_to_user, sip_to_tag, sip_from_user, sip_from_tag, contact, contact_user,
  contact_host, presence_id);
"""
ANNA = ("10.0.0.1", "5060")
ULF = ("10.0.0.1", "5061")
NOBODY = ("10.0.0.1", "5062")
FAR = 4_000_000_000


@pytest.fixture
def switch() -> Iterator[sqlite3.Connection]:
    param = ElementTree.parse(PROFILE).find(".//param[@name='db-pre-trans-execute']")
    assert param is not None
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(TABLES)
        for _ in range(2):      # before each transaction
            connection.executescript(param.get("value", ""))
        # Ulf's login is of another company than the one he wrote into To.
        for user, realm, at in (("anna-desk", "a.example", ANNA), ("ulf-desk", "b.example", ULF)):
            insert(connection, "sip_registrations", at, call_id=user, sip_user=user, sip_host="a.example",
                   sip_realm=realm)
        yield connection


def insert(connection: sqlite3.Connection, table: str, at: tuple[str, str] | None = None, **row: Any) -> None:
    if at is not None:
        row |= {"network_ip": at[0], "network_port": at[1]}
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})", row)


def watch(connection: sqlite3.Connection, at: tuple[str, str], address: str, event: str = "dialog",
          proto: str = "sip", call_id: str = "one", expires: float = FAR) -> bool:
    """As sofia_presence_handle_sip_i_subscribe writes it; whether it was kept."""
    user, host = address.split("@")
    insert(connection, "sip_subscriptions", at, proto=proto, event=event, sub_to_user=user, sub_to_host=host,
           call_id=call_id, full_to=f"<sip:{address}>;tag=t", contact="first", version=-1, expires=expires)
    return kept(connection) is not None


def kept(connection: sqlite3.Connection) -> dict[str, Any] | None:
    row = connection.execute("SELECT * FROM sip_subscriptions").fetchone()
    return None if row is None else dict(row)


def renew(connection: sqlite3.Connection, at: tuple[str, str], to: str) -> None:
    connection.execute("UPDATE sip_subscriptions SET network_ip = ?, network_port = ?, full_to = ?, contact = 'second'"
                       " WHERE call_id = 'one'", (*at, to))


@pytest.mark.parametrize(("at", "address", "event", "proto", "let_in"), [
    (ANNA, "22@a.example", "dialog", "sip", True),
    (ANNA, "22@a.example", "presence", "sip", True),
    (ANNA, "22@b.example", "dialog", "sip", False),
    (ULF, "22@a.example", "dialog", "sip", False),
    (ULF, "21@b.example", "dialog", "sip", True),
    (NOBODY, "22@a.example", "dialog", "sip", False),
    (ANNA, "22@10.0.0.9", "dialog", "sip", False),              # the switch's own address stands for every company
    (ANNA, "anna-desk@a.example", "message-summary", "sip", True),
    (ANNA, "bernd-desk@a.example", "message-summary", "sip", False),
    (NOBODY, "21-1-key@a.example", "dialog", "lamp", True),
    (NOBODY, "21-1-key@a.example", "presence", "lamp", True),
    (ULF, "anna-desk@a.example", "message-summary", "lamp", False),
    (ULF, "22@a.example", "call-info", "lamp", False),
    (ULF, "22@a.example", "dialog", "conf", False),
])
def test_who_is_let_in(switch: sqlite3.Connection, at: tuple[str, str], address: str, event: str, proto: str,
                       let_in: bool) -> None:
    assert watch(switch, at, address, event, proto) is let_in


def test_a_watch_goes_on_from_the_same_place_and_on_the_same_person(switch: sqlite3.Connection) -> None:
    assert watch(switch, ANNA, "22@a.example")
    renew(switch, ANNA, "<sip:22@a.example>;tag=t")
    switch.execute("UPDATE sip_subscriptions SET version = version + 1")
    row = kept(switch) or {}
    assert (row["contact"], row["version"]) == ("second", 0)


def test_a_watch_goes_on_from_its_place_while_the_registration_is_gone_and_from_nowhere_else(
        switch: sqlite3.Connection) -> None:
    assert watch(switch, ANNA, "22@a.example")
    switch.execute("DELETE FROM sip_registrations WHERE sip_user = 'anna-desk'")
    renew(switch, ANNA, "<sip:22@a.example>;tag=t")
    assert (kept(switch) or {})["contact"] == "second"
    renew(switch, NOBODY, "<sip:22@a.example>;tag=t")
    assert kept(switch) is None


@pytest.mark.parametrize(("at", "to"), [
    (ULF, "<sip:22@a.example>;tag=t"),
    (ANNA, "<sip:22@b.example>;tag=t"),
    (ANNA, '"<sip:22@a.example>;tag=t" <sip:22@b.example>'),
])
def test_a_watch_that_goes_on_otherwise_is_over(switch: sqlite3.Connection, at: tuple[str, str], to: str) -> None:
    assert watch(switch, ANNA, "22@a.example")
    renew(switch, at, to)
    assert kept(switch) is None


def test_a_call_id_that_was_turned_away_is_nobodys_for_a_while(switch: sqlite3.Connection) -> None:
    """The switch answers a moment later whoever has it then: not one who asked about himself meanwhile."""
    assert not watch(switch, ULF, "22@a.example")
    for proto in ("sip", "lamp"):
        assert not watch(switch, ULF, "21@b.example", proto=proto)
    assert watch(switch, ULF, "21@b.example", call_id="two")
    # Nor one whose own question was a little faster.
    assert not watch(switch, ULF, "22@a.example", call_id="two")
    switch.execute("UPDATE pbx_turned_away SET at = at - 11.0 / 86400")
    assert watch(switch, ULF, "21@b.example")
    assert switch.execute("SELECT count(*) FROM pbx_turned_away").fetchone()[0] == 2
    watch(switch, ULF, "22@a.example", call_id="three")
    assert [row["call_id"] for row in switch.execute("SELECT call_id FROM pbx_turned_away")] == ["three"]


def registers(connection: sqlite3.Connection, at: tuple[str, str], user: str, realm: str, how: str = "anew") -> None:
    """anew, or by its next REGISTER from another port (sofia_reg.c, update_registration)."""
    if how == "anew":
        insert(connection, "sip_registrations", at, call_id=user, sip_user=user, sip_host=realm, sip_realm=realm)
    else:
        connection.execute("UPDATE sip_registrations SET network_ip = ?, network_port = ? WHERE sip_user = ?",
                           (*at, user))


@pytest.mark.parametrize("how", ["anew", "moved"])
@pytest.mark.parametrize(("address", "event"), [("22@a.example", "dialog"), ("anna-desk@a.example", "message-summary")])
def test_who_asks_a_moment_before_he_is_registered_is_let_in_when_he_is(
        switch: sqlite3.Connection, how: str, address: str, event: str) -> None:
    assert not watch(switch, NOBODY, address, event)
    registers(switch, ULF, "ulf-soft", "a.example")
    assert kept(switch) is None, "somebody else's place"
    registers(switch, NOBODY, "anna-desk", "a.example", how)
    row = kept(switch) or {}
    assert (row["sub_to_user"], row["event"], row["network_port"]) == (address.partition("@")[0], event, NOBODY[1])
    renew(switch, NOBODY, f"<sip:{address}>;tag=t")
    assert (kept(switch) or {})["contact"] == "second"
    assert [switch.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("pbx_waiting", "pbx_came", "pbx_turned_away")] == [0, 0, 0]


def test_who_renews_from_a_new_port_before_he_registers_from_there_goes_on_when_he_does(
        switch: sqlite3.Connection) -> None:
    assert watch(switch, ANNA, "22@a.example")
    renew(switch, NOBODY, "<sip:22@a.example>;tag=t")
    assert kept(switch) is None
    registers(switch, NOBODY, "anna-desk", "a.example", "moved")
    row = kept(switch) or {}
    assert (row["contact"], row["network_port"]) == ("second", NOBODY[1])


def test_nobody_is_let_in_later_than_he_asked_for_or_to_what_he_may_not_see(switch: sqlite3.Connection) -> None:
    assert not watch(switch, NOBODY, "22@b.example", call_id="other company")
    assert not watch(switch, NOBODY, "bernd-desk@a.example", "message-summary", call_id="other's mailbox")
    assert not watch(switch, NOBODY, "22@a.example", call_id="too late", expires=1_000_000_000)
    registers(switch, NOBODY, "anna-soft", "a.example")
    assert kept(switch) is None


def test_a_call_id_that_asked_for_something_else_meanwhile_is_not_let_in_later(switch: sqlite3.Connection) -> None:
    """The switch may still be about to answer it of the other one."""
    assert not watch(switch, NOBODY, "22@a.example")
    assert not watch(switch, NOBODY, "22@b.example")
    registers(switch, NOBODY, "anna-soft", "a.example")
    assert kept(switch) is None


def test_a_lamp_key_goes_on_from_anywhere_but_on_the_same_address_only(switch: sqlite3.Connection) -> None:
    assert watch(switch, NOBODY, "21-1-key@a.example", proto="lamp")
    renew(switch, ULF, "<sip:21-1-key@a.example>;tag=t")
    assert kept(switch) is not None
    renew(switch, ULF, "<sip:22@a.example>;tag=t")
    assert kept(switch) is None


@pytest.mark.parametrize(("presence_id", "shown"), [("22@a.example", "22"), ("", "bernd-desk"), (None, "bernd-desk")])
def test_of_a_call_it_is_kept_whose_it_is_and_not_with_whom(
        switch: sqlite3.Connection, presence_id: str | None, shown: str) -> None:
    insert(switch, "sip_dialogs", uuid="leg", call_id="of-sip", sip_to_user="+491715550123", sip_to_tag="one",
           sip_from_user="bernd-desk", sip_from_tag="two", contact="<sip:bernd-desk@10.0.0.1>",
           contact_user="bernd-desk", contact_host="10.0.0.1", presence_id=presence_id)
    [row] = switch.execute("SELECT * FROM sip_dialogs").fetchall()
    assert dict(row) == {
        "uuid": "leg", "call_id": "leg", "sip_to_user": shown, "sip_to_tag": "-", "sip_from_user": "bernd-desk",
        "sip_from_tag": "-", "contact": "sip:anonymous@anonymous.invalid", "contact_user": "anonymous",
        "contact_host": "anonymous.invalid", "presence_id": presence_id}


def test_a_row_without_a_call_stays_as_it_is(switch: sqlite3.Connection) -> None:
    """mod_sofia passes over it; one with a called person it would read on (sofia_dialog_probe_callback)."""
    insert(switch, "sip_dialogs", uuid="leg", presence_id="22@a.example")
    [row] = switch.execute("SELECT sip_to_user, contact_user FROM sip_dialogs").fetchall()
    assert tuple(row) == (None, None)
