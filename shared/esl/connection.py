"""One event-socket connection: a socket, the frames in it, and replies that find their commands.

This is where greenswitch is used, and the only module that imports it. Kept from it:

- `ESLProtocol`'s first-in-first-out list of sent commands and the way `handle_event` gives each
  command/reply and api/response to its AsyncResult, notes `auth/request` and `text/rude-rejection`, and
  tells a lingering disconnect-notice from a final one;
- `InboundESL`'s constructor and its `authenticate()` dialogue.

Replaced, because it fails (each has a test in tests/shared/esl):

- `ESLEvent`: decodes before it splits lines, so a caller's name forges headers -> shared.esl.events;
- `receive_events`, `_read_socket`: spin for ever at the end of file inside a body, die of a reply that is
  not UTF-8 -> FrameParser, and every end of the reader fails what was waiting;
- `send`: waits for ever, may write partly, mixes two writers' bytes -> a deadline, sendall, a write lock;
- `InboundESL.connect`: waits for ever on a silent peer -> one deadline for all of it;
- `process_events` and its queue without a bound -> the owner gets each event at once and bounds its queue;
- `OutboundSession`, `OutboundESLServer`: commands by string, polls accept, exits the process when the port
  is taken, drops callers -> shared.esl.server.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import gevent
from gevent import socket
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from gevent.lock import BoundedSemaphore
from greenswitch.esl import ESLProtocol, InboundESL

from shared.esl.commands import Command
from shared.esl.errors import (
    AuthenticationFailed,
    CallEnded,
    CommandRejected,
    ConnectionLost,
    EslError,
    NotConnected,
    ProtocolError,
    ReplyTimeout,
)
from shared.esl.events import Event
from shared.esl.wire import EVENT_PLAIN, Frame, FrameParser, encode

_PORTION: Final = 256 * 1024
_EVENT_SIZED: Final = 2048
_ANSWERS: Final = frozenset({"command/reply", "api/response"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the switch answered: Reply-Text, or the body of an api/response."""

    text: str
    headers: dict[str, str] = field(default_factory=dict)


class _Incoming:
    """A frame in the form greenswitch's handle_event works on."""

    __slots__ = ("data", "frame", "headers")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        # The reply to `connect` is an event with all of a channel's variables, read as such: taking it apart
        # here, too, would cost every call.
        self.headers = frame.headers if len(frame.head) < _EVENT_SIZED else {"Content-Type": frame.content_type}
        self.data = ""


class _NoticeTray:
    """Stands where greenswitch puts disconnect-notices into its queue without a bound."""

    def __init__(self, take: Callable[[dict[str, str]], None]) -> None:
        self._take = take

    def put(self, incoming: _Incoming) -> None:
        self._take(incoming.headers)


class EslConnection(ESLProtocol):  # type: ignore[misc]
    """Frames of one connected socket; on_event is called in the reader and must not block."""

    def __init__(
        self,
        *args: Any,
        on_event: Callable[[Event], None],
        command_timeout_s: float,
        silence_limit_s: float | None = None,
        on_close: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_sent: list[AsyncResult[_Incoming]] = []
        self._esl_event_queue = _NoticeTray(self._on_notice)
        self._on_event = on_event
        self._on_close = on_close
        self._command_timeout_s = command_timeout_s
        self._silence_limit_s = silence_limit_s
        self._parser = FrameParser()
        self._write_lock = BoundedSemaphore(1)
        self._body = b""
        self._refused = False
        self.sock: Any = None
        self.closed = Flag()
        self.failure: EslError | None = None
        self.noticed = False  # the switch has said that it ends this connection

    # -- commands ------------------------------------------------------------------------------

    def send(self, command: Command | str, timeout_s: float | None = None, *, then: Command | None = None) -> Reply:
        """Send and wait for the reply; raises one of the errors of shared.esl.errors.

        then: goes out behind it in the same write; nobody waits for its reply.
        """
        frame = self.request(command, timeout_s, then=then)
        headers = frame.headers
        if frame.content_type == "api/response":
            text = frame.body.decode("utf-8", "replace")
        else:
            text = headers.get("Reply-Text", "")
        if text.startswith(("-ERR", "-USAGE")):
            raise CommandRejected(text)
        return Reply(text.rstrip("\n"), headers)

    def request(
        self, command: Command | str, timeout_s: float | None = None, *, then: Command | None = None,
    ) -> Frame:
        """Send and return the frame that answers. A str only comes from greenswitch (auth)."""
        limit = self._command_timeout_s if timeout_s is None else timeout_s
        began = time.monotonic()
        data = encode(Command(command) if isinstance(command, str) else command)
        if then is not None:
            data += encode(then)
        if not self.connected or self.closed.is_set():
            raise self._refusal()
        answer: AsyncResult[_Incoming] = AsyncResult()
        expired = gevent.Timeout(limit)
        expired.start()
        try:
            with self._write_lock:
                if not self.connected or self.closed.is_set():
                    raise self._refusal()
                self._commands_sent.append(answer)
                if then is not None:
                    self._commands_sent.append(AsyncResult())
                self._write(data)
            incoming = answer.get()
            assert incoming is not None
            return incoming.frame
        except gevent.Timeout as timeout:
            if timeout is not expired:
                raise
            failure = ReplyTimeout(round(time.monotonic() - began, 3))
            self.close(failure)
            raise failure from None
        except OSError as error:
            lost = ConnectionLost(f"sending failed: {error}")
            self.close(lost)
            raise lost from error
        finally:
            expired.close()

    def _write(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            raise
        except BaseException:
            # Stopped in the middle: the switch would read the rest of this command in the next one.
            self.close(ConnectionLost("a command was cut short"))
            raise

    def _refusal(self) -> EslError:
        if isinstance(self.failure, CallEnded):
            return CallEnded(*self.failure.args)
        return NotConnected(f"not connected: {self.failure}" if self.failure else "not connected")

    # -- the reader ----------------------------------------------------------------------------

    def start_event_handlers(self) -> None:
        self._receive_events_greenlet = gevent.spawn(self.receive_events)

    def receive_events(self) -> None:
        failure: EslError = ConnectionLost("the switch closed the connection")
        try:
            self._read()
            if self._parser.in_frame:
                failure = ConnectionLost("the connection ended inside a message")
        except ProtocolError as error:
            failure = error
        except TimeoutError:
            failure = ConnectionLost(f"the switch was silent for {self._silence_limit_s} s")
        except OSError as error:
            failure = ConnectionLost(f"reading failed: {error}")
        finally:
            self.close(failure)

    def _read(self) -> None:
        feed = self._parser.feed
        on_event = self._on_event
        while self._run:
            data = self._receive()
            if not data:
                return
            for frame in feed(data):
                if not self._run:
                    return  # closed by what an event led to, such as a full queue
                if frame.content_type == EVENT_PLAIN:
                    on_event(frame.event())
                else:
                    self._take(frame)
            # With a peer that always has more, recv never waits; let the others run.
            gevent.sleep(0)

    def _receive(self) -> bytes:
        try:
            return bytes(self.sock.recv(_PORTION))
        except TimeoutError:
            # The process may have been held up while bytes were waiting: look once more.
            self.sock.settimeout(0)
            try:
                return bytes(self.sock.recv(_PORTION))
            except BlockingIOError:
                raise TimeoutError from None
            finally:
                self.sock.settimeout(self._silence_limit_s)

    def _take(self, frame: Frame) -> None:
        """Everything but events goes through greenswitch's own dispatch."""
        if frame.content_type in _ANSWERS:
            if not self._commands_sent:
                raise ProtocolError("a reply that nobody asked for")
        elif frame.content_type not in ("auth/request", "text/disconnect-notice", "text/rude-rejection"):
            return  # log/data and what a later version may add: we never asked for it
        elif frame.content_type == "text/rude-rejection":
            self._refused = True
        self._body = frame.body
        incoming = _Incoming(frame)
        incoming.headers.setdefault("Reply-Text", "")
        self.handle_event(incoming)

    def _read_socket(self, sock: object, length: int) -> str:
        """greenswitch reads bodies here; ours is whole already."""
        return self._body.decode("utf-8", "replace")

    sock_file = None

    def _on_notice(self, headers: dict[str, str]) -> None:
        self.noticed = True

    # -- the end -------------------------------------------------------------------------------

    def end_reason(self, failure: EslError) -> EslError:
        return failure

    def close(self, failure: EslError | None = None) -> None:
        """Close the socket and fail every command that waits; only the first reason counts."""
        if self.closed.is_set():
            return
        self.failure = self.end_reason(failure or ConnectionLost("closed by us"))
        self.connected = False
        self._run = False
        self.closed.set()
        waiting: list[AsyncResult[_Incoming]] = list(self._commands_sent)
        self._commands_sent.clear()
        reason = self.failure
        if not isinstance(reason, ConnectionLost | CallEnded):
            # Somebody else's fault: all that these commands know is that the line is gone.
            reason = ConnectionLost(str(reason))
        for answer in waiting:
            answer.set_exception(reason)
        self._auth_request_event.set()
        if self.sock is not None:
            with contextlib.suppress(OSError):  # the peer was first
                self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()
        self._on_close()


class InboundConnection(EslConnection, InboundESL):  # type: ignore[misc]
    """A connection to the switch's own event socket."""

    def connect(self) -> None:
        """Connected and logged in, or an error, within the command timeout."""
        limit = gevent.Timeout(self._command_timeout_s)
        limit.start()
        try:
            self._open()
        except gevent.Timeout as timeout:
            if timeout is not limit:
                raise
            failure = ConnectionLost(f"no answer from {self.host}:{self.port} in {self._command_timeout_s:g} s")
            self.close(failure)
            raise failure from None
        except OSError as error:
            failure = ConnectionLost(f"cannot connect to {self.host}:{self.port}: {error}")
            self.close(failure)
            raise failure from error
        except EslError as error:
            self.close(error)
            raise
        finally:
            limit.close()

    def _open(self) -> None:
        self.sock = socket.create_connection((self.host, self.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(self._silence_limit_s)
        self.connected = True
        self.start_event_handlers()
        self._auth_request_event.wait()
        if self.closed.is_set() and not self._refused:
            raise self.failure or ConnectionLost("closed")
        if self._refused:
            raise AuthenticationFailed("the access list of the event socket refuses this machine")
        try:
            self.authenticate()  # greenswitch's dialogue, over our send()
        except (CommandRejected, ValueError) as error:
            raise AuthenticationFailed("the event socket refuses the password") from error


class OutboundConnection(EslConnection):
    """A connection the switch opened for one call."""

    def __init__(self, sock: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sock = sock
        self.connected = True
        self.start_event_handlers()

    @property
    def lingering(self) -> bool:
        return bool(self._lingering)

    def _on_notice(self, headers: dict[str, str]) -> None:
        super()._on_notice(headers)
        if not self._lingering:
            self.close(CallEnded("the switch ended the call's socket"))

    def end_reason(self, failure: EslError) -> EslError:
        """After a notice the end of the stream is the end of the call, not a fault."""
        if self.noticed and isinstance(failure, ConnectionLost):
            return CallEnded("the caller hung up")
        return failure
