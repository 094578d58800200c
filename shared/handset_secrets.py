"""The token a handset fetches its configuration with, and the SIP password that follows from it.

    routing makes a token  -> its hash, and HA1 of the password it leads to, are kept; the token is shown once
    presence is shown it   -> the hash says whose it is; the password is worked out again and put into the configuration

So nothing at rest opens an account, and a handset can fetch its configuration as often as it likes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

# Somebody may have to type it on a handset: letters and digits only, 190 bits.
_LETTERS = string.ascii_letters + string.digits
TOKEN_LENGTH = 32
_PASSWORD_LENGTH = 32


def new_token() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(TOKEN_LENGTH))


def token_sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def sip_password(token: str, device_id: str, domain: str) -> str:
    """The same for the same three, and telling nothing of the token."""
    return hmac.new(token.encode(), f"sip:{device_id}@{domain}".encode(), hashlib.sha256).hexdigest()[:_PASSWORD_LENGTH]
