"""The watched list and the lamps over HTTP, on a real database."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.presence.api import make_app
from services.presence.store import read_people
from services.presence.switch_events import SwitchEvents
from shared.api import serve, token_sha256
from shared.database import Database
from shared.esl.client import InboundClient
from shared.esl.events import Event

OPERATOR = "operator-token-for-presence"
ADMINISTRATOR = "administrator-token-for-presence"


@dataclass
class Answer:
    status: int
    body: Any


class House:
    """Two companies, presence's HTTP server, and the events a switch would send."""

    def __init__(self, owner: Database, database: Database) -> None:
        self.owner = owner
        with owner.platform() as tx:
            self.ids = {
                **self._company(tx, "presence-eins.example", range(21, 32)),
                **{f"other-{extension}": subscriber_id for extension, subscriber_id in self._company(
                    tx, "presence-zwei.example", range(41, 43)).items()},
            }
            tx.execute("INSERT INTO directory.api_tokens (token_sha256, role) VALUES (:sha, 'operator')",
                       sha=token_sha256(OPERATOR))
            tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id)"
                       " SELECT :sha, 'administrator', company_id FROM directory.companies"
                       " WHERE sip_domain = 'presence-eins.example'", sha=token_sha256(ADMINISTRATOR))
        # Never started: what a switch would tell is told by the tests.
        client = InboundClient("127.0.0.1", 1, "unused", name="test")
        self.presence = SwitchEvents(client, read_people=lambda: read_people(database))
        self.presence.read_people()
        self.server = serve(make_app(self.presence, database, {}, {}), "127.0.0.1", 0)
        self.sequence = 0

    def _company(self, tx: Any, domain: str, extensions: range) -> dict[str, int]:
        company_id = tx.one(
            "INSERT INTO directory.companies (name, sip_domain) VALUES (:domain, :domain) RETURNING company_id",
            domain=domain).company_id
        site_id = tx.one(
            "INSERT INTO directory.sites (company_id, name, area_code) VALUES (:id, 'Berlin', '30') RETURNING site_id",
            id=company_id).site_id
        found = {}
        for extension in map(str, extensions):
            found[extension] = tx.one(
                "INSERT INTO directory.subscribers (company_id, site_id, first_name, last_name, extension)"
                " VALUES (:company, :site, 'Person', :extension, :extension) RETURNING subscriber_id",
                company=company_id, site=site_id, extension=extension).subscriber_id
            tx.execute(
                "INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
                " VALUES (:company, :device, :subscriber, md5('x'), :key)",
                company=company_id, device=f"p{extension}-desk", subscriber=found[extension],
                key=f"lampkeyofp{extension}")
            tx.execute(
                "INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                " VALUES (:sha, 'subscriber', :company, :subscriber)",
                sha=token_sha256(token(extension)), company=company_id, subscriber=found[extension])
        return found

    def ask(self, path: str, method: str = "GET", body: Any = None, token: str | None = None) -> Answer:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.server_port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return Answer(response.status, json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.loads(error.read()))

    def tell(self, extension: str, state: str) -> None:
        self.sequence += 1
        self.presence.take(Event.of({
            "Event-Name": "CHANNEL_CALLSTATE", "Core-UUID": "run", "Event-Sequence": str(self.sequence),
            "Unique-ID": f"leg-{extension}", "Channel-Call-State": state, "Call-Direction": "outbound",
            "Channel-Presence-ID": f"{extension}@presence-eins.example"}))


def token(extension: str) -> str:
    return f"token-of-the-subscriber-{extension}"


@pytest.fixture(scope="module")
def house(admin_database_url: str, service_database_urls: Mapping[str, str]) -> Iterator[House]:
    owner = Database(admin_database_url)
    database = Database(service_database_urls["presence"])
    house = House(owner, database)
    yield house
    house.server.stop(timeout=1)
    database.close()
    owner.close()


@pytest.fixture(autouse=True)
def empty_lists(house: House) -> None:
    for extension in ("21", "22"):
        assert house.ask("/v1/watched", "PUT", {"subscriber_ids": []}, token(extension)).status == 200


def watched(house: House, extension: str = "21") -> list[str]:
    return [one["extension"] for one in house.ask("/v1/watched", token=token(extension)).body["watched"]]


def test_a_list_is_put_by_extension_or_id_and_read_back(house: House):
    answer = house.ask("/v1/watched", "PUT", {"extensions": ["23", "22"]}, token("21"))
    assert answer == Answer(200, {"watched": [
        {"position": 1, "subscriber_id": house.ids["23"], "extension": "23", "name": "Person 23"},
        {"position": 2, "subscriber_id": house.ids["22"], "extension": "22", "name": "Person 22"}]})
    assert house.ask("/v1/watched", token=token("21")) == answer
    assert house.ask("/v1/watched", "PUT", {"subscriber_ids": [house.ids["24"]]}, token("21")).status == 200
    assert watched(house) == ["24"]


def test_eight_are_taken_and_the_ninth_is_refused_with_nothing_half_done(house: House):
    eight = [str(extension) for extension in range(22, 30)]
    assert house.ask("/v1/watched", "PUT", {"extensions": eight}, token("21")).status == 200
    refused = house.ask("/v1/watched", "PUT", {"extensions": ["31", *eight]}, token("21"))
    assert (refused.status, refused.body["error"], refused.body["field"]) == (422, "too_many_watched", "extensions")
    assert "8" in refused.body["message"]
    assert watched(house) == eight


@pytest.mark.parametrize(("body", "error", "field"), [
    ({"extensions": ["22", "41"]}, "unknown_subscriber", "extensions.1"),
    ({"subscriber_ids": [2**62]}, "unknown_subscriber", "subscriber_ids.0"),
    ({"extensions": ["22", "22"]}, "watched_twice", "extensions.1"),
    ({"extensions": ["21"]}, "cannot_watch_self", "extensions.0"),
    ({"subscriber_ids": [0]}, "invalid_field", "subscriber_ids.0"),
    ({"subscriber_ids": [2**63]}, "invalid_field", "subscriber_ids.0"),
    ({"extensions": ["22\n"]}, "invalid_field", "extensions.0"),
    ({}, "invalid_field", "subscriber_ids"),
    ({"extensions": [], "subscriber_ids": []}, "invalid_field", "subscriber_ids"),
    ({"watched": []}, "invalid_field", "watched"),
])
def test_what_breaks_a_rule_is_refused_and_the_list_stays(house: House, body, error, field):
    house.ask("/v1/watched", "PUT", {"extensions": ["30"]}, token("21"))
    answer = house.ask("/v1/watched", "PUT", body, token("21"))
    assert (answer.status, answer.body["error"], answer.body["field"]) == (422, error, field)
    assert watched(house) == ["30"]


def test_nobody_of_another_company_can_be_watched(house: House):
    answer = house.ask("/v1/watched", "PUT", {"subscriber_ids": [house.ids["other-41"]]}, token("21"))
    assert (answer.status, answer.body["error"]) == (422, "unknown_subscriber")


def test_an_operator_serves_any_subscriber_and_a_subscriber_only_himself(house: House):
    path = f"/v1/subscribers/{house.ids['21']}"
    assert house.ask(f"{path}/watched", "PUT", {"extensions": ["25"]}, OPERATOR).status == 200
    assert watched(house) == ["25"]
    assert house.ask(f"{path}/lamps", token=OPERATOR).body["lamps"][0]["extension"] == "25"
    assert house.ask(f"{path}/watched", token=token("22")).status == 403
    assert house.ask("/v1/watched", token=OPERATOR).status == 403
    assert house.ask("/v1/watched").status == 401
    assert house.ask("/v1/subscribers/999999999/watched", token=OPERATOR).status == 404


def test_an_administrator_serves_the_people_of_his_company_only(house: House):
    path = f"/v1/subscribers/{house.ids['21']}"
    assert house.ask(f"{path}/watched", "PUT", {"extensions": ["26"]}, ADMINISTRATOR).status == 200
    assert house.ask(f"{path}/lamps", token=ADMINISTRATOR).body["lamps"][0]["extension"] == "26"
    foreign = f"/v1/subscribers/{house.ids['other-41']}"
    assert house.ask(f"{foreign}/watched", token=ADMINISTRATOR).status == 404
    assert house.ask(f"{foreign}/watched", "PUT", {"extensions": ["42"]}, ADMINISTRATOR).status == 404
    assert house.ask(f"{foreign}/lamps", token=ADMINISTRATOR).status == 404
    assert house.ask(f"{foreign}/lamps/events", token=ADMINISTRATOR).status == 404


def test_lamps_show_the_state_of_the_watched(house: House):
    house.ask("/v1/watched", "PUT", {"extensions": ["22", "23"]}, token("21"))
    house.tell("22", "RINGING")
    lamps = house.ask("/v1/lamps", token=token("21")).body["lamps"]
    assert [(lamp["position"], lamp["state"], lamp["lamp"]) for lamp in lamps] == [
        (1, "ringing", "early"), (2, "not_registered", "terminated")]
    house.tell("22", "HANGUP")


def test_the_stream_begins_with_a_snapshot_and_follows(house: House):
    house.ask("/v1/watched", "PUT", {"extensions": ["22"]}, token("21"))
    line = http.client.HTTPConnection("127.0.0.1", house.server.server_port, timeout=10)
    line.request("GET", "/v1/lamps/events", headers={"Authorization": f"Bearer {token('21')}"})
    response = line.getresponse()
    assert response.getheader("Content-Type").startswith("text/event-stream")

    def message() -> tuple[str, Any]:
        found = {}
        while (text := response.readline().decode().rstrip("\n")) != "":
            name, _, value = text.partition(": ")
            found[name] = value
        assert int(found["id"]) > 0
        return found["event"], json.loads(found["data"])

    assert message()[0] == "snapshot"
    house.tell("22", "RINGING")
    kind, lamp = message()
    assert (kind, lamp["position"], lamp["state"]) == ("lamp", 1, "ringing")
    house.ask("/v1/watched", "PUT", {"extensions": ["22", "24"]}, token("21"))
    kind, snapshot = message()
    assert (kind, [one["extension"] for one in snapshot["lamps"]]) == ("snapshot", ["22", "24"])
    house.tell("22", "HANGUP")
    assert message()[1]["state"] == "not_registered"
    line.close()


def test_routing_finds_the_person_on_a_pressed_key(house: House, service_database_urls: Mapping[str, str]):
    house.ask("/v1/watched", "PUT", {"extensions": ["23", "22"]}, token("21"))
    database = Database(service_database_urls["routing"])
    people = house.presence.board.people
    company_id = people.person(house.ids["21"]).company_id
    other_id = people.person(house.ids["other-41"]).company_id

    def pressed(company: int, extension: str, position: int, key: str) -> list[str]:
        return [row.watched_extension for row in database.call(
            "SELECT * FROM presence.person_on_lamp(:company, :extension, :position, :key)",
            company=company, extension=extension, position=position, key=key)]

    assert pressed(company_id, "21", 2, "lampkeyofp21") == ["22"]
    assert pressed(company_id, "21", 3, "lampkeyofp21") == []
    assert pressed(company_id, "21", 2, "lampkeyofp22") == []
    assert pressed(other_id, "21", 2, "lampkeyofp21") == []
    database.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(
        st.sampled_from(["extensions", "subscriber_ids", "x"]), inner, max_size=3), max_leaves=12))
def test_no_body_breaks_the_server(house: House, body: Any):
    answer = house.ask("/v1/watched", "PUT", body, token("21"))
    assert answer.status in (200, 400, 422), answer.body


def test_the_figures_are_there(house: House):
    house.tell("22", "RINGING")
    with urllib.request.urlopen(f"http://127.0.0.1:{house.server.server_port}/metrics", timeout=10) as response:
        figures = response.read().decode()
    for name in ("lamps_sent_total", "lamps_waiting", "lamps_lit", "lamp_subscriptions", "event_lag_seconds_count",
                 "events_refused_total", "corrections_total", "devices_registered", "pages"):
        assert f"\npbx_presence_{name} " in figures
    assert "\npbx_presence_legs_up 1.0" in figures
    house.tell("22", "HANGUP")


def test_the_description_has_every_resource_and_an_example(house: House):
    description = house.ask("/openapi.json").body
    assert {"/v1/watched", "/v1/lamps", "/v1/lamps/events", "/v1/subscribers/{subscriber_id}/watched",
            "/v1/subscribers/{subscriber_id}/lamps"} <= set(description["paths"])
    put = description["paths"]["/v1/watched"]["put"]
    assert put["requestBody"]["content"]["application/json"]["example"] == {"extensions": ["22", "23"]}
