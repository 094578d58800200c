"""What a carrier gets, read off the wire: SIPp answers for it and writes down every message as it came."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from tests.handsets.process import find_freeswitch, free_port
from tests.routing.lab import Lab, running_lab

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(find_freeswitch() is None, reason="no FreeSWITCH on this machine"),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="no SIPp on this machine"),
]

MOBILE = "+491715550123"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("wire")) as made:
        yield made


@contextmanager
def carrier(folder: Path, port: int) -> Iterator[Path]:
    """SIPp as user agent server at this port; the file it writes messages to."""
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / "messages"
    process = subprocess.Popen(
        [str(shutil.which("sipp")), "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-trace_msg",
         "-message_file", str(trace), "-message_overwrite", "true"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        yield trace
    finally:
        process.kill()
        process.wait()


def invite(trace: Path) -> dict[str, str]:
    """Headers of the first INVITE, by name in lower case."""
    with gevent.Timeout(15, AssertionError("no INVITE arrived")):
        while True:
            text = trace.read_text(errors="replace") if trace.exists() else ""
            found = re.search(r"^INVITE (\S+) SIP/2\.0\r?\n(.*?)\r?\n\r?\n", text, re.MULTILINE | re.DOTALL)
            if found:
                headers = dict(line.split(": ", 1) for line in found.group(2).splitlines() if ": " in line)
                return {"request": found.group(1), **{name.lower(): value for name, value in headers.items()}}
            gevent.sleep(0.05)


def over_a_trunk_to(lab: Lab, port: int, **settings: str) -> None:
    """The company's first trunk leads there, and the switch knows."""
    names = "".join(f", {name} = '{value}'" for name, value in settings.items())
    lab.sql(f"UPDATE directory.trunks SET host = '127.0.0.1', port = {port}{names} WHERE name = 'musterbau-1'")
    with lab.client() as client, gevent.Timeout(15, AssertionError("the gateway does not lead there")):
        while f":{port}</proxy>" not in client.api("sofia", "xmlstatus", "gateway", "musterbau-1"):
            gevent.sleep(0.05)


def test_a_suppressed_number_is_anonymous_in_from_and_asserted_to_the_carrier(lab: Lab, tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    over_a_trunk_to(lab, port, from_domain="carrier.example")
    with carrier(tmp_path, port) as trace:
        call = lab.telephones["anna"].register().dial(f"*67{MOBILE}")
        seen = invite(trace)
        call.wait_for("answered").hangup()
    assert seen["request"].startswith(f"sip:{MOBILE}@127.0.0.1:{port}")
    assert '"Anonymous" <sip:anonymous@anonymous.invalid>' in seen["from"]
    assert "sip:+49305550021@carrier.example" in seen["p-asserted-identity"]
    assert seen["privacy"] == "id"
    assert "remote-party-id" not in seen
    assert "Anna" not in str(seen)


def test_a_forwarded_call_names_who_was_called_first_and_who_forwarded(lab: Lab, tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    over_a_trunk_to(lab, port, from_domain="carrier.example", diversion_style="both")
    for who, target in (("bernd", "23"), ("clara", MOBILE)):
        lab.sql("INSERT INTO routing.forwardings (company_id, subscriber_id, kind, target) SELECT company_id,"
                " subscriber_id, 'always', %(target)s FROM directory.subscribers WHERE lower(first_name) = %(who)s",
                who=who, target=target)
    try:
        with carrier(tmp_path, port) as trace:
            call = lab.telephones["anna"].register().dial("22")
            seen = invite(trace)
            call.wait_for("answered").hangup()
    finally:
        lab.sql("DELETE FROM routing.forwardings")
    assert re.findall(r"sip:(\+\d+)@carrier\.example", seen["diversion"]) == ["+49305550023", "+49305550022"]
    assert re.findall(r"sip:(\+\d+)@", seen["history-info"]) == ["+49305550022", "+49305550023", MOBILE]
    assert "sip:+49305550023@carrier.example" in seen["p-asserted-identity"]
    assert "privacy" not in seen


def test_an_emergency_call_shows_the_site_whatever_the_trunk_does_with_numbers(lab: Lab, tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    over_a_trunk_to(lab, port, from_domain="carrier.example", number_format="national", privacy_style="from_only")
    with carrier(tmp_path, port) as trace:
        call = lab.telephones["anna"].register().dial("112")
        seen = invite(trace)
        call.wait_for("answered").hangup()
    assert seen["request"].startswith(f"sip:112@127.0.0.1:{port}")
    assert "sip:0305550000@carrier.example" in seen["from"]


def test_with_the_database_frozen_an_emergency_call_goes_out_and_is_called_back(lab: Lab, tmp_path: Path) -> None:
    over_a_trunk_to(lab, int(lab.environment["PBX_TRUNK_PORT"]), number_format="e164", privacy_style="id")
    anna = lab.telephones["anna"].register()
    anna.dial("22").wait_for("ended", timeout_s=20)   # whom routing met it remembers
    lab.line.freeze()
    try:
        call = anna.dial("112")
        assert lab.telephones.carrier.wait_for_ring().shown_number == "+49305550000"
        call.hangup()
        lab.telephones.carrier.dial("+49305550000", from_number=MOBILE)
        anna.wait_for_ring(timeout_s=10)
    finally:
        lab.line.thaw()
        lab.telephones.reset()
    with gevent.Timeout(20, AssertionError("not written when the database was back")):
        while not lab.sql("SELECT 1 FROM routing.emergency_calls"):
            gevent.sleep(0.1)
