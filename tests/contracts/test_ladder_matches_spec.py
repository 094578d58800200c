"""docs/precedence.md is the product's promise; the code's ladder must read like it."""

import re
from pathlib import Path

from services.routing.ladder import LADDER
from services.routing.outgoing import OUTGOING

TEXT = (Path(__file__).parents[2] / "docs" / "precedence.md").read_text()


def test_the_rungs_are_those_of_the_table_in_its_order():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", TEXT, re.MULTILINE)
    assert [(int(number), name.strip()) for number, name in rows] == [(rung.number, rung.name) for rung in LADDER]


def test_the_outgoing_rungs_are_named_in_their_order():
    sentence = re.search(r"`services/routing/outgoing.py`: ([^.]+)\.", TEXT)
    assert sentence is not None
    named = [name.strip() for name in sentence.group(1).replace("\n", " ").split(",")]
    assert named == [rung.name for rung in OUTGOING]
