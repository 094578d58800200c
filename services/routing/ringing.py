"""Which calls ring at whom right now, so that a lamp key can take one (P1).

Kept by this process for the calls it handed out itself: put down with the step that rings, taken away by the
next question about the call or by its end. A call forgotten early is only dialled instead of picked up, and
one kept too long is refused by the switch (intercept_unbridged_only), so nothing depends on it being exact.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container

from services.routing.plan import DeviceLeg, Ring

_LIMIT = 10_000


class Ringing:
    def __init__(self) -> None:
        self._called: OrderedDict[str, tuple[int | None, frozenset[int]]] = OrderedDict()

    def begins(self, leg_uuid: str, caller_id: int | None, ring: Ring) -> None:
        called = frozenset(leg.subscriber_id for leg in ring.legs if isinstance(leg, DeviceLeg))
        self._called[leg_uuid] = (caller_id, called)
        if len(self._called) > _LIMIT:
            self._called.popitem(last=False)

    def ends(self, leg_uuid: str) -> None:
        self._called.pop(leg_uuid, None)

    def is_called(self, subscriber_id: int, leg_uuid: str) -> bool:
        """By this call, at telephones of his."""
        return subscriber_id in self._called.get(leg_uuid, (None, ()))[1]

    def keep_only(self, leg_uuids: Container[str]) -> None:
        """What the switch does not list any more is over: it may have died with its calls."""
        for leg_uuid in [one for one in self._called if one not in leg_uuids]:
            del self._called[leg_uuid]

    def at(self, subscriber_id: int, *, other_than_from: int | None) -> str:
        """First leg of the call that rings there longest, or ""; never one's own."""
        for leg_uuid, (caller_id, called) in self._called.items():
            if subscriber_id in called and (caller_id is None or caller_id != other_than_from):
                return leg_uuid
        return ""
