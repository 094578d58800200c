"""`make demo`: plays one story on the switch that runs and tells it as a timeline, with the mail and the lamps.

Telephones, mail and HTTP are the ones the stories of the tests use (tests/scenarios/stage.py): real SIP where
FreeSWITCH runs, the simulator's telephones otherwise. What it changed is put back, the mail stays in the mailbox.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import io
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import gevent

from operations import instance
from operations.screen import Trouble, say
from shared import logs
from tests.scenarios.stage import Sound, Stage, make_stage
from tests.scenarios.telephones import Call, NeverHappened, TelephoneRefused

SPOKEN = "Hallo Bernd, hier ist Anna. Bitte ruf mich zurück, es geht um die Baustelle in München."


class Timeline:
    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, who: str, what: str) -> None:
        say(f"  {time.monotonic() - self._began:5.1f} s  {who:18} {what}")


def main(_: list[str]) -> int:
    logs.configure("demo", "error")
    dev = instance.load("dev")
    unhealthy = [process for process in instance.status(dev) if not process.healthy]
    if unhealthy:
        raise Trouble(f"{unhealthy[0].name} is not ready: {unhealthy[0].why_not or unhealthy[0].state}",
                      "start the suite with `make up`")
    if dev.switch == "external":
        raise Trouble("The demo needs its own telephones", "it plays on FreeSWITCH and on the simulator only")
    say(f"A story on {'FreeSWITCH, with real SIP' if dev.switch == 'freeswitch' else 'the simulator'}:\n")
    stage = make_stage(dev)
    try:
        play(stage, Timeline())
    except (NeverHappened, TelephoneRefused) as error:
        raise Trouble(f"The story went wrong: {error}", f"the logs are in {dev.run}/logs") from error
    finally:
        for name in ("anna", "bernd", "clara"):
            if stage.telephones[name].registered:
                stage.telephones[name].unregister()
        stage.stop()
    return 0


def play(stage: Stage, timeline: Timeline) -> None:
    telephones = stage.telephones
    anna, bernd, clara = (telephones[name].register() for name in ("anna", "bernd", "clara"))
    timeline.tell("Anna, Bernd, Clara", "register their telephones: anna-desk, bernd-desk, clara-desk")
    with mailbox_after_two_rings(stage), watching(stage, "clara", "bernd"):
        lamp = clara.watch(stage.lamp_address("clara-desk", 1))
        lamp.wait_for("terminated")
        timeline.tell("Clara's lamp 1", "dark: Bernd is free")
        message = unanswered_call(stage, timeline, lamp)
        show_mail(stage, timeline, message)
        bernd.message_lamp.wait_for(new=message["new_in_mailbox"])
        timeline.tell("Bernd's telephone", f"message lamp on: {bernd.message_lamp.new} new")
        click(stage, timeline, lamp)
        path = f"/v1/messages/{message['message_id']}"
        stage.http("voicemail", "DELETE", path, token="bernd")
        bernd.message_lamp.wait_for(new=message["new_in_mailbox"] - 1)
        timeline.tell("Bernd", f"deletes the message over HTTP; message lamp: {bernd.message_lamp.new} new")
    assert anna.registered


def unanswered_call(stage: Stage, timeline: Timeline, lamp: Any) -> dict[str, Any]:
    call = stage.telephones["anna"].dial("22")
    timeline.tell("Anna", "dials 22")
    ringing = stage.telephones["bernd"].wait_for_ring()
    timeline.tell("Bernd's telephone", f"rings, shows {ringing.shown_name} {ringing.shown_number}")
    lamp.wait_for("early")
    timeline.tell("Clara's lamp 1", "blinks: Bernd's telephone rings")
    call.wait_for("answered", timeout_s=20)
    timeline.tell("Bernd's telephone", "was not answered for two rings")
    heard = call.record()
    stage.wait_for_beep(heard)
    timeline.tell("Anna", "has heard Bernd's greeting and the beep, and speaks")
    speak(call, Path(heard).with_name(f"spoken-{uuid.uuid4().hex}.wav"))
    call.hangup()
    timeline.tell("Anna", "hangs up")
    listed = stage.wait_until(lambda: newest_messages(stage), 10, "the message")
    lamp.wait_for("terminated")
    return {**listed["messages"][0], "new_in_mailbox": listed["new"]}


def newest_messages(stage: Stage) -> dict[str, Any] | None:
    listed: dict[str, Any] = stage.http("voicemail", "GET", "/v1/messages?state=new", token="bernd").body
    return listed if listed["messages"] else None


def speak(call: Call, file: Path) -> None:
    """A sentence where espeak-ng is installed (make up does that), a tone otherwise."""
    if shutil.which("espeak-ng") and shutil.which("sox"):
        spoken = subprocess.run(["espeak-ng", "-v", "de", "--stdout", SPOKEN], capture_output=True, check=True)
        subprocess.run(["sox", "-t", "wav", "-", "-r", "8000", "-c", "1", "-b", "16", str(file)], input=spoken.stdout,
                       capture_output=True, check=True)
        call.speak(str(file))
        seconds = Sound.read(file).seconds
    else:
        call.speak("tone:440")
        seconds = 4.0
    gevent.sleep(seconds)
    file.unlink(missing_ok=True)


def show_mail(stage: Stage, timeline: Timeline, message: dict[str, Any]) -> None:
    def is_it(mail: EmailMessage) -> bool:
        return message["message_id"] in mail["Message-ID"]

    mail = stage.wait_for_mail(is_it, timeout_s=20)
    timeline.tell("Mail", f"arrived for {mail['To']}")
    for name in ("From", "Subject", "Date", "Message-ID"):
        say(f"           {name}: {mail[name]}")
    body = mail.get_body(("plain",))
    if body is not None:
        for line in body.get_content().strip().splitlines():
            say(f"           | {line}")
    [attachment] = mail.iter_attachments()
    sound = Sound.read(io.BytesIO(attachment.get_content()))
    say(f"           attachment {attachment.get_filename()}, {attachment.get_content_type()}, {sound.seconds:.1f} s of"
        f" sound; all of it is in {stage.env['PBX_MAILDIR']}")


def click(stage: Stage, timeline: Timeline, lamp: Any) -> None:
    anna, bernd = stage.telephones["anna"], stage.telephones["bernd"]
    answer = stage.http("callback", "POST", "/v1/calls", json_body={"target": "tel:22"},
                        headers={"Idempotency-Key": str(uuid.uuid4())})
    if answer.status != 202:
        raise Trouble(f"The click was refused: {answer.body['message']}")
    timeline.tell("Anna's program", "clicks on Bernd: POST /v1/calls")
    first = anna.wait_for_ring()
    timeline.tell("Anna's telephone", f"rings, shows {first.shown_name} {first.shown_number}")
    first.answer()
    second = bernd.wait_for_ring()
    timeline.tell("Bernd's telephone", f"rings, shows {second.shown_name} {second.shown_number}")
    lamp.wait_for("early")
    timeline.tell("Clara's lamp 1", "blinks")
    second.answer()
    lamp.wait_for("confirmed")
    timeline.tell("Clara's lamp 1", "lit: Anna and Bernd talk")
    path = f"/v1/calls/{answer.body['id']}"
    stage.wait_until(lambda: state_of(stage, path) == "connected", 5, "the state connected")
    second.hangup()
    first.wait_for("ended")
    lamp.wait_for("terminated")
    stage.wait_until(lambda: state_of(stage, path) == "ended", 5, "the state ended")
    states = [step["state"] for step in stage.http("callback", "GET", path).body["history"]]
    timeline.tell("Anna's program", f"saw over HTTP: {' > '.join(states)}")
    timeline.tell("Clara's lamp 1", "dark again")


def state_of(stage: Stage, path: str) -> str:
    return str(stage.http("callback", "GET", path).body["state"])


@contextmanager
def mailbox_after_two_rings(stage: Stage) -> Iterator[None]:
    """Bernd's mailbox for the while: after two rings, mailed as WAV."""
    wanted = {"enabled": True, "on_always": False, "on_no_answer": True, "no_answer_rings": 2, "deliver_as_mail": True,
              "audio_format": "wav"}
    yield from _changed(
        lambda: {name: stage.http("voicemail", "GET", "/v1/mailbox", token="bernd").body[name] for name in wanted},
        lambda value: stage.http("voicemail", "PATCH", "/v1/mailbox", token="bernd", json_body=value), wanted)


@contextmanager
def watching(stage: Stage, who: str, whom: str) -> Iterator[None]:
    yield from _changed(
        lambda: {"extensions": [person["extension"] for person in
                                stage.http("presence", "GET", "/v1/watched", token=who).body["watched"]]},
        lambda value: stage.http("presence", "PUT", "/v1/watched", token=who, json_body=value),
        {"extensions": [stage.extension(whom)]})


def _changed(read: Callable[[], Any], write: Callable[[Any], Any], wanted: Any) -> Iterator[None]:
    before = read()
    answer = write(wanted)
    if answer.status != 200:
        raise Trouble(f"A setting was refused: {answer.body['message']}")
    try:
        yield
    finally:
        write(before)
