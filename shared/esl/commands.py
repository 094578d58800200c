"""Commands for the event socket, built only by functions that check every part.

A blank line starts a new command on the socket and `${api(args)}` runs an API inside an argument
(both seen), so a text becomes part of a command only when the composed result matches a strict pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.esl.errors import UnsafeArgument
from shared.esl.event_names import EVENT_NAMES

UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CAUSE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_SUBCLASS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_:.-]{0,127}")
# The whole argument after composition: no control characters, nothing that expands or escapes.
_ARGUMENT: Final = re.compile(r"[^\x00-\x1f\x7f$\\]*")
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]*")
_SEPARATORS: Final = "|~;!#^"  # multiset takes any character after ^^ (mod_dptools.c)
_LONG_ARGUMENT: Final = 64
_MULTISET_LIMIT: Final = 256  # the size of multiset's array (mod_dptools.c)


@dataclass(frozen=True, slots=True)
class Command:
    """One command; made by the functions of this module, put into bytes by wire.encode."""

    line: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def _matching(pattern: re.Pattern[str], text: str, argument_name: str, rule: str) -> str:
    if not isinstance(text, str) or pattern.fullmatch(text) is None:
        raise UnsafeArgument(argument_name, rule)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnsafeArgument(argument_name, "has characters that are not UTF-8") from None
    return text


def _argument(text: str, argument_name: str) -> str:
    return _matching(_ARGUMENT, text, argument_name, "may not have control characters, $ or \\")


def _uuid(text: str, argument_name: str) -> str:
    return _matching(UUID, text, argument_name, "must be a UUID in lower case")


def _api_line(name: str, args: tuple[str, ...]) -> str:
    """name and args joined by spaces, so that no argument can become two.

    Only the last argument may have spaces, or one whose spaces are all inside single quotes
    (switch_separate_string in switch_utils.c keeps those together).
    """
    parts = [_matching(_WORD, name, "name", "must be the name of an API command")]
    for position, arg in enumerate(args, 1):
        label = f"argument {position}"
        _argument(arg, label)
        if not arg:
            raise UnsafeArgument(label, "may not be empty")
        last = position == len(args)
        quoted = arg.split("'")
        if not last and (len(quoted) % 2 == 0 or any(" " in outside for outside in quoted[::2])):
            raise UnsafeArgument(label, "may have spaces only inside single quotes")
        parts.append(arg)
    return " ".join(parts)


def api(name: str, *args: str) -> Command:
    return Command("api " + _api_line(name, args))


def bgapi(name: str, *args: str, job_uuid: str | None = None) -> Command:
    headers = (("Job-UUID", _uuid(job_uuid, "job_uuid")),) if job_uuid is not None else ()
    return Command("bgapi " + _api_line(name, args), headers)


def _sendmsg(leg_uuid: str | None, headers: list[tuple[str, str]], body: bytes = b"") -> Command:
    line = "sendmsg" if leg_uuid is None else "sendmsg " + _uuid(leg_uuid, "leg_uuid")
    return Command(line, tuple(headers), body)


def execute(
    app: str,
    argument: str = "",
    leg_uuid: str | None = None,
    event_uuid: str | None = None,
    *,
    event_lock: bool = False,
) -> Command:
    """Run a dialplan application on the socket's own leg, or on leg_uuid.

    event_uuid comes back as Application-UUID of CHANNEL_EXECUTE_COMPLETE; event_lock keeps the leg
    from starting the next message before this one has ended (switch_ivr_parse_event in switch_ivr.c).

    A long argument travels as the body: the switch reads a command's head byte by byte and gives up the processor
    after each (read_packet in mod_event_socket.c), so 900 bytes of route cost a call some 10 ms on a busy machine.
    """
    headers = [
        ("call-command", "execute"),
        ("execute-app-name", _matching(_WORD, app, "app", "must be the name of an application")),
    ]
    body = b""
    if len(_argument(argument, "argument")) > _LONG_ARGUMENT:
        headers.append(("content-type", "text/plain"))
        body = argument.encode()
    elif argument:
        headers.append(("execute-app-arg", argument))
    if event_uuid is not None:
        headers.append(("Event-UUID", _uuid(event_uuid, "event_uuid")))
    if event_lock:
        headers.append(("event-lock", "true"))
    return _sendmsg(leg_uuid, headers, body)


def hangup(cause: str, leg_uuid: str | None = None) -> Command:
    _matching(_CAUSE, cause, "cause", "must be a FreeSWITCH cause name such as NORMAL_CLEARING")
    return _sendmsg(leg_uuid, [("call-command", "hangup"), ("hangup-cause", cause)])


def multiset_argument(variables: Mapping[str, str]) -> str:
    """The argument of multiset: ^^ and a separator none of the values has.

    multiset strips blanks at both ends of a value and takes single quotes as quoting
    (cleanup_separated_string in switch_utils.c), so neither may be there. An empty value unsets.
    """
    if not variables:
        raise UnsafeArgument("variables", "may not be empty")
    if len(variables) > _MULTISET_LIMIT:
        raise UnsafeArgument("variables", f"may not be more than {_MULTISET_LIMIT}")
    pairs = []
    for name, value in variables.items():
        _matching(_VARIABLE, name, "variable name", "must be letters, digits, _ . -")
        _argument(value, name)
        if "'" in value:
            raise UnsafeArgument(name, "may not have a single quote")
        if value != value.strip(" "):
            raise UnsafeArgument(name, "may not begin or end with a blank")
        pairs.append(f"{name}={value}")
    separator = next((mark for mark in _SEPARATORS if not any(mark in pair for pair in pairs)), None)
    if separator is None:
        raise UnsafeArgument("variables", f"use all of the separators {_SEPARATORS}")
    return f"^^{separator}" + separator.join(pairs)


def set_variables(variables: Mapping[str, str], leg_uuid: str | None = None) -> Command:
    """Set channel variables, all with one application (multiset)."""
    return execute("multiset", multiset_argument(variables), leg_uuid)


def send_event(name: str, headers: Mapping[str, str], body: str = "") -> Command:
    """Put an event into the switch, which takes names and values as they are: nothing is decoded."""
    if name not in EVENT_NAMES or name == "ALL":
        raise UnsafeArgument("name", "must be an event FreeSWITCH knows")
    checked = []
    for header, value in headers.items():
        _matching(_HEADER_NAME, header, "header name", "must be letters, digits, _ . -")
        if header.lower() == "content-length":
            raise UnsafeArgument(header, "is counted here")
        _matching(_HEADER_VALUE, value, header, "may not have control characters")
        checked.append((header, value))
    if "\0" in body:
        raise UnsafeArgument("body", "may not have NUL")  # the switch copies it with %s
    return Command("sendevent " + name, tuple(checked), body.encode())


def _event_list(names: Iterable[str]) -> str:
    """Names, then CUSTOM with every subclass: after CUSTOM the switch takes all words as subclasses."""
    plain: list[str] = []
    subclasses: list[str] = []
    for name in names:
        kind, _, subclass = name.partition(" ")
        if kind not in EVENT_NAMES:
            raise UnsafeArgument("names", f"{kind!r} is no event of FreeSWITCH")
        if kind != "CUSTOM":
            if subclass:
                raise UnsafeArgument("names", "only CUSTOM has a subclass")
            if kind not in plain:
                plain.append(kind)
            continue
        _matching(_SUBCLASS, subclass, "names", "CUSTOM needs one subclass, such as sofia::register")
        if subclass not in subclasses:
            subclasses.append(subclass)
    if subclasses:
        plain += ["CUSTOM", *subclasses]
    if not plain:
        raise UnsafeArgument("names", "may not be empty")
    return " ".join(plain)


def subscribe(names: Iterable[str]) -> Command:
    """Ask for events by name: "CHANNEL_ANSWER", "CUSTOM sofia::register"."""
    return Command("event plain " + _event_list(names))


def unsubscribe(names: Iterable[str]) -> Command:
    return Command("nixevent " + _event_list(names))


def filter_events(header: str, value: str) -> Command:
    """Let through only events whose header equals value; several filters are alternatives.

    It applies to every event of the connection, HEARTBEAT too (event_handler in mod_event_socket.c).
    """
    _matching(_HEADER_NAME, header, "header", "must be letters, digits, _ . -")
    _argument(value, "value")
    if not value or value != value.strip(" ") or value[0] in "+-/":
        raise UnsafeArgument("value", "may not be empty, an operator or a pattern")
    return Command(f"filter {header} {value}")


def filter_present(header: str) -> Command:
    """Let through only events that have the header at all, whatever its value; see filter_events."""
    return Command(f"filter {_matching(_HEADER_NAME, header, 'header', 'must be letters, digits, _ . -')} /./")


def get_variable(name: str) -> Command:
    """The reply text is the value, raw and cut at 511 bytes; only for values we wrote ourselves."""
    return Command("getvar " + _matching(_VARIABLE, name, "name", "must be letters, digits, _ . -"))


def connect() -> Command:
    """The first command on an outbound socket; any other first one gets no reply (listener_run)."""
    return Command("connect")


def my_events() -> Command:
    return Command("myevents")


def linger(seconds: int) -> Command:
    """Keep the socket for a while after the caller has hung up, to read the last events."""
    if not 0 < seconds <= 600:
        raise UnsafeArgument("seconds", "must be 1 to 600")
    return Command(f"linger {seconds}")


def authenticate(password: str) -> Command:
    if not password:
        raise UnsafeArgument("password", "may not be empty")
    return Command("auth " + _matching(_HEADER_VALUE, password, "password", "may not have control characters"))


def leave() -> Command:
    return Command("exit")
