"""The HTTP API: messages, greetings, and the mailbox's settings."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask_smorest import Api

from services.voicemail.api import greetings, links, mailbox, messages, pin
from services.voicemail.spool import Spool
from shared.database import Database
from shared.messages import Message


def register(
    app: Flask, api: Api, database: Database, spool: Spool, changed: Callable[[], None],
    publish: Callable[[Message], None],
) -> None:
    """changed is called after each commit that may concern a lamp; publish with each changed setting."""
    api.register_blueprint(messages.blueprint(database, spool, changed))
    api.register_blueprint(greetings.blueprint(database, spool))
    api.register_blueprint(mailbox.blueprint(database, changed, publish))
    api.register_blueprint(pin.blueprint(database))
    api.register_blueprint(links.blueprint(database, spool))
    app.register_blueprint(links.pages())
