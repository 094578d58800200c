"""docs/feature-codes.md and shared/prompts.yaml against the table of codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from services.routing.codes import saying
from services.routing.codes.doing import DOES
from services.routing.codes.matching import Wrong
from services.routing.codes.meaning import CALLS, MAILBOXES, SPEED_DIAL_EMPTY
from services.routing.feature_codes import TABLE, Takes, clashes

ROOT = Path(__file__).parents[2]
CATALOGUE = yaml.safe_load((ROOT / "shared" / "prompts.yaml").read_text())
WRITTEN = {
    Takes.NOTHING: "", Takes.NUMBER: " number", Takes.NUMBER_OR_STORED: " [number]", Takes.TWO_DIGITS: " nn",
    Takes.RINGS: " n", Takes.EXTENSION: " ext", Takes.EXTENSION_OR_OWN_GROUP: " [ext]", Takes.STATUS: " n",
}
# The product's own list (row F1), code for code.
PRODUCT = [
    "*72", "*73", "*21*", "*90", "*91", "*67*", "*92", "*93", "*61*", "*610", "*94", "*95", "*63*",
    "#76", "#77", "*21", "#21", "*40", "#40", "*41", "#41", "*78", "*79", "*77", "*87", "*52*", "*43", "#43",
    "*53*", "*70", "*31", "#31", "*54*", "*67", "*65", "*11", "*15", "*98", "*97", "*33", "*68", "*88", "#58",
    "*62", "*86", "*55", "*99", "*80", "#61", "#62", "#63", "#64", "#51", "#52", "#53", "*22", "*23", "*66",
    "#80", "#81", "*84", "*85",
]
SAID_IN_ALL_CASES = {
    *Wrong, *saying.WHAT_IS_WRONG.values(), saying.NOT_POSSIBLE_NOW, saying.NOTHING_STORED, saying.NOT_SET_UP,
    saying.REFUSED, SPEED_DIAL_EMPTY,
    "after", "rings", "plus", "message-lamp-cleared", "number-not-assigned",
    "code-nobodys-telephone", "forward-no-answer-rings-set-to", "remote-office-warning",
    *map(saying.count, saying.RING_COUNTS),
}


def said_by_the_table() -> set[str]:
    said = {f"{one.prompt}-off" for one in TABLE if one.prompt}
    for one in TABLE:
        if one.takes is Takes.NUMBER_OR_STORED:
            said.add(f"{one.prompt}-is-set-to")
        elif one.prompt and not any(other.takes is Takes.NUMBER_OR_STORED and other.prompt == one.prompt
                                    for other in TABLE):
            said.add(f"{one.prompt}-on")
    return said


def test_the_table_in_the_docs_is_the_table_that_is_dialled() -> None:
    rows = re.findall(r"^\| `(.+?)`(.*?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$",
                      (ROOT / "docs" / "feature-codes.md").read_text(), re.MULTILINE)
    assert rows == [
        (one.code, WRITTEN[one.takes], one.mobile_code or "–", one.en, one.row, one.since or "later") for one in TABLE]


def test_every_code_of_the_product_is_there_once() -> None:
    assert sorted(one.code for one in TABLE) == sorted(PRODUCT)


def test_the_table_has_no_two_codes_that_could_be_taken_for_one_another() -> None:
    assert list(clashes({})) == []


def test_every_code_that_is_there_does_something_or_calls() -> None:
    there = {one.function for one in TABLE if one.since}
    assert set(DOES) | CALLS | MAILBOXES | {"speed_dial"} == there


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("prompt", sorted(said_by_the_table() | SAID_IN_ALL_CASES))
def test_everything_a_code_can_say_is_in_the_catalogue_in_both_languages(prompt: str, language: str) -> None:
    assert CATALOGUE[prompt][language].strip()
