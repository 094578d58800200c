"""Emergency calls that went out without routing: the dialplan left them in the switch's own database (mod_db). Shell.

Under the site's number stands MICROSECONDS:COMPANY:SUBSCRIBER:EXTENSION@DOMAIN (freeswitch/conf/dialplan/internal.xml).
We remember them at once, and delete them there when our database has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from services.routing.emergencies import Emergencies, EmergencyCall
from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.logs import masked

log = structlog.get_logger()

REALM = "emergency"
_SITE_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")
# What is cut off, mod_db reads 255 characters at most, is not needed here.
_CALL = re.compile(r"([1-9][0-9]{15}):([1-9][0-9]{0,17}):([1-9][0-9]{0,17}):[0-9]{2,6}@[a-z0-9.-]{1,253}")


class EmergenciesLeft:
    def __init__(self, client: InboundClient, emergencies: Emergencies,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._emergencies = emergencies
        self._now = now

    def take_over(self) -> None:
        """Each time the switch is reached; what cannot be read or deleted now is next time."""
        try:
            # Nothing to list would be an error of the event socket: `-ERR no reply` (mod_event_socket.c, api_exec).
            if self._client.api("db", f"count/{REALM}") == "0":
                return
            keys = self._client.api("db", f"list/{REALM}").split(",")
        except EslError as error:
            log.warning("emergency calls without routing not read", reason=str(error))
            return
        for key in keys:
            try:
                self._take(key)
            except EslError as error:
                log.warning("emergency call without routing not read", site=masked(key), reason=str(error))

    def _take(self, key: str) -> None:
        """Raises EslError."""
        text = self._text(key)
        if not text:
            return
        call = read(key, text, self._now())
        if call is None:
            log.error("this is no emergency call, deleted", site=masked(key), text=text)
            self._client.api("db", f"delete/{REALM}/{key}")
            return
        log.info("an emergency call went out without routing", site=masked(key), company_id=call.company_id)
        self._emergencies.took_place(call, written=partial(self._delete, key, text))

    def _text(self, key: str) -> str:
        try:
            return self._client.api("db", f"select/{REALM}/{key}")
        except CommandRejected:  # there is none: deleted meanwhile, or the last of a list of more than 4095 characters
            return ""

    def _delete(self, key: str, text: str) -> None:
        """Unless another call was left there meanwhile."""
        try:
            if self._text(key) == text:
                self._client.api("db", f"delete/{REALM}/{key}")
        except EslError as error:
            log.warning("emergency call without routing not deleted at the switch", reason=str(error))


def read(site_number: str, text: str, now: datetime) -> EmergencyCall | None:
    """None: not what the dialplan writes. The switch's clock may be ahead, but no call was made after now."""
    found = _CALL.fullmatch(text)
    if found is None or _SITE_NUMBER.fullmatch(site_number) is None:
        return None
    called_at = min(now, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(found[1])))
    return EmergencyCall(site_number, int(found[2]), int(found[3]), called_at)
