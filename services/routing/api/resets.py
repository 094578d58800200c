"""/v1/password-reset and /v1/pin-reset: forgotten; a link by mail, and the plain page behind it (X7).

The page is for people who click: no script, nothing loaded from anywhere. Programs post JSON to the link itself.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from flask import Blueprint as Pages
from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from markupsafe import Markup

from services.routing.accounts import resets
from services.routing.accounts.logins import Refused
from services.routing.accounts.reset_mail import Secret
from services.routing.accounts.resets import LinkIsOver
from services.routing.api.accounts import refused
from services.routing.schemas.accounts import Asked, NewPassword, NewPin, WhoForgot
from shared import passwords, whose
from shared.api import ApiError, ErrorView, client_address, principal, requires
from shared.database import Database

_PATHS: dict[Secret, str] = {"password": "password-reset", "pin": "pin-reset"}
_SENT = {"message": "if there is such an account, a mail with a link is on its way"}
_ASKED = {"message": "a mail with a link is on its way"}


def blueprint(database: Database) -> Blueprint:
    made = Blueprint("resets", "resets", url_prefix="/v1", description="Forgotten passwords and PINs (X7).")
    for secret in _PATHS:
        _register(made, database, secret)
    return made


def _register(made: Blueprint, database: Database, secret: Secret) -> None:
    path = _PATHS[secret]

    @made.route(f"/{path}", endpoint=f"ask_{secret}")
    class Ask(MethodView):
        @made.arguments(WhoForgot, example={"login": "anna@musterbau.example"})
        @made.response(202, Asked, example=_SENT)
        def post(self, body: dict[str, Any]) -> Any:
            """Forgotten: a mail with a link, if there is such an account; the answer is always this one"""
            resets.ask(database, body["login"], secret, client_address())
            return _SENT

    @made.route(f"/subscribers/<int:subscriber_id>/{path}", endpoint=f"ask_{secret}_for")
    class AskFor(MethodView):
        @requires("operator", "administrator", "subscriber")
        @made.response(202, Asked, example=_ASKED)
        @made.alt_response(409, schema=ErrorView, description="no address a mail could go to, or no mailbox")
        def post(self, subscriber_id: int) -> Any:
            """Send a person the link; who starts it never sees or sets the new one"""
            owner, role = whose.person(database, subscriber_id), principal().role
            try:
                with database.company(owner.company_id) as tx:
                    resets.start_for(
                        tx, owner.company_id, owner.subscriber_id, secret,
                        "operator" if role == "operator" else "administrator" if role == "administrator" else "owner")
            except Refused as error:
                raise refused(error) from error
            return _ASKED

    @made.route(f"/{path}/<token>", endpoint=f"use_{secret}")
    class Use(MethodView):
        @made.response(200, {"type": "string"}, content_type="text/html")
        def get(self, token: str) -> Response:
            """The page a person sees who clicks the link; looking does not use it up"""
            return _form(database, secret, token)

        @made.arguments(NewPassword if secret == "password" else NewPin, example={secret: "…"})  # noqa: S105
        @made.response(204)
        @made.alt_response(410, schema=ErrorView, description="used already, older than an hour, or never ours")
        @made.alt_response(422, schema=ErrorView, description="too short or too easy; the link still works")
        def post(self, body: dict[str, Any], token: str) -> None:
            """Set it, once; log-ins with the old password end, and so does a lock"""
            try:
                resets.use(database, token, secret, body[secret])
            except LinkIsOver:
                raise ApiError(410, "link_is_over", "this link was used or is over",
                               hint=f"ask for another: POST /v1/{path}") from None
            except Refused as error:
                raise refused(error) from error


# ----- the page

_STYLE = ("body{font:16px/1.5 sans-serif;max-width:26em;margin:3em auto;padding:0 1em}"
          "input{font:inherit;width:100%;box-sizing:border-box;padding:.4em;margin:.3em 0 1em}"
          "button{font:inherit;padding:.4em 1em}.wrong{color:#a00}")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
                               " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
}
_PAGE = Markup("<!DOCTYPE html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>"
               "<style>{style}</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n")
_FORM = Markup('{wrong}<form method="post" action="{action}">\n'
               '<label>{label}<input type="password" name="{secret}" autocomplete="new-password" required autofocus'
               ' maxlength="128"></label>\n'
               '<label>{again}<input type="password" name="again" autocomplete="new-password" required'
               ' maxlength="128"></label>\n<p>{rule}</p>\n<button>{button}</button></form>\n')
_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "password": "Neues Passwort", "pin": "Neue Mailbox-PIN", "again": "Noch einmal", "button": "Speichern",
        "rule password": "Mindestens {least} Zeichen; kein gängiges Wort, nicht der eigene Name.",
        "rule pin": "{least} bis {most} Ziffern; keine Reihen oder Wiederholungen, nicht die eigene Nummer.",
        "differ": "Die beiden Eingaben sind verschieden.", "easy": "Das ist zu kurz oder zu leicht zu erraten.",
        "done": "Gespeichert.", "done password": "Sie können sich jetzt mit dem neuen Passwort anmelden.",
        "done pin": "Die neue PIN gilt ab sofort.",
        "over": "Dieser Link gilt nicht mehr", "over text": "Er wurde schon benutzt oder ist älter als eine Stunde.",
    },
    "en": {
        "password": "New password", "pin": "New mailbox PIN", "again": "Once more", "button": "Save",
        "rule password": "At least {least} characters; no common word, not your own name.",
        "rule pin": "{least} to {most} digits; no rows or repetitions, not your own number.",
        "differ": "The two entries differ.", "easy": "This is too short or too easy to guess.",
        "done": "Saved.", "done password": "You can log in with the new password now.",
        "done pin": "The new PIN holds from now on.",
        "over": "This link is over", "over text": "It was used already, or is older than an hour.",
    },
}


def pages(database: Database) -> Pages:
    """What the form posts to: pages for people, not part of the described API."""
    made = Pages("reset_pages", "reset_pages", url_prefix="/v1")

    def register(secret: Secret) -> None:
        @made.post(f"/{_PATHS[secret]}/<token>/page", endpoint=secret)
        def save(token: str) -> Response:
            entered = request.form.get(secret, "")
            if entered != request.form.get("again", ""):
                return _form(database, secret, token, wrong="differ")
            try:
                link = resets.use(database, token, secret, entered)
            except LinkIsOver:
                return _over()
            except Refused:
                return _form(database, secret, token, wrong="easy")
            words = _WORDS[link.language]
            return _page(200, link.language, words["done"], Markup("<p>{}</p>\n").format(words[f"done {secret}"]))

    for secret in _PATHS:
        register(secret)
    return made


def _form(database: Database, secret: Secret, token: str, wrong: str | None = None) -> Response:
    try:
        link = resets.opened(database, token, secret)
    except LinkIsOver:
        return _over()
    words = _WORDS[link.language]
    least = passwords.MINIMUM_LENGTH if secret == "password" else link.pin_digits_at_least  # noqa: S105
    body = _FORM.format(
        wrong=Markup('<p class="wrong">{}</p>\n').format(words[wrong]) if wrong else "",
        # Relative, since a proxy may have put the whole under a path; after a mistake the page is one step deeper.
        action="page" if wrong else f"{token}/page", secret=secret, label=words[secret], again=words["again"],
        button=words["button"],
        rule=words[f"rule {secret}"].format(least=least, most=passwords.PIN_DIGITS[1]))
    return _page(422 if wrong else 200, link.language, words[secret], body)


def _over() -> Response:
    """In the browser's language: whose link it was is not known any more."""
    language = request.accept_languages.best_match(["de", "en"]) or "de"
    words = _WORDS[language]
    return _page(410, language, words["over"], Markup("<p>{}</p>\n").format(words["over text"]))


def _page(status: int, language: str, title: str, body: Markup) -> Response:
    text = _PAGE.format(language=language, title=title, style=Markup(_STYLE), body=body)
    return Response(text, status, _HEADERS, content_type="text/html; charset=utf-8")
