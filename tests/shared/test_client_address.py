"""Whose address a request comes from: a proxy is believed on this machine only, and only what it added itself."""

from __future__ import annotations

import pytest
from flask import Flask

from shared.api import client_address


@pytest.mark.parametrize(("remote", "told", "address"), [
    ("127.0.0.1", None, "127.0.0.1"),
    ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
    ("::1", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
    ("127.0.0.1", " , ", "127.0.0.1"),
    ("192.0.2.4", "203.0.113.9", "192.0.2.4"),
    ("no address", "203.0.113.9", "no address"),
])
def test_whose_address_it_is(remote, told, address):
    with Flask("test").test_request_context(
            "/", environ_base={"REMOTE_ADDR": remote}, headers={} if told is None else {"X-Forwarded-For": told}):
        assert client_address() == address
