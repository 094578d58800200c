"""Every setting resource over HTTP, each with its own schema, examples and addresses:

    /v1/settings/<name>                     one's own            /v1/subscribers/{id}/settings/<name>
    /v1/sites/{id}/settings/<name>          a site's
    /v1/company/settings/<name>             one's own company's  /v1/companies/{id}/settings/<name>

and /v1/…/settings, all of them at once. GET shows the whole resource with its ETag; PATCH changes the fields it names
(features/base.py), with If-Match only the state it was meant for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from flask import request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields

from services.routing.api.refusals import actor, refusals_answered
from services.routing.features import FEATURES, Feature, Scope, Whose, change, etag, may, notice, read
from services.routing.features.place import country_of
from shared import whose
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database, NotFound
from shared.messages import Message
from shared.phone_number import PhoneNumber

ADDRESSES: dict[Scope, tuple[tuple[str, str], ...]] = {
    Scope.SUBSCRIBER: (("", "one's own"), ("/subscribers/<int:subscriber_id>", "a subscriber's")),
    Scope.SITE: (("/sites/<int:site_id>", "a site's"),),
    Scope.COMPANY: (("/company", "one's own company's"), ("/companies/<int:company_id>", "a company's")),
}
_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")
_IN_ANSWERS = ("shown", "warnings")
IF_MATCH = {"in": "header", "name": "If-Match", "schema": {"type": "string"}, "description":
             "ETag of the state the change is meant for; without it the change is made whatever the state is"}
ETAG_HEADER = {"ETag": {"schema": {"type": "string"}, "description": "of the resource as it is shown; for If-Match"}}


def blueprint(database: Database, publish: Callable[[Message], None]) -> Blueprint:
    settings = Blueprint("settings", "settings", url_prefix="/v1", description="Settings of subscribers, sites and"
                         " the company: the fields a PATCH names are changed, null clears where it is allowed.")
    owners = _Owners(database)
    for scope, addresses in ADDRESSES.items():
        for prefix, whose_words in addresses:
            _everything(settings, database, owners, scope, prefix, whose_words)
            for feature in FEATURES.values():
                if scope in feature.scopes:
                    _one(settings, database, owners, publish, feature, scope, prefix, whose_words)
    return settings


class _Owners:
    """Whose settings an address means, for the one who asks (shared/whose.py)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, scope: Scope, ids: Mapping[str, int]) -> Whose:
        match scope:
            case Scope.SUBSCRIBER:
                person = whose.person(self._database, ids.get("subscriber_id"))
                return Whose(person.company_id, subscriber_id=person.subscriber_id)
            case Scope.SITE:
                return self._site(ids["site_id"])
            case _:
                return Whose(whose.company(ids.get("company_id")))

    def _site(self, site_id: int) -> Whose:
        who = principal()
        if who.role != "subscriber":
            place = whose.site(self._database, site_id)
            return Whose(place.company_id, site_id=place.site_id)
        assert who.company_id is not None
        with self._database.company(who.company_id) as tx:
            found = tx.row("SELECT 1 AS there FROM directory.sites WHERE company_id = :company_id AND site_id = :id",
                           company_id=who.company_id, id=site_id)
        if found is None:
            raise NotFound("no such site")
        return Whose(who.company_id, site_id=site_id)

    def may_read(self, name: str, of: Whose) -> bool:
        who = actor()
        if not may(name, who, of, write=False):
            return False
        if who.role != "subscriber" or of.site_id is None:
            return True
        with self._database.company(of.company_id) as tx:
            return tx.row(
                "SELECT 1 AS there FROM directory.subscribers"
                " WHERE company_id = :company_id AND subscriber_id = :id AND site_id = :site_id",
                company_id=of.company_id, id=who.subscriber_id, site_id=of.site_id) is not None


def _one(settings: Blueprint, database: Database, owners: _Owners, publish: Callable[[Message], None],
         feature: Feature, scope: Scope, prefix: str, whose_words: str) -> None:
    view, changing = schemas_of(feature.name)
    example = {**feature.example, "shown": shown_numbers(feature.example, "DE"),
               "warnings": feature.warnings(feature.example)}

    def get(self: MethodView, **ids: int) -> Any:
        owner = owners.of(scope, ids)
        if not owners.may_read(feature.name, owner):
            raise ApiError(403, "forbidden", "these settings are an administrator's",
                           hint="use a token of that role")
        with database.company(owner.company_id) as tx:
            return _answer(feature, read(tx, feature.name, owner), country_of(tx, owner))

    def patch(self: MethodView, changes: Mapping[str, Any], **ids: int) -> Any:
        owner = owners.of(scope, ids)
        wanted = request.if_match if request.headers.get("If-Match") is not None else None
        named = {name: value for name, value in changes.items() if name not in _IN_ANSWERS}
        with refusals_answered(), database.company(owner.company_id) as tx:
            answer = _answer(feature, change(tx, feature.name, owner, named, actor(), wanted), country_of(tx, owner))
        publish(notice(feature.name, owner))
        return answer

    get.__doc__ = f"{feature.summary}: {whose_words}"
    patch.__doc__ = f"Change {feature.summary[0].lower()}{feature.summary[1:]}: {whose_words}"
    forbidden = settings.alt_response(403, schema=ErrorView, description="not this role's to see or change")
    missing = settings.alt_response(404, schema=ErrorView, description="no such person, site or company of one's own")
    decorated: dict[str, Any] = {
        "get": _ROLES(settings.response(200, view, example=example, headers=ETAG_HEADER)(forbidden(missing(get)))),
        "patch": _ROLES(settings.arguments(changing, example=dict(feature.change_example))(
            settings.response(200, view, example=example, headers=ETAG_HEADER)(forbidden(missing(
                settings.alt_response(409, schema=ErrorView, description="what is to go is in use")(
                    settings.alt_response(412, schema=ErrorView, headers=ETAG_HEADER,
                                          description="somebody changed it meanwhile; the ETag is that of now")(
                        settings.alt_response(422, schema=ErrorView, description="a field that breaks a rule")(
                            settings.doc(parameters=[IF_MATCH])(patch))))))))),
    }
    name = _camel(feature.name) + _camel(whose_words.replace("'", "").replace(" ", "_"))
    settings.route(f"{prefix}/settings/{feature.name}")(type(name, (MethodView,), decorated))


_ROLES = requires("operator", "administrator", "subscriber")


class AllSettings(Schema):
    settings = fields.Dict(keys=fields.String(), values=fields.Dict(), required=True, metadata={
        "description": "name of the resource -> as its own address shows it"})


def _everything(settings: Blueprint, database: Database, owners: _Owners, scope: Scope, prefix: str,
                whose_words: str) -> None:
    here = [feature for feature in FEATURES.values() if scope in feature.scopes]

    def get(self: MethodView, **ids: int) -> Any:
        owner = owners.of(scope, ids)
        found = [feature for feature in here if owners.may_read(feature.name, owner)]
        if not found:
            raise ApiError(403, "forbidden", "these settings are an administrator's", hint="use a token of that role")
        with database.company(owner.company_id) as tx:
            return {"settings": {feature.name: read(tx, feature.name, owner) for feature in found}}

    get.__doc__ = f"All settings at once: {whose_words}"
    example = {"settings": {here[0].name: here[0].example}}
    name = "All" + _camel(whose_words.replace("'", "").replace(" ", "_"))
    settings.route(f"{prefix}/settings")(type(name, (MethodView,), {
        "get": _ROLES(settings.response(200, AllSettings, example=example)(get))}))


def _answer(feature: Feature, resource: dict[str, Any], country: str) -> tuple[dict[str, Any], dict[str, str]]:
    shown = {**resource, "shown": shown_numbers(resource, country), "warnings": feature.warnings(resource)}
    return shown, {"ETag": f'"{etag(resource)}"'}


# ----- schemas


class _Named(Schema):
    """Taken as it is: the resource it is merged into is checked as a whole (features/base.py)."""

    def load(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError("must be an object")
        if not request.is_json or not request.get_data():
            raise ValidationError("must be sent as application/json")
        return data


@lru_cache
def schemas_of(name: str) -> tuple[type[Schema], Schema]:
    """What is answered, and what may be sent: any of its fields."""
    schema = FEATURES[name].schema
    view = type(f"{_camel(name)}View", (schema,), {
        "shown": fields.Dict(keys=fields.String(), values=fields.String(), dump_only=True, metadata={
            "description": "each telephone number as people write it here; ignored when sent"}),
        "warnings": fields.List(fields.String(), dump_only=True, metadata={
            "description": "what one should know about these settings; ignored when sent"}),
    })
    return view, type(f"{_camel(name)}Change", (_Named, schema), {})(partial=True)


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def shown_numbers(resource: Mapping[str, Any], country: str) -> dict[str, str]:
    """+491715550100 -> 0171 5550100, for every number in it."""
    return {number: PhoneNumber(number).shown_in(country) for number in dict.fromkeys(_numbers(resource))}


def _numbers(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("prefix", "prefixes"):
                yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        yield value
