"""What of a request shows that this page itself asks, and what a browser may do with the page. Core.

A browser sends the session's cookie whoever makes it ask. SameSite=Strict keeps it from other sites, but a site is more
than an origin: every host under the same domain, every port. So three things are looked at:

- Sec-Fetch-Site, which no page can set: it must be ours, or nobody's (an address typed, a bookmark) for mere reading;
- from browsers that do not send it, Origin must name the host that was asked;
- whatever changes something carries a header of ours, which a foreign page could only add after asking us (CORS), and
  we never allow that.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

COOKIE = "pbx_session"
MARK = "X-Pbx-Page"
READING = frozenset({"GET", "HEAD"})

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "media-src 'self'",
    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    # A name that ends up where markup is read is an error of the page, not a script: nothing may be turned into markup.
    "require-trusted-types-for 'script'", "trusted-types 'none'",
))
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def foreign(method: str, headers: Mapping[str, str]) -> str | None:
    """Why this request is not the page's own; None: it is. headers: by their names in lower case."""
    from_where = headers.get("sec-fetch-site")
    reading = method in READING
    if from_where is not None:
        if from_where != "same-origin" and not (reading and from_where == "none"):
            return "another page asks"
    elif (origin := headers.get("origin")) is not None and urlsplit(origin).netloc != headers.get("host"):
        return "another page asks"
    if not reading and headers.get(MARK.lower()) is None:
        return f"the header {MARK} is missing"
    return None
