"""`make explain FROM=21 TO=22 AT="2026-12-24 15:00"`, or `make explain CALL=<id>`: asks routing over HTTP, as the
operator, where a call would ring or rang, and why.
"""

import json
import urllib.error
import urllib.parse
import urllib.request

from operations import demo_company, instance
from operations.instance import Instance
from operations.screen import Trouble, say

HOW = 'make explain FROM=21 TO=22 (AT="2026-12-24 15:00", COMPANY=…), or make explain CALL=<id of a call>'


def main(words: list[str]) -> int:
    """words: FROM, TO, AT, CALL, COMPANY; those not given are empty."""
    caller, callee, at, call_id, company = (*words, *[""] * 5)[:5]
    if call_id:
        path = f"/v1/calls/{urllib.parse.quote(call_id, safe='')}/explain"
    elif caller and callee:
        asked = {"caller": caller, "callee": callee, "at": at, "company": company or demo_company.MUSTERBAU.sip_domain}
        path = "/v1/explain?" + urllib.parse.urlencode({name: value for name, value in asked.items() if value})
    else:
        raise Trouble("Who calls whom?", HOW)
    say(told(instance.load("dev"), path))
    return 0


def told(running: Instance, path: str) -> str:
    token = json.loads((running.run / "secrets.json").read_text())["tokens"]["operator"]
    request = urllib.request.Request(
        running.url("routing") + path, headers={"Authorization": f"Bearer {token}", "Accept": "text/plain"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        said = json.loads(error.read() or b"{}")
        raise Trouble(f"Routing cannot explain it: {said.get('message', error.reason)}",
                      said.get("hint") or "") from error
    except OSError as error:
        raise Trouble(f"Routing does not answer ({getattr(error, 'reason', error)})",
                      "start it with `make up`") from error
