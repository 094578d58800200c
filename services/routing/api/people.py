"""/v1/subscribers and /v1/devices (N2, N4): who is there, under which numbers, with which telephones."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.api.company import Changes, Publish, manages, today_at
from services.routing.company import numbers, people, sites
from services.routing.schemas.company import (
    DEVICE_EXAMPLE,
    DEVICE_NEW_EXAMPLE,
    GONE_EXAMPLE,
    OWN_NUMBER_EXAMPLE,
    PASSWORD_EXAMPLE,
    SUBSCRIBER_EXAMPLE,
    SUBSCRIBER_NEW_EXAMPLE,
    TOKEN_EXAMPLE,
    DeviceChange,
    DeviceNew,
    Devices,
    DeviceView,
    DeviceWithPassword,
    DeviceWithToken,
    Gone,
    NumberNew,
    OfCompany,
    OwnNumber,
    OwnNumbers,
    RingChange,
    SubscriberChange,
    SubscriberNew,
    Subscribers,
    SubscribersQuery,
    SubscriberView,
)
from shared.api import ErrorView
from shared.database import Database


def blueprint(database: Database, publish: Publish) -> Blueprint:
    one = Blueprint("people", "people", url_prefix="/v1", description="Subscribers, their numbers and devices.")
    changes = Changes(database, publish)
    _subscribers(one, changes)
    _numbers(one, changes)
    _devices(one, changes)
    return one


def _subscribers(one: Blueprint, changes: Changes) -> None:
    @one.route("/subscribers")
    class All(MethodView):
        @manages
        @one.arguments(SubscribersQuery, location="query")
        @one.response(200, Subscribers, example={"subscribers": [SUBSCRIBER_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any]) -> Any:
            """Subscribers of a company by extension, searched and in pages"""
            company_id = changes.company(query["company_id"])
            with changes.at(company_id) as (tx, _):
                found = people.subscribers(tx, company_id, search=query["search"], site_id=query["site_id"],
                                           after=query["next"], limit=query["limit"] + 1)
            page = found[: query["limit"]]
            return {"subscribers": page, "next": page[-1].extension if len(found) > len(page) else None}

        @manages
        @one.arguments(OfCompany, location="query")
        @one.arguments(SubscriberNew, example=SUBSCRIBER_NEW_EXAMPLE)
        @one.response(201, SubscriberView, example=SUBSCRIBER_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="the extension is taken, and by whom")
        @one.alt_response(422, schema=ErrorView, description="an extension there may not be, or an unknown site")
        def post(self, query: dict[str, Any], body: dict[str, Any]) -> Any:
            """A new subscriber; numbers and devices come next"""
            company_id = changes.company(query["company_id"])
            with changes.at(company_id, "subscriber") as (tx, actor):
                return people.add(tx, company_id, body, actor)

    @one.route("/subscribers/<int:subscriber_id>")
    class One(MethodView):
        @manages
        @one.response(200, SubscriberView, example=SUBSCRIBER_EXAMPLE)
        @one.alt_response(404, schema=ErrorView)
        def get(self, subscriber_id: int) -> Any:
            """A subscriber"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id) as (tx, _):
                return people.subscriber(tx, who.company_id, subscriber_id)

        @manages
        @one.arguments(SubscriberChange, example={"extension": "31"})
        @one.response(200, SubscriberView, example=SUBSCRIBER_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="the extension is taken, and by whom")
        def patch(self, body: dict[str, Any], subscriber_id: int) -> Any:
            """Change what is sent"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id, "subscriber", subscriber_id) as (tx, actor):
                return people.change(tx, who.company_id, subscriber_id, body, actor)

        @manages
        @one.response(200, Gone, example=GONE_EXAMPLE)
        def delete(self, subscriber_id: int) -> Any:
            """Delete a subscriber with everything of his: says what became free and what still leads to him"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id, "subscriber", subscriber_id) as (tx, actor):
                return people.remove(tx, who.company_id, subscriber_id, actor)


def _numbers(one: Blueprint, changes: Changes) -> None:
    @one.route("/subscribers/<int:subscriber_id>/numbers")
    class Numbers(MethodView):
        @manages
        @one.response(200, OwnNumbers, example={"numbers": [OWN_NUMBER_EXAMPLE]})
        def get(self, subscriber_id: int) -> Any:
            """A subscriber's numbers, the main one first"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id) as (tx, _):
                return {"numbers": numbers.of_subscriber(tx, who.company_id, subscriber_id)}

        @manages
        @one.arguments(NumberNew, example={"number": "030 5550091", "ring": "bellcore-dr2"})
        @one.response(201, OwnNumber, example=OWN_NUMBER_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="it belongs to somebody, and to whom")
        @one.alt_response(422, schema=ErrorView, description="in no pool of the site, not yet valid, or the eleventh")
        def post(self, body: dict[str, Any], subscriber_id: int) -> Any:
            """Assign a number of the site's pools"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id, "numbers", subscriber_id) as (tx, actor):
                person = people.subscriber(tx, who.company_id, subscriber_id, held=True)
                site = sites.site(tx, who.company_id, person.site_id)
                return numbers.assign(tx, who.company_id, person, body["number"], main=body["main"],
                                      ring=body["ring"], today=today_at(site.time_zone), actor=actor)

    @one.route("/subscribers/<int:subscriber_id>/numbers/<number>")
    class OneNumber(MethodView):
        @manages
        @one.arguments(RingChange, example={"ring": "bellcore-dr2"})
        @one.response(200, OwnNumber, example=OWN_NUMBER_EXAMPLE)
        def patch(self, body: dict[str, Any], subscriber_id: int, number: str) -> Any:
            """How calls to this number ring"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id, "numbers", subscriber_id) as (tx, actor):
                person = people.subscriber(tx, who.company_id, subscriber_id, held=True)
                return numbers.set_ring(tx, who.company_id, person, number, body["ring"], actor)

        @manages
        @one.response(204)
        def delete(self, subscriber_id: int, number: str) -> None:
            """Release a number: it is free again"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id, "numbers", subscriber_id) as (tx, actor):
                person = people.subscriber(tx, who.company_id, subscriber_id, held=True)
                numbers.release(tx, who.company_id, person, number, actor)


def _devices(one: Blueprint, changes: Changes) -> None:
    @one.route("/subscribers/<int:subscriber_id>/devices")
    class Devices_(MethodView):
        @manages
        @one.response(200, Devices, example={"devices": [DEVICE_EXAMPLE]})
        def get(self, subscriber_id: int) -> Any:
            """A subscriber's devices"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id) as (tx, _):
                return {"devices": people.devices(tx, who.company_id, subscriber_id)}

        @manages
        @one.arguments(DeviceNew, example=DEVICE_NEW_EXAMPLE)
        @one.response(201, DeviceWithPassword, example=PASSWORD_EXAMPLE)
        @one.alt_response(409, schema=ErrorView, description="the id is taken")
        def post(self, body: dict[str, Any], subscriber_id: int) -> Any:
            """A further device; its password is shown this once"""
            who = changes.person(subscriber_id)
            with changes.at(who.company_id, "devices", subscriber_id) as (tx, actor):
                return people.add_device(tx, who.company_id, subscriber_id, body, actor)

    @one.route("/devices/<device_id>")
    class OneDevice(MethodView):
        @manages
        @one.response(200, DeviceView, example=DEVICE_EXAMPLE)
        @one.alt_response(404, schema=ErrorView)
        def get(self, device_id: str) -> Any:
            """A device"""
            company_id = changes.company_of_device(device_id)
            with changes.at(company_id) as (tx, _):
                return people.device(tx, company_id, device_id)

        @manages
        @one.arguments(DeviceChange, example={"label": "Besprechung"})
        @one.response(200, DeviceView, example=DEVICE_EXAMPLE)
        def patch(self, body: dict[str, Any], device_id: str) -> Any:
            """Change what is sent"""
            company_id = changes.company_of_device(device_id)
            with changes.at(company_id, "devices") as (tx, actor):
                return people.change_device(tx, company_id, device_id, body, actor)

        @manages
        @one.response(204)
        def delete(self, device_id: str) -> None:
            """A lost or retired device: from now on it can neither register nor call"""
            company_id = changes.company_of_device(device_id)
            with changes.at(company_id, "devices") as (tx, actor):
                people.remove_device(tx, company_id, device_id, actor)

    @one.route("/devices/<device_id>/password")
    class Password(MethodView):
        @manages
        @one.response(200, DeviceWithPassword, example=PASSWORD_EXAMPLE)
        def post(self, device_id: str) -> Any:
            """A new password, shown this once; the old one is void"""
            company_id = changes.company_of_device(device_id)
            with changes.at(company_id, "devices") as (tx, actor):
                return people.new_password_for(tx, company_id, device_id, actor)

    @one.route("/devices/<device_id>/token")
    class Token(MethodView):
        @manages
        @one.response(200, DeviceWithToken, example=TOKEN_EXAMPLE)
        def post(self, device_id: str) -> Any:
            """A token to fetch the handset's configuration with, shown this once; old token and password are void"""
            company_id = changes.company_of_device(device_id)
            with changes.at(company_id, "devices") as (tx, actor):
                return people.new_token_for(tx, company_id, device_id, actor)
