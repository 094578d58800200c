"""Who changed what, for every change of a plan in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services.routing.apply.state import Action, Change, Kind
from services.routing.apply.wanted import Secret
from services.routing.features import Scope
from shared.database import Transaction

_OF_A_PERSON = (Kind.SUBSCRIBER, Kind.MAILBOX)


def note(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    rows = [_row(change) for change in changes if change.action is not Action.KEEP]
    if rows:
        tx.execute(
            "INSERT INTO routing.audit (company_id, actor_role, via, subscriber_id, site_id, what, before, after)"
            " SELECT :company_id, 'operator', 'apply', p.subscriber_id, s.site_id, w.what, w.before, w.after"
            " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS"
            " w(extension text, site text, what text, before jsonb, after jsonb)"
            " LEFT JOIN directory.subscribers p ON p.company_id = :company_id AND p.extension = w.extension"
            " LEFT JOIN directory.sites s ON s.company_id = :company_id AND s.name = w.site",
            company_id=company_id, rows=json.dumps(rows, default=_shown))


def _row(change: Change) -> dict[str, Any]:
    extension: str | None = None
    site: str | None = None
    what = f"{change.kind} {change.name}".rstrip()
    if change.kind is Kind.SETTING:
        scope, name, what = change.key
        extension = name if scope == Scope.SUBSCRIBER else None
        site = name if scope == Scope.SITE else None
    elif change.kind in _OF_A_PERSON:
        extension = change.key[0]
    elif change.kind in (Kind.NUMBER, Kind.DEVICE):
        extension = (change.new or change.old)["subscriber"]
    elif change.kind in (Kind.SITE, Kind.POOL, Kind.DEPARTMENT):
        site = change.key[0]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    if change.action is Action.REMOVE:
        before = dict(change.old)
    else:
        shown = change.shown()
        if change.action is Action.CHANGE:
            before = {name: old for name, (old, _) in shown.items()}
        after = {name: new for name, (_, new) in shown.items()}
    return {"extension": extension, "site": site, "what": what, "before": before, "after": after}


def _shown(value: object) -> str:
    if isinstance(value, Secret):
        return str(value)
    raise TypeError(type(value).__name__)
