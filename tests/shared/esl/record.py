"""Takes the recordings from a real FreeSWITCH: python -m tests.shared.esl.record

bridged_call.esl: the event frames of a call bridged over SIP, from the originate to the hang-ups.
connect_sync.esl, connect_async.esl: the answer to `connect` on an outbound socket.
background_job.esl: the frames of one bgapi. Names of the machine and its folders are taken out.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import re  # noqa: E402
import socket as names  # noqa: E402
import uuid  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402

from shared.esl.call import OutboundCall  # noqa: E402
from shared.esl.client import InboundClient  # noqa: E402
from shared.esl.events import Event, encode_value  # noqa: E402
from shared.esl.server import OutboundServer  # noqa: E402
from tests.shared.esl.live_switch import LiveSwitch, find_freeswitch  # noqa: E402

RECORDINGS = Path(__file__).parent / "recordings"
# Nobody in the product asks for these, and they are half of all bytes.
_LEFT_OUT = ("MODULE_LOAD", "RE_SCHEDULE", "API", "COMMAND", "CHANNEL_STATE", "CODEC", "CALL_UPDATE")
_ADDRESS = re.compile(rb"(FreeSWITCH-IPv[46]: )[^\n]*")


def clean(raw: bytes, switch: LiveSwitch) -> bytes:
    """The event's text without the machine: host name, addresses, folders."""
    raw = raw.replace(names.gethostname().encode(), b"switch")
    for path in (str(switch.folder), str(Path(switch.program).parent.parent)):
        raw = raw.replace(encode_value(path), b"/switch").replace(path.encode(), b"/switch")
    return _ADDRESS.sub(rb"\g<1>192.0.2.10", raw)


def frame(text: bytes) -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(text) + text


def record(switch: LiveSwitch) -> dict[str, bytes]:
    taken: list[Event] = []
    found: dict[str, bytes] = {}
    client = InboundClient(
        "127.0.0.1", switch.esl_port, switch.password, name="record", events=["ALL"], on_event=taken.append
    )
    client.start()
    assert client.wait_connected(60)
    target = f"127.0.0.1:{switch.sip_port}"
    client.api("status")
    taken.clear()
    leg = str(uuid.uuid4())
    client.background(
        "originate",
        f"{{origination_uuid={leg},origination_caller_id_name='Jürgen: Groß'}}sofia/lab/bridge@{target}",
        "&park()",
    )
    client.api("uuid_send_dtmf", leg, "12")
    client.api("uuid_hold", leg)
    gevent.sleep(0.3)
    client.api("uuid_hold", "off", leg)
    gevent.sleep(0.3)
    client.api("uuid_kill", leg)
    gevent.sleep(0.5)
    kept = [event for event in taken if event.name not in _LEFT_OUT]
    found["bridged_call.esl"] = b"".join(frame(clean(event.raw(), switch)) for event in kept)
    jobs = [event for event in taken if event.name == "BACKGROUND_JOB"]
    found["background_job.esl"] = frame(clean(jobs[-1].raw(), switch))

    def handler(call: OutboundCall) -> None:
        mode = "async" if call.asynchronous else "sync"
        found[f"connect_{mode}.esl"] = clean(call.channel.raw(), switch) + b"\n\n"
        call.execute("answer", timeout_s=5)
        call.execute("playback", "tone_stream://%(400,0,440)", timeout_s=5)

    server = OutboundServer("127.0.0.1", 0, handler)
    server.start()
    for mode in ("sync", "async"):
        client.background("originate", f"sofia/lab/{mode}-{server.port}@{target}", "&park()", timeout_s=10)
    server.drain(5)
    client.stop()
    return found


if __name__ == "__main__":
    program = find_freeswitch()
    if program is None:
        raise SystemExit("no FreeSWITCH on this machine")
    switch = LiveSwitch(program)
    switch.start()
    try:
        for name, data in record(switch).items():
            (RECORDINGS / name).write_bytes(data)
            print(f"{name}: {len(data)} bytes")
    finally:
        switch.stop()
