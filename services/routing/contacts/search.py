"""The phone book searched as one types: colleagues, the company's contacts, one's own, in one list. Use case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from services.routing.call_log import patterns
from shared.database import Row, Transaction

KINDS = ("colleague", "company", "personal")
ANY_CONTACT = "contact"
"""As what is wanted: both of the last."""
_NUMBER = re.compile(r"\+?[0-9 ()/.\-]*[0-9][0-9 ()/.\-]*")
_FEWEST_DIGITS = 3
"""Within a number; an extension is found from its first digit on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    company_id: int
    reader_id: int | None
    """Whose own contacts are searched with the rest; None: nobody's."""
    text: str = ""
    kind: str | None = None
    number: str | None = None
    """Who has exactly this one, E.164 or an extension."""
    offset: int = 0
    limit: int = 20


_COLLEAGUES = """
    SELECT 'colleague' AS kind, s.subscriber_id AS id, s.first_name, s.last_name, '' AS organisation,
        d.name AS department, t.name AS site, directory.searched(s.first_name || ' ' || s.last_name) AS searched,
        jsonb_build_array(jsonb_build_object('label', 'extension', 'number', s.extension)) || coalesce(
            (SELECT jsonb_agg(jsonb_build_object('label', 'work', 'number', n.number) ORDER BY n.is_main DESC, n.number)
             FROM directory.numbers n
             WHERE n.company_id = s.company_id AND n.subscriber_id = s.subscriber_id), '[]') AS numbers
    FROM directory.subscribers s
    JOIN directory.sites t ON t.company_id = s.company_id AND t.site_id = s.site_id
    LEFT JOIN directory.departments d ON d.company_id = s.company_id AND d.department_id = s.department_id
    WHERE s.company_id = :company_id
"""
_CONTACTS = """
    SELECT CASE WHEN c.subscriber_id IS NULL THEN 'company' ELSE 'personal' END, c.contact_id, c.first_name,
        c.last_name, c.organisation, NULL, NULL, c.searched,
        coalesce((SELECT jsonb_agg(jsonb_build_object('label', n.label, 'number', n.number) ORDER BY n.position)
                  FROM directory.contact_numbers n
                  WHERE n.company_id = c.company_id AND n.contact_id = c.contact_id), '[]')
    FROM directory.contacts c
    WHERE c.company_id = :company_id
      AND (c.subscriber_id IS NULL OR c.subscriber_id = CAST(:reader_id AS bigint))
"""


def search(tx: Transaction, wanted: Wanted) -> list[Row]:
    """kind, id, name, first_name, last_name, organisation, department, site, numbers [{label, number}]: whose name
    begins so first, then by name."""
    values: dict[str, Any] = {
        "company_id": wanted.company_id, "reader_id": wanted.reader_id, "limit": wanted.limit, "offset": wanted.offset}
    conditions = ["true"]
    if wanted.kind == ANY_CONTACT:
        conditions.append("b.kind <> 'colleague'")
    elif wanted.kind is not None:
        conditions.append("b.kind = :kind")
        values["kind"] = wanted.kind
    if wanted.number is not None:
        conditions.append("b.numbers @> jsonb_build_array(jsonb_build_object('number', CAST(:number AS text)))")
        values["number"] = wanted.number
    first = ""
    words = _words(tx, wanted.text)
    if words:
        named = []
        for place, word in enumerate(words):
            named.append(f"b.searched LIKE :word{place}")
            values[f"word{place}"] = f"% {_literally(word)}%"
        either = " AND ".join(named)
        if _NUMBER.fullmatch(wanted.text.strip()):
            digits = patterns(wanted.text)["in_number"].strip("%")
            inside = "%" if sum(one.isdigit() for one in digits) >= _FEWEST_DIGITS else ""
            either = (f"({either}) OR EXISTS (SELECT FROM jsonb_to_recordset(b.numbers) AS n(number text)"
                      " WHERE n.number LIKE :digits)")
            values["digits"] = f"{inside}{digits}%"
        conditions.append(f"({either})")
        first = "(b.searched LIKE :beginning OR directory.searched(b.last_name) LIKE :beginning) DESC,"
        values["beginning"] = f" {_literally(words[0])}%"
    elif wanted.text.strip():
        return []  # nothing in it that a name or a number could hold
    return tx.rows(
        f"""SELECT b.kind, b.id, b.first_name, b.last_name, b.organisation, b.department, b.site, b.numbers,
                coalesce(nullif(btrim(b.first_name || ' ' || b.last_name), ''), b.organisation) AS name
            FROM ({_COLLEAGUES} UNION ALL {_CONTACTS}) b
            WHERE {' AND '.join(conditions)}
            ORDER BY {first} directory.plain(coalesce(nullif(b.last_name, ''), nullif(b.organisation, ''),
                b.first_name)), directory.plain(b.first_name), b.kind, b.id LIMIT :limit OFFSET :offset""",
        **values)


def _words(tx: Transaction, text: str) -> list[str]:
    return str(tx.one("SELECT directory.plain(:text) AS words", text=text).words).split()


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
