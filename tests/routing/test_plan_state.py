"""The plan comes back from the switch as it left, and anything else is refused."""

import base64
import json
import re
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.facts import ForwardReason, Mailbox, Redirection
from services.routing.ladder import decide
from services.routing.plan import PickUp, Say
from services.routing.plan_state import VERSION, NotAPlan, Travelling, from_variable, to_variable
from tests.routing.build import forward, incoming, person

CALL = "5f0f9b7e-0001-4000-8000-000000000001"


def travelling(step):
    return Travelling(CALL, 7, "musterbau.example", 1, step, "devices",
                      (Redirection("22", "+493055500022", "Bernd Buche", ForwardReason.BUSY),))


def entangled():
    def all_to(n):
        target = forward(str(22 + (n - 21) % 6), 3)
        return person(n, forward_busy=target, forward_no_answer=target, forward_not_reachable=target,
                      mailbox=Mailbox(busy=True))
    return decide(incoming(*(all_to(n) for n in range(22, 28)))).step


@pytest.mark.parametrize("step", [
    decide(incoming(person(22))).step,
    decide(incoming(person(22, forward_always=forward("+491715550199")))).step,
    decide(incoming(person(22, mailbox=Mailbox(always=True)))).step,
    decide(incoming(person(22, forward_busy=forward("23")), person(23))).step,
    Say(("do-not-disturb-on",), "de", "feature_code"),
    PickUp(CALL, decide(incoming(person(22))).step),
    entangled(),
])
def test_every_step_survives_the_journey(step):
    assert from_variable(to_variable(travelling(step))) == travelling(step)


def test_the_variable_needs_no_quoting_anywhere():
    assert re.fullmatch(r"[A-Za-z0-9_-]+", to_variable(travelling(entangled())))


def test_an_ordinary_plan_is_short_and_the_worst_one_fits_a_channel_variable():
    assert len(to_variable(travelling(decide(incoming(person(22))).step))) < 1000
    assert len(to_variable(travelling(entangled()))) < 16_000


def test_another_version_is_refused():
    good = to_variable(travelling(decide(incoming(person(22))).step))
    content = orjson.loads(base64.urlsafe_b64decode(good[1:] + "=="))
    content[0] += 1
    with pytest.raises(NotAPlan, match="version"):
        from_variable("j" + base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("="))


@given(st.text(max_size=60))
def test_other_text_is_refused(text):
    with pytest.raises(NotAPlan):
        from_variable(text)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=9)))
def test_other_json_is_refused(content):
    with pytest.raises(NotAPlan):
        from_variable("j" + base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("="))
    good = [VERSION, CALL, 7, "d", 1, "", [], ["21", "", False, None], 0, content]
    with pytest.raises(NotAPlan):
        from_variable("j" + base64.urlsafe_b64encode(json.dumps(good).encode()).decode().rstrip("="))


def test_a_plan_that_leads_to_itself_cannot_be_written():
    steps = [["ring", [], 5, 0, 0, 0, "x", None, ["", "", False], ""]]
    with pytest.raises(NotAPlan, match="does not exist"):
        from_variable("j" + base64.urlsafe_b64encode(
            orjson.dumps([VERSION, CALL, 7, "d", 1, "", [], ["21", "", False, None], 0, steps])).decode().rstrip("="))


def test_equal_plans_are_equal_text():
    one = travelling(entangled())
    assert to_variable(one) == to_variable(replace(one))
