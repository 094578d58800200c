"""Where a notice may go: addresses in the internet over TLS, and networks the operator named.

A receiver is chosen by somebody with a token and called from inside: without this rule he could have the system
ask services that only it can reach. So the name is looked up here, and the connection made to the very address that
was looked at; redirects are not followed. Shell: sockets.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import gevent

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

CONNECT_S = 5.0
WHOLE_S = 10.0
# IPv6 addresses that stand for an IPv4 one, which may be any (RFC 6052, RFC 3056).
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("2002::/16"))
_PORTS = {"https": 443, "http": 80}


class BadReceiver(ValueError):
    """Not an address a notice may go to; the text says which rule."""


class NotReached(Exception):
    """No answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Receiver:
    scheme: str
    host: str
    port: int
    path: str
    """With the query."""


def read(url: str, networks: Sequence[Network]) -> Receiver:
    """As far as the text alone can be judged. Raises BadReceiver."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadReceiver("is not a web address") from error
    if parts.scheme not in _PORTS or not parts.hostname or not url.isascii() or any(c <= " " for c in url):
        raise BadReceiver("must be a web address such as https://crm.example.com/calls")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadReceiver("may not hold a user, a password or a fragment")
    found = Receiver(parts.scheme, parts.hostname, port or _PORTS[parts.scheme],
                     (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    if found.scheme == "http" and not networks:
        raise BadReceiver("must begin with https://")
    try:
        literal = ip_address(found.host)
    except ValueError:
        return found
    if not permitted(literal, found.scheme, networks):
        raise BadReceiver("is not in the internet, or not over https")
    return found


def permitted(address: Address, scheme: str, networks: Sequence[Network]) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address.version == network.version and address in network for network in networks):
        return True
    if any(address.version == network.version and address in network for network in _TRANSLATED):
        return False
    return scheme == "https" and address.is_global and not address.is_multicast


def post(receiver: Receiver, headers: Mapping[str, str], body: bytes, networks: Sequence[Network],
         trusted: ssl.SSLContext | None = None) -> int:
    """The status of the answer. Raises BadReceiver or NotReached."""
    connection: http.client.HTTPConnection | None = None
    try:
        with gevent.Timeout(WHOLE_S, NotReached(f"no answer within {WHOLE_S:.0f} s")):
            connection = _connect(receiver, _addresses(receiver, networks), trusted)
            connection.request("POST", receiver.path, body, dict(headers))
            return connection.getresponse().status
    except ssl.SSLError as error:
        raise NotReached(f"TLS: {error.reason or error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise NotReached(str(error) or type(error).__name__) from error
    finally:
        if connection is not None:
            connection.close()


def _addresses(receiver: Receiver, networks: Sequence[Network]) -> list[str]:
    try:
        found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotReached(f"{receiver.host}: {error.strerror or error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    for one in addresses:
        # All of them: a name with one good and one bad address is not to be tried until the bad one comes.
        if not permitted(ip_address(one.partition("%")[0]), receiver.scheme, networks):
            raise BadReceiver(f"{receiver.host} is not in the internet, or not over https")
    return addresses


def _connect(
    receiver: Receiver, addresses: Sequence[str], trusted: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    line = _line(addresses, receiver.port)
    if receiver.scheme == "https":
        try:
            line = (trusted or ssl.create_default_context()).wrap_socket(line, server_hostname=receiver.host)
        except BaseException:
            line.close()
            raise
    connection = http.client.HTTPConnection(receiver.host, receiver.port, timeout=WHOLE_S)
    # In the Host header no port where it is the usual one (http.client, putrequest).
    connection.default_port = _PORTS[receiver.scheme]
    connection.sock = line
    return connection


def _line(addresses: Sequence[str], port: int) -> socket.socket:
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), timeout=CONNECT_S)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), timeout=CONNECT_S)
