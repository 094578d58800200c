"""/v1/message-links: a recording for who has the mail with its link; the page behind it, and what that posts."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from flask import Blueprint as Pages
from flask import Response, request, send_file
from flask.views import MethodView
from flask_smorest import Blueprint

from services.voicemail import links
from services.voicemail.schemas.messages import LinkToken
from services.voicemail.spool import Spool
from shared.api import ApiError, ErrorView
from shared.database import Database


def blueprint(database: Database, spool: Spool) -> Blueprint:
    made = Blueprint("message links", __name__, url_prefix=links.PATH,
                     description="Recordings that were too large for their mail")

    @made.route("/audio")
    class Audio(MethodView):
        @made.arguments(LinkToken, example={"token": "…"})
        @made.response(200, {"type": "string", "format": "binary"}, content_type="audio/wav")
        @made.alt_response(410, schema=ErrorView, description="over, its message deleted, or never ours")
        def post(self, body: dict[str, Any]) -> Response:
            """The recording as WAV; the token is what stands behind # in the mail's link"""
            linked = links.opened(database, body["token"])
            if linked is None:
                raise _over()
            try:
                return send_file(spool.audio(linked.message_id), mimetype="audio/wav", as_attachment=True,
                                 download_name=f"voicemail_{linked.left_at:%Y-%m-%d_%H-%M}.wav")
            except FileNotFoundError:
                raise _over() from None

    return made


def _over() -> ApiError:
    return ApiError(410, "link_is_over", "this link is over, or its message was deleted", field="token",
                    hint="listen to the message in the mailbox")


# ----- the page

_STYLE = ("body{font:16px/1.5 sans-serif;max-width:30em;margin:3em auto;padding:0 1em;color-scheme:light dark}"
          "audio{width:100%}")
_WORDS = {
    "de": {"title": "Sprachnachricht", "save": "Speichern", "wait": "Die Nachricht wird geladen …",
           "over": "Dieser Link gilt nicht mehr, oder die Nachricht wurde gelöscht.",
           "failed": "Die Nachricht kann gerade nicht geladen werden. Bitte versuchen Sie es später noch einmal."},
    "en": {"title": "Voice message", "save": "Save", "wait": "Loading the message …",
           "over": "This link is over, or the message was deleted.",
           "failed": "The message cannot be loaded just now. Please try again later."},
}
# The address is relative, since a proxy may have put the whole under a path.
_SCRIPT = """
const words = JSON.parse(document.body.dataset.words), state = document.querySelector("p");
fetch("message-links/audio", {method: "POST", headers: {"Content-Type": "application/json"},
      body: JSON.stringify({token: location.hash.slice(1)})}).then(async answer => {
  if (!answer.ok) { state.textContent = answer.status < 500 ? words.over : words.failed; return; }
  const name = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") || "");
  const player = document.createElement("audio"), save = document.createElement("a");
  player.controls = true;
  player.src = save.href = URL.createObjectURL(await answer.blob());
  save.download = name ? name[1] : "voicemail.wav";
  save.textContent = words.save;
  state.replaceWith(player, save);
}).catch(() => { state.textContent = words.failed; });
"""


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src {_csp_hash(_STYLE)}; script-src {_csp_hash(_SCRIPT)};"
                               " connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none';"
                               " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
}


def pages() -> Pages:
    """For people, not part of the described API. It holds nothing of the message: what opens it is behind the #."""
    made = Pages("message_link_pages", __name__)

    @made.get(links.PATH)
    def page() -> Response:
        language = request.accept_languages.best_match(["de", "en"]) or "de"
        words = _WORDS[language]
        data = json.dumps(words, ensure_ascii=True).replace("'", "&#39;")  # no word of ours has < or &
        text = (f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
                f'<meta name="viewport" content="width=device-width"><title>{words["title"]}</title>'
                f"<style>{_STYLE}</style></head>\n<body data-words='{data}'><h1>{words['title']}</h1>\n"
                f'<p role="status">{words["wait"]}</p>\n<script>{_SCRIPT}</script></body></html>\n')
        return Response(text, 200, _HEADERS, content_type="text/html; charset=utf-8")

    return made
