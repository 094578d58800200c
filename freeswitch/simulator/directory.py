"""Who may register and what stands about them: asked over HTTP as mod_xml_curl asks, remembered as the core does.

The request: `xml_url_fetch` (mod_xml_curl.c) with what `switch_xml_locate_user` adds (switch_xml.c); the cache:
`switch_xml_locate_user_merged`, `cacheable` in milliseconds or for ever.
"""

from __future__ import annotations

import base64
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import structlog

from freeswitch.simulator.events import HOSTNAME
from freeswitch.simulator.variables import leading_int
from freeswitch.simulator.xml_config import Configuration, ConfigurationError

log = structlog.get_logger()


@dataclass(frozen=True)
class User:
    """An entry with what its group and domain say merged in."""

    id: str
    domain: str
    params: Mapping[str, str]
    variables: Mapping[str, str]
    attributes: Mapping[str, str]
    cacheable: str


class Directory:
    def __init__(self, configuration: Configuration) -> None:
        self._cache: dict[tuple[str, str], tuple[User, float | None]] = {}
        binding = None
        xml_curl = configuration.configuration("xml_curl.conf")
        for one in xml_curl.iter("binding") if xml_curl is not None else ():
            params = {param.get("name", ""): param.get("value", "") for param in one.iter("param")}
            urls = [param for param in one.iter("param") if param.get("name") == "gateway-url"]
            if urls and "directory" in urls[0].get("bindings", "directory").split("|"):
                binding = params
        if binding is None:
            raise ConfigurationError("xml_curl.conf has no binding for the directory")
        self._url = binding["gateway-url"]
        self._login = base64.b64encode(binding.get("gateway-credentials", "").encode()).decode()
        self._timeout_s = float(binding.get("timeout", "0") or 0) or 5.0

    def user(self, user: str, domain: str, params: Mapping[str, str]) -> User | None:
        """From memory while that holds, else asked; None when there is no such user, or nobody to ask."""
        known = self._cache.get((user, domain))
        if known is not None and (known[1] is None or known[1] >= time.monotonic()):
            return known[0]
        answer = self._fetch(user, domain, params)
        if answer is None:
            return None
        entry = _find_user(answer, user, domain)
        if entry is not None and entry.cacheable:
            keep_s = leading_int(entry.cacheable) / 1000 if entry.cacheable.isdecimal() else None
            self._cache[user, domain] = (entry, None if keep_s is None else time.monotonic() + keep_s)
        return entry

    def flush(self, user: str | None = None, domain: str | None = None) -> int:
        """switch_xml_clear_user_cache: how many were forgotten."""
        if user is None:
            count = len(self._cache)
            self._cache.clear()
            return count
        return int(self._cache.pop((user, domain or ""), None) is not None)

    def of_domain(self, domain: str, params: Mapping[str, str]) -> ElementTree.Element | None:
        """switch_xml_locate_domain: everything in it; None when nobody answers, or says there is none."""
        answer = self._ask(domain, params)
        return None if answer is None or answer.find("section[@name='result']") is not None else answer

    def _fetch(self, user: str, domain: str, params: Mapping[str, str]) -> ElementTree.Element | None:
        return self._ask(domain, {**params, "key": "id", "user": user, "domain": domain})

    def _ask(self, domain: str, params: Mapping[str, str]) -> ElementTree.Element | None:
        form = {
            "hostname": HOSTNAME, "section": "directory", "tag_name": "domain", "key_name": "name",
            "key_value": domain, "Event-Name": "REQUEST_PARAMS", **params,
        }  # fmt: skip
        request = urllib.request.Request(
            self._url,
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"Basic {self._login}", "User-Agent": "freeswitch-xml/1.0"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                return ElementTree.fromstring(response.read())
        except (urllib.error.URLError, http.client.HTTPException, OSError, ElementTree.ParseError) as error:
            log.error("the directory does not answer", url=self._url, user=params.get("user"), reason=str(error))
            return None


def _find_user(document: ElementTree.Element, user: str, domain: str) -> User | None:
    for found in document.iter("domain"):
        if found.get("name") != domain:
            continue
        for group, one in _users(found):
            if one.get("id") == user or one.get("number-alias") == user:
                layers = [layer for layer in (found, group, one) if layer is not None]
                return User(
                    id=one.get("id", user),
                    domain=domain,
                    params=_merged(layers, "params", "param"),
                    variables=_merged(layers, "variables", "variable"),
                    attributes=dict(one.attrib),
                    cacheable=one.get("cacheable", ""),
                )
    return None


def _users(domain: ElementTree.Element) -> list[tuple[ElementTree.Element | None, ElementTree.Element]]:
    users: list[tuple[ElementTree.Element | None, ElementTree.Element]] = []
    for group in (None, *domain.iter("group")):
        users += [(group, one) for one in (domain.findall("user") if group is None else group.iter("user"))]
    return users


def _merged(layers: list[ElementTree.Element], plural: str, singular: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for layer in layers:
        holder = layer.find(plural)
        for one in holder.findall(singular) if holder is not None else ():
            values[one.get("name", "")] = one.get("value", "")
    return values
