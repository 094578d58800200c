"""`api telephone <one line of JSON>`: what tests and `make demo` have telephones do.

The agreement is the docstring of tests/scenarios/telephones.py; two requests are this switch's own:

    {"do": "login", "device": d, "domain": "company.example", "password": p}   its settings page
    {"do": "expire"}                        all registrations run out -> "expired": how many
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
import structlog

from freeswitch.simulator.telephones import CARRIERS, CannotDo, Telephone

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()

RESET_S = 10


class TelephoneApi:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._telephones = switch.telephones

    def perform(self, text: str) -> str:
        try:
            request = json.loads(text)
            if not isinstance(request, dict):
                raise CannotDo("a request is one JSON object")
            verb: Callable[..., dict[str, Any] | None] | None = getattr(self, f"_{request.pop('do', '')}_", None)
            if verb is None:
                raise CannotDo("no such request")
            details = {"from_number" if name == "from" else name: value for name, value in request.items()}
            answer = {"ok": True, **(verb(**details) or {})}
        except (ValueError, TypeError, CannotDo) as error:
            log.warning("a telephone request was refused", reason=str(error))
            answer = {"ok": False, "error": str(error)}
        return json.dumps(answer)

    def _telephone(self, device: str) -> Telephone:
        found = self._telephones.all.get(device)
        if found is None:
            raise CannotDo(f"no telephone {device!r}; log it in first")
        return found

    def _login_(self, device: str, domain: str, password: str) -> None:
        if device not in CARRIERS:
            self._telephones.login(device, domain, password)

    def _state_(self) -> dict[str, Any]:
        return {"changes": self._telephones.state()}

    def _reset_(self) -> None:
        lamps = self._switch.lamps
        for watch_id in list(lamps.watches):
            lamps.unwatch(watch_id)
        for call in list(self._telephones.calls.values()):
            call.hangup()
        with gevent.Timeout(RESET_S, CannotDo("calls did not end")):
            while self._telephones.calls:
                gevent.sleep(0.01)

    def _expire_(self) -> dict[str, Any]:
        return {"expired": self._switch.registrar.expire_all()}

    def _register_(self, device: str, password: str | None = None) -> None:
        self._telephone(device).register(password)

    def _unregister_(self, device: str) -> None:
        self._telephone(device).unregister()

    def _dial_(
        self, device: str, to: str, name: str | None = None, from_number: str | None = None,
        asserted: str | None = None, codec: str | None = None,
    ) -> dict[str, Any]:
        if codec is not None:
            raise CannotDo("codecs are not simulated")
        return {"call": self._telephone(device).dial(to, name, from_number, asserted).id}

    def _answer_(self, call: str) -> None:
        self._telephones.find_call(call).answer()

    def _announce_(self, call: str) -> None:
        self._telephones.find_call(call).announce()

    def _reject_(self, call: str, sip_status: int = 486) -> None:
        self._telephones.find_call(call).reject(sip_status)

    def _redirect_(self, call: str, to: str) -> None:
        self._telephones.find_call(call).redirect()

    def _transfer_(self, call: str, to: str) -> None:
        self._telephones.find_call(call).transfer(to)

    def _hangup_(self, call: str) -> None:
        self._telephones.find_call(call).hangup()

    def _digits_(self, call: str, digits: str) -> None:
        self._telephones.find_call(call).send_digits(digits)

    def _hold_(self, call: str) -> None:
        self._telephones.find_call(call).hold(True)

    def _unhold_(self, call: str) -> None:
        self._telephones.find_call(call).hold(False)

    def _speak_(self, call: str, sound: str) -> None:
        self._telephones.find_call(call).speak(sound)

    def _record_(self, call: str) -> dict[str, Any]:
        return {"path": str(self._telephones.find_call(call).record())}

    def _heard_(self, call: str) -> dict[str, Any]:
        return {"path": str(self._telephones.find_call(call, even_over=True).heard())}

    def _watch_(self, device: str, address: str) -> dict[str, Any]:
        return {"watch": self._switch.lamps.watch(self._telephone(device), address).id}

    def _unwatch_(self, watch: str) -> None:
        if watch not in self._switch.lamps.watches:
            raise CannotDo("no such watch")
        self._switch.lamps.unwatch(watch)
