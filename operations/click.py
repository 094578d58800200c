"""`make call FROM=anna TO=22`: asks the callback service over HTTP to ring FROM, then TO, and follows the attempt."""

import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

from operations import instance
from operations.instance import Instance
from operations.screen import Trouble, say

FOLLOW_S = 45
FINAL = {"connected", "ended", "failed", "unknown", "cancelled"}


def main(words: list[str]) -> int:
    if len(words) != 2 or not all(words):
        raise Trouble("Who calls whom?", "make call FROM=anna TO=22")
    who, target = words
    dev = instance.load("dev")
    tokens = json.loads((dev.run / "secrets.json").read_text())["tokens"]
    if who not in tokens:
        raise Trouble(f"There is no {who!r} in the demo company",
                      "FROM is one of " + ", ".join(name for name in tokens if name not in ("admin", "operator")))
    attempt = ask(dev, tokens[who], "POST", "/v1/calls", {"target": target})
    if "dial" in attempt:
        say(f"  {who} dials by himself, as he has set it: {attempt['dial']}")
        return 0
    say(f"  {who} -> {target}: {attempt['state']} (attempt {attempt['id']})")
    state, deadline = attempt["state"], time.monotonic() + FOLLOW_S
    while state not in FINAL and time.monotonic() < deadline:
        time.sleep(0.3)
        attempt = ask(dev, tokens[who], "GET", f"/v1/calls/{attempt['id']}")
        if attempt["state"] != state:
            state = attempt["state"]
            say(f"  {state}{': ' + str(attempt['message']) if attempt.get('message') else ''}")
    return 0 if state not in ("failed", "unknown") else 1


def ask(running: Instance, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        running.url("callback") + path, method=method, data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json",
                 **({"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        said = json.loads(error.read() or b"{}")
        raise Trouble(f"The callback service refused: {said.get('message', error.reason)}",
                      said.get("hint") or "") from error
    except OSError as error:
        raise Trouble(f"The callback service does not answer ({getattr(error, 'reason', error)})",
                      "start it with `make up`") from error
