"""A number that rings along goes over the next trunk when its own fails, while the others ring on (R8, O4).

    its leg hung up, its trunk failed -> the caller rings on? -> originate over the next trunk -> it takes the caller
    the caller was taken elsewhere, asked again or is gone    -> that leg is ended

The switch tries further legs only when all of the first failed (`|`, switch_ivr_originate.c). So this leg is one by
itself that, once it has the call (answered, key pressed), takes the caller out of his ringing as a lamp key does; whom
somebody else has the switch does not give (switch_ivr_bridge.c, switch_ivr_intercept_session). Its time is over before
the ringing's: without us the number rings on until then, and nothing else happens.

Kept by the process that handed out the ring, so that of two who hear the same events one acts.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

import gevent
import structlog
from gevent import Greenlet

from services.routing import commands, ends
from services.routing.facts import NETWORK_RING_LIMIT_S
from services.routing.failed_trunks import FailedTrunks
from services.routing.memory import Bounded
from services.routing.outcomes import FAILED
from services.routing.plan import Ring, TrunkLeg
from services.routing.plan_state import Travelling
from services.routing.trunk_legs import CONFIRM_WITHIN_S, Outside
from shared.dialling import UndiallableError
from shared.esl.client import InboundClient
from shared.esl.commands import subscribe, unsubscribe
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event

log = structlog.get_logger()

TAKEN = "CHANNEL_BRIDGE"
"""Heard only while a leg of ours rings: else it would be one event more for every call."""
_MOST = 10_000
# A ring that ended with its leg asks what is next within this time, and the plan goes on with the next trunk itself.
SETTLES_S = 0.3
_SHORTEST_S = 5
_KILL_EVERY_S = 0.2
_JOINED_WITHIN_S = 1.0
_RINGS = "failure"  # originate_disposition while it lasts (switch_ivr_originate.c)


@dataclass(eq=False)
class _Ringing:
    travelling: Travelling
    ring: Ring
    answered: bool
    ends_at: float
    failed: set[str] = field(default_factory=set)
    """Marks of legs that were taken up."""
    jobs: dict[str, Greenlet[..., str]] = field(default_factory=dict)
    """Legs of ours, and what waits for each."""


class RingAlong:
    def __init__(self, client: InboundClient, outside: Outside, failed: FailedTrunks) -> None:
        self._client = client
        self._outside = outside
        self._failed = failed
        self._ringing: Bounded[str, _Ringing] = Bounded(_MOST)
        """By the caller's leg."""
        self._dialling = 0
        client.listen(self._heard)

    def begins(self, caller_leg_uuid: str, travelling: Travelling | None, *, answered: bool) -> None:
        """answered: the caller was, before he rings here."""
        if travelling is None or not isinstance(travelling.step, Ring):
            return
        ring = travelling.step
        if len(ring.legs) > 1 and ring.over_further_trunks():
            ends_at = time.monotonic() + min(ring.ring_timeout_s, NETWORK_RING_LIMIT_S)
            self._ringing.keep(caller_leg_uuid, _Ringing(travelling, ring, answered, ends_at))

    def ends(self, caller_leg_uuid: str, cause: str = "ORIGINATOR_CANCEL", taken_by: str = "") -> None:
        """The caller asks what is next, or is gone."""
        ringing = self._ringing.pop(caller_leg_uuid, None)
        for leg_uuid, job in ringing.jobs.items() if ringing else ():
            if leg_uuid != taken_by:
                gevent.spawn(self._end, caller_leg_uuid, leg_uuid, job, cause)

    def rings(self, caller_leg_uuid: str) -> bool:
        """So the switch says."""
        try:
            return self._of(caller_leg_uuid, "originate_disposition") == _RINGS
        except EslError:
            return False

    def _heard(self, event: Event) -> None:
        if event.name == TAKEN:  # both hear each other, and one may be a caller who rang
            legs = event.get("Bridge-A-Unique-ID") or "", event.get("Bridge-B-Unique-ID") or ""
            for caller, other in (legs, legs[::-1]):
                self.ends(caller, "LOSE_RACE", other)
        elif event.name in ends.EVENTS:
            self.ends(event.get("Unique-ID") or "")
            failed = ends.failed_along(event)
            if failed:
                gevent.spawn(self._trunk_failed, *failed)

    def _trunk_failed(self, caller_leg_uuid: str, mark: str, cause: str) -> None:
        gevent.sleep(SETTLES_S)
        ringing = self._ringing.get(caller_leg_uuid)
        asked, _, position = mark.partition("-")
        if ringing is None or asked != str(ringing.travelling.asked) or mark in ringing.failed:
            return
        ringing.failed.add(mark)
        leg = ringing.ring.legs[int(position)]
        assert isinstance(leg, TrunkLeg)
        self._failed.note({leg.trunk: cause})
        for further in ringing.ring.over_further_trunks():
            again = next(one for one in further.legs if isinstance(one, TrunkLeg) and one.number == leg.number)
            cause = self._rings_over(again, caller_leg_uuid, ringing)
            if cause not in FAILED:
                return
            self._failed.note({again.trunk: cause})

    def _rings_over(self, leg: TrunkLeg, caller_leg_uuid: str, ringing: _Ringing) -> str:
        """Until it has ended, or has the call. The cause; "" when it has the call, or is none to be dialled."""
        self._dialling += 1
        try:
            self._client.send(subscribe([TAKEN]))
            hops = int(self._of(caller_leg_uuid, "max_forwards")) - 1
            rings = self.rings(caller_leg_uuid) and self._ringing.get(caller_leg_uuid) is ringing
            ring_timeout_s = int(ringing.ends_at - time.monotonic()) - 1
            if not rings or not hops or ring_timeout_s < _SHORTEST_S:
                return ""
            leg_uuid = str(uuid.uuid4())
            dialled = commands.dial_along(
                leg, ringing.travelling, self._outside, leg_uuid=leg_uuid, ring_timeout_s=ring_timeout_s, hops=hops,
                answered=ringing.answered)
            log.info("rings along over the next trunk", call_id=ringing.travelling.call_id, trunk=leg.trunk)
            job = ringing.jobs[leg_uuid] = gevent.spawn(self._originate, dialled, caller_leg_uuid, ring_timeout_s)
            job.join()
            del ringing.jobs[leg_uuid]
            if not job.value:
                self._not_left_alone(caller_leg_uuid, leg_uuid)
            return str(job.value)
        except (EslError, UndiallableError, ValueError) as error:  # mostly: the call is over
            log.info("does not ring along over the next trunk", call_id=ringing.travelling.call_id, reason=str(error))
            return ""
        finally:
            self._dialling -= 1
            if not self._dialling:
                with suppress(EslError):
                    self._client.send(unsubscribe([TAKEN]))

    def _originate(self, dialled: str, caller_leg_uuid: str, ring_timeout_s: int) -> str:
        try:
            self._client.background("originate", dialled, f"&intercept({caller_leg_uuid})",
                                    timeout_s=ring_timeout_s + CONFIRM_WITHIN_S + _SHORTEST_S)
        except CommandRejected as error:
            return error.reply.removeprefix("-ERR").strip()
        except EslError as error:
            log.warning("how a leg ended is not known", reason=str(error))
        return ""

    def _end(self, caller_leg_uuid: str, leg_uuid: str, job: Greenlet[..., str], cause: str) -> None:
        """One that is being made is not there yet, so it is told until its end is heard."""
        while not job.ready():
            with suppress(EslError):
                if self._of(caller_leg_uuid, "signal_bond") == leg_uuid:  # it takes the caller in this moment
                    return
            with suppress(EslError):
                self._client.api("uuid_kill", leg_uuid, cause)
            job.join(_KILL_EVERY_S)

    def _not_left_alone(self, caller_leg_uuid: str, leg_uuid: str) -> None:
        """Whoever hangs up before the switch has joined both leaves the caller alone, answered and silent
        (pickups.py)."""
        gevent.sleep(_JOINED_WITHIN_S)
        gone = self._client.api("uuid_exists", leg_uuid) == "false"
        if gone and self._of(caller_leg_uuid, "signal_bond") == leg_uuid:
            self._client.api("uuid_kill", caller_leg_uuid, "NORMAL_CLEARING")

    def _of(self, leg_uuid: str, variable: str) -> str:
        """Raises CommandRejected when the leg is gone."""
        return self._client.api("uuid_getvar", leg_uuid, variable)
