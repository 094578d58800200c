"""The page's files as they are sent: read once, compressed once, known by their content's hash."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from flask import Response, request

from shared.api import ApiError

FOLDER = Path(__file__).parent / "static"
_KINDS = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    kind: str
    content: bytes
    packed: bytes
    etag: str


class Files:
    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {path.name: _read(path) for path in folder.iterdir() if path.suffix in _KINDS}

    def answer(self, name: str) -> Response:
        """Raises ApiError 404."""
        file = self._files.get(name)
        if file is None:
            raise ApiError(404, "not_found", "this page has no such file")
        packed = bool(request.accept_encodings["gzip"])
        response = Response(file.packed if packed else file.content, content_type=file.kind)
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        # Asked for every time, sent only when it is another one: a new version is on every screen with the next look.
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(f"{file.etag}{'-gzip' if packed else ''}")
        response.make_conditional(request)
        return response


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(_KINDS[path.suffix], content, gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()[:20])
