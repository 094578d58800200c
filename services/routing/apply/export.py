"""A company as it is, as the file that would make it: applied again, it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from marshmallow import Schema, missing

from services.routing.apply import document, present, settings
from services.routing.apply.state import Key, Kind, State
from shared.database import NotFound, Transaction

_HEAD = """\
# {name}, as it was exported. `make apply FILE=…` of this file changes nothing.
# SIP passwords are not in it: devices and trunks that are there keep theirs, new devices get one each.

"""


def of(tx: Transaction, *, domain: str | None = None, company_id: int | None = None) -> str:
    """The company's file. In a transaction for all companies. Raises NotFound."""
    row = tx.row(
        "SELECT company_id, sip_domain, name FROM directory.companies"
        " WHERE sip_domain = :domain OR company_id = :company_id", domain=domain, company_id=company_id)
    if row is None:
        raise NotFound("no such company")
    state = present.of(tx, row.company_id)
    there = settings.owners(tx, row.company_id, created=())
    for owner, name, resource in settings.resources(tx, row.company_id, there):
        state.put(Kind.SETTING, (*owner.key, name), {"resource": resource})
    text = yaml.dump(document_of(state, row.sip_domain), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return _HEAD.format(name=row.name) + text


def document_of(state: State, domain: str) -> dict[str, Any]:
    """Pure. Fields that have their default are left out."""
    company = state.of(Kind.COMPANY)[()]
    people = _by(state, Kind.NUMBER), _by(state, Kind.DEVICE)
    return _filled({
        "company": {
            **_short(document.CompanyPart, {**company, "domain": domain}), "settings": _settings(state, "company", "")},
        "trunks": [_short(document.TrunkPart, {"name": key[0], **fields})
                   for key, fields in sorted(state.of(Kind.TRUNK).items(), key=lambda one: int(one[1]["position"]))],
        "sites": [_site(state, key[0], fields) for key, fields in state.of(Kind.SITE).items()],
        "subscribers": [_subscriber(state, key[0], fields, company["language"], *people)
                        for key, fields in state.of(Kind.SUBSCRIBER).items()],
    })


def _site(state: State, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return _filled({
        **_short(document.SitePart, {"name": name, **fields}),
        "pools": [_filled({"first": key[1], "last": key[2] if key[2] != key[1] else None, **pool})
                  for key, pool in state.of(Kind.POOL).items() if key[0] == name],
        "departments": [key[1] for key in state.of(Kind.DEPARTMENT) if key[0] == name],
        "settings": _settings(state, "site", name),
    })


_Grouped = dict[str, list[tuple[Key, dict[str, Any]]]]


def _by(state: State, kind: Kind) -> _Grouped:
    found: _Grouped = {}
    for key, fields in state.of(kind).items():
        found.setdefault(fields["subscriber"], []).append((key, fields))
    return found


def _subscriber(state: State, extension: str, fields: Mapping[str, Any], usual_language: str, numbers: _Grouped,
                devices: _Grouped) -> dict[str, Any]:
    own = numbers.get(extension, [])
    mailbox = state.of(Kind.MAILBOX).get((extension,))
    whole = _filled({
        **_short(document.SubscriberPart, {
            "extension": extension, **fields,
            "language": fields["language"] if fields["language"] != usual_language else None,
            "number": next((key[0] for key, one in own if one["main"]), None)}),
        "additional_numbers": [_filled({"number": key[0], "ring": one["ring"]}) for key, one in own if not one["main"]],
        "devices": [_short(document.DevicePart, {"id": key[0], **one}) for key, one in devices.get(extension, [])],
        "settings": _settings(state, "subscriber", extension),
    })
    if mailbox is not None:     # also one with nothing but defaults: {}
        whole["mailbox"] = _short(document.MailboxPart, mailbox)
    return whole


def _settings(state: State, scope: str, name: str) -> dict[str, Any]:
    return {key[2]: fields["resource"] for key, fields in state.of(Kind.SETTING).items() if key[:2] == (scope, name)}


def _short(part: type[Schema], fields: Mapping[str, Any]) -> dict[str, Any]:
    """In the order of the schema, without what has its default."""
    return {name: fields[name] for name, field in part().fields.items()
            if name in fields and (field.load_default is missing or fields[name] != _default(field.load_default))}


def _default(default: Any) -> Any:
    return default() if callable(default) else default


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True     # the same list twice is written twice: anchors are not read
