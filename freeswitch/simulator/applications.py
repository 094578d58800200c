"""Dialplan applications: the table, running one with its events, and those that make no sound.

Follows `switch_core_session_exec` (switch_core_session.c) and mod_dptools.c. An application that the
configuration's allow list leaves out does not exist, as on the switch; one it names that is not in the
table here ends the call with a line in the log, never with silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from freeswitch.simulator import bridge, causes, media, names, originate, outbound
from freeswitch.simulator.channel import Broken, Channel, NotReady
from freeswitch.simulator.variables import is_true, leading_int
from freeswitch.simulator.words import split_arguments

log = structlog.get_logger()

MAX_DEPTH = 16  # SWITCH_MAX_STACKS (switch_types.h)


def execute(channel: Channel, name: str, data: str = "", app_uuid: str | None = None) -> None:
    """Runs one application to its end, with CHANNEL_EXECUTE before and CHANNEL_EXECUTE_COMPLETE after it."""
    application = APPLICATIONS.get(name)
    if channel.down:
        return
    if not channel.switch.allows(name, "app"):
        log.error("invalid application", name=name, leg_uuid=channel.uuid)
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return
    if application is None:
        log.error("the simulator has no such application", name=name, leg_uuid=channel.uuid)
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return
    app_uuid = app_uuid or names.new_uuid()
    expanded = channel.expand(data) if data else ""
    if name in _NEED_MEDIA and not channel.media_up and channel.direction == "inbound":
        channel.pre_answer()
    channel.set_variable("current_application", name)
    channel.set_variable("current_application_data", expanded)
    channel.set_variable("current_application_response", None)
    told: dict[str, str | None] = {
        "Application": name, "Application-Data": expanded or None, "Application-UUID": app_uuid,
    }  # fmt: skip
    channel.event("CHANNEL_EXECUTE", **told)
    channel.break_asked = False
    try:
        application(channel, expanded)
    except (NotReady, Broken):
        pass  # hung up or sent elsewhere: whoever runs the list looks at the state
    except originate.NotSimulated as error:
        log.error("not simulated", what=str(error), application=name, leg_uuid=channel.uuid)
        channel.hangup("DESTINATION_OUT_OF_ORDER")
    response = channel.variables.get("current_application_response") or "_none_"
    told["Application-Response"] = response
    channel.event("CHANNEL_EXECUTE_COMPLETE", **told)


def _set(channel: Channel, data: str) -> None:
    """base_set: the value is expanded once more."""
    name, equals, value = data.partition("=")
    if not equals:
        name, _, value = data.partition(",")
    channel.set_variable(name, channel.expand(value) if value else None)


def _each(data: str) -> list[str]:
    separator = " "
    if data.startswith("^^") and len(data) > 2:
        separator, data = data[2], data[3:]
    return [part.strip(" ") for part in data.split(separator) if part.strip(" ")]


def _multiset(channel: Channel, data: str) -> None:
    for part in _each(data):
        _set(channel, part)


def _unset(channel: Channel, data: str) -> None:
    channel.set_variable(data, None)


def _multiunset(channel: Channel, data: str) -> None:
    for name in _each(data):
        channel.set_variable(name, None)


def _export(channel: Channel, data: str) -> None:
    """switch_channel_export_variable_var_check: nolocal: stays in the name here and goes at the other leg."""
    name, _, value = data.partition("=")
    channel.set_variable(name, value)
    if value:
        exported = channel.variables.get("export_vars")
        channel.set_variable("export_vars", f"{exported},{name}" if exported else name)


def _hangup(channel: Channel, data: str) -> None:
    channel.hangup(causes.named(data) if data else "NORMAL_CLEARING")


def _respond(channel: Channel, data: str) -> None:
    """INDICATE_RESPOND (mod_sofia.c): the INVITE is answered with this status, which ends the leg."""
    status = leading_int(data)
    if not 300 <= status <= 699:
        log.error("respond is simulated for refusals only", data=data)
    if channel.telephone is not None and not channel.answered:
        channel.telephone.sip_status = status
    channel.hangup(causes.from_sip(status))


def _transfer(channel: Channel, data: str) -> None:
    words = split_arguments(data)
    if words and words[0] in ("-bleg", "-both"):
        if channel.partner is not None:
            channel.partner.transfer(*words[1:4])
        if words[0] == "-bleg":
            return
        words = words[1:]
    channel.transfer(*words[:3])


def _execute_extension(channel: Channel, data: str) -> None:
    """switch_core_session_execute_exten: its applications here and now, one within the other."""
    from freeswitch.simulator.life import find_extension

    words = split_arguments(data)
    if not words:
        log.error("execute_extension without an extension", leg_uuid=channel.uuid)
        return
    if channel.depth > MAX_DEPTH:
        log.error("too many stacked extensions", leg_uuid=channel.uuid)
        return
    channel.depth += 1
    outer = channel.hunt_profile
    profile = channel.profile.clone(
        destination_number=words[0],
        dialplan=words[1] if len(words) > 1 else channel.profile.dialplan,
        context=words[2] if len(words) > 2 else channel.profile.context,
    )
    channel.hunt_profile = profile
    try:
        extension = find_extension(channel, profile)
        for application, argument in extension.applications if extension is not None else ():
            if not channel.ready:
                break
            execute(channel, application, argument)
    finally:
        channel.depth -= 1
        channel.hunt_profile = outer


def _when(text: str) -> int:
    return int(time.time()) + leading_int(text[1:]) if text.startswith("+") else leading_int(text)


def schedule_transfer(channel: Channel, when: str, words: list[str]) -> int:
    return channel.switch.scheduler.at(_when(when), channel.uuid, lambda: channel.transfer(*words[:3]))


def schedule_hangup(channel: Channel, when: str, cause: str) -> int:
    return channel.switch.scheduler.at(_when(when), channel.uuid, lambda: channel.hangup(cause))


def _sched_transfer(channel: Channel, data: str) -> None:
    words = split_arguments(data)
    if len(words) < 2:
        log.error("sched_transfer: invalid arguments", data=data)
        return
    channel.set_variable("last_sched_id", str(schedule_transfer(channel, words[0], words[1:])))


def _sched_hangup(channel: Channel, data: str) -> None:
    words = split_arguments(data)
    cause = causes.named(words[1]) if len(words) > 1 else "ALLOTTED_TIMEOUT"
    if not words:
        log.error("sched_hangup: no time", data=data)
    elif leading_int(words[0][1:]) == 0:
        channel.hangup(cause)
    else:
        schedule_hangup(channel, words[0], cause)


def _sched_cancel(channel: Channel, data: str) -> None:
    if data.isdecimal():
        channel.switch.scheduler.cancel_id(int(data))
    else:
        channel.switch.scheduler.cancel_group(data or channel.uuid)


def _intercept(channel: Channel, data: str) -> None:
    words = split_arguments(data)
    bleg = bool(words) and words[0] == "-bleg"
    found = channel.switch.channels.get(words[1] if bleg else words[0]) if words else None
    if bleg and found is not None:
        found = found.partner
    if found is None or found.down:
        log.info("nothing to intercept", data=data)
        return
    # switch_ivr_intercept_session asks for the flags CF_BRIDGED and CF_ANSWERED; the application then just ends.
    if is_true(channel.get_variable("intercept_unbridged_only")) and found.partner is not None:
        return
    if is_true(channel.get_variable("intercept_unanswered_only")) and found.answered:
        return
    bridge.intercept(channel, found)
    raise NotReady


def park(channel: Channel, data: str = "") -> None:
    """switch_ivr_park: waits, obeying messages, until released, sent elsewhere, or park_timeout is over."""
    timeout = channel.variables.get("park_timeout")
    seconds, _, cause = (timeout or "").partition(":")
    channel.set_variable("park_timeout", None)
    channel.controlled = True
    channel.event("CHANNEL_PARK")

    def released() -> bool:
        while channel.digits:
            channel.take_key()  # nobody waits for it; who listens to the leg's events hears of it
        return not channel.controlled

    try:
        over = not channel.wait(released, timeout_s=leading_int(seconds) if leading_int(seconds) > 0 else None)
        if over:
            channel.hangup(causes.named(cause))
    finally:
        channel.controlled = False
        channel.event("CHANNEL_UNPARK")


def _sleep(channel: Channel, data: str) -> None:
    channel.wait(timeout_s=leading_int(data) / 1000)


def _hold(channel: Channel, held: bool) -> None:
    if channel.telephone is not None and channel.answered:
        channel.telephone.hold(held)


def _break(channel: Channel, data: str) -> None:
    channel.break_asked = True


APPLICATIONS: dict[str, Callable[[Channel, str], None]] = {
    "answer": lambda channel, data: channel.answer(),
    "pre_answer": lambda channel, data: channel.pre_answer(),
    "ring_ready": lambda channel, data: channel.tell_ringing(),
    "bridge": originate.bridge_application,
    "hangup": _hangup,
    "respond": _respond,
    "transfer": _transfer,
    "execute_extension": _execute_extension,
    "sched_transfer": _sched_transfer,
    "sched_hangup": _sched_hangup,
    "sched_cancel": _sched_cancel,
    "set": _set,
    "multiset": _multiset,
    "unset": _unset,
    "multiunset": _multiunset,
    "export": _export,
    "playback": media.playback,
    "record": media.record,
    "play_and_get_digits": media.play_and_get_digits,
    "read": media.read,
    "flush_dtmf": lambda channel, data: channel.digits.clear(),
    "start_dtmf": lambda channel, data: None,  # keys always arrive as such here
    "stop_dtmf": lambda channel, data: None,
    "sleep": _sleep,
    "break": _break,
    "park": park,
    "intercept": _intercept,
    "hold": lambda channel, data: _hold(channel, True),
    "unhold": lambda channel, data: _hold(channel, False),
    "socket": outbound.socket_application,
}
_NEED_MEDIA = frozenset(("intercept", "playback", "record", "play_and_get_digits", "read"))
