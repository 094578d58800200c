"""The simulator's parts by themselves: expansion, dial strings, dialplan, configuration, sound."""

from __future__ import annotations

import wave
from pathlib import Path
from xml.etree import ElementTree

import pytest

from freeswitch.simulator import audio, causes, dial_strings, xml_config
from freeswitch.simulator.data import Data, expr
from freeswitch.simulator.dialplan import Caller, DialplanError, hunt
from freeswitch.simulator.variables import Variables, expand, is_false, is_true
from freeswitch.simulator.words import split_arguments

# Expansion


def expanded(text: str, **values: str) -> str:
    return expand(text, values.get, lambda name, arguments: f"<{name}:{arguments}>")


def test_variables_and_commands_are_put_in() -> None:
    assert expanded("a ${x} b", x="1") == "a 1 b"
    assert expanded("${missing}") == ""
    assert expanded("${user_data(${who}@d var pbx)}", who="22") == "<user_data:22@d var pbx>"
    assert expanded("${strepoch()}") == "<strepoch:>"


def test_a_value_is_expanded_again_as_the_switch_does() -> None:
    assert expanded("${outer}", outer="${inner}", inner="deep") == "deep"


def test_parts_of_values_and_escapes() -> None:
    assert expanded("${x:2}", x="abcdef") == "cdef"
    assert expanded("${x:1:2}", x="abcdef") == "bc"
    assert expanded("${x[1]}", x="ARRAY::a|:b|:c") == "b"
    assert expanded(r"\${x}", x="1") == "${x}"


def test_pushed_values_become_an_array() -> None:
    variables = Variables()
    variables.push("Causes", "a;BUSY")
    assert variables.get("causes") == "a;BUSY"
    variables.push("causes", "b;NONE")
    assert variables.get("CAUSES") == "ARRAY::a;BUSY|:b;NONE"
    variables.set("causes", "")
    assert variables.get("causes") is None


def test_words_for_yes_and_no() -> None:
    assert all(is_true(word) for word in ("true", "Yes", "1", "on", "17"))
    assert not any(is_true(word) for word in ("false", "", None, "0", "maybe"))
    assert is_false("false")
    assert not is_false(None)


def test_arguments_are_split_at_blanks_outside_of_quotes() -> None:
    assert split_arguments("{name='Anna B'}user/x &park()") == ["{name=Anna B}user/x", "&park()"]
    assert split_arguments("a b c d", limit=2) == ["a", "b c d"]


# Dial strings


def test_legs_that_ring_together_and_after_each_other() -> None:
    dial = dial_strings.parse(
        "{a=1,b='x, y'}[leg_timeout=5]sofia/internal/u%d,user/2@d|[^^;c=1;d=2,3]sofia/gateway/g/+49"
    )
    assert dial.variables == (("a", "1"), ("b", "x, y"))
    assert [[(leg.endpoint, leg.target) for leg in group] for group in dial.groups] == [
        [("sofia", "internal/u%d"), ("user", "2@d")],
        [("sofia", "gateway/g/+49")],
    ]
    assert dial.groups[0][0].variables == (("leg_timeout", "5"),)
    assert dial.groups[1][0].variables == (("c", "1"), ("d", "2,3"))


@pytest.mark.parametrize("text", ["", "{a=1}", "{a=1user/x", "nothing", "[x=1user/y"])
def test_what_is_no_dial_string_is_refused(text: str) -> None:
    with pytest.raises(dial_strings.DialStringError):
        dial_strings.parse(text)


# Dialplan

PLAN = ElementTree.fromstring("""
<section name="dialplan"><context name="here">
  <extension name="first" continue="true">
    <condition field="${set}" expression="^yes$" break="never">
      <action application="log" data="was set"/><anti-action application="log" data="was not set"/>
    </condition>
    <condition><action application="always" data="${kept}"/></condition>
  </extension>
  <extension name="numbers">
    <condition field="destination_number" expression="^(\\d)(\\d+)$">
      <action application="dial" data="$2-$1-$3"/></condition>
  </extension>
  <extension name="either"><condition regex="any">
    <regex field="destination_number" expression="^a$"/><regex field="destination_number" expression="^b$"/>
    <action application="letter"/></condition></extension>
  <extension name="timed"><condition wday="1-5"><action application="work"/></condition></extension>
</context></section>""")


def hunted(number: str, **variables: str) -> list[tuple[str, str]]:
    caller = Caller(
        read_field=lambda name: number if name == "destination_number" else "",
        expand=lambda text: expanded(text, **variables),
        run_inline=lambda application, data: None,
    )
    extension = hunt(PLAN, "here", caller)
    return [] if extension is None else extension.applications


def test_extensions_that_match_are_put_one_behind_the_other() -> None:
    assert hunted("123") == [("log", "was not set"), ("always", "${kept}"), ("dial", "23-1-")]
    assert hunted("b", set="yes") == [("log", "was set"), ("always", "${kept}"), ("letter", "")]


def test_conditions_on_time_are_refused() -> None:
    with pytest.raises(DialplanError):
        hunted("x")


# Configuration


def test_the_configuration_is_read_as_the_switch_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN", "17")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one.xml").write_text('<include>\n<a x="$${port}" y="$${name}"/>\n</include>')
    (tmp_path / "freeswitch.xml").write_text("""<?xml version="1.0"?>
<!-- <X-PRE-PROCESS cmd="set" data="name=comment"/> -->
<document>
<X-PRE-PROCESS cmd="set" data="port=5"/>
<X-PRE-PROCESS cmd="env-set" data="port=$GIVEN"/>
<X-PRE-PROCESS cmd="env-set" data="port=$NOT_GIVEN"/>
<X-PRE-PROCESS cmd="set" data="name=x"/>
<X-PRE-PROCESS cmd="include" data="more/*.xml"/>
</document>""")
    read = xml_config.load(tmp_path, {})
    assert next(read.root.iter("a")).attrib == {"x": "17", "y": "x"}


@pytest.mark.parametrize("line", ['<X-PRE-PROCESS cmd="exec" data="id"/>', "<X-PRE-PROCESS something/>", "<open>"])
def test_a_configuration_that_cannot_be_used_says_so(tmp_path: Path, line: str) -> None:
    (tmp_path / "freeswitch.xml").write_text(f"<document>\n{line}\n</document>")
    with pytest.raises(xml_config.ConfigurationError):
        xml_config.load(tmp_path, {})


# Sound


def test_a_recording_is_as_long_as_what_it_is_cut_from() -> None:
    speech = audio.Timeline()
    speech.say(audio.Tone((440.0,)))
    samples = speech.read(speech._stretches[0].starts_at, 8000)
    assert len(samples) == 8000
    assert max(samples) > 7000


def test_tones_have_the_length_they_say() -> None:
    assert audio.tone_stream("%(500,0,1000)").samples == 4000
    assert audio.tone_stream("%(100,100,400,450);loops=3").samples == 4800
    assert audio.tone_stream("%(10000,0,440);loops=-1").samples is None
    with pytest.raises(audio.SoundError):
        audio.tone_stream("c=3;nonsense")


def test_a_wav_is_written_as_the_switch_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    audio.write_wav(path, audio.Tone((440.0,)).read(0, 1600))
    assert path.stat().st_size == 44 + 2 * 1600
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)


def test_causes_and_statuses() -> None:
    assert causes.named("user_busy") == "USER_BUSY"
    assert causes.named("17") == "USER_BUSY"
    assert causes.named("nonsense") == "NORMAL_CLEARING"
    assert causes.to_sip("USER_BUSY") == 486
    assert causes.from_sip(603) == "CALL_REJECTED"
    assert causes.q850("PICKED_OFF") == 16


# Data and sums


def test_data_outlives_the_switch(tmp_path: Path) -> None:
    data = Data(tmp_path / "data.json")
    assert data.command("count/emergency") == "0"
    assert data.command("list/emergency") == ""
    assert data.command("insert/emergency/+49301/17:1/2") == "+OK"
    assert data.command("insert/emergency/+49302/18") == "+OK"
    assert data.command("insert/emergency/+49302/19") == "+OK"
    again = Data(tmp_path / "data.json")
    assert again.command("list/emergency") == "+49301,+49302"
    assert [again.command(f"select/emergency/{key}") for key in ("+49301", "+49302", "+49303")] == ["17:1/2", "19", ""]
    assert again.command("delete/emergency/+49301") == "+OK"
    assert again.command("exists/emergency/+49301") == "false"
    assert [again.command(wrong) for wrong in ("", "insert/a/b/", "select/a", "drop/a")] == ["!err!"] * 4


def test_differences_are_reckoned() -> None:
    assert [expr("1700000900-1700000000"), expr("5-7"), expr("1-")] == ["900", "-2", "!err!"]
