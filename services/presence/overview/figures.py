"""What a look found, as figures for Prometheus. A part that is away is 0, and NaN whatever it would say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared.metrics import Gauge
from shared.trunk_states import STATES

SWITCH_UP = Gauge("pbx_switch_up", "1 while the switch says that it is ready")
DATABASE_UP = Gauge("pbx_database_up", "1 while the database answers")
BROKER_UP = Gauge("pbx_broker_up", "1 while the broker answers")
SERVICE_READY = Gauge("pbx_service_ready", "1 while the service says that it is ready", ["service"])

_OF_THE_SWITCH = {
    "uptime_s": Gauge("pbx_switch_uptime_seconds", "Since the switch was started"),
    "sessions": Gauge("pbx_switch_sessions", "Legs that are up, as the switch counts them"),
    "sessions_peak": Gauge("pbx_switch_sessions_peak", "Most legs at a time since the start"),
    "sessions_limit": Gauge("pbx_switch_sessions_limit", "Legs the switch takes at a time"),
    "sessions_started": Gauge("pbx_switch_sessions_started", "Legs since the start"),
    "sessions_per_second": Gauge("pbx_switch_sessions_per_second", "New legs in the last second"),
    "sessions_per_second_limit": Gauge("pbx_switch_sessions_per_second_limit", "New legs a second the switch takes"),
    "idle_cpu_percent": Gauge("pbx_switch_idle_cpu_percent", "Idle share of the switch's machine"),
}
_OF_THE_DATABASE = {
    "answer_ms": Gauge("pbx_database_answer_milliseconds", "Time of a small question"),
    "bytes": Gauge("pbx_database_bytes", "Size on disk"),
    "connections": Gauge("pbx_database_connections", "Connections of all services"),
    "connections_limit": Gauge("pbx_database_connections_limit", "Connections the server takes"),
    "devices_known": Gauge("pbx_devices_known", "Devices that may register"),
}
QUEUE_MESSAGES = Gauge("pbx_queue_messages", "Tasks that wait in a queue", ["queue"])
QUEUE_CONSUMERS = Gauge("pbx_queue_consumers", "Workers that serve a queue", ["queue"])
OUTBOX_WAITING = Gauge("pbx_outbox_waiting", "Rows of an outbox that are not in the broker yet", ["schema"])
TRUNK_STATE = Gauge("pbx_trunk_state", "1 for the state a trunk is in", ["trunk", "state"])


def show(parts: Mapping[str, Mapping[str, Any]], services: Sequence[str]) -> None:
    switch, database = parts["switch"], parts["database"]
    SWITCH_UP.set(float(switch.get("ready", False)))
    DATABASE_UP.set(float(database["up"]))
    BROKER_UP.set(float(parts["broker"]["up"]))
    for found, gauges in ((switch, _OF_THE_SWITCH), (database, _OF_THE_DATABASE)):
        for name, gauge in gauges.items():
            gauge.set(found.get(name, math.nan))
    for service in services:
        SERVICE_READY.labels(service).set(float(parts[f"service {service}"].get("ready", False)))
    for gauge in (QUEUE_MESSAGES, QUEUE_CONSUMERS, OUTBOX_WAITING, TRUNK_STATE):
        gauge.clear()
    for queue in parts["broker"].get("queues", ()):
        QUEUE_MESSAGES.labels(queue["name"]).set(queue["messages"])
        QUEUE_CONSUMERS.labels(queue["name"]).set(queue["consumers"])
    for outbox in parts["outboxes"].get("outboxes", ()):
        OUTBOX_WAITING.labels(outbox["name"]).set(outbox["waiting"])
    for trunk in parts["trunks"].get("trunks", ()):
        for state in STATES:
            TRUNK_STATE.labels(trunk["name"], state).set(float(trunk["state"] == state))
