"""Handsets fetch their configuration over HTTP, on a real database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shared.database import Database
from shared.handset_secrets import new_token, sip_password
from tests.presence.fetched import read_snom, read_yealink, read_yealink_contacts
from tests.presence.office import ADMINISTRATOR, HTTP, OPERATOR, SIP_SERVER, Office

SNOM = "/handsets/snom/000413AABBCC.xml"
YEALINK = "/handsets/yealink/805ec0aabbcc.cfg"
AGENT = "Mozilla/4.0 (compatible; snomD785-SIP 10.1.159.12)"


@pytest.fixture(scope="module")
def office(admin_database_url: str, service_database_urls: Mapping[str, str], broker_url: str,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    owner, database = Database(admin_database_url), Database(service_database_urls["presence"])
    office = Office(owner, database, broker_url, Path(tmp_path_factory.mktemp("run")), domains=(
        "handsets-eins.example", "handsets-zwei.example"), prefixes=("h1", "h2"))
    yield office
    office.server.stop(timeout=1)
    database.close()
    owner.close()


@pytest.fixture
def anna(office: Office) -> tuple[str, str]:
    """Device and token."""
    return "h1-anna", office.give_token("h1-anna", new_token())


def test_a_snom_fetches_all_of_it(office: Office, anna: tuple[str, str]):
    answer = office.ask(SNOM, device=anna, headers={"User-Agent": AGENT})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    found = read_snom(answer.content)
    assert (found.user, found.domain, found.server) == ("h1-anna", "handsets-eins.example", SIP_SERVER)
    assert found.password == sip_password(anna[1], "h1-anna", "handsets-eins.example")
    assert found.lamps[1] == ("Bernd Beispiel", "lamp+21-1-lampkeyh121@handsets-eins.example")
    assert found.lamps[2] == ("2", "lamp+21-2-lampkeyh121@handsets-eins.example")
    assert found.contacts == [("Bernd Beispiel", "22"), ("Clara Beispiel", "23")]
    assert found.mailbox == ""
    assert found.settings["utc_offset"] == "+3600"


def test_a_yealink_fetches_settings_and_phone_book(office: Office, anna: tuple[str, str]):
    assert office.ask("/handsets/yealink/y000000000108.cfg", device=anna).content == b"#!version:1.0.0.1\n"
    found = read_yealink(office.ask(YEALINK, device=anna).content)
    assert (found.user, found.domain, found.server) == ("h1-anna", "handsets-eins.example", SIP_SERVER)
    assert found.lamps[1] == ("Bernd Beispiel", "lamp+21-1-lampkeyh121@handsets-eins.example")
    url = found.settings["local_contact.data.url"]
    assert url.startswith(HTTP)
    contacts = read_yealink_contacts(office.ask(url.removeprefix(HTTP), device=anna).content)
    assert [(name, number) for name, number, _ in contacts] == [("Bernd Beispiel", "22"), ("Clara Beispiel", "23")]


def test_the_mailbox_key_follows_the_mailbox_and_the_companys_code(office: Office, anna: tuple[str, str]):
    with office.owner.platform() as tx:
        tx.execute("INSERT INTO voicemail.mailboxes (company_id, subscriber_id) VALUES (:company, :anna)",
                   company=office.company_id, anna=office.anna)
    assert read_snom(office.ask(SNOM, device=anna).content).mailbox == "*86"
    with office.owner.platform() as tx:
        tx.execute("INSERT INTO routing.feature_codes VALUES (:company, 'own_mailbox', '*860')",
                   company=office.company_id)
    assert read_snom(office.ask(SNOM, device=anna).content).mailbox == "*860"
    with office.owner.platform() as tx:
        tx.execute("DELETE FROM routing.feature_codes WHERE company_id = :company", company=office.company_id)
        tx.execute("DELETE FROM voicemail.mailboxes WHERE company_id = :company", company=office.company_id)


def test_without_the_token_nothing_is_told(office: Office, anna: tuple[str, str]):
    device, token = anna
    for path in (SNOM, YEALINK, "/handsets/yealink/contacts.xml", "/handsets/yealink/y000000000108.cfg"):
        for wrong in (None, (device, ""), (device, "x" * 32), ("h1-bernd", token), ("", token), (device, token + "x"),
                      (device, "ä" * 20)):
            answer = office.ask(path, device=wrong)
            assert (answer.status, answer.body["error"]) == (401, "unauthorized"), (path, wrong)
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert office.ask(SNOM, ADMINISTRATOR).status == 401
    assert office.ask(SNOM, token).status == 200, "as a bearer token"
    assert office.ask(SNOM, headers={"Authorization": "Basic nonsense"}).status == 401
    # And a device's token opens nothing else.
    for path in ("/v1/operator/registrations", "/v1/lamps"):
        assert office.ask(path, token).status == 401


def test_a_new_password_or_token_ends_the_old_token(office: Office, anna: tuple[str, str]):
    office.change_password("h1-anna", "handsets-eins.example")
    assert office.ask(SNOM, device=anna).status == 401
    again = ("h1-anna", office.give_token("h1-anna", new_token()))
    assert office.ask(SNOM, device=again).status == 200
    assert office.ask(SNOM, device=anna).status == 401


def test_nobody_of_another_company_is_in_the_phone_book(office: Office):
    with office.owner.platform() as tx:
        tx.execute("UPDATE directory.subscribers SET first_name = 'Fremd' WHERE company_id = :id",
                   id=office.other_company_id)
    found = read_snom(office.ask(SNOM, device=("h2-clara", office.give_token("h2-clara", new_token()))).content)
    assert found.domain == "handsets-zwei.example"
    assert {name for name, _ in found.contacts} == {"Fremd Beispiel"}


def test_ones_own_contacts_come_first_then_those_of_the_company(office: Office, anna: tuple[str, str]):
    def add(name: str, owner: int | None, *numbers: tuple[str, str]) -> None:
        with office.owner.platform() as tx:
            contact = tx.one("INSERT INTO directory.contacts (company_id, subscriber_id, organisation)"
                             " VALUES (:company, :owner, :name) RETURNING contact_id",
                             company=office.company_id, owner=owner, name=name).contact_id
            for position, (label, number) in enumerate(numbers, start=1):
                tx.execute("INSERT INTO directory.contact_numbers"
                           " VALUES (:company, :contact, :position, :label, :number)",
                           company=office.company_id, contact=contact, position=position, label=label,
                           number=number)

    with office.owner.platform() as tx:
        bernd = tx.one("SELECT subscriber_id FROM directory.subscribers WHERE company_id = :id AND extension = '22'",
                       id=office.company_id).subscriber_id
    add("Zum Löwen", office.anna, ("mobile", "+491715550124"), ("fax", "+49305550199"))
    add("Amt", None, ("work", "+49305550198"))
    add("Bernds Geheimnis", bernd, ("work", "+49305550197"))
    found = read_snom(office.ask(SNOM, device=anna).content)
    assert found.contacts == [("Zum Löwen", "+491715550124"), ("Amt", "+49305550198"), ("Bernd Beispiel", "22"),
                              ("Clara Beispiel", "23")]
    book = read_yealink_contacts(office.ask("/handsets/yealink/contacts.xml", device=anna).content)
    assert [(name, group) for name, _, group in book[:2]] == [("Zum Löwen", "Eigene"), ("Amt", "Firma")]
    with office.owner.platform() as tx:
        tx.execute("DELETE FROM directory.contacts WHERE company_id = :company", company=office.company_id)


@pytest.mark.parametrize("file", ["805ec0aabbcc.boot", "y000000000000.boot", "something.txt", "805ec0aabb.cfg"])
def test_a_file_with_nothing_to_say_is_not_there(office: Office, anna: tuple[str, str], file: str):
    assert office.ask(f"/handsets/yealink/{file}", device=anna).status == 404


def test_operators_see_who_fetched_and_when(office: Office, anna: tuple[str, str]):
    office.switch.answers = {"show registrations as json": "{}"}
    office.ask(SNOM, device=anna, headers={"User-Agent": AGENT + "x" * 300})
    [row] = office.ask("/v1/operator/registrations?search=h1-anna", OPERATOR).body["registrations"]
    assert (row["has_token"], row["vendor"], row["registered"]) == (True, "snom", False)
    assert row["user_agent"].startswith(AGENT)
    assert row["fetched_at"] is not None
    figures = office.ask("/metrics").content.decode()
    assert 'pbx_presence_handset_fetches_total{vendor="snom"}' in figures
    assert "\npbx_presence_handset_refusals_total " in figures


def test_the_description_names_what_handsets_fetch(office: Office):
    paths = office.ask("/openapi.json").body["paths"]
    assert {"/handsets/snom/{file}", "/handsets/yealink/{file}", "/v1/operator/overview"} <= set(paths)
