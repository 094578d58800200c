"""Directory entries as the switch reads them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from base64 import b64encode
from urllib.parse import urlencode
from xml.etree import ElementTree

import gevent
import psycopg2
import pytest

from services.routing.directory_xml import NUMBERS_DOMAIN, emergency_pattern
from services.routing.served import Served
from services.routing.switch_directory import SwitchDirectory
from shared.database import Database

SECRET = "s" * 32


@pytest.fixture(scope="module")
def served(database, tmp_path_factory):
    entries = Served(tmp_path_factory.mktemp("served") / "entries")
    one = SwitchDirectory(database, SECRET, entries, host="127.0.0.1", port=0)
    one.start()
    yield one
    one.stop()


def ask(served, secret=SECRET, **form):
    request = urllib.request.Request(f"http://127.0.0.1:{served.port}/directory", urlencode(form).encode())
    request.add_header("Authorization", "Basic " + b64encode(f"switch:{secret}".encode()).decode())
    with urllib.request.urlopen(request, timeout=5) as response:
        return ElementTree.fromstring(response.read())


def user(served, name, domain="amsel.example"):
    root = ask(served, section="directory", tag_name="domain", key_name="name", key_value=domain, user=name,
               domain=domain, action="sip_auth")
    found = root.find(".//user")
    if found is None:
        return None
    values = {one.get("name"): one.get("value") for one in found.iter() if one.tag in ("param", "variable")}
    return {"id": found.get("id"), "domain": root.find(".//domain").get("name"), **found.attrib, **values}


def test_a_device_carries_its_hash_and_who_it_is(served):
    entry = user(served, "amsel-21")
    assert entry == {
        "id": "amsel-21", "domain": "amsel.example", "cacheable": "forever", "a1-hash": "a" * 32,
        "user_context": "internal", "presence_id": "21@amsel.example", "pbx_company": "701",
        "pbx_subscriber": "70121", "pbx_device": "amsel-21", "pbx_language": "de", "pbx_country": "DE",
        "pbx_area_code": "30", "pbx_site_number": "+49305557000", "pbx_gateway": "amsel-1",
        "pbx_gateway_2": "amsel-2",
        "pbx_emergency_numbers": "11[02]", "effective_caller_id_name": "Person 21",
        "effective_caller_id_number": "21", "presence_privacy": "true",
    }


@pytest.mark.parametrize(("name", "domain"), [
    ("22", "amsel.example"), ("+49305557022", NUMBERS_DOMAIN), ("+4930555799", NUMBERS_DOMAIN)])
def test_extensions_and_numbers_only_say_where_they_ring(served, name, domain):
    entry = user(served, name, domain)
    assert entry == {
        "id": name, "domain": domain, "cacheable": "forever", "allow-empty-password": "false",
        "dial-string": "{outbound_redirect_fatal=true,presence_privacy=true}"
                       "[presence_id=22@amsel.example,pbx_leg_subscriber=70122]sofia/internal/amsel-22%amsel.example",
        "pbx_company": "701", "pbx_language": "de", "pbx_mailbox": "70122",
    }


@pytest.mark.parametrize(("name", "domain"), [
    ("buche-21", "amsel.example"), ("amsel-21", "buche.example"), ("22", "buche.example"), ("22", NUMBERS_DOMAIN),
    ("amsel-21' OR 1=1", "amsel.example"), ("", "amsel.example"), ("AMSEL-21", "amsel.example"),
])
def test_nobody_is_found_in_anothers_domain(served, name, domain):
    assert user(served, name, domain) is None


def test_a_question_for_gateways_or_lists_finds_no_user(served):
    assert ask(served, section="directory", purpose="gateways", user="amsel-21",
               domain="amsel.example").find(".//user") is None


def test_the_document_has_no_declaration_that_would_swallow_it(served):
    request = urllib.request.Request(
        f"http://127.0.0.1:{served.port}/", urlencode({"section": "directory", "user": "amsel-21",
                                                       "domain": "amsel.example"}).encode())
    request.add_header("Authorization", "Basic " + b64encode(f"switch:{SECRET}".encode()).decode())
    with urllib.request.urlopen(request, timeout=5) as response:
        assert response.read().startswith(b"<document")


@pytest.mark.parametrize("secret", ["", "wrong", "S" * 32])
def test_without_the_secret_nothing_is_said(served, secret):
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(served, secret, section="directory", user="amsel-21", domain="amsel.example")
    assert refused.value.code == 401
    assert refused.value.read() == b""


def test_with_the_database_away_the_switch_is_told_to_ask_again_later(tmp_path):
    away = SwitchDirectory(
        Database("postgresql://u:p@127.0.0.1:9/x"), SECRET, Served(tmp_path / "served"), host="127.0.0.1", port=0)
    away.start()
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(away, section="directory", user="amsel-21", domain="amsel.example")
        assert refused.value.code == 503
    finally:
        away.stop()


def test_what_would_be_answered_otherwise_now_is_found_without_asking_the_switch(served, owner_sql):
    names = ["amsel-21@amsel.example", "amsel-22@amsel.example", "22@amsel.example", "nobody@amsel.example"]
    for name in names:
        user(served, name.split("@")[0])
    assert served.changed_since_served(names) == ["nobody@amsel.example"]
    owner_sql("UPDATE directory.devices SET sip_ha1 = repeat('c', 32) WHERE device_id = 'amsel-22'")
    try:
        assert set(served.changed_since_served(names)) == {"amsel-22@amsel.example", "nobody@amsel.example"}
    finally:
        owner_sql("UPDATE directory.devices SET sip_ha1 = repeat('a', 32) WHERE device_id = 'amsel-22'")


def test_a_mailbox_switched_off_is_a_change_of_its_owners_entries(admin_database_url, owner_sql):
    listening = psycopg2.connect(admin_database_url)
    listening.autocommit = True
    listening.cursor().execute("LISTEN pbx_directory")
    owner_sql("UPDATE voicemail.mailboxes SET enabled = NOT enabled WHERE subscriber_id = 70122")
    heard: set[str] = set()
    try:
        with gevent.Timeout(5, AssertionError("not both were notified")):
            while not {"22@amsel.example", "+49305557022@numbers.invalid"} <= heard:
                gevent.sleep(0.02)
                listening.poll()
                heard |= {notice.payload for notice in listening.notifies}
    finally:
        listening.close()
        owner_sql("UPDATE voicemail.mailboxes SET enabled = NOT enabled WHERE subscriber_id = 70122")


@pytest.mark.parametrize(("country", "number"), [
    ("DE", "112"), ("DE", "110"), ("AT", "133"), ("GB", "999"), ("US", "911")])
def test_the_countrys_emergency_numbers_are_a_pattern(country, number):
    assert re.fullmatch(f"^({emergency_pattern(country)})$", number)
