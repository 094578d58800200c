"""What routing.call_facts returned (migrations, 0011_call_facts), as facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.routing.facts import (
    Assistant,
    CallerRule,
    Company,
    EmergencyCall,
    ExecutiveFilter,
    Forwarding,
    Intercept,
    InterceptAction,
    Mailbox,
    SimultaneousNumber,
    Site,
    Subscriber,
)
from services.routing.memory import Found
from shared.barring import Range
from shared.schedule import NightService, times_in

Json = dict[str, Any]
Lists = dict[str, tuple[CallerRule, ...]]
Profiles = Mapping[int, Mapping[str, tuple[Range, ...]]]

_NO_SETTINGS: Json = {}
_NO_LISTS: Lists = {}
_NO_RANGES: Mapping[str, tuple[Range, ...]] = {}


def found_in(facts: Json, caller_name: str = "") -> Found:
    if "night_target" in facts:
        return _nobodys_number(facts, caller_name)
    company = facts["company"]
    company_rules = _lists(company["rules"])
    profiles = _profiles(facts["barring"])
    sites = {row["id"]: _SiteFound(row) for row in facts["sites"]}
    people = {
        row["id"]: _person(row, sites[row["site"]], company_rules, profiles,
                           (facts["speed_dials"] or {}) if row["id"] == facts["caller"] else {})
        for row in facts["people"]
    }
    called_site = sites.get(facts["called_site"])
    nobody = _nobody(called_site, profiles) if called_site and facts["owner"] is None else None
    return Found(
        company=Company(
            company["id"], company["domain"], tuple(company["trunks"] or ()), frozenset(company["classes"]),
            codes=company["codes"] or {}),
        caller=people[facts["caller"]] if facts["caller"] is not None else None,
        owner_id=facts["owner"],
        people=people,
        owners=dict(facts["owners"]),
        lamp_owner_id=facts["lamp_owner"],
        caller_name=caller_name,
        called_site=called_site.site if called_site else None,
        from_mobile=bool(facts["from_mobile"]), nobody=nobody,
    )


def _nobodys_number(facts: Json, caller_name: str) -> Found:
    """What routing.nobodys_facts returned (migrations, 0022): the facts of a call to the night target, seen from the
    number's own site."""
    of_target = found_in(facts["target"], caller_name)
    owners = dict(of_target.owners)
    if of_target.owner_id is not None:
        owners[facts["night_target"]] = of_target.owner_id
    return replace(of_target, owner_id=None, owners=owners,
                   nobody=_nobody(_SiteFound(facts["site"]), _profiles(facts["barring"])))


def _nobody(of_site: _SiteFound, profiles: Profiles) -> Subscriber:
    """Stands for whoever would have the number: his site's settings, and none of his own."""
    forwarded = profiles.get(of_site.barring_profile_id or 0, _NO_RANGES).get("forwarded", ())
    return Subscriber(0, "", site=of_site.site, shown_number=of_site.site.main_number, barring_forwarded=forwarded)


class _SiteFound:
    """A site, and what its people inherit from it."""

    def __init__(self, row: Json) -> None:
        settings = row["settings"] or _NO_SETTINGS
        intercept = _intercept(row["intercept"])
        emergency = EmergencyCall(row["emergency"][0], datetime.fromisoformat(row["emergency"][1])) if (
            row["emergency"]) else None
        self.rules = _lists(row["rules"])
        self.barring_profile_id: int | None = settings.get("barring_profile_id")
        self.site = Site(
            row["id"], row["country"], row["area_code"], row["main_number"] or "", row["time_zone"],
            region=row["region"] or "",
            night=_night(settings) if settings else NightService(),
            intercept_incoming=intercept if row["intercept"] and row["intercept"]["incoming"] else None,
            intercept_outgoing=intercept if row["intercept"] and row["intercept"]["outgoing"] else None,
            last_emergency_call=emergency,
        )


def _person(
    row: Json, of_site: _SiteFound, company_rules: Lists, profiles: Profiles, speed_dials: Mapping[str, str],
) -> Subscriber:
    numbers = row["numbers"] or ()
    forwardings = {kind: Forwarding(*to) for kind, to in (row["forwardings"] or {}).items()}
    own = row["settings"] or _NO_SETTINGS
    rules = _lists(row["rules"])
    barring = profiles.get(own.get("barring_profile_id") or of_site.barring_profile_id or 0, _NO_RANGES)
    intercept = _intercept(row["intercept"])
    calls_up = [UUID(leg) for leg in row["calls_up"] or ()]
    waiting_off = own.get("waiting_off_for_call")
    return Subscriber(
        subscriber_id=row["id"], extension=row["extension"], name=row["name"], language=row["language"],
        main_number=next((number for number, is_main, _ in numbers if is_main), ""),
        site=of_site.site,
        numbers=tuple(number for number, _, _ in numbers),
        device_ids=tuple(row["devices"]),
        call_limit=own.get("call_limit", 20), calls_up=len(calls_up),
        distinctive_rings={number: ring for number, _, ring in numbers if ring},
        intercept_incoming=intercept if row["intercept"] and row["intercept"]["incoming"] else None,
        intercept_outgoing=intercept if row["intercept"] and row["intercept"]["outgoing"] else None,
        barring_incoming=barring.get("incoming", ()),
        barring_outgoing=barring.get("outgoing", ()),
        barring_forwarded=barring.get("forwarded", ()),
        enterprise_incoming=_inherited("enterprise_incoming", rules, of_site.rules, company_rules),
        enterprise_outgoing=_inherited("enterprise_outgoing", rules, of_site.rules, company_rules),
        negative_list_on=own.get("negative_list_on", False), negative_list=rules.get("negative", ()),
        positive_list_on=own.get("positive_list_on", False), positive_list=rules.get("positive", ()),
        rejects_anonymous=own.get("rejects_anonymous", False),
        selective_forwarding_on=own.get("selective_forwarding_on", False),
        selective_forwarding_target=own.get("selective_forwarding_target") or "",
        selective_forwarding=rules.get("selective_forwarding", ()),
        forward_always=forwardings.get("always"),
        forward_always_splash=own.get("forward_always_splash", False),
        forward_busy=forwardings.get("busy"),
        forward_no_answer=forwardings.get("no_answer"),
        forward_not_reachable=forwardings.get("not_reachable"),
        mailbox=Mailbox(*row["mailbox"]) if row["mailbox"] else Mailbox(),
        executive_filter=_executive_filter(row["executive"], rules.get("executive", ())),
        do_not_disturb=own.get("do_not_disturb", False), dnd_reminder=own.get("dnd_reminder", False),
        call_waiting=own.get("call_waiting", True),
        call_waiting_off_once=waiting_off is not None and UUID(waiting_off) in calls_up,
        remote_office=(own.get("remote_office_number") or "") if own.get("remote_office_on") else "",
        simultaneous_ring=tuple(SimultaneousNumber(*one) for one in row["simultaneous"] or ()),
        simultaneous_ring_not_when_busy=own.get("simultaneous_ring_not_when_busy", False),
        speed_dials=speed_dials,
        number_suppressed=own.get("number_suppressed", False),
        shown_number=own.get("shown_number") or "",
    )


def _inherited(of_list: str, *levels: Lists) -> tuple[CallerRule, ...]:
    """His own rules, then those of his site, then those of the company."""
    found: tuple[CallerRule, ...] = ()
    for level in levels:
        if level:
            found += level.get(of_list, ())
    return found


def _lists(rows: list[list[Any]] | None) -> Lists:
    if not rows:
        return _NO_LISTS
    lists: dict[str, list[CallerRule]] = {}
    for of_list, name, is_exception, numbers, prefixes, internal, external, anonymous, times, action, target in rows:
        lists.setdefault(of_list, []).append(CallerRule(
            name=name, numbers=frozenset(numbers), prefixes=tuple(prefixes), internal=internal, external=external,
            anonymous=anonymous, times=times_in(times), is_exception=is_exception, target=target or "",
            action=action or ""))
    return {of_list: tuple(rules) for of_list, rules in lists.items()}


def _profiles(rows: list[list[Any]] | None) -> Profiles:
    profiles: dict[int, dict[str, tuple[Range, ...]]] = {}
    for profile_id, part, prefix, allowed in rows or ():
        parts = profiles.setdefault(profile_id, {})
        parts[part] = (*parts.get(part, ()), Range(prefix, allowed))
    return profiles


def _intercept(row: Json | None) -> Intercept | None:
    return Intercept(InterceptAction(row["action"]), row["target"] or "") if row else None


def _night(settings: Json) -> NightService:
    by_hand_at = settings["night_by_hand_at"]
    return NightService(
        settings["night_target"] or "", settings["night_scheduled"], times_in(settings["night_times"]),
        settings["night_by_hand"], datetime.fromisoformat(by_hand_at) if by_hand_at else None)


def _executive_filter(row: list[Any] | None, rules: tuple[CallerRule, ...]) -> ExecutiveFilter | None:
    if row is None:
        return None
    internal, external, executive_rings, assistants = row
    return ExecutiveFilter(
        internal, external, rules,
        tuple(Assistant(subscriber_id, extension, tuple(devices), do_not_disturb)
              for subscriber_id, extension, do_not_disturb, devices in assistants or ()),
        executive_rings)
