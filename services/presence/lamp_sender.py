"""Sends lamps to the switch, each only when its picture is another one than the last sent.

    wake(address) -> queue of addresses -> picture_at(address), asked when its turn comes -> PRESENCE_IN

The queue holds addresses, not pictures: what a burst of events changes several times is looked at once and
sent as it is in the end (the switch spends 2-5 ms on each NOTIFY). A lamp just sent rests for a
moment, because the switch may hand two events to two threads, and the handset keeps what comes last.
What a gap made unsure waits behind what changes now.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import structlog
from gevent.event import Event as Flag

from services.presence.lamps import DARK, LampAddress, Picture, presence_headers
from shared.esl.commands import Command, send_event
from shared.esl.errors import EslError
from shared.metrics import Counter, Gauge

log = structlog.get_logger()

REST_S = 0.1

LAMPS_SENT = Counter("pbx_presence_lamps_sent_total", "PRESENCE_IN events sent to the switch")
LAMPS_WAITING = Gauge("pbx_presence_lamps_waiting", "Lamps that wait for their turn to be sent")
LAMPS_LIT = Gauge("pbx_presence_lamps_lit", "Lamps that show somebody ringing, talking or away")


class LampSender:
    def __init__(
        self,
        send: Callable[[Command], object],
        picture_at: Callable[[LampAddress], Picture],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """send raises EslError; then the lamp's picture counts as unknown until somebody wakes it."""
        self._send = send
        self._picture_at = picture_at
        self._clock = clock
        self._urgent: OrderedDict[LampAddress, None] = OrderedDict()
        self._patient: OrderedDict[LampAddress, None] = OrderedDict()
        self._shown: dict[LampAddress, Picture] = {}
        self._rests_until: OrderedDict[LampAddress, float] = OrderedDict()
        self._something = Flag()

    def wake(self, addresses: Iterable[LampAddress], *, again: bool = False, patient: bool = False) -> None:
        """Let these lamps be looked at; again: send even what is believed to be shown."""
        queue = self._patient if patient else self._urgent
        for address in addresses:
            if again:
                self._shown.pop(address, None)
            queue.setdefault(address)
        self._something.set()

    def forget_shown(self) -> None:
        """The switch may have lost anything: what handsets show is unknown."""
        self._shown.clear()

    def keep_only(self, addresses: Iterable[LampAddress]) -> None:
        """Forgets lamps that no handset can have any more."""
        for address in self._shown.keys() - set(addresses):
            del self._shown[address]

    def run(self) -> None:
        """For ever; a greenlet of its own."""
        while True:
            self._something.clear()
            wait_s = self.send_due()
            LAMPS_LIT.set(sum(shown != DARK for shown in self._shown.values()))
            self._something.wait(wait_s)

    def send_due(self) -> float | None:
        """Sends every lamp whose turn it is; answers after how many seconds there is one that rests now, if there
        is one."""
        while True:
            address, wait_s = self._next()
            if address is None:
                return wait_s
            self._show(address)

    def _next(self) -> tuple[LampAddress | None, float | None]:
        """A lamp whose turn it is, or how long to wait for one."""
        now = self._clock()
        while self._rests_until and next(iter(self._rests_until.values())) <= now:
            self._rests_until.popitem(last=False)
        LAMPS_WAITING.set(len(self._urgent) + len(self._patient))
        for queue in (self._urgent, self._patient):
            for address in queue:
                if address not in self._rests_until:
                    del queue[address]
                    return address, None
        first_rest = next(iter(self._rests_until.values()), None)
        waiting = bool(self._urgent or self._patient)
        return None, first_rest - now if waiting and first_rest is not None else None

    def _show(self, address: LampAddress) -> None:
        picture = self._picture_at(address)
        if self._shown.get(address) == picture:
            return
        command = send_event("PRESENCE_IN", presence_headers(f"{address.user}@{address.domain}", picture))
        self._shown[address] = picture
        self._rests_until[address] = self._clock() + REST_S
        try:
            self._send(command)
        except EslError as error:
            # The connection is gone or will be; its resync wakes every lamp.
            self._shown.pop(address, None)
            log.warning("lamp not sent", lamp=address.user, reason=str(error))
            return
        LAMPS_SENT.inc()
