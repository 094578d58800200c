"""What can go wrong on the event socket, sorted by whose fault it is and what is known afterwards.

The caller of a command needs one of three answers: it was refused (and nothing happened), it may have
run (and must be looked up, never blindly repeated), or it never left this process.
"""


class EslError(Exception):
    """Everything the event-socket layer raises."""


class CommandRejected(EslError):
    """-ERR or -USAGE; .reply is FreeSWITCH's text. The connection is fine."""

    def __init__(self, reply: str) -> None:
        super().__init__(f"FreeSWITCH refused the command: {reply.strip()}")
        self.reply = reply


class ConnectionLost(EslError):
    """The socket is gone; a command that was under way may have run."""


class NotConnected(ConnectionLost):
    """There was no connection when the command was given: it was not sent."""


class EventQueueOverflow(ConnectionLost):
    """Events came faster than they were handled; the connection was given up to start afresh."""


class ReplyTimeout(EslError):
    """No reply in .waited_s; the outcome is unknown and the connection was closed by us."""

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"no reply within {waited_s:g} s; whether the command ran is unknown")
        self.waited_s = waited_s


class JobTimeout(ReplyTimeout):
    """A background job has not reported back; the connection is fine and the job may still run."""


class AuthenticationFailed(EslError):
    """Wrong password, or the switch's access list refuses this machine."""


class ProtocolError(EslError):
    """The peer sent bytes that are not event socket."""


class CallEnded(EslError):
    """The caller hung up, or the call was taken out of this socket's hands."""


class UnsafeArgument(EslError, ValueError):
    """A text that must not become part of a command; .argument_name broke .rule."""

    def __init__(self, argument_name: str, rule: str) -> None:
        super().__init__(f"{argument_name}: {rule}")
        self.argument_name = argument_name
        self.rule = rule


class MissingHeader(EslError):
    """An event without a header it must have; .name is that header."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the event has no header {name}")
        self.name = name
