"""The switch's gateways are the trunks of the database: told at every start, reconnect and change.

    directory.trunks -> read -> compared with what the switch was told last -> killgw, rescan, reloadacl -> written down

What was told lies beside our other state, twice: as data for ourselves, when we start without a database; and as the
XML the switch itself reads when it starts without us, so that emergency calls find their gateways (freeswitch.xml).
Both hold the logins, so both are private. Told first, written afterwards: a death in between tells again.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree

import gevent
import structlog

from services.routing.gateway_xml import DOMAIN, document, domain
from services.routing.limits import CallLimits
from services.routing.trunks import Trunk
from shared.database import Database, Row
from shared.esl.errors import CommandRejected
from shared.metrics import Gauge
from shared.trunk_states import state_of

log = structlog.get_logger()

TRUNKS = Gauge("pbx_routing_trunks", "Gateways the switch was told of")

ENTRY = f"gateways@{DOMAIN}"
"""What the database notifies, among the directory's entries, when trunks or limits change."""
PROFILE = "external"
EVENTS = ("CUSTOM sofia::gateway_state",)
_DOWN = "DOWN"
_UNREGISTERS_WITHIN_S = 5.0
_RESOLVES_WITHIN_S = 2.0
_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")

_TRUNKS = (
    "SELECT company_id, trunk_id, name, position, host, port, transport, username, password, register, realm,"
    " from_domain, number_format, caller_style, privacy_style, diversion_style, enabled, xmin::text AS version"
    " FROM directory.trunks WHERE enabled AND host IS NOT NULL ORDER BY company_id, position"
)
_LIMITS = (
    "SELECT c.company_id, c.max_external_calls_per_minute AS per_minute, l.per_subscriber_per_minute,"
    " l.forwarded_at_once, l.longest_call_s, l.daily_budget_cents, l.alert_percent, l.cents_per_minute,"
    " l.company_id IS NOT NULL AS are_set"
    " FROM directory.companies c LEFT JOIN routing.call_limits l ON l.company_id = c.company_id"
)


class Headers(Protocol):
    def get(self, header: str) -> str | None: ...


class Switch(Protocol):
    def api(self, name: str, *args: str) -> str: ...


class Gateways:
    def __init__(self, switch: Switch, database: Database, folder: Path) -> None:
        self._switch = switch
        self._database = database
        self._data = folder / "trunks.json"
        self._xml = folder / "trunks.xml"
        self._told: dict[str, Trunk] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._limits: dict[int, CallLimits] = {}
        self._of_company: dict[int, tuple[str, ...]] = {}
        self._trunks: dict[str, Trunk] = {}
        self._down: set[str] = set()

    # ----- asked on a call's path: memory only

    def trunk(self, name: str) -> Trunk | None:
        return self._trunks.get(name)

    def of_company(self, company_id: int | None) -> tuple[str, ...]:
        """In the order they are tried."""
        return self._of_company.get(company_id or 0, ())

    def limits_of(self, company_id: int) -> CallLimits:
        return self._limits.get(company_id, CallLimits())

    def is_down(self, name: str) -> bool:
        """It should be registered and is not: the switch makes no leg there (mod_sofia.c, sofia_outgoing_channel)."""
        return name in self._down

    # ----- asked by the switch

    def document(self) -> str:
        return document(self._trunks.values(), self._addresses)

    # ----- kept right

    def load(self) -> None:
        """What was told last, before anything else happens: also all there is while the database is away."""
        try:
            rows = json.loads(self._data.read_text())
            known = {field.name for field in fields(Trunk)}
            told = [Trunk(**{name: value for name, value in row.items() if name in known}) for row in rows]
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.error("what the switch was told of trunks is not readable", reason=str(error))
            return
        self._told = {trunk.name: trunk for trunk in told}
        self._keep(told)

    def look_at_limits(self) -> None:
        """Raises DatabaseUnavailable, DatabaseError: then it is to be tried again."""
        with self._database.platform() as tx:
            limits = tx.rows(_LIMITS)
        self._limits = {row.company_id: _limits(row) for row in limits}

    def bring_up_to_date(self) -> None:
        """May wait for seconds, until a carrier has let go of a gateway. Raises DatabaseUnavailable, DatabaseError,
        EslError, ValueError: then it is to be tried again."""
        with self._database.platform() as tx:
            rows = tx.rows(_TRUNKS)
        wanted = {row.name: _trunk(row) for row in rows}
        addresses = _resolved({trunk.host for trunk in wanted.values()}, self._addresses)
        there = self._listed()
        gone = [name for name in there if name not in wanted]
        other = [name for name in there if name in wanted and _differs(self._told.get(name), wanted[name])]
        missing = [name for name in wanted if name not in there]
        self._keep(list(wanted.values()))
        self._down = {name for name, trunk in wanted.items() if trunk.register and (
            name in other or there.get(name, _DOWN) == _DOWN)}
        self._addresses = addresses
        for name in (*gone, *other):
            with suppress(CommandRejected):  # on its way out already: it is listed for a second or two
                self._switch.api("sofia", "profile", PROFILE, "killgw", name)
        # One that registers takes itself out at the carrier first: the same address again, meanwhile, would be lost.
        self._wait_until_gone([name for name in other if self._told[name].register] if self._told else [])
        if other or missing:
            self._switch.api("sofia", "profile", PROFILE, "rescan")
        self._switch.api("reloadacl")
        if gone or other or missing:
            log.info("gateways told to the switch", gone=gone, changed=other, new=missing)
        self._told = wanted
        self._write()
        TRUNKS.set(len(wanted))

    def heard(self, event: Headers) -> None:
        """sofia::gateway_state (sofia_reg.c): Ping-Status is what calls go by, whether it is pinged or registers."""
        name = event.get("Gateway") or ""
        trunk = self._trunks.get(name)
        if trunk and trunk.register and event.get("Ping-Status") == _DOWN:
            self._down.add(name)
        else:
            self._down.discard(name)

    def states(self, versions: Mapping[str, str]) -> dict[str, str]:
        """Of these gateways with the version of their row: registered, unregistered, failed, not_needed (it does not
        register), unknown (the switch has none such), pending (a change that calls do not know of yet).

        Raises EslError.
        """
        return {
            name: state_of(self._switch.api("sofia", "xmlstatus", "gateway", name))
            if (told := self._told.get(name)) and told.version == version else "pending"
            for name, version in versions.items()
        }

    def _keep(self, trunks: list[Trunk]) -> None:
        of_company: dict[int, tuple[str, ...]] = {}
        for trunk in sorted(trunks, key=lambda one: (one.company_id, one.position)):
            of_company[trunk.company_id] = (*of_company.get(trunk.company_id, ()), trunk.name)
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._of_company = of_company

    def _listed(self) -> dict[str, str]:
        """Name -> UP or DOWN, in the switch's words; for a second or two also those just taken out (cmd_xml_status)."""
        try:
            root = ElementTree.fromstring(self._switch.api("sofia", "xmlstatus", "gateway"))
        except ElementTree.ParseError as error:
            raise ValueError(f"no list of gateways: {error}") from error
        return {(one.findtext("name") or ""): (one.findtext("status") or "") for one in root.iter("gateway")
                if one.findtext("profile") == PROFILE}

    def _wait_until_gone(self, names: list[str]) -> None:
        gives_up_at = time.monotonic() + _UNREGISTERS_WITHIN_S
        while names and time.monotonic() < gives_up_at and set(names).intersection(self._listed()):
            gevent.sleep(0.2)

    def _write(self) -> None:
        rows = [asdict(trunk) for trunk in self._told.values()]
        try:
            _write_private(self._data, json.dumps(rows))
            _write_private(self._xml, domain(self._told.values(), self._addresses))
        except OSError as error:  # the switch has them all the same; only its next start without us would not
            log.error("trunks not written down", reason=str(error))


def _trunk(row: Row) -> Trunk:
    said: dict[str, Any] = {name: "" if value is None else value for name, value in row.items()}
    return Trunk(**said)


def _limits(row: Row) -> CallLimits:
    if not row.are_set:
        return CallLimits(per_minute=row.per_minute)
    return CallLimits(
        per_minute=row.per_minute, per_subscriber_per_minute=row.per_subscriber_per_minute,
        forwarded_at_once=row.forwarded_at_once, longest_call_s=row.longest_call_s,
        daily_budget_cents=row.daily_budget_cents, alert_percent=row.alert_percent,
        cents_per_minute={**CallLimits().cents_per_minute, **row.cents_per_minute},
    )


def _differs(told: Trunk | None, wanted: Trunk) -> bool:
    """In what the gateway itself holds; the rest is ours to say with each call."""
    if told is None:
        return True
    return any(getattr(told, name) != getattr(wanted, name) for name in (
        "host", "port", "transport", "username", "password", "register", "realm", "from_domain"))


def _resolved(
    hosts: Iterable[str], before: Mapping[str, tuple[str, ...]],
    look_up: Callable[[str], list[str]] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Addresses that may call in; of a name that is not resolved just now those known before."""
    found: dict[str, tuple[str, ...]] = {}
    for host in hosts:
        if _ADDRESS.fullmatch(host):
            found[host] = (host,)
            continue
        try:
            with gevent.Timeout(_RESOLVES_WITHIN_S, TimeoutError("no answer")):
                found[host] = tuple(sorted(set((look_up or _ipv4)(host))))
        except (OSError, TimeoutError) as error:
            log.warning("trunk's host not resolved", host=host, reason=str(error))
            found[host] = before.get(host, ())
    return found


def _ipv4(host: str) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)]


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(part, path)
