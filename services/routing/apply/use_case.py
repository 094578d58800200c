"""Use case: a company is made what its file says, in one transaction.

    with database.platform() as tx:
        made = make(tx, text, prune=False, secrets=os.environ, today=date.today())
        if only_a_look: raise …      # rolls back: the plan was made by doing it

A plan is what doing it really changes, found by doing it: the rules of every setting hold for a look as for an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.routing.apply import audit, check, document, marks, plan, present, settings, wanted, write
from services.routing.apply.marks import Source, Unreadable
from services.routing.apply.state import Action, Change, Kind, State, compare
from shared.database import Transaction


@dataclass(frozen=True)
class Made:
    company_id: int
    domain: str
    plan: dict[str, Any]
    passwords: dict[str, str]
    """Of the devices that are new, by id; shown once."""

    @property
    def changes_anything(self) -> bool:
        return any(self.plan[word] for word in ("created", "changed", "removed"))


def make(tx: Transaction, text: str, *, prune: bool, secrets: Mapping[str, str], today: date) -> Made:
    """In a transaction for all companies, which is the company's alone afterwards. Raises Unreadable with everything
    that is wrong; then nothing of the transaction may be kept."""
    source = marks.read(text)
    loaded = document.load(source)
    asked_for = wanted.of(loaded, source, secrets)
    domain: str = loaded["company"]["domain"]
    # One order for a company at a time: two that see the same state would both be right and not together.
    tx.execute("SELECT pg_advisory_xact_lock(hashtext('company file'), hashtext(:domain))", domain=domain)
    row = tx.row("SELECT company_id FROM directory.companies WHERE sip_domain = :domain FOR NO KEY UPDATE",
                 domain=domain)
    if row is None:
        there = State()
        company_id = write.create_company(tx, domain, asked_for.of(Kind.COMPANY)[()])
    else:
        company_id = int(row.company_id)
        write.narrow(tx, company_id)
        there = present.of(tx, company_id)
    changes = compare(there, asked_for, prune=prune)
    compared = check.Compared(there, asked_for, changes)
    wrong = check.broken(compared, source, _elsewhere(tx, company_id, asked_for), today)
    if wrong:
        raise Unreadable(wanted.in_order(wrong))
    passwords = write.write(tx, company_id, domain, changes)
    created = {change.key for change in changes if change.kind is Kind.SUBSCRIBER and change.action is Action.CREATE}
    set_now, wrong = settings.put(tx, company_id, asked_for, source, prune=prune, created=created)
    if wrong:
        raise Unreadable(wanted.in_order(wrong))
    changes = [*changes, *set_now]
    audit.note(tx, company_id, changes)
    return Made(company_id, domain, plan.view(domain, changes), passwords)


def _elsewhere(tx: Transaction, company_id: int, asked_for: State) -> set[tuple[str, str]]:
    pools = list(asked_for.of(Kind.POOL))
    return {(row.kind, row.name) for row in tx.rows(
        "SELECT kind, name FROM routing.taken_elsewhere(:company_id, CAST(:numbers AS text[]),"
        " CAST(:devices AS text[]), CAST(:trunks AS text[]), CAST(:firsts AS text[]), CAST(:lasts AS text[]))",
        company_id=company_id, numbers=[key[0] for key in asked_for.of(Kind.NUMBER)],
        devices=[key[0] for key in asked_for.of(Kind.DEVICE)], trunks=[key[0] for key in asked_for.of(Kind.TRUNK)],
        firsts=[key[1] for key in pools], lasts=[key[2] for key in pools])}


__all__ = ["Change", "Made", "Source", "Unreadable", "make"]
