"""A leg's way through its states, in its own greenlet (switch_core_session_run in switch_core_state_machine.c)."""

from __future__ import annotations

import structlog

from freeswitch.simulator import applications, causes, names
from freeswitch.simulator.channel import Broken, Channel, NotReady
from freeswitch.simulator.dialplan import Caller, DialplanError, Extension, hunt
from freeswitch.simulator.profile import CallerProfile, now_us

log = structlog.get_logger()


def live(channel: Channel) -> None:
    """From CS_INIT to CS_DESTROY."""
    if not channel.down:
        channel.state = names.CS_INIT
        _enter(channel, names.CS_INIT)
        channel.event("CHANNEL_CREATE")
        if channel.direction == "outbound":
            channel.event("CHANNEL_ORIGINATE")
            if channel.telephone is not None:
                channel.telephone.invited()
        if channel.state == names.CS_INIT:
            channel.state = names.CS_ROUTING
    while not channel.down:
        state = channel.state
        _enter(channel, state)
        channel.transferring = False
        try:
            _STATES[state](channel)
        except (NotReady, Broken):
            continue
        if channel.state == state and not channel.down:
            # The state's work is over and nobody said what comes next: sleep until somebody does.
            channel.wait(lambda state=state: channel.state != state, even_when_not_ready=True)  # type: ignore[misc]
    end(channel)


def _enter(channel: Channel, state: int) -> None:
    channel.running_state = state
    channel.changed()
    if channel.direction == "inbound" and state < names.CS_HANGUP:
        if state == names.CS_ROUTING:
            channel.set_call_state("RINGING")
        elif channel.answered:
            channel.set_call_state("ACTIVE")
        elif channel.early_media:
            channel.set_call_state("EARLY")
    channel.event("CHANNEL_STATE")


def hang_up(channel: Channel) -> None:
    """switch_core_session_hangup_state, once: at once when the leg's own greenlet hangs up (enable-early-hangup)."""
    if channel.hung_up:
        return
    channel.hung_up = True
    cause = channel.hangup_cause or "NORMAL_CLEARING"
    channel.profile.times.hungup = now_us()
    channel.set_variable("hangup_cause", cause)
    channel.set_variable("hangup_cause_q850", str(causes.q850(cause)))
    _set_timestamps(channel)
    channel.set_call_state("HANGUP")
    if channel.telephone is not None:
        channel.telephone.far_side_hung_up(cause, answered=channel.answered)


def end(channel: Channel) -> None:
    """HANGUP, REPORTING and DESTROY."""
    cause = channel.hangup_cause or "NORMAL_CLEARING"
    channel.running_state = names.CS_HANGUP
    channel.event("CHANNEL_STATE")
    hang_up(channel)
    channel.state = channel.running_state = names.CS_REPORTING
    channel.event("CHANNEL_STATE")
    channel.event("CHANNEL_HANGUP_COMPLETE", **{"Hangup-Cause": cause})
    # A lingering socket holds the session; it is destroyed when that is closed.
    channel.wait(lambda: not channel.lingering, even_when_not_ready=True)
    channel.switch.forget(channel)
    channel.event("CHANNEL_DESTROY")
    channel.state = channel.running_state = names.CS_DESTROY
    channel.event("CHANNEL_STATE")
    channel.changed()


def _set_timestamps(channel: Channel) -> None:
    """switch_channel_set_timestamps: the figures of a call's record."""
    times = channel.profile.times
    answered_us = (times.hungup - times.answered) if times.answered else 0
    for name, value in (
        ("start_epoch", times.created // 1_000_000), ("start_uepoch", times.created),
        ("answer_epoch", times.answered // 1_000_000), ("answer_uepoch", times.answered),
        ("bridge_epoch", times.bridged // 1_000_000), ("bridge_uepoch", times.bridged),
        ("progress_epoch", times.progress // 1_000_000), ("progress_uepoch", times.progress),
        ("end_epoch", times.hungup // 1_000_000), ("end_uepoch", times.hungup),
        ("duration", (times.hungup - times.created + 500_000) // 1_000_000),
        ("billsec", (answered_us + 500_000) // 1_000_000), ("billmsec", answered_us // 1000),
    ):  # fmt: skip
        channel.set_variable(name, str(value))


def find_extension(channel: Channel, profile: CallerProfile) -> Extension | None:
    """The dialplan's answer for a profile; `inline` is the dialplan whose extension is the list itself."""
    if profile.dialplan.lower() == "inline":
        return _inline(profile.destination_number)
    if profile.dialplan.upper() != "XML":
        log.error("no such dialplan in the simulator", dialplan=profile.dialplan)
        return None
    caller = Caller(
        read_field=lambda name: profile.read(name) or "",
        expand=channel.expand,
        run_inline=lambda application, data: applications.execute(channel, application, data),
    )
    try:
        return hunt(channel.switch.configuration.section("dialplan"), profile.context, caller)
    except DialplanError as error:
        log.error("the dialplan asks for what is not simulated", reason=str(error))
        return None


def _inline(text: str) -> Extension:
    separator, text = (text[2], text[3:]) if text.startswith("m:") else (",", text)
    extension = Extension("inline")
    for part in text.split(separator):
        name, _, data = part.strip().partition(":")
        extension.applications.append((name, data))
    return extension


def _routing(channel: Channel) -> None:
    if channel.direction == "outbound" and channel.originating:
        channel.set_state(names.CS_CONSUME_MEDIA)  # originate_on_routing (switch_ivr_originate.c)
        return
    channel.set_variable("call_uuid", channel.uuid)
    if channel.queued_application is not None:
        channel.applications.clear()
        channel.applications.append(channel.queued_application)
        channel.queued_application = None
        channel.set_state(names.CS_EXECUTE)
        return
    extension = find_extension(channel, channel.profile)
    if channel.down:
        return
    if extension is None:
        log.info("no route", leg_uuid=channel.uuid, context=channel.profile.context)
        channel.hangup("NO_ROUTE_DESTINATION")
        return
    channel.sort_caller_id()
    channel.applications.clear()
    channel.applications.extend(extension.applications)
    channel.set_state(names.CS_EXECUTE)


def _execute(channel: Channel) -> None:
    """switch_core_standard_on_execute: a list that has run out hangs up."""
    channel.set_variable("call_uuid", channel.uuid)
    while channel.state == names.CS_EXECUTE and channel.applications:
        application, data = channel.applications.popleft()
        applications.execute(channel, application, data)
    if channel.ready and channel.state == names.CS_EXECUTE:
        channel.hangup("NORMAL_CLEARING")


def _consume_media(channel: Channel) -> None:
    channel.wait()


def _exchange_media(channel: Channel) -> None:
    from freeswitch.simulator import bridge

    bridge.live_as_the_other_leg(channel)


def _soft_execute(channel: Channel) -> None:
    from freeswitch.simulator import bridge

    bridge.lead(channel)


def _park(channel: Channel) -> None:
    applications.park(channel)


def _nothing(channel: Channel) -> None:
    channel.wait(lambda: False, even_when_not_ready=False)


_STATES = {
    names.CS_ROUTING: _routing,
    names.CS_EXECUTE: _execute,
    names.CS_CONSUME_MEDIA: _consume_media,
    names.CS_EXCHANGE_MEDIA: _exchange_media,
    names.CS_PARK: _park,
    names.CS_HIBERNATE: _nothing,
    names.CS_SOFT_EXECUTE: _soft_execute,
    names.CS_RESET: _nothing,
}
