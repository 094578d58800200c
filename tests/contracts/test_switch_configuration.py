"""freeswitch/conf without FreeSWITCH: well-formed, whole, and using only what the real switch knows.

The names in switch_names.json are those of FreeSWITCH 1.11.2: parameters by the configuration that reads
them, applications and API commands by module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from operations import settings_of_instance
from services.voicemail import record
from shared.esl.events import Event

CONF = Path(__file__).resolve().parents[2] / "freeswitch" / "conf"
NAMES = json.loads((Path(__file__).parent / "switch_names.json").read_text())
FILES = sorted(CONF.rglob("*.xml"))
# Set by FreeSWITCH itself (switch_core.c).
WRITTEN_BY_ROUTING = "$${run}/trunks.xml"
OF_THE_SWITCH = {"run_dir", "sounds_dir", "recordings_dir", "log_dir"}


def parsed() -> Iterator[tuple[Path, ElementTree.Element]]:
    for file in FILES:
        yield file, ElementTree.fromstring(file.read_text())


def elements(tag: str) -> Iterator[tuple[Path, ElementTree.Element]]:
    for file, root in parsed():
        for element in root.iter(tag):
            yield file, element


def allowed() -> set[str]:
    return {element.get("name", "") for _, element in elements("allow")}


def applications_used() -> set[str]:
    return {element.get("application", "") for tag in ("action", "anti-action") for _, element in elements(tag)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_every_file_is_well_formed(file: Path) -> None:
    ElementTree.fromstring(file.read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_no_comment_swallows_a_line_or_starts_a_command(file: Path) -> None:
    """FreeSWITCH looks at lines, not at XML: these words act in comments too (switch_xml.c, preprocess)."""
    for comment in re.findall(r"<!--.*?-->", file.read_text(), re.DOTALL):
        assert not re.search(r"</?include>|x-pre-process|<!--#|\?>", comment, re.IGNORECASE), comment


def test_every_include_finds_files() -> None:
    for file, element in elements("X-PRE-PROCESS"):
        if element.get("cmd") == "include" and element.get("data") != WRITTEN_BY_ROUTING:
            assert list(file.parent.glob(element.get("data", ""))), f"{file}: {element.get('data')}"


def test_every_file_is_included_once() -> None:
    included = [found for file, element in elements("X-PRE-PROCESS") if element.get("cmd") == "include"
                for found in file.parent.joinpath(element.get("data", "")).parent.resolve().glob(
                    Path(element.get("data", "")).name)]
    assert sorted(included) == [file for file in FILES if file.name != "freeswitch.xml"]


def test_every_global_variable_is_set_by_the_settings() -> None:
    settings = (CONF / "settings.xml").read_text()
    known = set(re.findall(r'data="([a-z0-9_]+)=', settings)) | OF_THE_SWITCH
    for file in FILES:
        used = set(re.findall(r"\$\$\{([^}]+)\}", file.read_text()))
        assert used <= known, f"{file.name}: {used - known}"


def test_every_environment_variable_is_one_an_instance_has() -> None:
    asked = set(re.findall(r"=\$(PBX_[A-Z0-9_]+)", (CONF / "settings.xml").read_text()))
    source = Path(settings_of_instance.__file__).read_text()
    assert {name for name in asked if f'"{name}"' not in source} == set()


def test_every_parameter_is_known_to_what_reads_it() -> None:
    for file, root in parsed():
        for configuration in root.iter("configuration"):
            known = NAMES["parameters"].get(configuration.get("name"), [])
            for param in configuration.iter("param"):
                assert param.get("name") in known, f"{file.name}: {configuration.get('name')}: {param.get('name')}"
        for profile in root.iter("profile"):
            if file.parent.name == "profiles":
                for param in profile.findall("settings/param"):
                    assert param.get("name") in NAMES["parameters"]["sofia profile"], f"{file.name}: {param.attrib}"
        for gateway in root.iter("gateway"):
            for param in gateway.iter("param"):
                assert param.get("name") in NAMES["parameters"]["sofia gateway"], f"{file.name}: {param.attrib}"


def test_every_application_exists_and_is_allowed() -> None:
    for application in applications_used():
        modules = [module for module, names in NAMES["applications"].items() if application in names]
        assert modules, f"no module of FreeSWITCH has the application {application}"
        assert any(f"{module}.{application}.app" in allowed() for module in modules), f"{application} is not allowed"


def test_every_allowed_interface_exists() -> None:
    for entry in allowed():
        module, name, kind = entry.split(".")
        assert name in NAMES["applications" if kind == "app" else "api"][module], entry


def test_every_api_command_in_the_dialplan_is_allowed() -> None:
    for file in (CONF / "dialplan").glob("*.xml"):
        for command in re.findall(r"\$\{([a-z_]+)\(", file.read_text()):
            assert any(entry.endswith(f".{command}.api") for entry in allowed()), f"{file.name}: {command}"


@pytest.mark.parametrize("dangerous", NAMES["dangerous"])
def test_what_could_run_a_program_or_tell_a_secret_is_left_out(dangerous: str) -> None:
    assert not any(entry.split(".")[1] == dangerous for entry in allowed())


def test_every_module_loaded_is_known() -> None:
    assert {element.get("module") for _, element in elements("load")} <= set(NAMES["modules"])


def test_every_step_routing_names_is_there() -> None:
    """services/routing/commands.py writes pbx_step; without an answer the question's own context goes on."""
    steps = set(re.findall(r'"pbx_step": "([a-z]+)"', (CONF.parents[1] / "services/routing/commands.py").read_text()))
    dialplan = (CONF / "dialplan" / "steps.xml").read_text()
    for step in steps - {"fallback"}:
        assert f"^step-{step}$" in dialplan, step


def test_every_prompt_of_the_dialplan_is_in_the_catalogue() -> None:
    catalogue = (CONF.parents[1] / "shared" / "prompts.yaml").read_text()
    spoken = set(re.findall(r"/([a-z-]+)\.wav\"", (CONF / "dialplan" / "steps.xml").read_text()))
    assert spoken
    for prompt in spoken:
        assert re.search(rf"^{prompt}:", catalogue, re.MULTILINE), prompt


def test_the_lamp_subscription_ends_before_its_nonce() -> None:
    text = (CONF / "profiles" / "internal.xml").read_text()
    expires, nonce = (int(re.search(rf'"{name}" value="(\d+)"', text)[1])   # type: ignore[index]
                      for name in ("force-subscription-expires", "nonce-ttl"))
    assert nonce > expires


def test_both_profiles_have_a_timer() -> None:
    """Without it bridges read blocking and hang-ups stall for seconds."""
    for file in (CONF / "profiles").glob("*.xml"):
        assert '<param name="rtp-timer-name" value="soft"/>' in file.read_text()


@pytest.mark.parametrize(("codec", "rate"), [
    ("PCMA", "8000"), ("PCMU", "8000"), ("G722", "16000"), ("opus", "48000"), ("opus", "16000"), ("opus", "8000"),
])
def test_the_dialplans_own_recording_is_as_patient_as_the_mailbox(codec: str, rate: str) -> None:
    """The first extension that fits sets it, as execute_extension finds it."""
    told = {"destination_number": "mailbox-alone-silence", "${read_codec}": codec, "${read_rate}": rate}
    dialplan = ElementTree.parse(CONF / "dialplan" / "steps.xml")
    [ends] = re.findall(r"pbx_silence=([0-9 ]+)", "".join(
        action.get("data") or "" for action in dialplan.iter("action") if action.get("application") == "multiset"))
    for extension in dialplan.iter("extension"):
        conditions = extension.findall("condition")
        if all(re.search(one.get("expression") or "", told.get(one.get("field") or "", "")) for one in conditions):
            [ends] = [(action.get("data") or "").removeprefix("pbx_silence=") for action in extension.iter("action")]
            break
    event = Event(f"Channel-Read-Codec-Name: {codec}\nChannel-Read-Codec-Rate: {rate}\n\n".encode())
    assert record.argument(Path("x.wav"), 180, 5, event) == f"x.wav 180 {ends}"
