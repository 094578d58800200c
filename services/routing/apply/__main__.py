"""Work with company files, in a process of its own: reading ten thousand people takes seconds of work,
and where calls are answered nobody may wait for that.

    echo '{"do": "apply", "text": "company: …", "prune": false}' | python -m services.routing.apply

Each request is a line of JSON on the input, the answer one on the output: {"status": 200, "body": {…}}; errors are
answers, too, in the words of the HTTP interface. Trunk passwords come from the environment (TRUNK_PASSWORD_…), or from
`secrets` of the request.

    {"do": "plan" | "keep" | "apply", "text": …, "prune": …}
    {"do": "order" | "discard", "order_id": …}
    {"do": "export", "company_id": … | "domain": …}
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.routing.apply import export, orders, plan
from services.routing.apply.marks import Unreadable
from services.routing.apply.private import PrivateFile
from services.routing.apply.use_case import Made, make
from shared.database import Database, DatabaseError, DatabaseUnavailable, NotFound
from shared.settings import load

_STATEMENT_LIMIT_MS = 300_000


class _OnlyALook(Exception):
    """Undoes the transaction a plan was made in."""


class Work:
    def __init__(self, database: Database, request: Mapping[str, Any]) -> None:
        self._database = database
        self._request = request
        self._secrets = {**{name: value for name, value in os.environ.items() if name.startswith("TRUNK_PASSWORD_")},
                         **request.get("secrets", {})}
        named = request.get("passwords_file")
        self._passwords = PrivateFile(Path(named)) if named else None

    def do(self) -> dict[str, Any]:
        work = {"plan": self._plan, "keep": self._keep, "apply": self._apply, "order": self._order,
                "discard": self._discard, "export": self._export}
        return work[self._request["do"]]()

    def _make(self, tx: Any) -> Made:
        return make(tx, self._request["text"], prune=bool(self._request.get("prune")), secrets=self._secrets,
                    today=datetime.now(UTC).date())

    def _look(self) -> Made:
        try:
            with self._database.platform() as tx:
                made = self._make(tx)
                raise _OnlyALook
        except _OnlyALook:
            return made

    def _plan(self) -> dict[str, Any]:
        made = self._look()
        return {"plan": made.plan, "applied": False}

    def _keep(self) -> dict[str, Any]:
        made = self._look()
        with self._database.platform() as tx:
            order_id = orders.keep(tx, self._request["text"], bool(self._request.get("prune")), made)
        return {"plan": made.plan, "applied": False, "order_id": order_id}

    def _apply(self) -> dict[str, Any]:
        with self._database.platform() as tx:
            made = self._make(tx)
            self._before_it_counts(made)
        return self._done(made)

    def _order(self) -> dict[str, Any]:
        with self._database.platform() as tx:
            made = orders.order(tx, int(self._request["order_id"]), secrets=self._secrets,
                                today=datetime.now(UTC).date())
            self._before_it_counts(made)
        return self._done(made)

    def _discard(self) -> dict[str, Any]:
        with self._database.platform() as tx:
            orders.discard(tx, int(self._request["order_id"]))
        return {}

    def _export(self) -> dict[str, Any]:
        with self._database.platform() as tx:
            return {"file": export.of(tx, domain=self._request.get("domain"),
                                      company_id=self._request.get("company_id"))}

    def _before_it_counts(self, made: Made) -> None:
        # Passwords are on the disk before the devices are there: a crash in between must not lock anybody out.
        if self._passwords is not None and made.passwords:
            self._passwords.prepare({device: {"user": device, "domain": made.domain, "password": password}
                                     for device, password in made.passwords.items()})

    def _done(self, made: Made) -> dict[str, Any]:
        answer: dict[str, Any] = {"plan": made.plan, "applied": True, "company_id": made.company_id}
        if self._passwords is None:
            answer["devices"] = [{"device_id": device, "domain": made.domain, "password": password}
                                 for device, password in made.passwords.items()]
        elif made.passwords:
            self._passwords.commit()
        return answer


def answer_to(database: Database, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"status": 200, "body": Work(database, request).do()}
    except Unreadable as error:
        return _error(422, "invalid_file", error.wrong[0].rule, error.wrong[0].field or None, wrong=[
            {"line": one.mark.line if one.mark else None, "column": one.mark.column if one.mark else None,
             "field": one.field or None, "rule": one.rule, "text": str(one)} for one in error.wrong])
    except orders.NoLonger as error:
        return _error(409, error.error, str(error), hint="make a new plan")
    except NotFound as error:
        return _error(404, "not_found", str(error))
    except DatabaseUnavailable:
        return _error(503, "unavailable", "the database does not answer", hint="try again shortly")
    except DatabaseError as error:  # a rule only the database knows, or somebody was quicker
        return _error(409, "conflict", str(error).splitlines()[0], hint="nothing was changed; make a new plan")


def _error(status: int, error: str, message: str, field: str | None = None, hint: str | None = None,
           **more: Any) -> dict[str, Any]:
    return {"status": status, "body": {"error": error, "message": message, "field": field, "hint": hint, **more}}


def main() -> None:
    database = Database(load(lambda environment: environment.text("DATABASE_URL_ROUTING")), pool_size=1,
                        statement_timeout_ms=_STATEMENT_LIMIT_MS)
    answers, sys.stdout = sys.stdout, sys.stderr    # whatever else is printed is no answer
    for line in sys.stdin:
        answer = answer_to(database, json.loads(line))
        if "plan" in answer["body"]:
            answer["lines"] = list(plan.lines(answer["body"]["plan"]))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
