"""Makes the process cooperative; the first import of every service's __main__.

A late patch leaves modules that hold the blocking socket; so this module refuses when one of those
that matter was imported before it.
"""

import sys

_TOO_LATE = [name for name in ("socket", "ssl", "threading", "psycopg2") if name in sys.modules]

from gevent import monkey  # noqa: E402  (the check above must see the modules as they were)

monkey.patch_all()

from psycogreen.gevent import patch_psycopg  # noqa: E402

# Without the wait callback one query blocks every greenlet of the process.
patch_psycopg()

if "psycopg2" in _TOO_LATE:
    raise ImportError("shared.patched must be imported before psycopg2")
