"""The configuration in the real switch: it loads, and what must not be there is not."""

from __future__ import annotations

import re

import pytest

from shared.esl.client import InboundClient
from shared.esl.errors import AuthenticationFailed, CommandRejected
from tests.live.lab import Lab

pytestmark = pytest.mark.live


def test_it_loads_without_a_line_of_error(lab: Lab) -> None:
    assert lab.bad_lines_at_start == []


def test_both_profiles_and_the_trunk_are_up(lab: Lab) -> None:
    status = lab.api("sofia", "status")
    assert "sip:mod_sofia@127.0.0.1:" in status
    assert len(re.findall(r"RUNNING \(\d+\)", status)) == 2
    assert "musterbau-1" in status


@pytest.mark.parametrize("command", ["system", "bg_system", "spawn", "getenv", "global_getvar", "expand", "fsctl"])
def test_what_could_run_a_program_or_tell_a_secret_does_not_exist(lab: Lab, command: str) -> None:
    with pytest.raises(CommandRejected, match="Command not found"):
        lab.api(command, "id")


def test_a_wrong_event_socket_password_gets_nobody_in(lab: Lab) -> None:
    client = InboundClient("127.0.0.1", lab.switch.esl_port, "ClueCon", name="stranger")
    client.start()
    try:
        with pytest.raises(AuthenticationFailed):
            client.wait_connected(5)
    finally:
        client.stop()


def test_the_directory_was_asked_with_its_secret(lab: Lab) -> None:
    assert any(question.get("user") == "anna-desk" for question in lab.directory.questions)
