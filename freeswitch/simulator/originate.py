"""Calling somebody: a dial string becomes legs that ring, one wins, the rest is told why not.

Follows `switch_ivr_originate` (switch_ivr_originate.c), `switch_core_session_outgoing_channel`
(switch_core_session.c) and, for user/, `user_outgoing_channel` (mod_dptools.c).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gevent.event
import structlog

from freeswitch.simulator import names
from freeswitch.simulator.channel import Channel, NotReady
from freeswitch.simulator.confirmation import Confirmation, confirmation_of
from freeswitch.simulator.dial_strings import DialString, DialStringError, Leg, parse
from freeswitch.simulator.endpoints import Refused, Target, find_target
from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.profile import CallerProfile
from freeswitch.simulator.variables import is_false, is_true, leading_int

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()

DEFAULT_TIMEOUT_S = 60  # SWITCH_DEFAULT_TIMEOUT (switch_types.h)

# Channel variables of the caller that steer an originate (the list in switch_ivr_originate.c).
_INHERITED = (
    "ignore_early_media", "originate_timeout", "originate_continue_on_timeout", "ignore_ring_ready",
    "progress_timeout", "hangup_on_single_reject", "fail_on_single_reject", "return_ring_ready", "language",
)  # fmt: skip
_NOT_SIMULATED = (
    "group_confirm_error_file", "group_confirm_cancel_timeout", "originate_retries", "leg_required",
    "monitor_early_media_ring",
    "monitor_early_media_fail", "bridge_early_media", "enable_file_write_buffering_leg", "campon",
    "hangup_on_single_reject", "ringback_sequence", "progress_timeout", "leg_progress_timeout", "bypass_media",
    "proxy_media",
)  # fmt: skip


@dataclass
class Outcome:
    cause: str
    peer: Channel | None = None


@dataclass
class Attempt:
    """One leg of a group while it rings."""

    channel: Channel
    timeout_s: int = 0
    delay_s: int = 0
    started: bool = True
    via_user: bool = False
    confirmation: Confirmation | None = None

    def has_the_call(self, elapsed_s: int) -> bool:
        if not self.channel.answered or self.channel.down:
            return False
        if self.confirmation is None:
            return True
        if not self.confirmation.asked:
            self.confirmation.ask()
            if self.confirmation.timeout_s:
                self.timeout_s = elapsed_s + self.confirmation.timeout_s
        return self.confirmation.given()


@dataclass
class Caller:
    """Who originates: a leg of the switch, or nobody (the API)."""

    channel: Channel | None
    name: str = ""
    number: str = ""
    timeout_s: int = 0
    cancelled: gevent.event.Event = field(default_factory=gevent.event.Event)


class NotSimulated(Exception):
    """The dial string asks for something this simulator does not do."""


def originate(switch: Switch, text: str, caller: Caller) -> Outcome:
    """Rings what the dial string names, one group after the other, until somebody answers."""
    channel = caller.channel
    if channel is not None:
        # Both are kept from bridge to bridge unless this variable says no (switch_ivr_originate.c).
        if is_false(channel.get_variable("preserve_originated_vars")):
            for name in ("originated_legs", "originate_causes"):
                channel.set_variable(name, None)
        channel.set_variable("originate_disposition", "failure")
        channel.set_variable("DIALSTATUS", "INVALIDARGS")
    if ":_:" in text or text.lstrip().startswith("<"):
        raise NotSimulated("enterprise originate (:_:)")
    try:
        dial = parse(text)
    except DialStringError as error:
        log.error("not a dial string", reason=str(error))
        return Outcome("DESTINATION_OUT_OF_ORDER")
    variables = _with_inherited(dial, channel)
    if channel is None or not channel.answered:
        return _ring_groups(switch, dial, caller, variables)
    channel.set_call_state("RING_WAIT")  # CF_ORIGINATOR on an answered leg (switch_channel.c)
    try:
        return _ring_groups(switch, dial, caller, variables)
    finally:
        if not channel.down:
            channel.set_call_state("ACTIVE")


def _ring_groups(switch: Switch, dial: DialString, caller: Caller, variables: dict[str, str]) -> Outcome:
    channel = caller.channel
    outcome = Outcome("DESTINATION_OUT_OF_ORDER")
    forked = len(dial.groups) > 1 or any(len(group) > 1 for group in dial.groups)
    for group in dial.groups:
        outcome, timed_out = _Group(switch, caller, variables, forked).ring(group)
        if outcome.peer is not None:
            return outcome
        if channel is not None and channel.down:
            return outcome
        if timed_out and not is_true(variables.get("originate_continue_on_timeout")):
            return outcome
    return outcome


def _with_inherited(dial: DialString, channel: Channel | None) -> dict[str, str]:
    variables: dict[str, str] = {}
    if channel is not None:
        for name in _exported(channel):
            value = channel.get_variable(name)
            if value is not None:
                variables[name.removeprefix("nolocal:").removeprefix("_nolocal_")] = value
    variables.update(dial.variables)
    if channel is not None:
        for name in _INHERITED:
            value = channel.variables.get(name)
            if value is not None:
                variables.setdefault(name, value)
    for name in _NOT_SIMULATED:
        if variables.get(name):
            raise NotSimulated(f"the dial string variable {name}")
    return variables


def _exported(channel: Channel) -> list[str]:
    return [name for name in (channel.variables.get("export_vars") or "").split(",") if name]


class _Group:
    """Legs that ring together."""

    def __init__(self, switch: Switch, caller: Caller, variables: Mapping[str, str], forked: bool) -> None:
        self.switch = switch
        self.caller = caller
        self.channel = caller.channel
        self.variables = variables
        self.forked = forked
        self.attempts: list[Attempt] = []
        self.news = gevent.event.Event()
        self.timeout_s = self._timeout_s()
        self.refusal = "DESTINATION_OUT_OF_ORDER"
        self.told_caller = False
        self.time_is_up = False
        self.refused_leg = False

    def _timeout_s(self) -> int:
        if leading_int(self.variables.get("originate_timeout")) > 0:
            return leading_int(self.variables.get("originate_timeout"))
        if self.caller.timeout_s > 0:
            return self.caller.timeout_s
        if self.channel is not None and leading_int(self.channel.variables.get("call_timeout")) > 0:
            return leading_int(self.channel.variables.get("call_timeout"))
        return DEFAULT_TIMEOUT_S

    def ring(self, legs: tuple[Leg, ...]) -> tuple[Outcome, bool]:
        for leg in legs:
            self.refused_leg = False
            self._start_leg(leg)
            fatal = self.variables.get("fail_on_single_reject")
            if self.refused_leg and fatal is not None and (is_true(fatal) or self._is_fatal(self.refusal)):
                for attempt in self.attempts:
                    attempt.channel.hangup(self.refusal)
                return self._failed(self.refusal), True
        if not self.attempts:
            return self._failed(self.refusal), False
        if self.channel is not None:
            self.channel.watch(self.news)
        try:
            winner, timed_out = self._wait()
        finally:
            for attempt in self.attempts:
                attempt.channel.unwatch(self.news)
            if self.channel is not None:
                self.channel.unwatch(self.news)
        return self._finish(winner, timed_out), timed_out or (winner is None and self._ends_all())

    # Making legs

    def _start_leg(self, leg: Leg) -> None:
        if self.channel is not None and not self.channel.ready:
            return
        local = dict(leg.variables)
        for name in _NOT_SIMULATED:
            if local.get(name):
                raise NotSimulated(f"the dial string variable {name}")
        merged = {**self.variables, **local}
        try:
            targets = find_target(self.switch, leg, merged, self.channel, forked=self.forked)
        except Refused as refused:
            log.info("no leg", endpoint=leg.endpoint, target=leg.target, cause=refused.cause)
            self.refusal = refused.cause
            self.refused_leg = True
            if leg.endpoint == "sofia":
                self._unmade_leg()
            return
        for target in targets:
            self._start_target(leg, target, local, merged)

    def _unmade_leg(self) -> None:
        """mod_sofia has a session before it looks for the target; of that only the end is told."""
        channel = Channel(self.switch, names.new_uuid(), "N/A", CallerProfile(direction="outbound"))
        channel.set_variable("is_outbound", "true")
        event = channel.describe(SwitchEvent("CHANNEL_DESTROY"), {})
        for header in [name for name in event.headers if name.startswith("Caller-")]:
            del event.headers[header]
        self.switch.bus.fire(event)

    def _start_target(self, leg: Leg, target: Target, local: dict[str, str], merged: dict[str, str]) -> None:
        merged = {**merged, **target.variables}
        wanted = merged.get("origination_uuid")
        if wanted and wanted in self.switch.channels:
            # switch_core_session_set_uuid: a uuid in use is refused; mod_sofia then gives up the leg.
            log.error("duplicate uuid", leg_uuid=wanted)
            self.refusal = "DESTINATION_OUT_OF_ORDER"
            return
        profile = self._profile(target, merged)
        channel = Channel(self.switch, wanted or names.new_uuid(), target.channel_name, profile)
        channel.originating = True
        for name, value in target.channel_variables.items():
            channel.set_variable(name, value)
        channel.telephone = target.ring(channel)
        self.switch.remember(channel)
        if self.channel is not None:
            profile = self.channel.hunt_profile or self.channel.profile
            channel.other_profile = ("originator", profile.clone())
        channel.event("CHANNEL_OUTGOING")
        self._set_variables(channel, leg, target, local)
        channel.watch(self.news)
        attempt = Attempt(channel, timeout_s=leading_int(merged.get("leg_timeout")), via_user=target.via_user,
                          confirmation=confirmation_of(channel, merged))
        delay_s = leading_int(merged.get("leg_delay_start"))
        if delay_s > 0:
            attempt.delay_s, attempt.started = delay_s, False
            if attempt.timeout_s:
                attempt.timeout_s += delay_s
        self.attempts.append(attempt)
        if attempt.started:
            channel.start()

    def _profile(self, target: Target, merged: Mapping[str, str]) -> CallerProfile:
        caller = self.channel
        name, number = self.caller.name, self.caller.number
        if caller is not None:
            name, number = caller.profile.caller_id_name, caller.profile.caller_id_number
            if "origination_caller_id_name" not in merged:
                name = caller.variables.get("effective_caller_id_name") or name
            if "origination_caller_id_number" not in merged:
                number = caller.variables.get("effective_caller_id_number") or number
        number = merged.get("origination_caller_id_number", number)
        name = merged.get("origination_caller_id_name", name)
        privacy = merged.get("origination_privacy") or (caller and caller.variables.get("origination_privacy")) or ""
        return CallerProfile(
            direction="outbound",
            logical_direction="outbound",
            caller_id_name=name,
            caller_id_number=number,
            orig_caller_id_name=name if caller is None else caller.profile.orig_caller_id_name,
            orig_caller_id_number=number if caller is None else caller.profile.orig_caller_id_number,
            callee_id_name=merged.get("origination_callee_id_name", "Outbound Call"),
            callee_id_number=merged.get("origination_callee_id_number", target.number),
            network_addr="127.0.0.1" if caller is None else caller.profile.network_addr,
            ani=number if caller is None else caller.profile.ani,
            destination_number=target.number,
            context="default" if caller is None else (caller.hunt_profile or caller.profile).context,
            rdnis="" if caller is None else (caller.hunt_profile or caller.profile).rdnis,
            source="src/switch_ivr_originate.c",
            dialplan="" if caller is None else caller.profile.dialplan,
            username="" if caller is None else caller.profile.username,
            privacy_hide_name="hide_name" in privacy,
            privacy_hide_number="hide_number" in privacy,
        )

    def _set_variables(self, channel: Channel, leg: Leg, target: Target, local: Mapping[str, str]) -> None:
        """[..] first, then {..} on top unless local_var_clobber turns that round; what an endpoint sets, before."""
        caller = self.channel
        channel.set_variable("is_outbound", "true")
        channel.set_variable("originate_early_media", "true")
        if caller is not None:
            hops = leading_int(caller.get_variable("max_forwards") or "71") - 1
            channel.set_variable("max_forwards", str(hops))
            channel.set_variable("originator", caller.uuid)
            caller.set_variable("originate_signal_bond", channel.uuid)
            channel.set_variable("signal_bond", caller.uuid)
            channel.set_variable("originating_leg_uuid", caller.uuid)
            channel.set_variable("call_uuid", caller.variables.get("call_uuid"))
            if caller.variables.get("export_vars"):
                channel.set_variable("export_vars", caller.variables.get("export_vars"))
            for name, value in caller.variables.items():  # sip_copy_custom_headers
                if name.startswith("sip_h_"):
                    channel.set_variable(name, value)
        shared = self.variables
        first, second = (shared, local) if is_true(shared.get("local_var_clobber")) else (local, shared)
        for source in (target.variables, first, second):
            for name, value in source.items():
                if name != "origination_uuid":
                    channel.set_variable(name, value)
        channel.set_variable("originate_endpoint", leg.endpoint)
        if caller is not None:
            caller.variables.push(
                "originated_legs", f"{channel.uuid};{channel.profile.callee_id_name};{channel.profile.callee_id_number}"
            )

    # Waiting

    def _wait(self) -> tuple[Attempt | None, bool]:
        """The leg that answered (or brings early media the caller is to hear), and whether time ran out."""
        started_at = int(time.time())
        early_ok = not self.variables.get("ignore_early_media") or not is_true(self.variables["ignore_early_media"])
        early_ok = early_ok and self.variables.get("ignore_early_media") not in ("ring_ready", "consume")
        while True:
            self.news.clear()
            elapsed_s = int(time.time()) - started_at
            self.time_is_up = self.time_is_up or elapsed_s >= self.timeout_s
            self._check_leg_timers(elapsed_s)
            winner = next((one for one in self.attempts if one.has_the_call(elapsed_s)), None)
            if winner is not None:
                return winner, False
            if self._caller_gone():
                return None, False
            if all(one.channel.down for one in self.attempts):
                return None, False
            early = next((one for one in self.attempts if one.channel.early_media and not one.channel.down), None)
            if early is not None and early_ok:
                return early, False
            self._tell_caller_ringing()
            if self._all_over(elapsed_s >= self.timeout_s):
                return None, True
            if self.channel is not None:
                self.channel.obey_messages()
            self.news.wait(max(0.005, 1.0 - time.time() % 1.0))  # the switch counts whole epoch seconds

    def _all_over(self, timed_out: bool) -> bool:
        """Time is up, or one refusal counts for all (fail_on_single_reject).

        With a list of causes in that variable time is never up: then only a leg refused for one of them ends
        the ringing (`ok` in switch_ivr_originate.c).
        """
        fatal = self.variables.get("fail_on_single_reject")
        if fatal is None:
            return timed_out
        if not timed_out and not any(one.channel.down for one in self.attempts):
            return False
        if is_true(fatal):
            return True
        return any(one.channel.down and self._is_fatal(one.channel.hangup_cause) for one in self.attempts)

    def _ends_all(self) -> bool:
        """After legs refused for one of these causes the groups behind are not tried (`ok` before outer_for in
        switch_ivr_originate.c)."""
        fatal = self.variables.get("fail_on_single_reject")
        if fatal is None or is_true(fatal):
            return False
        return any(one.channel.down and self._is_fatal(one.channel.hangup_cause) for one in self.attempts)

    def _is_fatal(self, cause: str | None) -> bool:
        fatal = self.variables.get("fail_on_single_reject", "")
        return ((cause or "").lower() in fatal.lower()) != fatal.startswith("!")

    def _check_leg_timers(self, elapsed_s: int) -> None:
        for attempt in self.attempts:
            if not attempt.started and (elapsed_s >= attempt.delay_s or self._others_down(attempt)):
                attempt.started = True
                attempt.channel.start()
            if attempt.timeout_s and elapsed_s > attempt.timeout_s and (
                    not attempt.channel.answered or attempt.confirmation is not None):
                attempt.channel.hangup("ALLOTTED_TIMEOUT")

    def _others_down(self, attempt: Attempt) -> bool:
        return all(one.channel.down for one in self.attempts if one is not attempt and one.started)

    def _caller_gone(self) -> bool:
        return self.caller.cancelled.is_set() or (self.channel is not None and not self.channel.ready)

    def _tell_caller_ringing(self) -> None:
        ringing = [one.channel for one in self.attempts if one.channel.ring_ready and not one.channel.down]
        if not ringing or self.told_caller or self.channel is None:
            return
        if not is_true(self.variables.get("ignore_ring_ready")):
            self.told_caller = True
            self.channel.tell_ringing()

    # The end

    def _finish(self, winner: Attempt | None, timed_out: bool) -> Outcome:
        for attempt in self.attempts:
            if attempt is winner or attempt.channel.down:
                continue
            if timed_out or (self.time_is_up and winner is None):
                cause = "NO_ANSWER"
            elif self._caller_gone():
                cause = "ORIGINATOR_CANCEL"
            else:
                cause = "LOSE_RACE" if len(self.attempts) > 1 else "NO_ANSWER"
            if not attempt.started:
                attempt.channel.start()
            attempt.channel.hangup(cause)
        if winner is None:
            cause = self._cause_of_failure(timed_out)
            self._note_causes()
            return self._failed(cause)
        peer = winner.channel
        if self.channel is not None:
            if not self.channel.ready:
                peer.hangup("ORIGINATOR_CANCEL")
                self._note_causes()
                return self._failed("ORIGINATOR_CANCEL")
            if winner.via_user and not self.forked:
                peer.event("CHANNEL_OUTGOING")  # user/ is an originate within the originate: told of twice
            self.channel.answer() if peer.answered else self.channel.pre_answer()
            self.channel.set_variable("originate_disposition", "SUCCESS")
            self.channel.set_variable("DIALSTATUS", "SUCCESS")
            self.channel.other_profile = ("originatee", peer.profile.clone())
            self.channel.set_variable("signal_bond", peer.uuid)
            self.channel.set_variable("originate_signal_bond", None)
        self._note_causes()
        peer.originating = False
        if peer.state != names.CS_CONSUME_MEDIA and not peer.down:
            peer.wait_for_state(names.CS_CONSUME_MEDIA)
        return Outcome("SUCCESS", peer)

    def _note_causes(self) -> None:
        if self.channel is not None:
            for attempt in self.attempts:
                cause = attempt.channel.hangup_cause or "NONE"
                told = 2 if attempt.via_user and not self.forked and cause == "NONE" else 1
                for _ in range(told):
                    self.channel.variables.push("originate_causes", f"{attempt.channel.uuid};{cause}")

    def _cause_of_failure(self, timed_out: bool) -> str:
        if timed_out:
            return "NO_ANSWER"
        if self.channel is not None and self.channel.intercepted and not self.channel.ready:
            return "PICKED_OFF" if not self._caller_gone() else "ORIGINATOR_CANCEL"
        if self._caller_gone():
            return "ORIGINATOR_CANCEL"
        return self.attempts[0].channel.hangup_cause or "ORIGINATOR_CANCEL"

    def _failed(self, cause: str) -> Outcome:
        if self.channel is not None:
            self.channel.set_variable("originate_disposition", cause)
            status = {"ORIGINATOR_CANCEL": "CANCEL", "USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER",
                      "DESTINATION_OUT_OF_ORDER": "INVALIDARGS", "INVALID_PROFILE": "INVALIDARGS",
                      "CALL_REJECTED": "DONTCALL"}.get(cause, cause)  # fmt: skip
            self.channel.set_variable("DIALSTATUS", status)
        return Outcome(cause)


def bridge_application(channel: Channel, data: str) -> None:
    """The bridge application (audio_bridge_function in mod_dptools.c)."""
    from freeswitch.simulator import bridge

    if not data:
        return
    outcome = originate(channel.switch, data, Caller(channel))
    if outcome.peer is None:
        log.info("originate failed", leg_uuid=channel.uuid, cause=outcome.cause)
        channel.set_variable("originate_failed_cause", outcome.cause)
        bridge.handle_cause(channel, outcome.cause)
        if not channel.ready:
            raise NotReady
        return
    bridge.connect(channel, outcome.peer)
