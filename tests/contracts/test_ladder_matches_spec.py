"""docs/precedence.md is the product's promise; the code's ladder must read like it."""

import re
from pathlib import Path

import pytest

from services.routing.facts import Mailbox
from services.routing.ladder import LADDER
from services.routing.outgoing import OUTGOING
from services.routing.plan import Announce, Outcome, Reject, ToMailbox
from services.routing.rungs.outcome import after_rings, wishes_after
from services.routing.rungs.said import Forward
from tests.routing.build import forward, incoming, person

TEXT = (Path(__file__).parents[2] / "docs" / "precedence.md").read_text()


def test_the_rungs_are_those_of_the_table_in_its_order():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", TEXT, re.MULTILINE)
    assert [(int(number), name.strip()) for number, name in rows] == [(rung.number, rung.name) for rung in LADDER]


def test_the_outgoing_rungs_are_named_in_their_order():
    sentence = re.search(r"`services/routing/outgoing.py`: ([^.]+)\.", TEXT)
    assert sentence is not None
    named = [name.strip() for name in sentence.group(1).replace("\n", " ").split(",")]
    assert named == [rung.name for rung in OUTGOING]


BUSY_FORWARD, NO_ANSWER_FORWARD, NOT_REACHABLE_FORWARD = "23", "24", "25"
ALL_SET = person(
    22, forward_busy=forward(BUSY_FORWARD), forward_no_answer=forward(NO_ANSWER_FORWARD, 4),
    forward_not_reachable=forward(NOT_REACHABLE_FORWARD), mailbox=Mailbox(busy=True, no_answer=True, rings=4))
IN_WORDS = {
    BUSY_FORWARD: "forward busy", NO_ANSWER_FORWARD: "forward no answer",
    NOT_REACHABLE_FORWARD: "forward not reachable",
    "busy": "mailbox on busy", "no_answer": "mailbox on no answer", "not_reachable": "mailbox on no answer",
}
OUTCOMES = [tuple(cell.strip() for cell in row) for row in re.findall(
    r"^\| (busy|no answer|not reachable) \|[^|]+\|([^|]+)\|([^|]+)\|([^|]+)\|$", TEXT, re.MULTILINE)]


def test_each_outcome_has_its_row():
    assert [row[0].replace(" ", "_") for row in OUTCOMES] == [outcome.value for outcome in Outcome]


@pytest.mark.parametrize(("name", "first", "second", "otherwise"), OUTCOMES)
def test_each_outcome_is_forward_then_mailbox_then_the_end_as_its_row_says(name, first, second, otherwise):
    facts = incoming(ALL_SET)
    outcome = Outcome(name.replace(" ", "_"))
    wishes = [*(one.wish for one in after_rings(facts)), *wishes_after(outcome, facts)] \
        if outcome is Outcome.NO_ANSWER else wishes_after(outcome, facts)
    to, mailbox, end = wishes
    assert isinstance(to, Forward)
    assert isinstance(mailbox, ToMailbox)
    assert (IN_WORDS[to.target], IN_WORDS[mailbox.reason]) == (first, second)
    assert {"busy": Reject, "no answer": Reject, "not reachable": Announce}[name] is type(end)
    assert end.reason == outcome.value
    assert otherwise  # the row says what the caller hears
