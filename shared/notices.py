"""Word of changes in the database: LISTEN on one channel, for as long as the service lives.

    Notices(url, "pbx_directory", heard=..., gap=...).run()      # for ever; a greenlet of its own

What is told while nobody listens is lost: so gap() is called whenever listening begins, the first time included.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent
import psycopg2
import structlog
from gevent import Timeout
from gevent.socket import wait_read

from shared.database import DatabaseUnavailable

log = structlog.get_logger()

_CONNECT_S = 5.0
_SILENCE_S = 30.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0


class Notices:
    def __init__(self, url: str, channel: str, *, heard: Callable[[str], None], gap: Callable[[], None]) -> None:
        """channel: a plain name. heard gets each payload; neither may block or raise."""
        self._url = url
        self._channel = channel
        self._heard = heard
        self._gap = gap

    def run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                with Timeout(_CONNECT_S, DatabaseUnavailable("no connection within the time allowed")):
                    connection = psycopg2.connect(self._url)
                    connection.autocommit = True
                    connection.cursor().execute(f'LISTEN "{self._channel}"')
                try:
                    self._gap()
                    wait_s = _FIRST_WAIT_S
                    self._hear(connection)
                finally:
                    connection.close()
            except (psycopg2.Error, DatabaseUnavailable, OSError) as error:
                log.warning("changes not heard", channel=self._channel, reason=" ".join(str(error).split()))
            gevent.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _hear(self, connection: psycopg2.extensions.connection) -> None:
        while True:
            try:
                wait_read(connection.fileno(), timeout=_SILENCE_S)
            except TimeoutError:  # silence; a frozen server would be silent, too
                with Timeout(_CONNECT_S, DatabaseUnavailable("silent")):
                    connection.cursor().execute("SELECT 1")
            connection.poll()
            while connection.notifies:
                self._heard(connection.notifies.pop(0).payload)
