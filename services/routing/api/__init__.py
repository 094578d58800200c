"""HTTP of this service: settings of a subscriber's calls, the log of them, accounts."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask_smorest import Api

from services.routing.api import (
    accounts,
    audit,
    call_log,
    call_records,
    feature_codes,
    forwardings,
    logins,
    resets,
    settings,
)
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
    api.register_blueprint(accounts.blueprint(database))
    api.register_blueprint(logins.blueprint(database))
    api.register_blueprint(resets.blueprint(database))
    app.register_blueprint(resets.pages(database))
