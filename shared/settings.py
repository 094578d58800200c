"""Settings come from the environment; a wrong or missing one ends the start with one line that names it.

Each service declares a frozen dataclass of what it needs and reads it with `Environment`; the variables'
names and meanings are listed in the README, "Settings".
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NoReturn, TypeVar

from environs import Env, EnvError
from marshmallow.validate import Length, OneOf, Range, Regexp

T = TypeVar("T")

_PORT = Range(min=1, max=65535, error="must be a port, 1 to 65535")

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


def stop_start(reason: str) -> NoReturn:
    """Ends a start that cannot succeed: one clear line on stderr, exit code 2."""
    print(f"cannot start: {reason}", file=sys.stderr, flush=True)
    raise SystemExit(2)


class Environment:
    """The PBX_… variables, each read with its rule."""

    def __init__(self) -> None:
        self._env = Env(prefix="PBX_")

    def text(self, name: str, default: str | None = None, *, minimum_length: int = 1) -> str:
        if default is None:
            rule = Length(min=minimum_length, error=f"must have at least {minimum_length} characters")
            return self._env.str(name, validate=rule)
        return self._env.str(name, default)

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        rule = OneOf(choices, error=f"must be one of {', '.join(choices)}")
        if default is None:
            return self._env.str(name, validate=rule)
        return self._env.str(name, default, validate=rule)

    def port(self, name: str) -> int:
        return self._env.int(name, validate=_PORT)

    def whole_number(self, name: str, default: int, *, at_least: int, at_most: int) -> int:
        rule = Range(min=at_least, max=at_most, error=f"must be from {at_least} to {at_most}")
        return self._env.int(name, default, validate=rule)

    def web_address(self, name: str, default: str) -> str:
        """http:// or https://, without a closing slash."""
        rule = Regexp(r"\Ahttps?://[^\s/?#]+(/[^\s?#]*)?\Z", error="must be an address such as https://pbx.example.com")
        return self._env.str(name, default, validate=rule).rstrip("/")

    def web_origins(self, name: str) -> tuple[str, ...]:
        """Comma-separated, as a browser sends them in Origin: https://crm.example.com; none if unset."""
        found = tuple(part.strip() for part in self._env.str(name, "").split(",") if part.strip())
        if wrong := [one for one in found if not _ORIGIN.fullmatch(one)]:
            raise EnvError(f"Environment variable PBX_{name} invalid: {wrong[0]} is not an origin such as"
                           " https://crm.example.com, without a path")
        return found

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        """Comma-separated: 10.1.0.0/16, fd00::/8; none if unset."""
        try:
            return tuple(ip_network(part.strip()) for part in self._env.str(name, "").split(",") if part.strip())
        except ValueError as error:
            raise EnvError(f"Environment variable PBX_{name} invalid: {error}; a network is written 10.1.0.0/16") \
                from error

    def server_address(self, name: str, default: str) -> str:
        """host:port."""
        rule = Regexp(r"\A[A-Za-z0-9.-]{1,253}:[0-9]{1,5}\Z", error="must be an address such as pbx.example.com:5060")
        return self._env.str(name, default, validate=rule)

    def is_set(self, name: str) -> bool:
        return bool(self._env.str(name, ""))

    def folder(self, name: str) -> Path:
        """An absolute path to a folder that exists."""
        path: Path = self._env.path(name)
        if not path.is_absolute():
            raise EnvError(f"Environment variable PBX_{name} invalid: must be an absolute path")
        if not path.is_dir():
            raise EnvError(f"Environment variable PBX_{name} invalid: there is no folder {path}")
        return path


def load(read: Callable[[Environment], T]) -> T:
    """read's settings, or the end of the start with the variable's name and its rule."""
    try:
        return read(Environment())
    except EnvError as error:
        stop_start(" ".join(str(error).split()))
