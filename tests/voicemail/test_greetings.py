"""Owners' own greetings: taken, checked, converted, played in the right order, and gone when they are gone."""

from __future__ import annotations

import io
import os
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from services.voicemail.greetings import GreetingRefused, Greetings
from services.voicemail.mailbox import GreetingKind
from services.voicemail.recording import Recording, header_for
from services.voicemail.spool import Spool
from services.voicemail.store import NoSuchMailbox, mailbox_for_deposit
from shared.database import Database, DatabaseUnavailable
from tests.voicemail.conftest import Company, Http, Swept, make_company

RATE = 8000
TONE_HZ = 600


def sound(seconds: float, rate: int = RATE, hz: float = TONE_HZ, *, silence_s: float = 0) -> Any:
    tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)
    quiet = np.zeros(int(silence_s * rate))
    return np.concatenate((quiet, tone, quiet))


def as_file(samples: Any, rate: int = RATE, kind: str = "WAV", **more: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, **more)
    return file.getvalue()


def loudest_hz(content: bytes) -> float:
    samples, rate = soundfile.read(io.BytesIO(content))
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


@pytest.fixture
def greetings(database: Database, spool: Spool) -> Greetings:
    return Greetings(database, spool)


def record(greetings: Greetings, samples: Any) -> Path:
    """As the switch would: 8 kHz, mono, 16 bit."""
    draft = greetings.draft()
    data = (np.asarray(samples) * 32767).astype("<i2").tobytes()
    draft.write_bytes(header_for(Recording(RATE, 1, len(data) // 2, 44 + len(data), True)) + data)
    return draft


# By telephone

def test_a_recording_is_saved_without_the_silence_around_it(
    greetings: Greetings, database: Database, company: Company
) -> None:
    draft = record(greetings, sound(2, silence_s=3))
    saved = greetings.save(company.company_id, company.anna, "busy", draft, made_by="telephone")
    assert 2000 <= saved.duration_ms <= 2300
    assert saved.audio_bytes == greetings.path(saved).stat().st_size
    assert abs(loudest_hz(greetings.path(saved).read_bytes()) - TONE_HZ) < 2
    assert not draft.exists()
    assert greetings.all(company.company_id, company.anna) == {"busy": saved}
    mailbox = mailbox_for_deposit(database, company.company_id, company.anna)
    assert mailbox is not None
    assert mailbox.greetings == {"busy": saved.greeting_id}


def test_a_new_recording_is_a_new_file_and_the_old_one_goes(
    greetings: Greetings, company: Company, swept: Swept
) -> None:
    ids = company.company_id, company.anna
    old = greetings.save(*ids, "personal", record(greetings, sound(1)), made_by="telephone")
    new = greetings.save(*ids, "personal", record(greetings, sound(2)), made_by="telephone")
    assert greetings.path(old).exists(), "somebody may be listening"
    swept.end_messages()
    assert not greetings.path(old).exists()
    assert greetings.path(new).exists()
    assert greetings.all(*ids) == {"personal": new}


def test_one_is_switched_off_and_on_and_removed(
    greetings: Greetings, database: Database, company: Company, swept: Swept
) -> None:
    ids = company.company_id, company.anna
    saved = greetings.save(*ids, "name", record(greetings, sound(1)), made_by="telephone")
    off = greetings.choose(*ids, "name", in_use=False)
    assert off is not None
    assert (off.in_use, off.greeting_id) == (False, saved.greeting_id)
    mailbox = mailbox_for_deposit(database, *ids)
    assert mailbox is not None
    assert mailbox.greetings == {}
    again = greetings.choose(*ids, "name", in_use=True)
    assert again == saved
    assert greetings.remove(*ids, "name")
    assert not greetings.remove(*ids, "name")
    assert greetings.choose(*ids, "name", in_use=True) is None
    swept.end_messages()
    assert not greetings.path(saved).exists()


@pytest.mark.parametrize(("kind", "samples", "rule"), [
    ("personal", np.zeros(3 * RATE), "no_audio"),
    ("personal", [], "no_audio"),
    ("personal", sound(0.2), "too_short"),
    ("personal", sound(121), "too_long"),
    ("personal", sound(200), "too_long"),
    ("name", sound(11), "too_long"),
])
def test_what_is_no_greeting_is_refused_and_the_old_one_stays(
    greetings: Greetings, company: Company, kind: GreetingKind, samples: Any, rule: str
) -> None:
    ids = company.company_id, company.anna
    before = greetings.save(*ids, kind, record(greetings, sound(2)), made_by="telephone")
    draft = record(greetings, samples)
    with pytest.raises(GreetingRefused) as refused:
        greetings.save(*ids, kind, draft, made_by="telephone")
    assert refused.value.rule == rule
    assert greetings.all(*ids) == {kind: before}
    assert draft.exists(), "it can be looked at, or recorded over"
    with pytest.raises(GreetingRefused):
        greetings.save(*ids, kind, draft.with_name("never-recorded.wav"), made_by="telephone")


def test_nobody_elses_mailbox_and_nothing_left_behind(
    greetings: Greetings, admin: Database, spool: Spool, company: Company
) -> None:
    stranger = make_company(admin)
    with pytest.raises(NoSuchMailbox):
        greetings.save(company.company_id, stranger.anna, "busy", record(greetings, sound(1)), made_by="telephone")
    assert list(spool.greetings.iterdir()) == []
    saved = greetings.save(company.company_id, company.anna, "busy", record(greetings, sound(1)), made_by="telephone")
    assert greetings.all(stranger.company_id, company.anna) == {}
    assert not greetings.remove(stranger.company_id, company.anna, "busy")
    assert greetings.all(company.company_id, company.anna) == {"busy": saved}


def test_erasing_a_subscriber_erases_what_he_said(
    greetings: Greetings, admin: Database, company: Company, swept: Swept
) -> None:
    saved = greetings.save(company.company_id, company.anna, "name", record(greetings, sound(1)), made_by="telephone")
    with admin.platform() as tx:
        tx.execute("DELETE FROM directory.subscribers WHERE subscriber_id = :id", id=company.anna)
    swept.end_messages()
    assert not greetings.path(saved).exists()


def test_a_file_without_its_row_goes_once_nobody_can_be_about_to_write_it(
    greetings: Greetings, spool: Spool, company: Company
) -> None:
    away = Greetings(Database("postgresql://nobody@127.0.0.1:1/none"), spool)
    with pytest.raises(DatabaseUnavailable):
        away.save(company.company_id, company.anna, "busy", record(away, sound(1)), made_by="telephone")
    (orphan,) = spool.greetings.iterdir()
    saved = greetings.save(company.company_id, company.anna, "name", record(greetings, sound(1)), made_by="telephone")
    assert greetings.drop_orphans() == 0
    for path in (orphan, greetings.path(saved)):
        os.utime(path, (time.time() - 7200,) * 2)
    assert greetings.drop_orphans() == 1, "and the draft of the moment stays"
    assert list(spool.greetings.iterdir()) == [greetings.path(saved)]


def test_a_draft_somebody_gave_up_goes_at_a_later_start(greetings: Greetings) -> None:
    given_up, at_work = record(greetings, sound(1)), record(greetings, sound(1))
    os.utime(given_up, (time.time() - 7200,) * 2)
    assert greetings.drop_orphans() == 1
    assert at_work.exists()


# Over HTTP

@pytest.mark.parametrize(("content", "content_type"), [
    (as_file(np.stack([sound(2, 44_100)] * 2, axis=1), 44_100), "audio/wav"),
    (as_file(sound(2, 48_000), 48_000, "MP3"), "audio/mpeg"),
    (as_file(sound(2, 22_050), 22_050, "OGG"), "audio/ogg"),
    (as_file(sound(2, subtype := 8000), subtype, "WAV", subtype="ALAW"), "application/octet-stream"),
], ids=["WAV 44.1 kHz stereo", "MP3", "Ogg", "A-law"])
def test_any_usual_file_is_made_what_the_telephone_plays(http: Http, content: bytes, content_type: str) -> None:
    put = http("PUT", "/v1/greetings/personal", data=content, content_type=content_type)
    assert put.status_code == 200, put.json
    assert (put.json["recorded"], put.json["in_use"], put.json["made_by"]) == (True, True, "upload")
    assert abs(put.json["duration_ms"] - 2000) < 100
    heard = http("GET", "/v1/greetings/personal/audio")
    samples, rate = soundfile.read(io.BytesIO(heard.data))
    assert (rate, samples.ndim) == (8000, 1)
    assert abs(loudest_hz(heard.data) - TONE_HZ) < 2
    assert abs(float(np.sqrt((samples ** 2).mean())) - 0.08) < 0.02, "as loud as the prompts"
    part = http("GET", "/v1/greetings/personal/audio", headers={"Range": "bytes=0-43"})
    assert (part.status_code, part.data) == (206, heard.data[:44])


def test_what_a_telephone_cannot_carry_does_not_fold_back(http: Http) -> None:
    both = sound(2, 44_100) + sound(2, 44_100, hz=7400)
    assert http("PUT", "/v1/greetings/busy", data=as_file(both, 44_100)).status_code == 200
    samples, _ = soundfile.read(io.BytesIO(http("GET", "/v1/greetings/busy/audio").data))
    spectrum = np.abs(np.fft.rfft(samples))
    at = int(TONE_HZ * len(samples) / RATE)
    spectrum[at - 20:at + 20] = 0
    assert spectrum.max() < 0.02 * np.abs(np.fft.rfft(samples)).max()


def test_a_form_may_carry_it(http: Http) -> None:
    form = {"file": (io.BytesIO(as_file(sound(1))), "my greeting.wav")}
    assert http("PUT", "/v1/greetings/name", data=form, content_type="multipart/form-data").status_code == 200
    empty = http("PUT", "/v1/greetings/name", data={"sound": "x"}, content_type="multipart/form-data")
    assert (empty.status_code, empty.json["field"]) == (422, "file")


def test_what_callers_hear_is_told_by_reason(http: Http) -> None:
    assert set(http("GET", "/v1/greetings").json["played"].values()) == {"default"}
    http("PUT", "/v1/greetings/name", data=as_file(sound(1)))
    assert set(http("GET", "/v1/greetings").json["played"].values()) == {"name"}
    http("PUT", "/v1/greetings/busy", data=as_file(sound(1)))
    http("PUT", "/v1/greetings/personal", data=as_file(sound(1)))
    answer = http("GET", "/v1/greetings").json
    assert answer["played"] == {"always": "personal", "busy": "busy", "no_answer": "personal",
                                "not_reachable": "personal", "direct": "personal"}
    assert [(one["kind"], one["recorded"]) for one in answer["greetings"]] == [
        ("personal", True), ("busy", True), ("no_answer", False), ("name", True)]
    assert http("PATCH", "/v1/greetings/personal", json={"in_use": False}).json["in_use"] is False
    assert http("GET", "/v1/greetings").json["played"]["always"] == "name"
    assert http("DELETE", "/v1/greetings/personal").status_code == 204
    for method, path, more in (("DELETE", "", {}), ("PATCH", "", {"json": {"in_use": True}}), ("GET", "/audio", {})):
        assert http(method, f"/v1/greetings/personal{path}", **more).status_code == 404


HEADER = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\xff\xff\xff\x7f"


@pytest.mark.parametrize(("kind", "content", "says"), [
    ("personal", b"", "nothing in it"),
    ("personal", b"this is no sound " * 100, "cannot be read"),
    ("personal", as_file(sound(1))[:30], "cannot be read"),
    ("personal", os.urandom(5000), "cannot be read"),
    ("personal", HEADER + bytes(9000), "nothing can be heard"),
    ("personal", as_file(sound(1, subtype := 8000), subtype, "AU"), "AU is not taken"),
    ("personal", as_file(sound(1, 192_000), 192_000), "192000 Hz"),
    ("personal", as_file(np.zeros(RATE)), "nothing can be heard"),
    ("personal", as_file(sound(0.1)), "at least 0.5 s"),
    ("personal", as_file(sound(125)), "longer than 120 s"),
    ("name", as_file(sound(15)), "longer than 10 s"),
], ids=["empty", "text", "cut off", "noise of bytes", "lying header", "AU", "rate", "silence", "short", "long", "name"])
def test_an_upload_that_is_no_greeting_is_named_and_nothing_changes(
    http: Http, spool: Spool, kind: str, content: bytes, says: str
) -> None:
    answer = http("PUT", f"/v1/greetings/{kind}", data=content, content_type="audio/wav")
    assert (answer.status_code, answer.json["field"]) == (422, "file"), answer.json
    assert says in answer.json["message"], answer.json
    assert not any(one["recorded"] for one in http("GET", "/v1/greetings").json["greetings"])
    assert list(spool.drafts.iterdir()) == list(spool.greetings.iterdir()) == []


def test_too_much_is_refused_before_it_is_read(http: Http, spool: Spool) -> None:
    answer = http("PUT", "/v1/greetings/personal", data=b"x",
                  environ_overrides={"CONTENT_LENGTH": "25000001"})
    assert answer.status_code == 413
    assert list(spool.drafts.iterdir()) == []


def test_greetings_are_their_owners_alone(http: Http, admin: Database, company: Company) -> None:
    assert http("PUT", "/v1/greetings/busy", data=as_file(sound(1))).status_code == 200
    query = f"?company_id={company.company_id}&subscriber_id={company.anna}"
    for token in (company.tokens["bernd"], make_company(admin).tokens["anna"], make_company(admin).tokens["admin"]):
        http.token = token
        for method, path, more in (
            ("GET", "", {}), ("GET", "/busy/audio", {}), ("PUT", "/busy", {"data": as_file(sound(1))}),
            ("PATCH", "/busy", {"json": {"in_use": False}}), ("DELETE", "/busy", {}),
        ):
            assert http(method, f"/v1/greetings{path}{query}", **more).status_code == 404
    http.token = company.tokens["admin"]
    assert http("GET", f"/v1/greetings/busy/audio?subscriber_id={company.anna}").status_code == 200
    assert http("GET", "/v1/greetings/busy/audio").json["field"] == "subscriber_id"
    http.token = company.tokens["operator"]
    assert http("PATCH", f"/v1/greetings/busy{query}", json={"in_use": False}).status_code == 200
    assert http("GET", f"/v1/greetings?company_id={company.company_id}&subscriber_id=99999999").status_code == 404
    http.token = "x" * 40
    assert http("GET", "/v1/greetings").status_code == 401


def test_a_kind_there_is_not_is_not_found(http: Http) -> None:
    for kind in ("holiday", "BUSY", "..%2f..%2fetc", str(uuid.uuid4())):
        assert http("GET", f"/v1/greetings/{kind}/audio").status_code == 404
    wrong = http("PATCH", "/v1/greetings/busy", json={"in_use": "perhaps"})
    assert (wrong.status_code, wrong.json["field"]) == (422, "in_use")
