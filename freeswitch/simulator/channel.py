"""One leg of a call: its state, its variables, and the greenlet that walks it through the dialplan.

The greenlet does what the leg's thread does in the switch (switch_core_state_machine.c): ROUTING finds an
extension, EXECUTE runs it, everything else waits. Whoever wants something of a leg changes its state and
calls `changed`; `wait` is the only place where a leg's greenlet sleeps.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
import gevent.event
import structlog

from freeswitch.simulator import causes, names
from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.profile import CallerProfile, now_us
from freeswitch.simulator.variables import Variables, expand, leading_int

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch
    from freeswitch.simulator.telephones import TelephoneCall

log = structlog.get_logger()


class NotReady(Exception):
    """The leg hung up, or was sent elsewhere: what it was doing is over (switch_channel_ready)."""


class Broken(Exception):
    """uuid_break: what is being played or recorded ends, the leg goes on."""


class Channel:
    def __init__(self, switch: Switch, uuid: str, name: str, profile: CallerProfile) -> None:
        self.switch = switch
        self.uuid = uuid
        self.name = name
        self.profile = profile
        self.direction = profile.direction
        self.hunt_profile: CallerProfile | None = None
        self.other_profile: tuple[str, CallerProfile] | None = None  # Other-Type and its profile
        self.variables = Variables()
        self.state = names.CS_NEW
        self.running_state = names.CS_NEW
        self.call_state = "DOWN"
        self.answered = self.early_media = self.ring_ready = False
        self.hangup_cause: str | None = None
        self.hung_up = False
        self.bridge_role: str | None = None
        self.hit_dialplan = profile.direction == "inbound"
        self.transferring = False
        self.controlled = False  # CF_CONTROLLED: parked by an async socket
        self.event_locked = False
        self.break_asked = False
        self.originating = False
        self.intercepted = False
        self.partner: Channel | None = None
        self.leads_to: Channel | None = None  # uuid_bridge, see bridge.py
        self.telephone: TelephoneCall | None = None
        self.applications: deque[tuple[str, str]] = deque()
        self.queued_application: tuple[str, str] | None = None  # originate … &application
        self.messages: deque[Callable[[], None]] = deque()  # queue_private_event
        self.digits: deque[str] = deque()
        self.on_hangup: list[Callable[[], None]] = []
        self.lingering = 0
        self.created_at = time.time()
        self.depth = 0
        self._wake = gevent.event.Event()
        self._watchers: set[gevent.event.Event] = set()
        self._greenlet: gevent.Greenlet[..., None] | None = None
        profile.uuid = uuid
        profile.chan_name = name
        profile.times.created = profile.times.profile_created = now_us()
        self.set_variable("direction", self.direction)
        self.set_variable("uuid", uuid)
        self.set_variable("call_uuid", uuid)

    # What it knows

    @property
    def down(self) -> bool:
        return self.state >= names.CS_HANGUP

    @property
    def ready(self) -> bool:
        """switch_channel_test_ready."""
        settled = self.state == self.running_state  # switch_channel_state_change_pending
        return names.CS_ROUTING < self.state < names.CS_HANGUP and settled and not self.transferring

    @property
    def media_up(self) -> bool:
        return self.answered or self.early_media

    def get_variable(self, name: str) -> str | None:
        """Variables, then the caller profile, then the globals (switch_channel_get_variable_dup)."""
        value = self.variables.get(name)
        if value is None:
            value = (self.hunt_profile or self.profile).read(name)
        return value if value is not None else self.switch.globals.get(name)

    def set_variable(self, name: str, value: str | None) -> None:
        self.variables.set(name, value)

    def expand(self, text: str) -> str:
        return expand(text, self.get_variable, self._run_api)

    def _run_api(self, command: str, arguments: str) -> str | None:
        return self.switch.expand_api(command, arguments, self)

    # Waiting

    def changed(self) -> None:
        """Something about this leg is new: wakes its greenlet and who watches it."""
        self._wake.set()
        for watcher in list(self._watchers):
            watcher.set()

    def watch(self, watcher: gevent.event.Event) -> None:
        self._watchers.add(watcher)

    def unwatch(self, watcher: gevent.event.Event) -> None:
        self._watchers.discard(watcher)

    def wait(
        self,
        until: Callable[[], bool] = lambda: False,
        timeout_s: float | None = None,
        *,
        even_when_not_ready: bool = False,
        watching: Channel | None = None,
    ) -> bool:
        """Sleeps until something holds; obeys messages meanwhile. False when the time is over.

        Raises NotReady when the leg hung up or was transferred, Broken after uuid_break.
        """
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        if watching is not None:
            watching.watch(self._wake)
        try:
            while True:
                self._wake.clear()
                if not even_when_not_ready:
                    self.obey_messages()
                    if not self.ready:
                        raise NotReady
                    if self.break_asked:
                        self.break_asked = False
                        raise Broken
                if until():
                    return True
                left_s = None if ends_at is None else ends_at - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return False
                self._wake.wait(left_s)
        finally:
            if watching is not None:
                watching.unwatch(self._wake)

    def wait_for_state(self, state: int, timeout_s: float = 2.0) -> bool:
        """For others than the leg's own greenlet."""
        watcher = gevent.event.Event()
        self.watch(watcher)
        try:
            ends_at = time.monotonic() + timeout_s
            while self.running_state != state and not self.down:
                watcher.clear()
                if not watcher.wait(ends_at - time.monotonic()):
                    return False
            return self.running_state == state
        finally:
            self.unwatch(watcher)

    def obey_messages(self) -> None:
        """switch_ivr_parse_all_events: not while a message with event-lock runs."""
        while self.messages and not self.event_locked and self.ready:
            self.messages.popleft()()

    # Changes

    def event(self, name: str, **headers: str | None) -> None:
        """Fires an event with this leg's headers (and, where the switch adds them, its variables)."""
        self.switch.bus.fire(self.describe(SwitchEvent(name), headers))

    def describe(self, event: SwitchEvent, headers: dict[str, str | None]) -> SwitchEvent:
        from freeswitch.simulator.channel_events import add_channel_headers

        for header, value in headers.items():
            if header.startswith("Original-") or header in _FIRST:
                event.add(header, value)
        add_channel_headers(event, self)
        for header, value in headers.items():
            if not (header.startswith("Original-") or header in _FIRST):
                event.add(header, value)
        return event

    def set_call_state(self, new: str) -> None:
        old = self.call_state
        if old in (new, "HANGUP"):
            return
        self.call_state = new
        number = str(names.CALL_STATES.index(new))
        self.event(
            "CHANNEL_CALLSTATE", **{"Original-Channel-Call-State": old, "Channel-Call-State-Number": number}
        )
        self.switch.lamps.call_changed(self)

    def set_state(self, state: int) -> None:
        if not self.down:
            self.state = state
            self.changed()

    def mark_ring_ready(self) -> None:
        if self.ring_ready or self.answered or self.down:
            return
        self.ring_ready = True
        self.profile.times.progress = self.profile.times.progress or now_us()
        self.event("CHANNEL_PROGRESS")
        self.set_call_state("RINGING")
        self.changed()

    def mark_pre_answered(self) -> None:
        if self.early_media or self.answered or self.down:
            return
        self.early_media = True
        self.set_variable("endpoint_disposition", "EARLY MEDIA")
        self.profile.times.progress_media = now_us()
        self.event("CHANNEL_PROGRESS_MEDIA")
        self.set_call_state("EARLY")
        self.changed()

    def mark_answered(self) -> None:
        if self.answered or self.down:
            return
        self.answered = True
        self.profile.times.answered = now_us()
        self.event("CHANNEL_ANSWER")
        self.set_variable("endpoint_disposition", "ANSWER")
        self.set_call_state("ACTIVE")
        self.changed()
        told = self.variables.get("execute_on_answer")  # switch_channel.c, switch_channel_execute_on
        if told:
            from freeswitch.simulator import applications

            name, _, data = told.partition(" ")
            applications.execute(self, name, data)

    # For a leg that came in, the telephone hears of it, too.

    def tell_ringing(self) -> None:
        if not self.media_up and not self.down:
            self.mark_ring_ready()
            if self.direction == "inbound" and self.telephone is not None:
                self.telephone.far_side_rings()

    def pre_answer(self) -> None:
        if not self.media_up and not self.down:
            self.mark_pre_answered()
            if self.direction == "inbound" and self.telephone is not None:
                self.telephone.far_side_sounds()

    def answer(self) -> None:
        if not self.answered and not self.down:
            # With inbound-late-negotiation the answer settles the codec first, which counts as early media (seen).
            if self.direction == "inbound":
                self.mark_pre_answered()
            self.mark_answered()
            if self.direction == "inbound" and self.telephone is not None:
                self.telephone.far_side_answered()

    def hangup(self, cause: str, *, by_telephone: bool = False) -> None:
        """switch_channel_perform_hangup: once only; the leg's greenlet does the rest.

        What a telephone sends is taken in by the leg's own thread (mod_sofia), which goes on to HANGUP at once.
        """
        if self.down:
            return
        self.state = names.CS_HANGUP
        self.hangup_cause = cause
        other = self.other_leg()
        if other is not None:
            other.set_variable("last_bridge_hangup_cause", cause)
        if self.bridge_role is not None:
            self.set_variable("last_bridge_role", self.bridge_role)
        self.event("CHANNEL_HANGUP")
        log.info("leg hung up", leg_uuid=self.uuid, name=self.name, cause=cause)
        for tell in self.on_hangup:
            tell()
        if by_telephone or gevent.getcurrent() is self._greenlet:
            from freeswitch.simulator import life

            life.hang_up(self)
        self.changed()

    def other_leg(self) -> Channel | None:
        """switch_channel_get_partner_uuid: bridged to, or tied to by an originate."""
        if self.partner is not None and not self.partner.down:
            return self.partner
        for name in ("signal_bond", "originate_signal_bond"):
            found = self.switch.channels.get(self.variables.get(name) or "")
            if found is not None and not found.down:
                return found
        return None

    def sort_caller_id(self) -> None:
        """switch_channel_sort_cid: a called leg that runs an extension becomes a caller, shown as who was called."""
        if self.direction == "inbound" or self.hit_dialplan:
            return
        self.hit_dialplan = True
        profile = self.profile
        self.set_variable("pre_transfer_caller_id_name", profile.caller_id_name)
        self.set_variable("pre_transfer_caller_id_number", profile.caller_id_number)
        self.set_variable("channel_cid_flipped", "yes")
        name, number = profile.caller_id_name, profile.caller_id_number
        profile.caller_id_name, profile.caller_id_number = profile.callee_id_name, profile.callee_id_number
        profile.callee_id_name, profile.callee_id_number = name, number

    def transfer(self, extension: str, dialplan: str = "", context: str = "") -> None:
        """switch_ivr_session_transfer."""
        if self.down:
            return
        hops = leading_int(self.get_variable("max_forwards") or "71") - 1
        if hops <= 0:
            self.hangup("EXCHANGE_ROUTING_ERROR")
            return
        self.set_variable("max_forwards", str(hops))
        for leg in (self.partner, self):
            if leg is not None:
                leg.set_variable("signal_bond", None)
        self.profile.times.transferred = now_us()
        old = self.hunt_profile or self.profile
        self.other_profile = None
        stamp = f"{int(time.time())}:{names.new_uuid()}:bl_xfer:"
        new = old.clone(
            dialplan=dialplan or ("XML" if old.dialplan in ("", "inline") else old.dialplan),
            context=context or self.get_variable("force_transfer_context") or old.context or "default",
            destination_number=extension or "service",
            rdnis=old.destination_number,
            profile_index=old.profile_index + 1,
        )
        new.transfer_source = f"{stamp}{new.destination_number}/{new.context}/{new.dialplan}"
        new.times.profile_created = now_us()
        self.profile = new
        self.hunt_profile = None
        self.variables.push("transfer_history", new.transfer_source)
        self.set_variable("transfer_source", new.transfer_source)
        self.transferring = True
        self.set_state(names.CS_ROUTING)

    def send(self, message: Callable[[], None]) -> None:
        """A sendmsg for the leg's own greenlet."""
        self.messages.append(message)
        self.changed()

    def key_pressed(self, digit: str) -> None:
        """A key arrived from this leg's telephone; a bridge passes it on."""
        self.digits.append(digit)
        self.pass_keys_on()
        self.changed()

    def take_key(self) -> str:
        """switch_channel_dequeue_dtmf (switch_channel.c): the event comes when somebody takes the key, not before."""
        digit = self.digits.popleft()
        self.event("DTMF", **{"DTMF-Digit": digit, "DTMF-Duration": "2000", "DTMF-Source": "RTP"})
        return digit

    def pass_keys_on(self) -> None:
        """audio_bridge_thread (switch_ivr_bridge.c): what is in the queue goes to the other leg."""
        while self.partner is not None and self.digits:
            digit = self.take_key()
            if self.partner.telephone is not None:
                self.partner.telephone.key_arrived(digit)

    # Living

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._live)

    def _live(self) -> None:
        from freeswitch.simulator import life

        try:
            life.live(self)
        except Exception:
            # A fault of the simulator itself: say so, and leave no leg behind that nobody drives.
            log.exception("the simulator failed", leg_uuid=self.uuid)
            self.hangup("CRASH")
            life.end(self)
            raise

    def sip_status(self) -> int:
        return causes.to_sip(self.hangup_cause or "NORMAL_CLEARING")


_FIRST = frozenset(("Bridge-A-Unique-ID", "Bridge-B-Unique-ID", "Channel-Call-State-Number", "Hangup-Cause"))
