"""/v1/greetings: the owner's own recordings; uploaded, heard, switched, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from flask import Response, request, send_file
from flask.views import MethodView
from flask_smorest import Blueprint
from gevent.lock import BoundedSemaphore

from services.voicemail.api.whose import Owner, owner_of
from services.voicemail.convert import NotConverted, TooSlow, convert
from services.voicemail.deposit import LEAST_FREE_BYTES
from services.voicemail.greetings import Greeting, GreetingRefused, Greetings
from services.voicemail.mailbox import GREETING_KINDS, GreetingKind, Reason
from services.voicemail.schemas import greetings as schemas
from services.voicemail.schemas.messages import WhoseMailbox
from services.voicemail.spool import Spool
from services.voicemail.store import NoSuchMailbox
from services.voicemail.welcome import LONGEST_MS, kind_played
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database

MOST_BYTES = 25_000_000
_PIECE = 64 * 1024
_AT_ONCE = 2
_WAIT_S = 10.0
_ONE = f"/<any({', '.join(GREETING_KINDS)}):kind>"
_SOUND = {"schema": {"type": "string", "format": "binary"}}


def blueprint(database: Database, spool: Spool) -> Blueprint:
    greetings = Blueprint("greetings", __name__, url_prefix="/v1/greetings", description="What callers hear first")
    kept = Greetings(database, spool)
    converting = BoundedSemaphore(_AT_ONCE)

    @greetings.route("")
    class All(MethodView):
        @requires("subscriber", "administrator", "operator")
        @greetings.arguments(WhoseMailbox, location="query")
        @greetings.response(200, schemas.Greetings, example=schemas.GREETINGS_EXAMPLE)
        def get(self, query: dict[str, Any]) -> dict[str, Any]:
            """Every kind, and which of them callers hear."""
            owner = _owner(database, query)
            found = kept.all(owner.company_id, owner.subscriber_id)
            in_use = {kind: one.greeting_id for kind, one in found.items() if one.in_use}
            return {
                "greetings": [_view(kind, found.get(kind)) for kind in GREETING_KINDS],
                "played": {reason: kind_played(in_use, reason) or "default" for reason in get_args(Reason)},
            }

    @greetings.route(_ONE)
    class One(MethodView):
        @requires("subscriber", "administrator", "operator")
        @greetings.arguments(WhoseMailbox, location="query")
        @greetings.doc(requestBody={"required": True, "content": {
            "audio/wav": _SOUND, "audio/mpeg": _SOUND, "application/octet-stream": _SOUND,
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _SOUND["schema"]}}},
        }})
        @greetings.response(200, schemas.GreetingView, example=schemas.GREETING_EXAMPLE)
        @greetings.alt_response(413, schema=ErrorView, description="more than 25 MB")
        def put(self, query: dict[str, Any], kind: GreetingKind) -> dict[str, Any]:
            """Upload a recording (WAV, MP3, FLAC, Ogg or AIFF), in use from the next call on.

            At most 120 s, a name 10 s. It is made as the telephone plays it, as loud as the prompts, without
            silence at its ends.
            """
            owner = _owner(database, query)
            if spool.free_bytes() < LEAST_FREE_BYTES:
                raise ApiError(503, "no_room", "there is no room for recordings at the moment", hint="try again later")
            upload, draft = spool.draft().with_suffix(".upload"), kept.draft()
            try:
                _receive(upload)
                if not converting.acquire(timeout=_WAIT_S):
                    raise _busy()
                try:
                    convert(upload, draft, LONGEST_MS[kind] / 1000)
                finally:
                    converting.release()
                return _view(kind, kept.save(owner.company_id, owner.subscriber_id, kind, draft, made_by="upload"))
            except (NotConverted, GreetingRefused) as error:
                raise ApiError(422, "invalid_field", f"file: {error}", field="file",
                               hint="send WAV, MP3, FLAC, Ogg or AIFF of at most"
                                    f" {LONGEST_MS[kind] // 1000} s") from error
            except TooSlow as error:
                raise _busy() from error
            except NoSuchMailbox as error:
                raise _no_such_mailbox() from error
            finally:
                for path in (upload, draft):
                    path.unlink(missing_ok=True)

        @requires("subscriber", "administrator", "operator")
        @greetings.arguments(WhoseMailbox, location="query")
        @greetings.arguments(schemas.GreetingChange, example={"in_use": False})
        @greetings.response(200, schemas.GreetingView, example={**schemas.GREETING_EXAMPLE, "in_use": False})
        def patch(self, query: dict[str, Any], change: dict[str, Any], kind: GreetingKind) -> dict[str, Any]:
            """Switch it off and keep it, or on again."""
            owner = _owner(database, query)
            return _view(kind, _there(kept.choose(
                owner.company_id, owner.subscriber_id, kind, in_use=change["in_use"])))

        @requires("subscriber", "administrator", "operator")
        @greetings.arguments(WhoseMailbox, location="query")
        @greetings.response(204)
        def delete(self, query: dict[str, Any], kind: GreetingKind) -> None:
            """Callers hear the default again."""
            owner = _owner(database, query)
            if not kept.remove(owner.company_id, owner.subscriber_id, kind):
                raise _not_recorded()

    @greetings.route(f"{_ONE}/audio")
    class Audio(MethodView):
        @requires("subscriber", "administrator", "operator")
        @greetings.arguments(WhoseMailbox, location="query")
        @greetings.response(200, {"type": "string", "format": "binary"}, content_type="audio/wav",
                            description="The recording; 206 with the part a Range header asks for")
        def get(self, query: dict[str, Any], kind: GreetingKind) -> Response:
            """The recording as callers hear it."""
            owner = _owner(database, query)
            one = _there(kept.all(owner.company_id, owner.subscriber_id).get(kind))
            try:
                return send_file(kept.path(one), mimetype="audio/wav", conditional=True, etag=one.greeting_id,
                                 download_name=f"greeting_{kind}.wav")
            except FileNotFoundError:
                raise ApiError(404, "audio_gone", "the recording is no longer there") from None

    return greetings


def _owner(database: Database, query: dict[str, Any]) -> Owner:
    owner = owner_of(principal(), query)
    with database.company(owner.company_id) as tx:
        if tx.row("SELECT 1 AS there FROM voicemail.mailboxes"
                  " WHERE company_id = :company_id AND subscriber_id = :subscriber_id",
                  company_id=owner.company_id, subscriber_id=owner.subscriber_id) is None:
            raise _no_such_mailbox()
    return owner


def _receive(target: Path) -> None:
    """The body, or the part `file` of a form, piece by piece into a file."""
    request.max_content_length = MOST_BYTES
    if request.mimetype == "multipart/form-data":
        part = request.files.get("file")
        if part is None:
            raise ApiError(422, "invalid_field", "file: the form has no part of this name", field="file")
        read: Callable[[int], bytes] = part.stream.read
    else:
        read = request.stream.read
    received = 0
    with target.open("wb") as file:
        while piece := read(_PIECE):
            file.write(piece)
            received += len(piece)
    if received == 0:
        raise ApiError(422, "invalid_field", "file: there is nothing in it", field="file",
                       hint="send the sound file as the body, or as the part 'file' of a form")


def _view(kind: GreetingKind, found: Greeting | None) -> dict[str, Any]:
    if found is None:
        return {"kind": kind, "recorded": False, "in_use": False, "duration_ms": None, "made_by": None, "made_at": None}
    return {"kind": kind, "recorded": True, "in_use": found.in_use, "duration_ms": found.duration_ms,
            "made_by": found.made_by, "made_at": found.made_at}


def _there(found: Greeting | None) -> Greeting:
    if found is None:
        raise _not_recorded()
    return found


def _not_recorded() -> ApiError:
    return ApiError(404, "not_found", "there is no such recording", hint="PUT one first")


def _no_such_mailbox() -> ApiError:
    return ApiError(404, "not_found", "there is no such mailbox")


def _busy() -> ApiError:
    return ApiError(503, "busy", "the recording could not be converted in time", hint="try again shortly",
                    headers={"Retry-After": "10"})
