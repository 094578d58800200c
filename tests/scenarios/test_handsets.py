"""A handset that knows its id and its token sets itself up: what it fetches lets it register, shows lamps, and dials
(X5). The telephones here do as snom's and Yealink's do: fetch, read, and use what they read."""

from __future__ import annotations

import base64
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from operations.story_report import proves
from tests.presence.fetched import Fetched, read_snom, read_yealink, read_yealink_contacts
from tests.scenarios.stage import DOMAIN, Answer, Stage
from tests.scenarios.telephones import Telephone, TelephoneRefused

OWNER = "greta"
"""No other story is about her lamps."""
SNOM = "/handsets/snom/000413AABBCC.xml"
YEALINK = "/handsets/yealink/805ec0aabbcc.cfg"
FORGETS_S = 20
"""Until the switch has forgotten a login, on a busy machine."""

_rounds = count(int(time.time()) % 1_000_000)


@dataclass
class Handset:
    """A telephone fresh from its box, with its id and token typed in."""

    stage: Stage
    device: str
    token: str

    def fetch(self, path: str) -> tuple[int, bytes]:
        words = base64.b64encode(f"{self.device}:{self.token}".encode()).decode()
        request = urllib.request.Request(self.stage.instance.url("presence") + path,
                                         headers={"Authorization": f"Basic {words}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def fetched(self, path: str) -> bytes:
        status, content = self.fetch(path)
        assert status == 200, content
        return content

    def telephone(self, found: Fetched) -> Telephone:
        """Registered with what it found."""
        telephone = self.stage.new_telephone(found.user, found.domain, found.password)
        self.stage.wait_until(lambda: registers(telephone, found.password), FORGETS_S, "its registration")
        return telephone


def registers(telephone: Telephone, password: str) -> bool:
    try:
        telephone.register(password=password)
    except TelephoneRefused:
        return False
    return True


def administer(stage: Stage, method: str, path: str, body: dict[str, str] | None = None) -> Answer:
    return stage.http("routing", method, path, token="admin", json_body=body)


def watch(stage: Stage, *names: str) -> None:
    answer = stage.http("presence", "PUT", "/v1/watched", token=OWNER,
                        json_body={"subscriber_ids": [stage.subscriber_id(name) for name in names]})
    assert answer.status == 200, answer.body


@pytest.fixture
def handset(stage: Stage) -> Iterator[Handset]:
    device = f"{OWNER}-{next(_rounds)}"
    made = administer(stage, "POST", f"/v1/subscribers/{stage.subscriber_id(OWNER)}/devices", {"device_id": device})
    assert made.status == 201, made.body
    watch(stage, "bernd")
    yield Handset(stage, device, administer(stage, "POST", f"/v1/devices/{device}/token").body["token"])
    stage.telephones.reset()
    watch(stage)
    assert administer(stage, "DELETE", f"/v1/devices/{device}").status == 204


@proves("X5")
def test_a_snom_calls_and_shows_lamps_with_what_it_fetched(stage: Stage, handset: Handset) -> None:
    found = read_snom(handset.fetched(SNOM))
    env = stage.instance.env
    assert (found.user, found.domain, found.server) == (
        handset.device, DOMAIN, f"{env['PBX_SIP_IP']}:{env['PBX_SIP_INTERNAL_PORT']}")
    assert (found.settings["language"], found.settings["utc_offset"]) == ("Deutsch", "+3600")
    assert found.mailbox == "*86"
    book = dict(found.contacts)
    assert {"Anna Berger", "Bernd Köhler"} <= book.keys()
    assert not {"Ulf Krüger", "Greta Möller"} & book.keys(), "nobody of another company, and not oneself"
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    telephone = handset.telephone(found)
    call = telephone.dial(book["Anna Berger"])
    ringing = anna.wait_for_ring()
    assert (ringing.shown_name, ringing.shown_number) == ("Greta Möller", "27")
    ringing.answer()
    call.wait_for("answered").hangup()
    telephone.dial(found.mailbox).wait_for("answered", timeout_s=10).hangup()
    label, address = found.lamps[1]
    assert label == "Bernd Köhler"
    lamp = telephone.watch(address.partition("@")[0]).wait_for("terminated")
    call = anna.dial("22")
    bernd.wait_for_ring()
    lamp.wait_for("early")
    call.hangup()
    lamp.wait_for("terminated")


@proves("X5", "P1")
def test_a_yealinks_lamp_key_follows_a_changed_list_without_fetching_again(stage: Stage, handset: Handset) -> None:
    assert handset.fetched("/handsets/yealink/y000000000108.cfg").startswith(b"#!version:")
    found = read_yealink(handset.fetched(YEALINK))
    url = found.settings["local_contact.data.url"]
    book = {name: number for name, number, _ in read_yealink_contacts(handset.fetched(url[url.index("/handsets/"):]))}
    assert book["Clara Schäfer"] == "23"
    telephone = handset.telephone(found)
    anna, clara = stage.telephones["anna"].register(), stage.telephones["clara"].register()
    watch(stage, "clara")
    lamp = telephone.watch(found.lamps[1][1].partition("@")[0]).wait_for("terminated")
    call = anna.dial("23")
    ringing = clara.wait_for_ring()
    lamp.wait_for("early")
    # The key that blinks, as the configuration says it is pressed.
    taken = telephone.dial(found.settings["linekey.2.extension"])
    taken.wait_for("answered")
    call.wait_for("answered")
    ringing.wait_for("ended")
    taken.hangup()
    call.wait_for("ended")


@proves("X5")
def test_token_and_password_are_one_secret(stage: Stage, handset: Handset) -> None:
    found = read_snom(handset.fetched(SNOM))
    telephone = handset.telephone(found)
    assert read_snom(handset.fetched(SNOM)).password == found.password, "as often as it likes"
    stranger = Handset(stage, "anna-desk", handset.token)
    assert stranger.fetch(SNOM)[0] == 401
    assert Handset(stage, handset.device, "x" * 32).fetch(YEALINK)[0] == 401
    renewed = Handset(stage, handset.device, administer(
        stage, "POST", f"/v1/devices/{handset.device}/token").body["token"])
    assert handset.fetch(SNOM)[0] == 401
    fresh = read_snom(renewed.fetched(SNOM))
    assert fresh.password != found.password
    stage.wait_until(lambda: not registers(telephone, found.password), FORGETS_S, "the refusal of the old password")
    stage.wait_until(lambda: registers(telephone, fresh.password), FORGETS_S, "the new password")
    by_hand = administer(stage, "POST", f"/v1/devices/{handset.device}/password").body["password"]
    assert renewed.fetch(SNOM)[0] == 401
    stage.wait_until(lambda: registers(telephone, by_hand), FORGETS_S, "the password somebody typed in")
