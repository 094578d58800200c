"""The headers every event of a leg carries, as switch_channel_event_set_data adds them (switch_channel.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freeswitch.simulator import names
from freeswitch.simulator.events import SwitchEvent

if TYPE_CHECKING:
    from freeswitch.simulator.channel import Channel

# Events that carry the variables (switch_channel_event_set_extended_data); DTMF and CALLSTATE do not.
WITH_VARIABLES = frozenset(
    (
        "CHANNEL_CREATE", "CHANNEL_ORIGINATE", "CHANNEL_UUID", "CHANNEL_ANSWER", "CHANNEL_PARK",
        "CHANNEL_UNPARK", "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA",
        "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "REQUEST_PARAMS", "CHANNEL_DATA", "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_DESTROY", "RECORD_START", "RECORD_STOP", "PLAYBACK_START",
        "PLAYBACK_STOP", "CHANNEL_HOLD", "CHANNEL_UNHOLD", "CUSTOM",
    )
)  # fmt: skip


def answer_state(channel: Channel) -> str:
    if channel.down:
        return "hangup"
    if channel.answered:
        return "answered"
    return "early" if channel.early_media else "ringing"


def add_channel_headers(event: SwitchEvent, channel: Channel) -> None:
    add = event.add
    add("Channel-State", names.STATE_NAMES[channel.running_state])
    add("Channel-Call-State", channel.call_state)
    add("Channel-State-Number", str(channel.state))
    add("Channel-Name", channel.name)
    add("Unique-ID", channel.uuid)
    add("Call-Direction", channel.direction)
    add("Presence-Call-Direction", channel.direction)
    add("Channel-HIT-Dialplan", "true" if channel.hit_dialplan else "false")
    add("Channel-Presence-ID", channel.variables.get("presence_id"))
    add("Channel-Presence-Data", channel.variables.get("presence_data"))
    add("Channel-Call-UUID", channel.variables.get("call_uuid") or channel.uuid)
    add("Answer-State", answer_state(channel))
    add("Hangup-Cause", channel.hangup_cause)
    if channel.media_up:
        for way in ("Read", "Write"):
            add(f"Channel-{way}-Codec-Name", "PCMU")
            add(f"Channel-{way}-Codec-Rate", "8000")
            add(f"Channel-{way}-Codec-Bit-Rate", "64000")
    for header, value in channel.profile.headers("Caller"):
        add(header, value)
    if channel.other_profile is not None:
        kind, profile = channel.other_profile
        add("Other-Type", kind)
        for header, value in profile.headers("Other-Leg"):
            add(header, value)
    if event.name in WITH_VARIABLES:
        for name, value in channel.variables.items():
            add(f"variable_{name}", value)
