"""How long a company takes that comes from one file: each subscriber with number, device, mailbox and two settings.

python -m tests.bench.apply prints {"apply": {"subscribers": 10000, "first_s": …, "again_s": …, "export_s": …}}; the
time of a whole process of `make apply`, from reading the file to the commit. The bound is 60 s for the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from operations.places import ROOT
from operations.testing import scratch_database

PEOPLE = 10_000
DOMAIN = "bench.example"


def company_file(people: int) -> str:
    """Extensions from 100000 on, every fifth forwarding to a colleague, the others to a mobile."""
    head = f"""company:
  name: Bench AG
  domain: {DOMAIN}
sites:
  - name: Berlin
    area_code: 30
    region: BE
    main_number: "+493090000000"
    pools:
      - {{first: "+493090000000", last: "+493090099999"}}
    departments: [Verkauf, Technik]
subscribers:
"""
    return head + "".join(_person(number) for number in range(people))


def _person(number: int) -> str:
    target = str(100000 + number - 1) if number % 5 == 1 else f"+49171{5000000 + number}"
    return f"""  - extension: {100000 + number}
    first_name: Vorname
    last_name: Name {number}
    department: {"Verkauf" if number % 2 else "Technik"}
    email: p{number}@{DOMAIN}
    number: "+4930900{number + 1:05}"
    devices:
      - {{id: bench-{number}, label: Tischtelefon}}
    mailbox: {{deliver_as_mail: true, email: p{number}@{DOMAIN}}}
    settings:
      do_not_disturb: {{enabled: {"true" if number % 3 == 0 else "false"}, ring_reminder: true}}
      forwardings:
        no_answer: {{enabled: true, target: "{target}", rings: 3}}
"""


def measure(people: int = PEOPLE) -> dict[str, Any]:
    text = company_file(people)
    with scratch_database() as database:
        env = {**os.environ, "PBX_DATABASE_URL_ROUTING": database.role_urls["routing"]}
        first_s, first = _run(env, {"do": "apply", "text": text})
        again_s, again = _run(env, {"do": "apply", "text": text})
        export_s, exported = _run(env, {"do": "export", "domain": DOMAIN})
        if first["plan"]["created"] < 4 * people or again["plan"]["changes"] or not exported["file"]:
            raise RuntimeError("the file was not applied as it should be: this is no measurement")
    return {"apply": {"subscribers": people, "file_mb": round(len(text) / 1e6, 1), "first_s": first_s,
                      "again_s": again_s, "export_s": export_s}}


def _run(env: Mapping[str, str], request: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "services.routing.apply"], cwd=ROOT, env=env, text=True,
                          input=json.dumps(request), stdout=subprocess.PIPE, check=True)
    took_s = round(time.monotonic() - began, 1)
    answer = json.loads(done.stdout)
    if answer["status"] != 200:
        raise RuntimeError(str(answer["body"])[:500])
    body: dict[str, Any] = answer["body"]
    return took_s, body


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE), indent=1))
