"""Lists of calls as CSV (RFC 4180), line by line, safe to open in a spreadsheet. Core."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

_STARTS_A_FORMULA = re.compile(r"[=+\-@\t\r]")


def lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Columns are named in the first line; None is an empty cell."""
    yield _line(columns)
    for row in rows:
        yield _line([_cell(value) for value in row])


def _cell(value: object) -> str:
    """A caller chooses his name: what a spreadsheet would calculate gets a ' in front."""
    text = "" if value is None else str(value)
    return f"'{text}" if _STARTS_A_FORMULA.match(text) else text


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
