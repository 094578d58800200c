"""Two legs that hear each other (switch_ivr_bridge.c), and taking one over (switch_ivr_intercept_session)."""

from __future__ import annotations

import time

import structlog

from freeswitch.simulator import names
from freeswitch.simulator.channel import Broken, Channel, NotReady
from freeswitch.simulator.profile import now_us
from freeswitch.simulator.variables import is_true

log = structlog.get_logger()


def connect(caller: Channel, peer: Channel) -> None:
    """switch_ivr_multi_threaded_bridge, in the caller's greenlet; comes back when it is over."""
    if not caller.ready:
        peer.hangup("ORIGINATOR_CANCEL")
        return
    if peer.answered:
        caller.answer()
    peer.set_state(names.CS_CONSUME_MEDIA)
    peer.set_variable("call_uuid", caller.uuid)
    stamp = now_us()
    caller.profile.times.bridged = peer.profile.times.bridged = stamp
    caller.event("CHANNEL_BRIDGE", **_who(caller, peer))
    for one, other in ((caller, peer), (peer, caller)):
        one.set_variable("bridge_to", other.uuid)
        one.set_variable("last_bridge_to", other.uuid)
        one.set_variable("bridge_channel", other.name)
        one.set_variable("bridge_uuid", other.uuid)
        one.set_variable("signal_bond", other.uuid)
        one.partner = other
    caller.bridge_role, peer.bridge_role = "originator", "originatee"
    peer.set_state(names.CS_EXCHANGE_MEDIA)
    for one in (caller, peer):
        one.pass_keys_on()
        if one.telephone is not None:
            one.telephone.connected()
    broken = False
    try:
        caller.wait(lambda: peer.running_state == names.CS_EXCHANGE_MEDIA or peer.down, watching=peer)
        caller.wait(lambda: peer.state != names.CS_EXCHANGE_MEDIA or caller.partner is not peer, watching=peer)
    except NotReady:
        pass
    except Broken:
        broken = True
    _part(caller, peer)
    _wait_until_peer_left(caller, peer)
    if peer.hangup_cause:
        caller.set_variable("bridge_hangup_cause", peer.hangup_cause)
    caller.event("CHANNEL_UNBRIDGE", **_who(caller, peer))
    if broken or caller.transferring or not caller.ready:
        if caller.transferring or broken:
            raise NotReady
        return
    _what_comes_next(caller, peer)


def _who(caller: Channel, peer: Channel) -> dict[str, str | None]:
    return {"Bridge-A-Unique-ID": caller.uuid, "Bridge-B-Unique-ID": peer.uuid}


def _part(one: Channel, other: Channel) -> None:
    if one.hangup_cause:
        other.set_variable("bridge_hangup_cause", one.hangup_cause)
    if not other.down:
        other.set_variable("call_uuid", other.uuid)
    if one.partner is other:
        one.partner = None
    if other.partner is one and not other.down:
        other.partner = None
    one.set_variable("bridge_to", None)
    other.set_variable("bridge_to", None)
    for leg in (one, other):
        leg.bridge_role = None
        if leg.telephone is not None:
            leg.telephone.disconnected()
    one.changed()
    other.changed()


def _wait_until_peer_left(caller: Channel, peer: Channel) -> None:
    """The bridge ends only when the other leg has left EXCHANGE_MEDIA."""
    caller.wait(
        lambda: peer.state != names.CS_EXCHANGE_MEDIA, timeout_s=5.0, even_when_not_ready=True, watching=peer
    )


def _what_comes_next(caller: Channel, peer: Channel) -> None:
    cause = peer.hangup_cause or "NORMAL_CLEARING"
    after = caller.get_variable("hangup_after_bridge")
    if not peer.answered:
        handle_cause(caller, cause)
    if (after or "").lower() == "explicit":
        caller.hangup(cause)
    if not peer.answered or caller.down:
        return
    if is_true(caller.get_variable("park_after_bridge")):
        caller.set_state(names.CS_PARK)
    elif caller.get_variable("transfer_after_bridge"):
        transfer_after_bridge(caller)
    elif is_true(after):
        caller.hangup(cause)


def transfer_after_bridge(channel: Channel) -> None:
    """transfer_after_bridge=extension:dialplan:context."""
    extension, _, rest = (channel.get_variable("transfer_after_bridge") or "").partition(":")
    dialplan, _, context = rest.partition(":")
    channel.set_variable("transfer_after_bridge", None)
    channel.transfer(extension, dialplan, context)


def live_as_the_other_leg(channel: Channel) -> None:
    """audio_bridge_on_exchange_media: the called leg, until its partner is gone or it is sent elsewhere."""
    caller = channel.partner
    if caller is not None:
        channel.wait(lambda: channel.partner is not caller, watching=caller)
    if channel.state != names.CS_EXCHANGE_MEDIA or channel.down:
        return
    if is_true(channel.get_variable("park_after_bridge")):
        channel.set_state(names.CS_PARK)
    elif channel.get_variable("transfer_after_bridge"):
        transfer_after_bridge(channel)
    elif not channel.answered:
        channel.hangup("ORIGINATOR_CANCEL")
    else:
        channel.hangup("NORMAL_CLEARING")


def handle_cause(channel: Channel, cause: str) -> None:
    """switch_channel_handle_cause: does a failed call go on in the dialplan, or end?"""
    from freeswitch.simulator import causes

    if channel.down or channel.transferring or channel.state == names.CS_ROUTING:
        return
    if cause != "ATTENDED_TRANSFER":
        listed = channel.get_variable("continue_on_fail")
        failures = channel.get_variable("failure_causes")
        if channel.get_variable("transfer_on_fail"):
            log.error("transfer_on_fail is not simulated", leg_uuid=channel.uuid)
        told = {cause.lower(), str(causes.NUMBERS.get(cause, 0))}
        if failures and not told & {one.strip().lower() for one in failures.split(",")}:
            return
        if listed:
            if is_true(listed) or told & {one.strip().lower() for one in listed.split(",")}:
                return
        elif not failures and cause in ("NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL"):
            return
    channel.hangup(cause)


def intercept(channel: Channel, target: Channel) -> None:
    """switch_ivr_intercept_session: takes target's call over, its partner is picked off."""
    if target is channel:
        return
    if is_true(channel.get_variable("intercept_unbridged_only")) and target.partner is not None:
        return
    if is_true(channel.get_variable("intercept_unanswered_only")) and target.answered:
        return
    partner = target.other_leg()
    channel.answer()
    target.answer()
    target.intercepted = True
    bridge_uuids(channel, target)
    if partner is not None and partner is not channel:
        partner.hangup("PICKED_OFF")


def bridge_uuids(one: Channel, other: Channel) -> None:
    """switch_ivr_uuid_bridge: both leave what they do; `one` leads, the other is led."""
    one.leads_to = other
    for leg, to in ((one, other), (other, one)):
        leg.hunt_profile = None
        leg.originating = False
        leg.transferring = True
        leg.profile.transfer_source = f"{int(time.time())}:{names.new_uuid()}:uuid_br:{to.uuid}"
        leg.variables.push("transfer_history", leg.profile.transfer_source)
        leg.set_variable("transfer_source", leg.profile.transfer_source)
    one.sort_caller_id()
    one.other_profile = ("originatee", other.profile.clone())
    other.other_profile = ("originator", one.profile.clone())
    other.set_state(names.CS_HIBERNATE)
    one.set_state(names.CS_SOFT_EXECUTE)


def lead(channel: Channel) -> None:
    """uuid_bridge_on_soft_execute: the leading leg; afterwards what is left of its dialplan runs."""
    other, channel.leads_to = channel.leads_to, None
    if other is None or not channel.wait(
        lambda: other.running_state == names.CS_HIBERNATE or other.down, timeout_s=5.0, watching=other
    ):
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return
    if other.down:
        channel.hangup("ORIGINATOR_CANCEL")
        return
    channel.event("CHANNEL_EXECUTE", Application="uuid_bridge", **{"Application-Data": other.uuid})
    other.event("CHANNEL_EXECUTE", Application="uuid_bridge", **{"Application-Data": channel.uuid})
    connect(channel, other)
    if channel.state == names.CS_SOFT_EXECUTE:
        channel.set_state(names.CS_EXECUTE)
