"""The simulator fires the events FreeSWITCH fires: each recorded call made again, leg by leg, header by header."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.telephones import Telephones
from tests.simulator.flows import FLOWS, Flow, observe
from tests.simulator.frames import CONVERSATIONS, Conversation
from tests.simulator.simulated_lab import SimulatedLab

RECORDINGS = Path(__file__).parent / "recordings"
# Two threads of FreeSWITCH race for these once one of two bridged legs has hung up.
_RACED_FOR = frozenset(("Channel-Call-UUID", "variable_call_uuid", "variable_bridge_hangup_cause"))

Line = dict[str, str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SimulatedLab, Telephones]]:
    simulated = SimulatedLab(tmp_path_factory.mktemp("lab"))
    telephones = simulated.start()
    simulated.open_routing()
    for device in ("anna-desk", "bernd-desk", "clara-desk"):
        telephones[device].register()
    yield simulated, telephones
    simulated.stop()


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: conversation.__name__)
def test_a_conversation_is_held_as_freeswitch_holds_it(
    conversation: Conversation, lab: tuple[SimulatedLab, Telephones]
) -> None:
    recorded = json.loads((RECORDINGS / f"{conversation.__name__}.json").read_text())
    try:
        held = conversation(*lab)
    finally:
        lab[1].reset()
    # The notice of lingering comes somewhere among the last events.
    lingering = {"Content-Disposition": "linger"}.items()
    assert [line for line in held if not lingering <= line.items()] == [
        line for line in recorded if not lingering <= line.items()
    ]
    assert sum(lingering <= line.items() for line in held) == sum(lingering <= line.items() for line in recorded)


def by_leg(lines: list[Line]) -> dict[str, list[Line]]:
    """Between legs the order is a matter of threads; of one leg it is a matter of the switch."""
    legs: dict[str, list[Line]] = {}
    for line in lines:
        legs.setdefault(line.get("leg", "no leg"), []).append(line)
    for events in legs.values():
        over = False
        for line in events:
            over = over or line["event"] == "CHANNEL_HANGUP"
            for header in _RACED_FOR if over else ():
                line.pop(header, None)
    return legs


def told(line: Line) -> str:
    return " ".join(part for part in (line["event"], line.get("Application"), line.get("Channel-Call-State")) if part)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_a_call_is_told_as_freeswitch_tells_it(flow: Flow, lab: tuple[SimulatedLab, Telephones]) -> None:
    recorded = by_leg(json.loads((RECORDINGS / f"{flow.__name__}.json").read_text()))
    simulated = by_leg(observe(*lab, flow, quiet_s=0.2))
    assert {leg: [told(line) for line in lines] for leg, lines in simulated.items()} == {
        leg: [told(line) for line in lines] for leg, lines in recorded.items()
    }
    for leg, lines in recorded.items():
        assert simulated[leg] == lines
