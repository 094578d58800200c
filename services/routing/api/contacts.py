"""/v1/directory: who can be called, searched as one types; /v1/contacts and /v1/company/contacts: who is in it (C7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.api.call_log import shown
from services.routing.api.refusals import actor, refusals_answered
from services.routing.contacts import entries, search
from services.routing.contacts.entries import Book
from services.routing.contacts.search import Wanted
from services.routing.schemas.contacts import (
    CONTACT_EXAMPLE,
    CONTACT_NEW_EXAMPLE,
    ENTRY_EXAMPLE,
    Contact,
    ContactChange,
    ContactNew,
    Contacts,
    ContactsQuery,
    Directory,
    DirectoryQuery,
)
from shared import whose
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database, Row, Transaction
from shared.phone_number import InvalidNumber, PhoneNumber

_EVERYBODY = ("subscriber", "administrator", "operator")


def blueprint(database: Database) -> Blueprint:
    contacts = Blueprint("contacts", "contacts", url_prefix="/v1", description="The phone book (C7).")
    _directory(contacts, database)

    @contextmanager
    def own() -> Iterator[tuple[Transaction, Book]]:
        person = whose.person(database, None)
        with refusals_answered(), database.company(person.company_id) as tx:
            yield tx, entries.book(tx, person.company_id, person.subscriber_id)

    @contextmanager
    def company(company_id: int | None = None) -> Iterator[tuple[Transaction, Book]]:
        who = principal()
        found = whose.company(company_id) if who.role != "subscriber" else who.company_id
        assert found is not None  # a subscriber has one
        with refusals_answered(), database.company(found) as tx:
            yield tx, entries.book(tx, found, None, who.subscriber_id)

    reads, writes = requires("subscriber"), requires("subscriber")
    _book(contacts, "Own", "/contacts", own, reads, writes, "one's own contacts")
    reads, writes = requires("subscriber", "administrator"), requires("administrator")
    _book(contacts, "Company", "/company/contacts", company, reads, writes, "the company's contacts")
    reads = writes = requires("administrator", "operator")
    _book(contacts, "AnyCompany", "/companies/<int:company_id>/contacts", company, reads, writes,
          "a company's contacts")
    return contacts


def _directory(contacts: Blueprint, database: Database) -> None:
    @contacts.route("/directory")
    class Search(MethodView):
        @requires(*_EVERYBODY)
        @contacts.arguments(DirectoryQuery, location="query")
        @contacts.response(200, Directory, example={"entries": [ENTRY_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any]) -> Any:
            """Colleagues, the company's contacts and one's own, searched as one types

            `number` of an entry's numbers is what `POST /v1/calls` of click-to-dial takes as `target`.
            """
            who = principal()
            company_id = who.company_id if who.role == "subscriber" else whose.company(query["company_id"])
            assert company_id is not None  # a subscriber has one
            if who.role == "subscriber" and query["company_id"] not in (None, company_id):
                raise ApiError(404, "not_found", "there is no such company", field="company_id")
            with database.company(company_id) as tx:
                book = entries.book(tx, company_id, who.subscriber_id)
                rows = search.search(tx, Wanted(
                    company_id, who.subscriber_id, query["search"], query["kind"], _exactly(query["number"], book),
                    query["next"], query["limit"] + 1))
            page = rows[:query["limit"]]
            return {"entries": [_with_shown(row, book.country) for row in page],
                    "next": query["next"] + len(page) if len(rows) > len(page) else None}


def _book(contacts: Blueprint, name: str, address: str, at: Any, reads: Any, writes: Any, whose_words: str) -> None:
    """at(**what the address names): the transaction, and the book it is about."""

    class All(MethodView):
        @reads
        @contacts.arguments(ContactsQuery, location="query")
        @contacts.response(200, Contacts, example={"contacts": [CONTACT_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any], **named: int) -> Any:
            with at(**named) as (tx, book):
                rows = entries.page(tx, book, query["next"], query["limit"] + 1)
            page = rows[:query["limit"]]
            return {"contacts": [_with_shown(row, book.country) for row in page],
                    "next": page[-1].contact_id if len(rows) > len(page) else None}

        @writes
        @contacts.arguments(ContactNew, example=CONTACT_NEW_EXAMPLE)
        @contacts.response(201, Contact, example=CONTACT_EXAMPLE)
        @contacts.alt_response(409, schema=ErrorView, description="as many as there may be")
        @contacts.alt_response(422, schema=ErrorView, description="no name, or a number that is none")
        def post(self, body: dict[str, Any], **named: int) -> Any:
            with at(**named) as (tx, book):
                return _with_shown(entries.add(tx, book, body, actor()), book.country)

    class One(MethodView):
        @reads
        @contacts.response(200, Contact, example=CONTACT_EXAMPLE)
        @contacts.alt_response(404, schema=ErrorView)
        def get(self, contact_id: int, **named: int) -> Any:
            with at(**named) as (tx, book):
                return _with_shown(entries.one(tx, book, contact_id), book.country)

        @writes
        @contacts.arguments(ContactChange, example={"organisation": "Baustoffe Müller GmbH"})
        @contacts.response(200, Contact, example=CONTACT_EXAMPLE)
        @contacts.alt_response(404, schema=ErrorView)
        def patch(self, body: dict[str, Any], contact_id: int, **named: int) -> Any:
            with at(**named) as (tx, book):
                return _with_shown(entries.change(tx, book, contact_id, body, actor()), book.country)

        @writes
        @contacts.response(204)
        @contacts.alt_response(404, schema=ErrorView)
        def delete(self, contact_id: int, **named: int) -> None:
            with at(**named) as (tx, book):
                entries.remove(tx, book, contact_id, actor())

    for view, words in ((All.get, f"List {whose_words}"), (All.post, f"Add to {whose_words}"),
                        (One.get, f"One of {whose_words}"), (One.patch, f"Change one of {whose_words}"),
                        (One.delete, f"Delete one of {whose_words}")):
        view.__doc__ = words
    contacts.route(address, endpoint=f"{name}All")(All)
    contacts.route(f"{address}/<int:contact_id>", endpoint=f"{name}One")(One)


def _exactly(number: str | None, book: Book) -> str | None:
    """As it is kept; what is no number stays as it is, and nobody has it."""
    if number is None or (number.isascii() and number.isdigit() and len(number) <= 6):
        return number
    try:
        return PhoneNumber.parse(number, book.country, book.area_code).e164
    except InvalidNumber:
        return number


def _with_shown(row: Row, country: str) -> dict[str, Any]:
    return {**row, "numbers": [{**one, "shown": shown(one["number"], country)} for one in row.numbers]}
