"""A setting resource as a whole: merged, checked, written, noted; two writers one after the other."""

from __future__ import annotations

import pytest

from services.routing.features import Actor, Conflict, Forbidden, Refused, Whose, change, etag, read
from shared.database import NotFound

ANNA = Whose(701, subscriber_id=70121)
HERSELF = Actor("subscriber", 70121, "http")


@pytest.fixture
def tx(database, owner_sql):
    owner_sql("DELETE FROM routing.audit")      # what other modules left in the session's database
    with database.company(701) as one:
        yield one
    owner_sql("DELETE FROM routing.audit")
    owner_sql("DELETE FROM routing.call_settings")


def test_a_change_names_what_it_is_about_and_the_rest_stays(tx):
    assert read(tx, "do_not_disturb", ANNA) == {"enabled": False, "ring_reminder": False}
    assert change(tx, "do_not_disturb", ANNA, {"ring_reminder": True}, HERSELF)["enabled"] is False
    assert change(tx, "do_not_disturb", ANNA, {"enabled": True}, HERSELF) == {"enabled": True, "ring_reminder": True}
    assert read(tx, "do_not_disturb", ANNA) == {"enabled": True, "ring_reminder": True}
    notes = tx.rows("SELECT * FROM routing.audit ORDER BY audit_id")
    assert [(note.what, note.before, note.after) for note in notes] == [
        ("do_not_disturb", {"ring_reminder": False}, {"ring_reminder": True}),
        ("do_not_disturb", {"enabled": False}, {"enabled": True})]
    assert {(note.actor_role, note.actor_subscriber_id, note.via, note.subscriber_id) for note in notes} == {
        ("subscriber", 70121, "http", 70121)}


def test_what_changes_nothing_leaves_no_note(tx):
    change(tx, "do_not_disturb", ANNA, {"enabled": False}, HERSELF)
    change(tx, "do_not_disturb", ANNA, {}, HERSELF)
    assert tx.rows("SELECT * FROM routing.audit") == []


def test_a_change_meant_for_another_state_is_refused_with_the_state_that_is(tx):
    before = etag(read(tx, "do_not_disturb", ANNA))
    change(tx, "do_not_disturb", ANNA, {"enabled": True}, HERSELF, if_match={before})
    with pytest.raises(Conflict) as conflict:
        change(tx, "do_not_disturb", ANNA, {"enabled": False}, HERSELF, if_match={before})
    assert conflict.value.etag == etag({"enabled": True, "ring_reminder": False})


@pytest.mark.parametrize(("changes", "field"), [
    ({"enabled": 1}, "enabled"), ({"enabled": "true"}, "enabled"), ({"enabled": None}, "enabled"),
    ({"on": True}, "on"), ({"enabled": True, "ring_reminder": []}, "ring_reminder"),
])
def test_what_does_not_fit_is_refused_with_the_field_and_nothing_is_written(tx, changes, field):
    with pytest.raises(Refused) as refused:
        change(tx, "do_not_disturb", ANNA, changes, HERSELF)
    assert refused.value.field == field
    assert read(tx, "do_not_disturb", ANNA) == {"enabled": False, "ring_reminder": False}


def test_nobody_else_in_the_company_changes_a_persons_settings(tx):
    with pytest.raises(Forbidden):
        change(tx, "do_not_disturb", ANNA, {"enabled": True}, Actor("subscriber", 70122, "http"))
    assert change(tx, "do_not_disturb", ANNA, {"enabled": True}, Actor("administrator", 70122, "http"))["enabled"]


def test_people_of_another_company_do_not_exist(tx):
    for whose in (Whose(701, subscriber_id=70221), Whose(702, subscriber_id=70221)):
        with pytest.raises(NotFound):
            change(tx, "do_not_disturb", whose, {"enabled": True}, Actor("administrator", None, "http"))
