"""HTTP of this service: companies and who is in them, settings of their calls, the log of them,
the phone book, accounts."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask_smorest import Api

from services.routing.api import (
    accounts,
    audit,
    call_log,
    call_records,
    companies,
    contacts,
    feature_codes,
    forwardings,
    logins,
    people,
    resets,
    settings,
    sites,
)
from services.routing.apply.process import Worker
from shared.database import Database
from shared.messages import Message


def register(app: Flask, api: Api, database: Database, publish: Callable[[Message], None]) -> None:
    """publish: takes what was changed to who wants to know."""
    api.register_blueprint(forwardings.blueprint(database, publish))
    api.register_blueprint(settings.blueprint(database, publish))
    api.register_blueprint(audit.blueprint(database))
    api.register_blueprint(feature_codes.blueprint(database))
    api.register_blueprint(call_log.blueprint(database))
    api.register_blueprint(call_records.blueprint(database))
    api.register_blueprint(contacts.blueprint(database))
    api.register_blueprint(accounts.blueprint(database))
    api.register_blueprint(logins.blueprint(database))
    api.register_blueprint(resets.blueprint(database))
    app.register_blueprint(resets.pages(database))
    api.register_blueprint(companies.blueprint(database, publish, Worker(database.url)))
    api.register_blueprint(sites.blueprint(database, publish))
    api.register_blueprint(people.blueprint(database, publish))
