"""Who is let in, and what the portal does to messages, on the real database (V6, V2)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import gevent
import pytest
from gevent.pool import Pool

from services.voicemail.api import register
from services.voicemail.portal import access, box
from services.voicemail.portal.words import Box, Mark
from services.voicemail.spool import Spool
from shared.api import create_app
from shared.database import Database, DatabaseError, RuleBroken
from shared.passwords import hash_of
from tests.voicemail.conftest import Company, Leave, make_company

PIN, WRONG = "907415", "111222"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_of(PIN)


@pytest.fixture
def with_pin(admin: Database, company: Company, hashed: str) -> Company:
    """Anna has a PIN, Bernd has none."""
    with admin.company(company.company_id) as tx:
        assert tx.one("SELECT voicemail.set_pin(:c, :s, :h) AS done", c=company.company_id, s=company.anna,
                      h=hashed).done
    return company


def tries(database: Database, company: Company, pin: str, **whose: Any) -> Box | None:
    return access.let_in(database, company.company_id, pin, **(whose or {"subscriber_id": company.anna}))


def later(admin: Database, company: Company, minutes: int) -> None:
    """As if so much time had passed since the tries."""
    with admin.company(company.company_id) as tx:
        tx.execute(
            "UPDATE voicemail.mailboxes SET pin_locked_until = pin_locked_until - :t,"
            " pin_failed_at = ARRAY(SELECT at - :t FROM unnest(pin_failed_at) AS at) WHERE company_id = :c",
            t=timedelta(minutes=minutes), c=company.company_id)


def test_the_right_pin_opens_by_owner_and_by_extension(database: Database, with_pin: Company, leave: Leave) -> None:
    leave()
    found = tries(database, with_pin, PIN)
    assert found == Box(with_pin.company_id, with_pin.anna, "de", "Europe/Berlin", numbers=("21",), new=1)
    assert tries(database, with_pin, PIN, extension="21") == found


def test_five_wrong_ones_in_fifteen_minutes_lock_for_thirty(
        database: Database, admin: Database, with_pin: Company) -> None:
    for _ in range(4):
        assert tries(database, with_pin, WRONG) is None
    assert tries(database, with_pin, PIN) is not None, "four wrong ones are no lock, and a right one takes them back"
    for _ in range(5):
        assert tries(database, with_pin, WRONG) is None
    assert tries(database, with_pin, PIN) is None
    state = access.state_of(database, with_pin.company_id, with_pin.anna)
    assert state is not None
    assert state.locked_until is not None
    assert (state.failures, state.needs_operator) == (5, False)
    later(admin, with_pin, 29)
    assert tries(database, with_pin, PIN) is None
    later(admin, with_pin, 2)
    assert tries(database, with_pin, PIN) is not None
    assert access.state_of(database, with_pin.company_id, with_pin.anna) == access.PinState(True, 0, None, False)


def test_wrong_ones_far_apart_are_no_lock_until_there_are_ten_in_a_row(
        database: Database, admin: Database, with_pin: Company) -> None:
    for number in range(10):
        assert tries(database, with_pin, WRONG) is None
        state = access.state_of(database, with_pin.company_id, with_pin.anna)
        assert state is not None
        assert state.locked_until is None
        assert state.needs_operator is (number == 9)
        later(admin, with_pin, 6)
    later(admin, with_pin, 600)
    assert tries(database, with_pin, PIN) is None, "only an operator ends this"
    assert access.unlock(database, with_pin.company_id, with_pin.anna)
    assert tries(database, with_pin, PIN) is not None


def test_many_calls_at_a_time_have_no_more_tries_than_one(database: Database, with_pin: Company) -> None:
    pool = Pool(8)
    for _ in range(8):
        pool.spawn(tries, database, with_pin, WRONG)
    pool.join()
    state = access.state_of(database, with_pin.company_id, with_pin.anna)
    assert state is not None
    assert state.failures == 5, "three of the eight were not even compared"


def test_no_pin_no_mailbox_and_the_neighbours_mailbox_open_to_nobody(
        database: Database, admin: Database, with_pin: Company, hashed: str) -> None:
    assert tries(database, with_pin, PIN, subscriber_id=with_pin.bernd) is None
    assert tries(database, with_pin, PIN, extension="99") is None
    other = make_company(admin)
    with admin.company(other.company_id) as tx:
        tx.one("SELECT voicemail.set_pin(:c, :s, :h) AS done", c=other.company_id, s=other.anna, h=hashed)
    assert tries(database, with_pin, PIN, subscriber_id=other.anna) is None
    with admin.company(with_pin.company_id) as tx:
        assert tx.one("SELECT tries FROM voicemail.pin_tries_at_nothing WHERE company_id = :c",
                      c=with_pin.company_id).tries == 3


def test_a_missing_mailbox_takes_as_long_as_a_wrong_pin(
    admin: Database, database: Database, with_pin: Company, hashed: str,
) -> None:
    company_id = with_pin.company_id
    with admin.company(company_id) as tx:
        tx.one("SELECT voicemail.set_pin(:c, :s, :h) AS done", c=company_id, s=with_pin.bernd, h=hashed)
    locked = [access.let_in(database, company_id, WRONG, extension="22") for _ in range(5)]
    assert not any([*locked, access.let_in(database, company_id, PIN, extension="22")])
    times: dict[str, list[float]] = {"wrong": [], "missing": [], "locked": []}
    for _ in range(12):
        for name, extension in (("wrong", "21"), ("missing", "99"), ("locked", "22")):
            began = time.perf_counter()
            assert access.let_in(database, company_id, WRONG, extension=extension) is None
            times[name].append(time.perf_counter() - began)
        access.unlock(database, company_id, with_pin.anna)
    # The work that is done: what other processes took of the machine meanwhile only adds to it.
    least = {name: min(found) for name, found in times.items()}
    assert max(least.values()) - min(least.values()) < 0.5 * min(least.values()), least


def test_a_reset_by_mail_begins_anew(database: Database, admin: Database, with_pin: Company, hashed: str) -> None:
    for _ in range(5):
        tries(database, with_pin, WRONG)
    with admin.company(with_pin.company_id) as tx:
        tx.one("SELECT voicemail.set_pin(:c, :s, :h) AS done", c=with_pin.company_id, s=with_pin.anna, h=hashed)
    tries(database, with_pin, WRONG)
    assert tries(database, with_pin, PIN) is not None


@pytest.mark.parametrize("pin", ["123456", "12", "21212121", "12345678901", "no"])
def test_a_new_pin_obeys_the_rules(database: Database, with_pin: Company, pin: str) -> None:
    with pytest.raises(access.PinRefused):
        access.change_pin(database, with_pin.company_id, with_pin.anna, pin)
    assert tries(database, with_pin, PIN) is not None


def test_a_new_pin_holds_from_now_on_and_ends_no_lock(database: Database, with_pin: Company) -> None:
    assert access.change_pin(database, with_pin.company_id, with_pin.anna, "482915")
    assert tries(database, with_pin, PIN) is None
    assert tries(database, with_pin, "482915") is not None
    for _ in range(5):
        tries(database, with_pin, WRONG)
    assert access.change_pin(database, with_pin.company_id, with_pin.anna, "739164")
    assert tries(database, with_pin, "739164") is None


# Messages

def of(company: Company) -> Box:
    return Box(company.company_id, company.anna, "de", "Europe/Berlin")


def ids(found: tuple[Any, ...]) -> list[str]:
    return [message.message_id for message in found]


def test_new_ones_come_urgent_first_then_as_they_came_and_saved_ones_from_the_latest_back(
        database: Database, company: Company, leave: Leave) -> None:
    first, second = leave(), leave()
    urgent = leave(urgent=True)
    assert ids(box.messages(database, of(company), "new")) == [
        urgent.message_id, first.message_id, second.message_id]
    for message in (first, second):
        assert box.mark(database, of(company), Mark(message.message_id, "saved"))
    assert ids(box.messages(database, of(company), "saved")) == [second.message_id, first.message_id]
    assert box.mark(database, of(company), Mark(first.message_id, "new"))
    assert first.message_id in ids(box.messages(database, of(company), "new"))


def test_deleted_it_is_in_no_list_and_restored_where_it_was(
        database: Database, company: Company, leave: Leave) -> None:
    message = leave()
    box.mark(database, of(company), Mark(message.message_id, "deleted"))
    assert box.messages(database, of(company), "new") == ()
    assert box.mark(database, of(company), Mark(message.message_id, "restored"))
    assert ids(box.messages(database, of(company), "new")) == [message.message_id]


def test_a_full_mailbox_takes_nothing_back(
        database: Database, admin: Database, company: Company, leave: Leave) -> None:
    message = leave()
    box.mark(database, of(company), Mark(message.message_id, "deleted"))
    leave()
    with admin.company(company.company_id) as tx:
        tx.execute("UPDATE voicemail.mailboxes SET max_messages = 1 WHERE company_id = :c", c=company.company_id)
    assert box.mark(database, of(company), Mark(message.message_id, "restored")) is False


def test_nobody_marks_anothers_messages(database: Database, company: Company, leave: Leave) -> None:
    message = leave()
    bernds = Box(company.company_id, company.bernd, "en", "Europe/Berlin")
    box.mark(database, bernds, Mark(message.message_id, "deleted"))
    assert len(box.messages(database, of(company), "new")) == 1


# The lamp, put out by hand

def lamp(admin: Database, company: Company) -> tuple[int, int]:
    with admin.company(company.company_id) as tx:
        row = tx.one("SELECT new, saved FROM voicemail.lamp_counts WHERE company_id = :c AND subscriber_id = :s",
                     c=company.company_id, s=company.anna)
    return row.new, row.saved


def test_a_lamp_put_out_stays_so_until_the_next_message(
        service_database_urls: Any, admin: Database, database: Database, company: Company, leave: Leave) -> None:
    routing = Database(service_database_urls["routing"])
    old = leave()
    with routing.company(company.company_id) as tx:
        assert tx.one("SELECT voicemail.clear_lamp(:c, :s) AS done", c=company.company_id, s=company.anna).done
        assert not tx.one("SELECT voicemail.clear_lamp(:c, 1) AS done", c=company.company_id).done
    routing.close()
    assert lamp(admin, company) == (0, 1)
    assert ids(box.messages(database, of(company), "new")) == [old.message_id], "it is new all the same"
    leave()
    assert lamp(admin, company) == (1, 1)
    box.mark(database, of(company), Mark(old.message_id, "saved"))
    box.mark(database, of(company), Mark(old.message_id, "new"))
    assert lamp(admin, company) == (2, 0), "whoever makes it new again wants to be told"


def test_a_pin_stands_nowhere_in_plain(admin: Database, company: Company) -> None:
    with pytest.raises((DatabaseError, RuleBroken)), admin.company(company.company_id) as tx:
        tx.one("SELECT voicemail.set_pin(:c, :s, :h) AS done", c=company.company_id, s=company.anna, h=PIN)


# HTTP

class Api:
    def __init__(self, database: Database, spool: Spool, company: Company) -> None:
        app, api = create_app("voicemail", database=database, title="Voicemail")
        register(app, api, database, spool, lambda: None, lambda message: None)
        self._client = app.test_client()
        self._company = company

    def __call__(self, method: str, path: str, who: str | None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._company.tokens[who]}"} if who else {}
        return self._client.open("/v1/mailbox/pin" + path, method=method, headers=headers, **more)


@pytest.fixture
def api(database: Database, spool: Spool, with_pin: Company) -> Iterator[Api]:
    yield Api(database, spool, with_pin)
    gevent.sleep(0)


def test_only_an_operator_unlocks(api: Api, database: Database, with_pin: Company) -> None:
    for _ in range(5):
        tries(database, with_pin, WRONG)
    whose = {"company_id": with_pin.company_id, "subscriber_id": with_pin.anna}
    told = api("GET", "", "anna").json
    assert (told["set"], told["failures"], told["needs_operator"]) == (True, 5, False)
    assert told["locked_until"] is not None
    for who, status in (("anna", 403), ("admin", 403), (None, 401)):
        assert api("DELETE", "/lock", who, query_string=whose).status_code == status
    assert api("DELETE", "/lock", "operator", query_string=whose).status_code == 204
    assert api("GET", "", "anna").json == {
        "set": True, "failures": 0, "locked_until": None, "needs_operator": False}
    assert api("DELETE", "/lock", "operator", query_string={**whose, "subscriber_id": 1}).status_code == 404


def test_the_owner_sets_a_pin_and_nobody_else(api: Api, database: Database, with_pin: Company) -> None:
    assert api("PUT", "", "anna", json={"pin": "482915"}).status_code == 204
    assert tries(database, with_pin, "482915") is not None
    refused = api("PUT", "", "admin", json={"pin": "739164"}, query_string={"subscriber_id": with_pin.anna})
    assert (refused.status_code, refused.json["error"]) == (403, "forbidden")
    assert api("PUT", "", "bernd", json={"pin": "739164"}, query_string={
        "subscriber_id": with_pin.anna}).status_code == 404
    assert tries(database, with_pin, "482915") is not None


@pytest.mark.parametrize("body", [
    {"pin": "123456"}, {"pin": "12"}, {"pin": "4" * 99}, {"pin": None}, {}, {"pin": 482915},
])
def test_a_bad_pin_is_refused_by_name_and_rule(api: Api, body: dict[str, Any]) -> None:
    answer = api("PUT", "", "anna", json=body)
    assert answer.status_code == 422
    assert answer.json["field"] == "pin"
    assert "pin" in answer.json["message"]
