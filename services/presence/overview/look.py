"""Every few seconds a look at all parts of the suite: kept for the operator's page, and as figures for Prometheus.

    switch, database, broker, trunks, the others -> Look.round -> Overview -> GET /v1/operator/overview, /metrics

Each part is looked at on its own and within a time: what hangs costs the others nothing and says why. One process
looks, so that ten open pages and two Prometheus servers ask nobody more than one does.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import gevent
import structlog
from gevent import Timeout

from services.presence.overview import figures
from services.presence.overview.broker import Broker
from services.presence.overview.store import database_health, mail_counts, outboxes, trunk_names
from services.presence.overview.switch_status import status_of
from shared.database import Database
from shared.esl.client import InboundClient
from shared.trunk_states import states_of

log = structlog.get_logger()

EVERY_S = 5.0
PART_WITHIN_S = 3.0
TRUNK_PROFILE = "external"

Part = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Overview:
    """Each part: {"up": bool, "reason": why not or None, …what it said}."""

    at: datetime
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Look:
    def __init__(
        self, database: Database, client: InboundClient, *, broker_url: str, services: Mapping[str, str],
    ) -> None:
        """services: the address of each of the others by its name."""
        self._database = database
        self._client = client
        self._broker = Broker(broker_url)
        self._parts: dict[str, Part] = {
            "switch": self._switch, "database": self._of_database, "broker": self._queues, "trunks": self._trunks,
            "outboxes": lambda: {"outboxes": outboxes(database)}, "mails": lambda: {"mails": mail_counts(database)},
            **{f"service {name}": self._service(url) for name, url in services.items()},
        }
        self.services = tuple(services)
        self._last: Overview | None = None

    @property
    def last(self) -> Overview:
        """As of the last round, or of one made now if there was none yet."""
        return self._last or self.round()

    def run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                self.round()
            except Exception:  # lamps are not to end because nobody could look
                log.exception("not looked at all parts")
            gevent.sleep(max(0.5, EVERY_S - (time.monotonic() - began)))

    def round(self) -> Overview:
        looks = {name: gevent.spawn(_within, part) for name, part in self._parts.items()}
        gevent.joinall(list(looks.values()))
        self._last = Overview(datetime.now(UTC), {
            name: look.value or {"up": False, "reason": "not looked at"} for name, look in looks.items()})
        figures.show(self._last.parts, self.services)
        return self._last

    # -- the parts -------------------------------------------------------------------------------

    def _switch(self) -> Mapping[str, Any]:
        status = status_of(self._client.api("status"))
        return {**asdict(status), "in_step": self._client.synced}

    def _of_database(self) -> Mapping[str, Any]:
        began = time.perf_counter()
        found = database_health(self._database)
        return {**found, "answer_ms": round((time.perf_counter() - began) * 1000, 2)}

    def _queues(self) -> Mapping[str, Any]:
        return {"queues": [asdict(queue) for queue in self._broker.queues()]}

    def _trunks(self) -> Mapping[str, Any]:
        wanted = trunk_names(self._database)
        known = states_of(self._client.api("sofia", "xmlstatus", "gateway"), TRUNK_PROFILE) if wanted else {}
        return {"trunks": [{**trunk, "state": known.get(trunk["name"], "unknown")} for trunk in wanted]}

    def _service(self, url: str) -> Part:
        def ready() -> Mapping[str, Any]:
            try:
                with urllib.request.urlopen(f"{url}/ready", timeout=PART_WITHIN_S) as answer:
                    found = json.load(answer)
            except urllib.error.HTTPError as error:  # 503: it says itself what it lacks
                found = json.load(error)
            return {"ready": bool(found["ready"]), "checks": dict(found["checks"])}

        return ready


def _within(part: Part) -> dict[str, Any]:
    limit = Timeout(PART_WITHIN_S)
    limit.start()
    try:
        return {"up": True, "reason": None, **part()}
    except Timeout as expired:
        if expired is not limit:
            raise
        return {"up": False, "reason": f"no answer within {PART_WITHIN_S:g} s"}
    except Exception as error:  # whatever a part raises, what it says is the answer
        return {"up": False, "reason": " ".join(str(error).split())[:300] or type(error).__name__}
    finally:
        limit.close()
