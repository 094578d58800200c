"""`make explain FROM=21 TO=22 AT="2026-12-24 15:00"`, or `make explain CALL=<id>`: asks routing over HTTP, as the
operator, where a call would ring or rang, and why. `make timetable OF=22 WEEK=2026-W52` draws where calls go in a week.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from uuid import UUID

from operations import demo_company, instance
from operations.instance import Instance
from operations.places import VAR
from operations.screen import Trouble, say

HOW = 'make explain FROM=21 TO=22 (AT="2026-12-24 15:00", COMPANY=…), or make explain CALL=<id of a call>'
_NOT_KNOWN = 404


def main(words: list[str]) -> int:
    """words: FROM, TO, AT, CALL, COMPANY; those not given are empty."""
    caller, callee, at, call_id, company = (*words, *[""] * 5)[:5]
    if call_id:
        path = past(call_id)
    elif caller and callee:
        path = imagined(caller, callee, at, company)
    else:
        raise Trouble("Who calls whom?", HOW)
    say(told(instance.load("dev"), path))
    return 0


def past(call_id: str) -> str:
    """Where to ask about a call that was."""
    try:
        return f"/v1/calls/{UUID(call_id)}/explain"
    except ValueError:
        raise Trouble(f"{call_id!r} is no id of a call", "the call log and each line of the logs name it") from None


def imagined(caller: str, callee: str, at: str = "", company: str = "") -> str:
    """Where to ask about an imagined call. company: SIP domain or id; empty: the demo company."""
    asked = {"caller": caller, "callee": callee, "at": at, "company": company or demo_company.MUSTERBAU.sip_domain}
    return "/v1/explain?" + urllib.parse.urlencode({name: value for name, value in asked.items() if value})


def drawn(running: Instance, extension: str, week: str = "", caller: str = "", company: str = "") -> Path:
    """The file with the picture."""
    found = json.loads(told(running, imagined(extension, extension, company=company), "application/json"))
    if found["callee"] is None:
        raise Trouble(f"Nobody has {extension}")
    asked = urllib.parse.urlencode({name: value for name, value in (("week", week), ("caller", caller)) if value})
    path = f"/v1/subscribers/{found['callee']['subscriber_id']}/timetable.svg?{asked}"
    file = VAR / "report" / f"timetable-{found['callee']['extension']}{f'-{week}' if week else ''}.svg"
    picture = told(running, path, "image/svg+xml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(picture)
    return file


def told(running: Instance, path: str, form: str = "text/plain") -> str:
    token = json.loads((running.run / "secrets.json").read_text())["tokens"]["operator"]
    request = urllib.request.Request(
        running.url("routing") + path, headers={"Authorization": f"Bearer {token}", "Accept": form})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        raise Trouble(f"Routing cannot explain it: {_reason(error)}") from error
    except OSError as error:
        raise Trouble(f"Routing does not answer ({getattr(error, 'reason', error)})",
                      "start it with `make up`") from error


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read())
        return f"{said['message']} ({said['hint']})" if said.get("hint") else str(said["message"])
    except (ValueError, KeyError, TypeError):
        return "there is no such call" if error.code == _NOT_KNOWN else str(error.reason)
