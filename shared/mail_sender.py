"""The From of our mails: a company's name and our address. Core."""

from __future__ import annotations

from email.headerregistry import Address

LONGEST_NAME = 60


def sender(name: str, address: str) -> Address:
    """The name shortened to one line: Python 3.11 breaks a longer one without its quotes, and each of its commas
    would then part two senders (email._header_value_parser)."""
    plain = " ".join(name.replace('"', "'").replace("\\", "/").split())
    if len(plain) > LONGEST_NAME:
        plain = plain[: LONGEST_NAME - 3].rstrip() + "..."
    return Address(plain, addr_spec=address)
