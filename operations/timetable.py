"""`make timetable OF=22 WEEK=2026-W52`: where calls to somebody go in a week, drawn to a file (explain.py)."""

from operations import explain, instance
from operations.screen import Trouble, say


def main(words: list[str]) -> int:
    """words: OF, WEEK, FROM, COMPANY; those not given are empty."""
    extension, week, caller, company = (*words, *[""] * 4)[:4]
    if not extension:
        raise Trouble("Whose calls?", "make timetable OF=22 (WEEK=2026-W52, FROM=21, COMPANY=…)")
    file = explain.drawn(instance.load("dev"), extension, week, caller, company)
    say(f"  {file}: open it in a browser")
    return 0
