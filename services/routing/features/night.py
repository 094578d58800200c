"""Night service of a site (G6): where its calls from outside go, by a schedule or by hand, and who may switch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from services.routing.facts import MAILBOX, Site
from services.routing.features.base import Access, Actor, Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas import times
from services.routing.schemas.fields import Switch, Target, Text
from shared.database import Row, Transaction
from shared.schedule import next_change, times_in

SWITCHERS = ("administrators", "everybody", "listed")


class NightService(Schema):
    target = Target(load_default=None, allow_none=True, metadata={
        "description": "where calls from outside to any number of the site go at night: an extension, a number, or"
                       " `mailbox:21` for the mailbox of 21; calls to it itself ring there"})
    scheduled = Switch(load_default=False, metadata={"description": "the times below say when it is night"})
    times = fields.Nested(times.Times, load_default=lambda: times.shown({}))
    by_hand = Switch(load_default=None, allow_none=True, metadata={
        "description": "true: night, false: day, until the schedule changes next; null: as scheduled"})
    who_may_switch = fields.String(load_default="administrators", validate=validate.OneOf(SWITCHERS), metadata={
        "description": "by hand: over HTTP or with #80 and #81"})
    switchers = fields.List(Text(2, 6), load_default=list, validate=validate.Length(max=100), metadata={
        "description": "extensions of those who may, where who_may_switch is `listed`"})


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        "SELECT g.*, t.country, t.region, t.time_zone, now() AS now FROM directory.sites t"
        " LEFT JOIN routing.site_settings g ON (g.company_id, g.site_id) = (t.company_id, t.site_id)"
        " WHERE t.company_id = :company_id AND t.site_id = :site_id",
        company_id=whose.company_id, site_id=whose.site_id)
    switchers = tx.rows(
        "SELECT s.extension FROM routing.night_switchers n"
        " JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (n.company_id, n.subscriber_id)"
        " WHERE n.company_id = :company_id AND n.site_id = :site_id ORDER BY s.extension",
        company_id=whose.company_id, site_id=whose.site_id)
    return {
        "target": row.night_target, "scheduled": bool(row.night_scheduled), "times": times.shown(row.night_times or {}),
        "by_hand": _by_hand(row), "who_may_switch": row.night_switchers or "administrators",
        "switchers": [one.extension for one in switchers],
    }


def _by_hand(row: Row) -> bool | None:
    """What was switched by hand and still holds: the next change of the schedule ends it."""
    switched: bool | None = row.night_by_hand
    if switched is None or not row.night_scheduled:
        return switched
    site = Site(country=row.country, region=row.region or "", time_zone=row.time_zone)
    ends = next_change(times_in(row.night_times), row.night_by_hand_at, site)
    return None if ends is not None and ends <= row.now else switched


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["target"] is not None:
        new["target"] = _target(place, new["target"], old["target"])
    elif new["by_hand"] or new["scheduled"]:
        raise Refused("target_missing", "there is no target yet for the calls of the night", "target",
                      "send the target with it")
    if new["scheduled"] and not times.stored(new["times"]):
        raise Refused("times_missing", "the schedule holds no hours, periods or holidays: it would always be night",
                      "times", "send the times of the night with it, or switch on by hand")
    new["switchers"] = sorted(set(new["switchers"]))
    for index, extension in enumerate(new["switchers"]):
        if extension not in old["switchers"]:
            place.subscriber_with(extension, f"switchers.{index}")
    if new["who_may_switch"] == "listed" and not new["switchers"]:
        raise Refused("switchers_missing", "nobody is listed who may switch", "switchers",
                      "send their extensions with it")
    return new


def _target(place: Place, entered: str, kept: str | None) -> str:
    text = entered.strip()
    if not text.startswith(MAILBOX) or text == kept:
        return place.target(text, "target", kept={kept})
    extension = text.removeprefix(MAILBOX).strip()
    subscriber_id = place.subscriber_with(extension, "target")
    if place.tx.row("SELECT 1 AS there FROM voicemail.mailbox_routing"
                    " WHERE company_id = :company_id AND subscriber_id = :id",
                    company_id=place.whose.company_id, id=subscriber_id) is None:
        raise Refused("target_unknown", f"{extension} has no mailbox", "target")
    return f"{MAILBOX}{extension}"


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    ids = {"company_id": whose.company_id, "site_id": whose.site_id}
    tx.execute(
        """INSERT INTO routing.site_settings AS g (company_id, site_id, night_target, night_scheduled, night_times,
                                                   night_by_hand, night_by_hand_at, night_switchers)
           VALUES (:company_id, :site_id, :target, :scheduled, CAST(:times AS jsonb), :by_hand,
                   CASE WHEN CAST(:by_hand AS boolean) IS NOT NULL THEN now() END, :who_may_switch)
           ON CONFLICT (company_id, site_id) DO UPDATE SET night_target = excluded.night_target,
               night_scheduled = excluded.night_scheduled, night_times = excluded.night_times,
               night_by_hand = excluded.night_by_hand, night_switchers = excluded.night_switchers,
               night_by_hand_at = CASE WHEN excluded.night_by_hand IS NULL OR :switched
                   THEN excluded.night_by_hand_at ELSE g.night_by_hand_at END""",
        **ids, **{name: new[name] for name in ("target", "scheduled", "by_hand", "who_may_switch")},
        times=json.dumps(times.stored(new["times"])), switched=new["by_hand"] != old["by_hand"])
    if new["switchers"] != old["switchers"]:
        tx.execute("DELETE FROM routing.night_switchers WHERE company_id = :company_id AND site_id = :site_id", **ids)
        tx.execute(
            "INSERT INTO routing.night_switchers (company_id, site_id, subscriber_id)"
            " SELECT s.company_id, :site_id, s.subscriber_id FROM directory.subscribers s"
            " WHERE s.company_id = :company_id AND s.extension = ANY (:extensions)",
            **ids, extensions=new["switchers"])


def may_switch(tx: Transaction, actor: Actor, whose: Whose, changes: Mapping[str, Any]) -> bool:
    """By hand, and nothing else: everybody of the site, whoever is listed, or a person who is an administrator."""
    if set(changes) != {"by_hand"} or actor.subscriber_id is None:
        return False
    row = tx.row(
        """SELECT CASE coalesce(g.night_switchers, 'administrators')
                      WHEN 'everybody' THEN s.site_id = g.site_id
                      WHEN 'administrators' THEN EXISTS (SELECT FROM directory.logins l
                          WHERE l.company_id = s.company_id AND l.subscriber_id = s.subscriber_id
                            AND l.role = 'administrator')
                      WHEN 'listed' THEN EXISTS (SELECT FROM routing.night_switchers n
                          WHERE n.company_id = g.company_id AND n.site_id = g.site_id
                            AND n.subscriber_id = s.subscriber_id)
                      ELSE false END AS may
           FROM directory.subscribers s
           LEFT JOIN routing.site_settings g ON g.company_id = s.company_id AND g.site_id = :site_id
           WHERE s.company_id = :company_id AND s.subscriber_id = :id""",
        company_id=whose.company_id, site_id=whose.site_id, id=actor.subscriber_id)
    return bool(row and row.may)


FEATURES = (
    Feature(
        name="night_service", scopes=frozenset({Scope.SITE}), schema=NightService, read=_read, settle=_settle,
        write=_write, subscriber=Access.READ, also_permits=may_switch, summary="Night service (G6)",
        example={"target": "21", "scheduled": True, "times": {
            "weekly": [{"weekday": day, "from": "18:00", "to": "08:00"} for day in range(5)],
            "periods": [], "on_holidays": True, "not_on_holidays": False, "holiday_region": None},
            "by_hand": None, "who_may_switch": "listed", "switchers": ["21"]},
        change_example={"by_hand": True}),
)
