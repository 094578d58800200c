"""Prometheus metrics, one process per service (no multiprocess mode), served at /metrics by shared.api."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE_LATEST", "SHORT_TIMES_S", "Counter", "Gauge", "Histogram", "generate_latest"]

# Buckets for things that should take milliseconds on a call's path.
SHORT_TIMES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter("pbx_http_requests_total", "HTTP requests answered", ["service", "endpoint", "status"])
REQUEST_S = Histogram("pbx_http_request_seconds", "From an HTTP request to the beginning of its answer", ["service"],
                      buckets=SHORT_TIMES_S)
LOG_ENTRIES = Counter("pbx_log_entries_total", "Warnings and errors logged", ["service", "level"])
SWITCH_CONNECTED = Gauge("pbx_switch_connected", "1 while this connection to the switch is up", ["connection"])
SWITCH_EVENTS = Gauge("pbx_switch_events_received", "Events of the switch since the start", ["connection"])
SWITCH_RESYNCS = Gauge("pbx_switch_resyncs", "Times everything was looked at anew after a gap, since the start",
                       ["connection"])
OUTBOX_SENT = Counter("pbx_outbox_sent_total", "Messages the outbox relay handed to the broker", ["schema"])
OUTBOX_FAILURES = Counter("pbx_outbox_failures_total", "Relay rounds that failed", ["schema"])
OUTBOX_OLDEST_S = Gauge("pbx_outbox_oldest_seconds", "Age of the oldest unsent outbox row", ["schema"])
