"""`make apply FILE=company.yaml`: shows what a company's file would change in the running system, and does it.

    make apply FILE=f PLAN=1              only shows it
    make apply FILE=f PRUNE=1             also deletes what the file does not name
    make apply FILE=f KEEP=1              keeps the plan; later ORDER=7 does it, DISCARD=7 throws it away
    make apply EXPORT=musterbau.example   prints the company as it is, as such a file

Trunk passwords come from the environment (TRUNK_PASSWORD_…) or from SECRETS=file, lines of NAME=value. SIP passwords of
new devices are written to <run>/sip-passwords.json, which only its owner can read.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operations import instance
from operations.instance import Instance
from operations.places import ROOT
from operations.screen import Trouble, say

WORDS = ("FILE", "PLAN", "PRUNE", "KEEP", "ORDER", "DISCARD", "EXPORT", "SECRETS")
_LIMIT_S = 600
_MOST_SHOWN = 50


def main(words: list[str]) -> int:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    wanted = {name: value for name, value in given.items() if value}
    if set(given) - set(WORDS) or len(given) != len(words):
        raise Trouble(f"`make apply` knows {', '.join(WORDS)}")
    dev = instance.load("dev")
    request = _request(wanted) | {"passwords_file": str(passwords_file(dev)), "secrets": _secrets(wanted)}
    answer = ask(dev, request)
    body = answer["body"]
    if answer["status"] != 200:
        raise Trouble(_what_is_wrong(body, wanted.get("FILE", "")), body.get("hint") or "nothing was changed")
    if "EXPORT" in wanted:
        print(body["file"], end="")
        return 0
    for line in answer.get("lines", []):
        say(line)
    _say_what_became_of_it(wanted, body, dev)
    return 0


def passwords_file(of: Instance) -> Path:
    return of.run / "sip-passwords.json"


def ask(of: Instance, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of services/routing/apply, which works in a process of its own and with routing's own login."""
    done = subprocess.run(
        [sys.executable, "-m", "services.routing.apply"], cwd=ROOT, input=json.dumps(request), text=True,
        env={**os.environ, **of.env}, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=False)
    if done.returncode:
        raise Trouble("The file was not applied; the reason is above", "is everything up? `make status`")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _request(wanted: Mapping[str, str]) -> dict[str, Any]:
    what = [name for name in ("FILE", "ORDER", "DISCARD", "EXPORT") if name in wanted]
    if len(what) != 1:
        raise Trouble("Which file?", "make apply FILE=company.yaml [PLAN=1] [PRUNE=1] [KEEP=1], or ORDER=, DISCARD=,"
                      " EXPORT=domain")
    if what == ["EXPORT"]:
        return {"do": "export", "domain": wanted["EXPORT"]}
    if what != ["FILE"]:
        number = wanted[what[0]]
        if not number.isdigit():
            raise Trouble(f"{what[0]}={number} is not the number of a kept plan")
        return {"do": what[0].lower(), "order_id": int(number)}
    try:
        text = Path(wanted["FILE"]).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{wanted['FILE']} cannot be read: {error}") from error
    return {"do": "keep" if "KEEP" in wanted else "plan" if "PLAN" in wanted else "apply", "text": text,
            "prune": "PRUNE" in wanted}


def _secrets(wanted: Mapping[str, str]) -> dict[str, str]:
    if "SECRETS" not in wanted:
        return {}
    file = Path(wanted["SECRETS"])
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise Trouble(f"{file} cannot be read: {error.strerror}") from error
    if file.stat().st_mode & 0o077:
        raise Trouble(f"{file} holds passwords and others may read it", f"chmod 600 {file}")
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _what_is_wrong(body: Mapping[str, Any], file: str) -> str:
    wrong = body.get("wrong", [])
    if not wrong:
        return str(body["message"])
    lines = [f"{file}: {one['text']}" if file else one["text"] for one in wrong[:_MOST_SHOWN]]
    if len(wrong) > _MOST_SHOWN:
        lines.append(f"… and {len(wrong) - _MOST_SHOWN} more")
    return "\n  ".join([f"{len(wrong)} thing{'s are' if len(wrong) > 1 else ' is'} wrong; nothing was changed", *lines])


def _say_what_became_of_it(wanted: Mapping[str, str], body: Mapping[str, Any], dev: Instance) -> None:
    if "DISCARD" in wanted:
        say(f"  plan {wanted['DISCARD']} is discarded")
    elif "order_id" in body:
        say(f"  kept as plan {body['order_id']}: make apply ORDER={body['order_id']}, or DISCARD={body['order_id']}")
    elif not body["applied"]:
        say("  only shown; nothing was changed")
    elif not body["plan"]["changes"]:
        say("  nothing to do")
    else:
        say("  done")
        if any(one["kind"] == "device" and one["action"] == "create" for one in body["plan"]["changes"]):
            say(f"  SIP passwords of the new devices: {passwords_file(dev)}")
