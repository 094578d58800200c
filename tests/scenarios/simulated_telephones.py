"""The telephones of a story on the simulator: the same requests and changes, over its event socket.

As handsets do, they come back by themselves when the switch was restarted: what stands on their settings pages is
told again and who was registered registers again; calls that were up are over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gevent.event import Event as Flag

from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event
from tests.handsets.configuration import Login

CONNECT_S = 10.0
# `reset` waits for the calls to end, the slowest of all requests.
ANSWER_S = 12.0


class SimulatedTelephones:
    """Implements tests.scenarios.telephones.TelephoneDriver."""

    def __init__(self, host: str, port: int, password: str, logins: Iterable[Login]) -> None:
        self.on_change: Callable[[Mapping[str, Any]], None] = lambda change: None
        self._logins = list(logins)
        self._registered: set[str] = set()
        self._calls: dict[str, dict[str, Any]] = {}
        self._ready = Flag()
        self._client = InboundClient(
            host, port, password, name="telephones", events=["CUSTOM simulator::telephone"],
            on_event=self._take, on_resync=self._come_back, command_timeout_s=ANSWER_S,
            reconnect_delay_s=(0.1, 1.0))
        self._client.watch_step(self._step)

    def start(self) -> None:
        """Nobody is registered by this; what stands on the telephones' settings pages is known."""
        self._client.start()
        if not self._ready.wait(CONNECT_S):
            raise RuntimeError("the simulator does not answer on its event socket, or refuses a login")

    def add_login(self, login: Login) -> None:
        """One more telephone, not registered."""
        self._logins = [*(known for known in self._logins if known.device != login.device), login]
        answer = self.perform(_login(login))
        if not answer["ok"]:
            raise RuntimeError(f"{login.device}: {answer['error']}")

    def perform(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Once the telephones are back, where the simulator has just been started anew."""
        self._ready.wait(CONNECT_S)
        return self._perform(request)

    def _perform(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            # Not escaped to ASCII: a backslash is not let through to a switch (shared/esl/commands.py).
            text = self._client.api("telephone", json.dumps(dict(request), ensure_ascii=False))
        except CommandRejected as error:
            return {"ok": False, "error": f"the switch refused: {error.reply}"}
        except EslError as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        answer: dict[str, Any] = json.loads(text)
        return answer

    def stop(self) -> None:
        self._client.stop()

    def _come_back(self, client: InboundClient) -> None:
        for login in self._logins:
            if not self._perform(_login(login))["ok"]:
                return
        before = self._registered.copy()
        changes = self._perform({"do": "state"}).get("changes", [])
        now = {change["call"] for change in changes if change["change"] == "call"}
        for change in [change for call, change in self._calls.items() if call not in now]:
            self._pass_on({**change, "state": "ended", "end_cause": "NETWORK_OUT_OF_ORDER"})
        for change in changes:
            self._pass_on(change)
        for device in before - self._registered:
            self._perform({"do": "register", "device": device})
        self._ready.set()

    def _step(self, in_step: bool) -> None:
        if not in_step:
            self._ready.clear()

    def _take(self, event: Event) -> None:
        self._pass_on(json.loads(event.body or "{}"))

    def _pass_on(self, change: dict[str, Any]) -> None:
        if change["change"] == "registration":
            (self._registered.add if change["registered"] else self._registered.discard)(change["device"])
        elif change["change"] == "call":
            self._calls[change["call"]] = change
            if change["state"] == "ended":
                del self._calls[change["call"]]
        self.on_change(change)


def _login(login: Login) -> dict[str, Any]:
    return {"do": "login", "device": login.device, "domain": login.domain, "password": login.password}
