"""Nothing a caller, a handset or HTTP sends becomes a second command, argument, leg or expansion."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.esl import commands
from shared.esl.commands import Command
from shared.esl.errors import UnsafeArgument
from shared.esl.wire import CommandParser, encode

LEG = "a1111111-2222-4333-8444-555555555555"
# The display name that ran a shell command through a naive service, decoded once and twice.
ATTACKS = [
    "${system(touch /run/owned)}",
    "$${x}",
    "\\${system(id)}",
    "x\n\napi system id",
    "x\r\nexecute-app-name: system",
    "x\0y",
    "a\x1bb",
    "a\x7fb",
    "\ud800",
]

BUILDERS: list[Callable[[str], Command]] = [
    lambda text: commands.api("expand", text),
    lambda text: commands.api(text),
    lambda text: commands.bgapi("originate", text),
    lambda text: commands.execute("set", text),
    lambda text: commands.execute(text),
    lambda text: commands.execute("set", "a=b", text),
    lambda text: commands.execute("set", "a=b", None, text),
    lambda text: commands.hangup(text),
    lambda text: commands.set_variables({"name": text}),
    lambda text: commands.set_variables({text: "value"}),
    lambda text: commands.send_event(text, {}),
    lambda text: commands.subscribe([text]),
    lambda text: commands.subscribe(["CUSTOM " + text]),
    lambda text: commands.filter_events("Unique-ID", text),
    lambda text: commands.filter_present(text),
    lambda text: commands.get_variable(text),
    lambda text: commands.bgapi("status", job_uuid=text),
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("build", BUILDERS)
def test_an_attack_is_refused_in_every_place(build: Callable[[str], Command], attack: str) -> None:
    with pytest.raises(UnsafeArgument):
        build(attack)


@pytest.mark.parametrize("attack", ["x\n\napi system id", "x\ry", "x\0y", "\ud800"])
def test_an_event_header_takes_no_line_break(attack: str) -> None:
    with pytest.raises((UnsafeArgument, UnicodeEncodeError)):
        commands.send_event("PRESENCE_IN", {"from": attack})
    with pytest.raises(UnsafeArgument):
        commands.send_event("PRESENCE_IN", {attack: "x"})


@given(text=st.text(max_size=40), build=st.sampled_from(BUILDERS))
def test_any_text_gives_one_command_or_none(text: str, build: Callable[[str], Command]) -> None:
    try:
        command = build(text)
    except UnsafeArgument:
        return
    assert CommandParser().feed(encode(command)) == [command]


def test_the_refusal_names_the_argument_and_the_rule() -> None:
    with pytest.raises(UnsafeArgument) as caught:
        commands.set_variables({"pbx_reason": "${x}"})
    assert caught.value.argument_name == "pbx_reason"
    assert "$" in caught.value.rule
    assert isinstance(caught.value, ValueError)


def test_only_the_last_argument_or_a_quoted_one_has_spaces() -> None:
    assert commands.api("originate", "{name='Anna B'}sofia/a/1@h", "&park()").line == (
        "api originate {name='Anna B'}sofia/a/1@h &park()"
    )
    assert commands.api("uuid_setvar", LEG, "name", "two words").line.endswith(" name two words")
    for bad in ("a b", "'a' b", "'a b", ""):
        with pytest.raises(UnsafeArgument):
            commands.api("uuid_transfer", bad, "x")


@pytest.mark.parametrize("uuid", ["", "all", LEG.upper(), LEG + " x", LEG[:-1], f"{LEG}\n"])
def test_a_leg_is_named_by_an_exact_uuid(uuid: str) -> None:
    with pytest.raises(UnsafeArgument):
        commands.hangup("NORMAL_CLEARING", uuid)


def test_execute_says_which_leg_which_event_and_whether_to_lock() -> None:
    command = commands.execute("playback", "tone.wav", LEG, LEG, event_lock=True)
    assert command == Command(
        f"sendmsg {LEG}",
        (
            ("call-command", "execute"),
            ("execute-app-name", "playback"),
            ("execute-app-arg", "tone.wav"),
            ("Event-UUID", LEG),
            ("event-lock", "true"),
        ),
    )


def test_variables_are_parted_by_a_mark_none_of_them_has() -> None:
    assert commands.multiset_argument({"a": "1", "b": "x y"}) == "^^|a=1|b=x y"
    assert commands.multiset_argument({"a": "[x]p|q", "b": "~"}) == "^^;a=[x]p|q;b=~"
    assert commands.multiset_argument({"gone": ""}) == "^^|gone="
    for bad in ({}, {"a": "|~;!#^"}, {"a": "it's"}, {"a": " x"}, {"a=b": "x"}, {"a b": "x"}):
        with pytest.raises(UnsafeArgument):
            commands.multiset_argument(bad)


def test_custom_events_come_last_with_their_subclasses() -> None:
    wanted = ["CUSTOM sofia::register", "CHANNEL_ANSWER", "CUSTOM sofia::unregister", "CHANNEL_ANSWER"]
    assert commands.subscribe(wanted).line == "event plain CHANNEL_ANSWER CUSTOM sofia::register sofia::unregister"


@pytest.mark.parametrize("name", ["CHANNEL_ANSWERED", "CUSTOM", "channel_answer", "ALL sofia::register"])
def test_an_event_the_switch_would_silently_not_know_is_refused(name: str) -> None:
    with pytest.raises(UnsafeArgument):
        commands.subscribe([name])
