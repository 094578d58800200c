"""Notices: signature, back-off, and where they may go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer
from gevent.server import StreamServer

from services.callback import notice, receivers
from services.callback.receivers import BadReceiver, NotReached

LOCAL = (ip_network("127.0.0.0/8"),)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_notice_is_signed_as_the_specification_has_it():
    key = bytes(range(32))
    body = notice.body(7, "2026-03-01T12:00:00+00:00", {"id": "x", "state": "connected"})
    found = notice.headers(notice.secret_of(key), "msg-1", 1_772_366_400, body)
    expected = hmac.new(key, b"msg-1.1772366400." + body, hashlib.sha256).digest()
    assert found["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert (found["webhook-id"], found["webhook-timestamp"]) == ("msg-1", "1772366400")
    assert json.loads(body) == {"type": "call.changed", "timestamp": "2026-03-01T12:00:00+00:00", "sequence": 7,
                                "data": {"id": "x", "state": "connected"}}


def test_the_example_of_the_specification():
    """The values of its reference libraries' own tests."""
    assert notice.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}',
    ) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "MfKQ", "whsec_***"])
def test_what_is_no_secret_signs_nothing(secret: str):
    with pytest.raises(ValueError, match="secret"):
        notice.signature(secret, "id", 1, b"")


def test_it_is_tried_again_for_a_day_with_growing_waits_then_given_up():
    waits, at, tries = [], NOW, 0
    while (later := notice.next_try_at((tries := tries + 1), at)) is not None:
        waits.append(later - at)
        at = later
    assert waits[0] <= timedelta(seconds=10)
    assert waits == sorted(waits)
    assert timedelta(hours=20) < at - NOW < timedelta(hours=30)
    with pytest.raises(ValueError, match="from 1"):
        notice.next_try_at(0, NOW)


@pytest.mark.parametrize("url", [
    "", "crm.example.com", "ftp://crm.example.com/", "http://crm.example.com/", "https://", "https://user@crm.example/",
    "https://crm.example.com/#part", "https://crm.example.com:99999/", "https://127.0.0.1/", "https://10.0.0.1/",
    "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest", "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/", "https://0.0.0.0/", "https://crm.example.com/a b", "https://crm.exämple.com/",
    "https://224.0.0.1/",
])
def test_an_address_that_may_not_be_called_is_refused(url: str):
    with pytest.raises(BadReceiver):
        receivers.read(url, ())


def test_addresses_in_the_internet_and_networks_the_operator_named_may_be_called():
    assert receivers.read("https://crm.example.com/calls?key=1", ()).path == "/calls?key=1"
    assert receivers.read("https://1.1.1.1", ()).path == "/"
    found = receivers.read("http://127.0.0.1:8080/x", LOCAL)
    assert (found.scheme, found.host, found.port, found.path) == ("http", "127.0.0.1", 8080, "/x")
    assert receivers.permitted(ip_address("127.0.0.1"), "http", LOCAL)
    assert not receivers.permitted(ip_address("1.1.1.1"), "http", LOCAL), "the internet over TLS only"
    assert not receivers.permitted(ip_address("10.0.0.1"), "https", LOCAL)


@pytest.fixture
def listening() -> Iterator[Callable[..., int]]:
    servers: list[Any] = []

    def start(answer: Callable[[dict[str, Any]], tuple[str, list[tuple[str, str]]]]) -> int:
        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            status, headers = answer(environ)
            start_response(status, headers)
            return [b"x" * 100_000]

        servers.append(WSGIServer(("127.0.0.1", 0), app, log=None))
        servers[-1].start()
        return int(servers[-1].server_port)

    yield start
    for server in servers:
        server.stop()


def test_a_notice_is_posted_and_a_redirect_is_not_followed(listening: Callable[..., int]):
    seen: list[tuple[Any, ...]] = []

    def answer(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
        names = ("REQUEST_METHOD", "PATH_INFO", "HTTP_HOST")
        seen.append((*(environ[name] for name in names), environ["wsgi.input"].read()))
        return "302 Found", [("Location", "http://127.0.0.1:1/")]

    port = listening(answer)
    both = (*LOCAL, ip_network("::1/128"))
    target = receivers.read(f"http://localhost:{port}/calls", both)
    assert receivers.post(target, {"X-One": "1"}, b"body", both) == 302
    assert seen == [("POST", "/calls", f"localhost:{port}", b"body")]


def test_a_name_that_leads_inside_is_found_out_when_it_is_called():
    with pytest.raises(BadReceiver, match="localhost"):
        receivers.post(receivers.read("https://localhost/", ()), {}, b"", ())


def test_nobody_there_no_answer_and_a_broken_one_are_said(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(NotReached):
        receivers.post(receivers.read("http://127.0.0.1:1/", LOCAL), {}, b"", LOCAL)
    monkeypatch.setattr(receivers, "WHOLE_S", 0.2)
    silent = StreamServer(("127.0.0.1", 0), lambda sock, _: gevent.sleep(5))
    dripping = StreamServer(("127.0.0.1", 0), _drip)
    odd = StreamServer(("127.0.0.1", 0), lambda sock, _: sock.sendall(b"what?\r\n\r\n"))
    for server in (silent, dripping, odd):
        server.start()
        with pytest.raises(NotReached):
            receivers.post(receivers.read(f"http://127.0.0.1:{server.server_port}/", LOCAL), {}, b"", LOCAL)
        server.stop(timeout=0.1)


def _drip(sock: Any, _: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    for _second in range(50):
        gevent.sleep(0.05)
        sock.sendall(b"X-Slow: 1\r\n")


def test_a_receiver_without_a_certificate_one_may_trust_is_not_told():
    plain = StreamServer(("127.0.0.1", 0), lambda sock, _: sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n"))
    plain.start()
    with pytest.raises(NotReached, match="TLS"):
        receivers.post(receivers.read(f"https://127.0.0.1:{plain.server_port}/", LOCAL), {}, b"", LOCAL,
                       ssl.create_default_context())
    plain.stop(timeout=0.1)
