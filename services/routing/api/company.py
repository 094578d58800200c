"""What the addresses of one company's things share: who may, in which company, and who is told of a change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from services.routing.api.refusals import actor, refusals_answered
from services.routing.features import Actor
from shared import whose
from shared.api import ApiError, principal, requires
from shared.database import Database, Transaction
from shared.messages import Message, SettingsChanged

Publish = Callable[[Message], None]
manages = requires("operator", "administrator")
"""Who looks after a company: its administrators, and operators."""


class Changes:
    """One transaction in the company asked about, its refusals as answers, and a word to the others afterwards."""

    def __init__(self, database: Database, publish: Publish) -> None:
        self._database = database
        self._publish = publish

    @contextmanager
    def at(self, company_id: int, what: str | None = None, subscriber_id: int | None = None) -> Iterator[
            tuple[Transaction, Actor]]:
        """what: announced as this when it is committed; None: only looked at."""
        with refusals_answered(), self._database.company(company_id) as tx:
            yield tx, actor()
        if what is not None:
            self._publish(SettingsChanged(id=str(uuid.uuid4()), at=datetime.now(UTC).isoformat(),
                                          company_id=company_id, subscriber_id=subscriber_id, what=what))

    def company(self, named: int | None) -> int:
        """The one an operator names, which must be there; an administrator's own."""
        company_id = whose.company(named)
        if principal().company_id is None:
            with self._database.platform() as tx:
                if tx.row("SELECT 1 AS there FROM directory.companies WHERE company_id = :id", id=company_id) is None:
                    raise ApiError(404, "not_found", "there is no such company", field="company_id")
        return company_id

    def person(self, subscriber_id: int) -> whose.Person:
        return whose.person(self._database, subscriber_id)

    def site(self, site_id: int) -> whose.Site:
        return whose.site(self._database, site_id)

    def company_of_department(self, department_id: int) -> int:
        return self._company_by("SELECT company_id FROM directory.departments WHERE department_id = :id",
                                department_id, "department")

    def company_of_device(self, device_id: str) -> int:
        return self._company_by("SELECT company_id FROM directory.devices WHERE device_id = :id", device_id, "device")

    def _company_by(self, sql: str, named: int | str, what: str) -> int:
        own = principal().company_id
        with self._database.platform() if own is None else self._database.company(own) as tx:
            row = tx.row(f"{sql} AND company_id = coalesce(:company_id, company_id)", id=named, company_id=own)
        if row is None:
            raise ApiError(404, "not_found", f"there is no such {what}", field=f"{what}_id")
        return int(row.company_id)


def today_at(time_zone: str) -> date:
    return datetime.now(ZoneInfo(time_zone)).date()
