"""What a stranger's text can do to the switch: nothing. Raw requests come from SIPp."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.handsets.lamps import sipp_binary
from tests.handsets.process import free_port
from tests.live.lab import Lab
from tests.live.test_calls import rings_bernd
from tests.scenarios.telephones import Telephones

pytestmark = [pytest.mark.live, pytest.mark.skipif(sipp_binary() is None, reason="SIPp is not installed")]

_INVITE = """<?xml version="1.0"?>
<scenario name="one call">
 <send retrans="500"><![CDATA[
INVITE sip:{to}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: {max_forwards}
From: "{name}" <sip:{caller}@[local_ip]:[local_port]>;tag=[pid]a[call_number]
To: <sip:{to}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{caller}@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=u 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000

]]></send>
 <recv response="100" optional="true"/>
 <recv response="180" optional="true"/>
 <recv response="183" optional="true"/>
 <recv response="{status}" timeout="8000"/>
</scenario>
"""


def invite(folder: Path, port: int, *, to: str, name: str, status: int, caller: str = "+491711234567",
           max_forwards: int = 70) -> subprocess.Popen[bytes]:
    """A caller who expects this status; the process ends with 0 when it came."""
    binary = sipp_binary()
    assert binary is not None
    scenario = folder / "invite.xml"
    scenario.write_text(_INVITE.format(to=to, name=name, status=status, caller=caller, max_forwards=max_forwards))
    return subprocess.Popen(
        [binary, f"127.0.0.1:{port}", "-sf", str(scenario), "-i", "127.0.0.1",
         "-p", str(free_port(socket.SOCK_DGRAM)), "-m", "1", "-nostdin", "-recv_timeout", "15000"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("with_routing", [True, False])
@pytest.mark.parametrize("wrapping", ["%2524%257Bsystem({})%257D", "%24%7Bsystem({})%7D", "${{system({})}}"])
def test_a_display_name_runs_no_command(
        lab: Lab, telephones: Telephones, tmp_path: Path, wrapping: str, with_routing: bool) -> None:
    if with_routing:
        lab.answer = rings_bernd
        lab.open_routing()
    proof = tmp_path / "owned"
    caller = invite(tmp_path, lab.places.system_external_port, to="+49305550022",
                    name=wrapping.format(f"touch {proof}"), status=486)
    telephones["bernd"].wait_for_ring().reject(486) if with_routing else telephones["bernd"].wait_for_ring()
    if with_routing:
        assert caller.wait(10) == 0
    else:
        caller.kill()
        caller.wait()
    assert not proof.exists()


def test_nobody_calls_in_without_a_login(lab: Lab, telephones: Telephones, tmp_path: Path) -> None:
    caller = invite(tmp_path, lab.places.system_internal_port, to="22", name="Guest", status=407, caller="anna-desk")
    assert caller.wait(10) == 0
    assert telephones["bernd"].stays_silent()


def test_a_call_that_has_gone_round_too_often_ends(lab: Lab, telephones: Telephones, tmp_path: Path) -> None:
    lab.answer = rings_bernd
    lab.open_routing()
    caller = invite(tmp_path, lab.places.system_external_port, to="+49305550022", name="Loop", status=486,
                    max_forwards=1)
    try:
        caller.wait(10)
        assert telephones["bernd"].stays_silent()
    finally:
        caller.kill()
        caller.wait()
