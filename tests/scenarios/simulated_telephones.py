"""The telephones of a story on the simulator: the same requests and changes, over its event socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

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
        self._client = InboundClient(
            host, port, password, name="telephones", events=["CUSTOM simulator::telephone"],
            on_event=self._take, command_timeout_s=ANSWER_S)

    def start(self) -> None:
        """Nobody is registered yet; what stands on the telephones' settings pages is known."""
        self._client.start()
        if not self._client.wait_connected(CONNECT_S):
            raise RuntimeError("the simulator does not answer on its event socket")
        for login in self._logins:
            answer = self.perform(
                {"do": "login", "device": login.device, "domain": login.domain, "password": login.password})
            if not answer["ok"]:
                raise RuntimeError(f"{login.device}: {answer['error']}")

    def perform(self, request: Mapping[str, Any]) -> dict[str, Any]:
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

    def _take(self, event: Event) -> None:
        self.on_change(json.loads(event.body or "{}"))
