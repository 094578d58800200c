"""Routing in one process: calls of the switch, its directory, HTTP, and the way of call records.

python -m services.routing
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import gc
import json
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import gevent
import structlog
from gevent import Timeout
from gevent.event import Event

from services.routing import api as http
from services.routing import commands, ends, gateways, question, registrations, ring_along, ways
from services.routing.accounts import resets
from services.routing.api import explain as explain_api
from services.routing.api import timetable as timetable_api
from services.routing.api import trunks as trunks_api
from services.routing.bookkeeping import Bookkeeping
from services.routing.call import Answer, Answers
from services.routing.codes.doing import Codes
from services.routing.directory import Directory
from services.routing.emergencies import Emergencies
from services.routing.emergencies_left import EmergenciesLeft
from services.routing.explain.account import Explainer
from services.routing.explain.handsets import registered
from services.routing.explain.weekly import Timetables
from services.routing.failed_trunks import FailedTrunks
from services.routing.gateways import Gateways
from services.routing.limits import Limits
from services.routing.memory import Memory
from services.routing.nights import Nights
from services.routing.pickups import Pickups
from services.routing.record import QUEUE, Recorder
from services.routing.registrations import Registrations
from services.routing.ring_along import RingAlong
from services.routing.ringing import Ringing
from shared.schedule import holidays_of
from services.routing.served import Served
from services.routing.settings import Settings, load_settings
from services.routing.switch_directory import SwitchDirectory
from shared import logs, watchdog
from shared.api import create_app, serve
from shared.broker import EventBus, celery_app
from shared.database import Database, wait_until_reachable
from shared.dialling import UndiallableError
from shared.esl.call import OutboundCall
from shared.esl.client import InboundClient
from shared.esl.commands import Command
from shared.esl.errors import AuthenticationFailed, EslError
from shared.esl.events import Event as SwitchEvent
from shared.esl.server import OutboundServer
from shared.metrics import SHORT_TIMES_S, Counter, Histogram
from shared.outbox import Relay
from shared.priority import CallsFirst
from shared.settings import stop_start

log = structlog.get_logger()

ANSWERED = Counter("pbx_routing_questions_total", "Questions of the switch answered", ["step"])
CALLS_ENDED = Counter("pbx_routing_calls_ended_total", "Calls that ended, by the switch's cause", ["cause"])
ANSWER_S = Histogram("pbx_routing_answer_seconds", "From the question to the route handed back", buckets=SHORT_TIMES_S)

_EVENTS = (*ends.EVENTS, *registrations.EVENTS, *gateways.EVENTS)
# A call gets an answer within this time, or the dialplan's own: the look-up inside has a shorter limit.
_ANSWER_LIMIT_S = 1.0
_SWITCH_WITHIN_S = 5.0
_DRAIN_S = 5.0


class Service:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url, pool_size=20, statement_timeout_ms=2000)
        self._directory = Directory(self._database, Memory())
        self._ringing = Ringing()
        self._relay = Relay(self._database, "routing", celery_app(
            "routing", settings.broker_url, [QUEUE, resets.QUEUE]))
        self._recorder = Recorder(self._database, Path(settings.run_folder, "call-records"), self._relay)
        self._bus = EventBus(settings.broker_url)
        self._served = Served(Path(settings.run_folder, f"directory-served-{settings.directory_port}"))
        self._client = InboundClient(
            settings.esl_host, settings.esl_port, settings.esl_password, name="routing", events=_EVENTS,
            on_event=self._heard, on_resync=lambda _client: self._resync(),
        )
        self._gateways = Gateways(self._client, self._database, Path(settings.run_folder))
        self._gateways.load()
        self._limits = Limits(self._gateways.limits_of)
        emergencies = Emergencies()
        self._emergencies_left = EmergenciesLeft(self._client, emergencies)
        self._nights = Nights(self._database)
        self._bookkeeping = Bookkeeping(self._database, self._limits, emergencies)
        self._answers = Answers(
            self._directory, self._ringing, settings.home_country, codes=Codes(self._database, self._bus.publish),
            outside=self._gateways, limits=self._limits, emergencies=emergencies,
            failed=FailedTrunks(is_down=self._gateways.is_down))
        self._switch_directory = SwitchDirectory(
            self._database, settings.directory_secret, self._served, host=settings.bind, port=settings.directory_port,
            trunks=self._gateways.document, doors={"/ways": ways.door(self._answers)})
        self._pickups = Pickups(lambda leg_uuid: gevent.spawn(self._hang_up, leg_uuid))
        self._along = RingAlong(self._client, self._gateways, self._answers.failed)
        self._registrations = Registrations(
            self._client, self._directory, self._switch_directory, self._served, settings.database_url,
            self._gateways)
        self._calls = OutboundServer("127.0.0.1", settings.call_port, self.answer)
        self._app, api = create_app(
            "routing", database=self._database, title="Routing",
            readiness_checks={"switch": lambda: self._client.connected},
        )
        http.register(self._app, api, self._database, self._bus.publish)
        explainer = Explainer(
            self._database, self._answers, self._switch_directory.entry,
            lambda devices, domain: registered(self._client, devices, domain))
        timetables = Timetables(
            self._database, self._answers, self._switch_directory.entry, pause=lambda: gevent.sleep(0))
        api.register_blueprint(explain_api.blueprint(self._database, explainer))
        api.register_blueprint(timetable_api.blueprint(self._database, timetables))
        api.register_blueprint(trunks_api.blueprint(self._database, self._gateways.states))
        self._calls_first = CallsFirst()

    def run(self) -> None:
        settings = self._settings
        wait_until_reachable(self._database, stop_start)
        try:
            self._switch_directory.start()
            self._served.open()
            self._calls.start()
            server = serve(self._calls_first.wsgi(self._app), settings.bind, settings.http_port)
            self._client.start()
            if not self._client.wait_connected(_SWITCH_WITHIN_S):
                log.warning("switch not reached yet", host=settings.esl_host, port=settings.esl_port)
        except AuthenticationFailed as error:
            stop_start(f"the switch refuses PBX_ESL_PASSWORD: {error}")
        except OSError as error:
            stop_start(error.strerror or str(error))
        parts = (self._bus, self._relay, self._recorder, self._registrations, self._bookkeeping, self._nights)
        for part in parts:
            part.start()
        watchdog.beat()
        # The first look at holidays loads them, for half a second: no call shall wait for that.
        holidays_of(settings.home_country, "", datetime.now(UTC).year)
        # What start-up left stays for ever: the collector need not walk it in the middle of a call.
        gc.collect()
        gc.freeze()
        if settings.calls_first:
            self._calls_first.begin()
        log.info("routing is up", call_port=settings.call_port, http_port=settings.http_port)
        stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        stopping.wait()
        self._calls.drain(_DRAIN_S)
        server.stop(timeout=2)
        self._switch_directory.stop()
        self._client.stop()
        for part in reversed(parts):
            part.stop()
        self._served.close()
        self._database.close()

    def answer(self, call: OutboundCall) -> None:
        """In a greenlet of its own. Ended without an answer, the socket closes and the dialplan goes on alone."""
        began = time.perf_counter()
        asked = question.read(call.channel)
        self._ringing.ends(asked.leg_uuid)
        self._pickups.failed(asked.leg_uuid)
        self._along.ends(asked.leg_uuid)
        answer = self._decide(asked)
        if "pbx_pickup" in answer.variables:
            self._pickups.begins(asked.leg_uuid, answer.variables["pbx_pickup"])
        call.finish(commands.hand_back(answer.variables))
        call.close()
        took_s = time.perf_counter() - began
        ANSWER_S.observe(took_s)
        ANSWERED.labels(answer.variables["pbx_step"]).inc()
        if answer.ring is not None:
            self._ringing.begins(asked.leg_uuid, answer.caller_id, answer.ring)
        self._along.begins(asked.leg_uuid, answer.travelling, answered=asked.answered)
        for command in answer.splash:
            gevent.spawn(self._tell, command)
        for record in (answer.record, answer.left):
            if record is not None:
                self._recorder.note(record)
        log.info("call routed", call_id=asked.leg_uuid, step=answer.variables["pbx_step"], rung=answer.rung,
                 ms=round(took_s * 1000, 1))

    def _decide(self, asked: question.Question | question.WhatNext) -> Answer:
        limit = Timeout(_ANSWER_LIMIT_S)
        limit.start()
        try:
            return self._answers.answer(asked)
        except Timeout as expired:
            if expired is not limit:
                raise
            log.error("no decision in time", call_id=asked.leg_uuid)
        except (UndiallableError, EslError) as error:
            log.error("decision cannot be said", call_id=asked.leg_uuid, reason=str(error))
        except Exception:  # a bug of ours must not cost the caller his call
            log.exception("decision failed", call_id=asked.leg_uuid)
        finally:
            limit.close()
        return Answer(dict(commands.FALLBACK), rung="fallback")

    def _tell(self, command: Command) -> None:
        try:
            self._client.send(command)
        except EslError as error:  # mostly: the call is over
            log.info("the switch did not do it", reason=str(error))

    def _ring_no_more(self, caller_leg_uuid: str, subscriber_id: int) -> None:
        """Unless it was the last to ring: then the caller asks by himself, and may ring elsewhere already; or he was
        answered in that moment."""
        gevent.sleep(ring_along.SETTLES_S)
        if self._ringing.is_called(subscriber_id, caller_leg_uuid) and self._along.rings(caller_leg_uuid):
            self._tell(commands.ring_no_more(caller_leg_uuid))

    def _hang_up(self, leg_uuid: str) -> None:
        try:
            self._client.api("uuid_kill", leg_uuid, "NORMAL_CLEARING")
        except EslError as error:  # mostly: it is gone already
            log.info("leg not hung up", call_id=leg_uuid, reason=str(error))

    def _resync(self) -> None:
        self._registrations.resync()
        gevent.spawn(self._emergencies_left.take_over)
        gevent.spawn(self._forget_calls_that_are_over)

    def _forget_calls_that_are_over(self) -> None:
        try:
            listed = json.loads(self._client.api("show", "channels", "as", "json"))
        except (EslError, ValueError) as error:  # the next reconnect asks again
            log.warning("calls at the switch not listed", reason=str(error))
            return
        there = {row.get("uuid", "") for row in listed.get("rows", [])}
        self._limits.keep_only(there)
        self._ringing.keep_only(there)

    def _heard(self, event: SwitchEvent) -> None:
        if event.name == "CUSTOM":
            if f"CUSTOM {event.subclass}" in gateways.EVENTS:
                self._gateways.heard(event)
            else:
                self._registrations.registered(event)
            return
        cost = ends.cost(event)
        if cost is not None:
            self._limits.charge(*cost)
        rejected = ends.rejected_for_all(event)
        if rejected:
            gevent.spawn(self._ring_no_more, *rejected)
        record = ends.read(event)
        if record is None:
            return
        if record["kind"] == "ended":
            CALLS_ENDED.labels(record["cause"]).inc()
            self._limits.ended(record["call_id"])
            self._ringing.ends(record["call_id"])
            self._pickups.ended(record["call_id"])
        self._recorder.note(record)


def main() -> None:
    settings = load_settings()
    logs.configure("routing", settings.log_level)
    Service(settings).run()


if __name__ == "__main__":
    main()
