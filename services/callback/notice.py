"""A notice to a program that a call moved on: what it says, how it is signed, when it is tried again. Core.

Signed as the open specification "Standard Webhooks" has it, so that receivers verify with a library they have:
HMAC-SHA256 over `id.time stamp.body`, the key being the base64 part of the secret `whsec_…`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

KIND = "call.changed"
_SECRET = "whsec_"  # noqa: S105  (how each one begins)
KEY_BYTES = 32

_WAITS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800))
"""After the first failed try, the second…: a day in all."""
GONE = 410


def secret_of(key: bytes) -> str:
    """What the receiver is given; key: KEY_BYTES random bytes."""
    return _SECRET + base64.b64encode(key).decode()


def signature(secret: str, delivery_id: str, at_s: int, body: bytes) -> str:
    """`v1,<base64>`. Raises ValueError for what is no secret of ours."""
    if not secret.startswith(_SECRET):
        raise ValueError(f"a secret begins with {_SECRET}")
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is base64") from error
    signed = f"{delivery_id}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secret: str, delivery_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """at_s: seconds since 1970; a receiver refuses what is older than some minutes, and ids it has had."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "telephone-system-webhook/1",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature(secret, delivery_id, at_s, body),
    }


def body(change_id: int, at: str, call: Mapping[str, Any]) -> bytes:
    """change_id: grows with every state, for receivers that get two of them the wrong way round."""
    return json.dumps({"type": KIND, "timestamp": at, "sequence": change_id, "data": call},
                      ensure_ascii=False, separators=(",", ":")).encode()


def is_taken(status: int) -> bool:
    return 200 <= status < 300


def next_try_at(tries: int, failed_at: datetime) -> datetime | None:
    """When to try again after so many failed tries (from 1), or None: it is given up."""
    if tries < 1:
        raise ValueError("tries are counted from 1")
    return failed_at + _WAITS[tries - 1] if tries <= len(_WAITS) else None
