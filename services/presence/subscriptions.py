"""Which lamps handsets have subscribed to, as far as presence can know.

mod_sofia tells of each SUBSCRIBE once, by PRESENCE_PROBE, and has no command that lists subscriptions; they
stay in its own database over a restart of presence, and of the switch. What was missed in a gap comes
again with the next re-SUBSCRIBE, at the latest when the longest subscription has run out. Until then every
lamp counts as perhaps subscribed: one that nobody looks at costs the switch a look into its table, no NOTIFY.
"""

from __future__ import annotations

from services.presence.lamps import LampAddress

# force-subscription-expires of freeswitch/conf/profiles/internal.xml; handsets ask again before the end.
LONGEST_SUBSCRIPTION_S = 1800.0
# Subscriptions live a little longer than agreed, so that a late re-SUBSCRIBE finds its lamp.
GRACE_S = 60.0


class Subscriptions:
    def __init__(self) -> None:
        self._ends_at: dict[LampAddress, dict[str, float]] = {}
        self._unsure_until = float("-inf")

    @property
    def count(self) -> int:
        return sum(map(len, self._ends_at.values()))

    def gap(self, now: float) -> None:
        """Probes may have been missed up to now."""
        self._unsure_until = now + LONGEST_SUBSCRIPTION_S + GRACE_S

    def begin(self, address: LampAddress, call_id: str, *, expires_s: float, now: float) -> None:
        self._ends_at.setdefault(address, {})[call_id] = now + expires_s + GRACE_S

    def end(self, address: LampAddress, call_id: str) -> None:
        calls = self._ends_at.get(address, {})
        calls.pop(call_id, None)
        if not calls:
            self._ends_at.pop(address, None)

    def perhaps(self, address: LampAddress, now: float) -> bool:
        return now < self._unsure_until or address in self._ends_at

    def forget_ended(self, now: float) -> None:
        for address, calls in list(self._ends_at.items()):
            for call_id, ends_at in list(calls.items()):
                if ends_at <= now:
                    self.end(address, call_id)
