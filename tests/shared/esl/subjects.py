"""Plain greenswitch and our layer behind one small face, so that one test body can try both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gevent

from shared.esl.call import OutboundCall
from shared.esl.client import InboundClient
from shared.esl.events import Event
from shared.esl.server import OutboundServer
from tests.shared.esl.peers import PASSWORD

QUEUE_LIMIT = 500

Handler = Callable[[Mapping[str, str]], None]
CallHandler = Callable[[str], None]


class Subject(Protocol):
    def listen(self, names: list[str], handler: Handler) -> None: ...
    def connect(self, port: int, *, reply_limit_s: float = 1.0, silence_limit_s: float = 25.0) -> None: ...
    def api(self, *words: str) -> str: ...
    def background(self, *words: str) -> str: ...
    def queued(self) -> int: ...
    def serve(self, port: int, handler: CallHandler, limit: int, *, at_start: bool = False) -> int: ...
    def stop(self) -> None: ...


class Ours:
    """shared.esl."""

    def __init__(self) -> None:
        self._listeners: list[tuple[list[str], Handler]] = []
        self.client: InboundClient | None = None
        self.server: OutboundServer | None = None

    def listen(self, names: list[str], handler: Handler) -> None:
        self._listeners.append((names, handler))

    def connect(self, port: int, *, reply_limit_s: float = 1.0, silence_limit_s: float = 25.0) -> None:
        self.client = InboundClient(
            "127.0.0.1",
            port,
            PASSWORD,
            name="test",
            queue_limit=QUEUE_LIMIT,
            command_timeout_s=reply_limit_s,
            heartbeat_timeout_s=silence_limit_s,
            reconnect_delay_s=(0.05, 0.2),
        )
        for names, handler in self._listeners:
            wanted = None if names == ["*"] else names
            self.client.listen(_with_headers(handler), names=wanted)
        self.client.start()
        self.client.wait_connected(3)  # some cases cut the line at once: it may be down again by now

    def api(self, *words: str) -> str:
        assert self.client is not None
        return self.client.api(*words)

    def background(self, *words: str) -> str:
        assert self.client is not None
        return self.client.background(*words, timeout_s=2)

    def queued(self) -> int:
        assert self.client is not None
        return sum(len(delivery) for delivery in self.client._deliveries)

    def serve(self, port: int, handler: CallHandler, limit: int, *, at_start: bool = False) -> int:
        def serve_call(call: OutboundCall) -> None:
            handler(call.leg_uuid)

        self.server = OutboundServer("127.0.0.1", port, serve_call, call_limit=limit, command_timeout_s=1)
        self.server.start()
        return self.server.port

    def stop(self) -> None:
        if self.client is not None:
            self.client.stop()
        if self.server is not None:
            self.server.stop()


def _with_headers(handler: Handler) -> Callable[[Event], None]:
    return lambda event: handler(event.headers())


class Plain:
    """greenswitch as it comes."""

    def __init__(self) -> None:
        self._listeners: list[tuple[list[str], Handler]] = []
        self.esl: Any = None

    def listen(self, names: list[str], handler: Handler) -> None:
        self._listeners.append((names, handler))

    def connect(self, port: int, *, reply_limit_s: float = 1.0, silence_limit_s: float = 25.0) -> None:
        import greenswitch

        self.esl = greenswitch.InboundESL("127.0.0.1", port, PASSWORD, timeout=1)
        for names, handler in self._listeners:
            for name in names:
                self.esl.register_handle(name, _named(handler))
        self.esl.connect()
        names = sorted({name for names, _ in self._listeners for name in names} - {"*"})
        self.esl.send("event plain HEARTBEAT BACKGROUND_JOB " + " ".join(names))

    def api(self, *words: str) -> str:
        return str(self.esl.send("api " + " ".join(words)).data)

    def background(self, *words: str) -> str:
        job = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
        found: list[Mapping[str, str]] = []
        arrived = gevent.event.Event()

        def take(event: Any) -> None:
            found.append(event.headers)
            arrived.set()

        self.esl.register_handle("BACKGROUND_JOB", take)
        self.esl.send("bgapi " + " ".join(words) + f"\nJob-UUID: {job}")
        arrived.wait(2)
        # There is no other place where greenswitch could have put the output.
        return found[0].get("body", "")

    def queued(self) -> int:
        return int(self.esl._esl_event_queue.qsize())

    def serve(self, port: int, handler: CallHandler, limit: int, *, at_start: bool = False) -> int:
        import greenswitch

        class Application:
            def __init__(self, session: Any) -> None:
                self.session = session

                if at_start:
                    self.handle()

            def run(self) -> None:
                if not at_start:
                    self.handle()

            def handle(self) -> None:
                handler(self.session.session_data["Unique-ID"])

        server = greenswitch.OutboundESLServer("127.0.0.1", port, Application, limit)
        gevent.spawn(server.listen)
        while not server._running:
            gevent.sleep(0.01)
        return port

    def stop(self) -> None:
        """Its stop() waits for greenlets that never end; the process of a plain case ends by itself."""


def _named(handler: Handler) -> Callable[[Any], None]:
    def plain_handler(event: Any) -> None:
        handler(event.headers)

    return plain_handler


def subject(name: str) -> Subject:
    return Ours() if name == "ours" else Plain()
