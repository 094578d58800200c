"""Where the switch hands calls to a service: an outbound event-socket server on gevent's StreamServer.

At call_limit it stops accepting, so that further calls wait in the kernel's queue; they are not dropped.
stop_accepting() takes what is in that queue, then closes the port: the switch's next call is refused at
once and goes to the next address or on in the dialplan. However a handler ends, its socket is closed, and
the call goes on behind the dialplan's socket application.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import structlog
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer

from shared.esl.call import OutboundCall
from shared.esl.errors import CallEnded, EslError

log = structlog.get_logger()

_BACKLOG = 1024
# Nothing in the protocol tells who connects, so only these may.
LOOPBACK = ("127.0.0.0/8", "::1/128")


class OutboundServer:
    """Calls handler(call) in a greenlet of its own for every call; see the module for its limits."""

    def __init__(
        self,
        host: str,
        port: int,
        handler: Callable[[OutboundCall], None],
        *,
        call_limit: int = 500,
        command_timeout_s: float = 5.0,
        peers: Sequence[str] = LOOPBACK,
    ) -> None:
        self.host = host
        self.port = port
        self._handler = handler
        self._command_timeout_s = command_timeout_s
        self._peers = [ipaddress.ip_network(peer) for peer in peers]
        self._pool = Pool(call_limit)
        self._server: StreamServer | None = None
        self._listener: Any = None
        self._last_served: gevent.Greenlet[..., None] | None = None
        self._calls: set[OutboundCall] = set()

    def start(self) -> None:
        """Listen; OSError names the port when it cannot be had. Port 0 takes a free one into .port."""
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise OSError(
                error.errno, f"cannot listen for calls on {self.host} port {self.port}: {error.strerror}"
            ) from error
        listener.setblocking(False)
        self.port = int(listener.getsockname()[1])
        self._listener = listener
        self._server = StreamServer(listener, self._serve, spawn=self._pool)
        self._server.start()

    @property
    def calls(self) -> int:
        """Calls in hand."""
        return len(self._pool)

    def stop_accepting(self) -> None:
        """Serve what has already connected, then close the port; calls in hand go on."""
        server, self._server = self._server, None
        if server is None:
            return
        server.stop_accepting()
        waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(self._listener.accept())
        server.close()
        self._listener.close()
        self._last_served = gevent.spawn(self._serve_last, waiting)

    def _serve_last(self, waiting: list[tuple[Any, Any]]) -> None:
        for sock, address in waiting:
            self._pool.spawn(self._serve, sock, address)  # waits while the pool is full

    def drain(self, timeout_s: float) -> bool:
        """Stop accepting and wait until no call is in hand; False when some are left."""
        self.stop_accepting()
        deadline = time.monotonic() + timeout_s
        if self._last_served is not None:
            self._last_served.join(timeout_s)
        return bool(self._pool.join(timeout=max(0.0, deadline - time.monotonic())))

    def stop(self) -> None:
        """Stop accepting and give back the calls in hand."""
        self.stop_accepting()
        if self._last_served is not None:
            self._last_served.kill()
        for call in list(self._calls):
            call.close()
        self._pool.kill()

    def _allowed(self, address: Any) -> bool:
        try:
            peer = ipaddress.ip_address(address[0])
        except ValueError:
            return False
        return any(peer in network for network in self._peers)

    def _serve(self, sock: Any, address: Any) -> None:
        if not self._allowed(address):
            log.warning("call_socket_refused", peer=str(address))
            sock.close()
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call = OutboundCall(sock, command_timeout_s=self._command_timeout_s)
        self._calls.add(call)
        failure: Exception | None = None
        try:
            call.open()
            self._handler(call)
        except Exception as error:
            failure = error
        finally:
            # However it ended the caller is not left waiting: the dialplan goes on, before anything is logged.
            self._calls.discard(call)
            call.close()
        if isinstance(failure, CallEnded):
            log.info("call_ended_early", leg_uuid=call.leg_uuid)
        elif isinstance(failure, EslError):
            log.warning("call_lost", leg_uuid=call.leg_uuid, reason=str(failure))
        elif failure is not None:
            log.error("call_handler_failed", leg_uuid=call.leg_uuid, exc_info=failure)
