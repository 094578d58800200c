"""The mail a message becomes: well-formed, telling, and the same each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voicemail.mail import Audio, MailFacts, compose, file_name, length_text

FACTS = MailFacts(
    message_id="5b8f7c1e-0a55-4c7e-9a94-6f2b9c6f1d11", kind="forward", language="de",
    sender="telefon@example.test", sender_name="Bäckerei Müller", recipient="anna@musterbau.example",
    owner_name="Anna Ärmel", left_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC), time_zone="Europe/Berlin",
    duration_ms=62_400, caller_number="+493012345678", caller_name="Jörg <b>", country="DE", reason="no_answer",
)
WAV = Audio("wav", b"RIFF....WAVEfmt ")


def parsed(facts: MailFacts, audio: Audio | None = WAV) -> EmailMessage:
    content = compose(facts, audio).as_bytes()
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def test_the_mail_says_who_when_and_how_long() -> None:
    mail = parsed(FACTS)
    assert mail["Subject"] == "Neue Sprachnachricht von Jörg <b>, 030 12345678 (1:02)"
    assert mail["From"] == "Bäckerei Müller <telefon@example.test>"
    assert mail["To"] == "anna@musterbau.example"
    assert mail["Date"] == "Thu, 02 Jul 2026 00:30:00 +0200"
    assert mail["Message-ID"] == "<5b8f7c1e-0a55-4c7e-9a94-6f2b9c6f1d11.forward@example.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "1:02 min" in text.get_content()
    assert "02.07.2026, 00:30 Uhr" in text.get_content()
    assert "nicht angenommen" in text.get_content()
    assert "Jörg &lt;b&gt;" in html.get_content()
    assert "<b>" not in html.get_content()


def test_the_attachment_is_the_recording_under_a_telling_name() -> None:
    (attachment,) = parsed(FACTS).iter_attachments()
    assert attachment.get_content_type() == "audio/wav"
    assert attachment.get_filename() == "Sprachnachricht_2026-07-02_00-30_von_+493012345678.wav"
    assert attachment.get_content() == WAV.content
    (attachment,) = parsed(FACTS, Audio("mp3", b"ID3")).iter_attachments()
    assert attachment.get_content_type() == "audio/mpeg"


def test_a_notification_carries_no_audio() -> None:
    mail = parsed(replace(FACTS, kind="notification"), None)
    assert list(mail.iter_attachments()) == []
    assert mail["Message-ID"] != parsed(FACTS)["Message-ID"]


@pytest.mark.parametrize(("language", "words"), [
    ("de", "Für eine E-Mail ist die Aufnahme zu groß; Sie können sie bis 15.07.2026, 00:30 Uhr unter diesem Link"),
    ("en", "The recording is too large for a mail; until 15 July 2026, 00:30 you can listen to it"),
])
def test_what_is_too_large_carries_a_link_and_until_when(language: str, words: str) -> None:
    link = "https://phone.example.test/v1/message-links#a-b_c"
    mail = parsed(replace(FACTS, language=language, link=link,  # type: ignore[arg-type]
                          link_until=datetime(2026, 7, 14, 22, 30, tzinfo=UTC)), None)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert words in " ".join(text.get_content().split())
    assert link in text.get_content().splitlines()
    assert f'<a href="{link}">{link}</a>' in html.get_content()
    assert list(mail.iter_attachments()) == []


def test_english_and_withheld_and_urgent() -> None:
    mail = parsed(replace(FACTS, language="en", caller_number=None, caller_name=None, urgent=True))
    assert mail["Subject"] == "Urgent: New voice message from unknown (number withheld) (1:02)"
    assert mail["Importance"] == "high"
    assert file_name(replace(FACTS, language="en", caller_number=None), "mp3") == (
        "voice-message_2026-07-02_00-30_from_unknown.mp3"
    )


@pytest.mark.parametrize(("ms", "shown"), [(1000, "0:01"), (1499, "0:01"), (59_600, "1:00"), (600_000, "10:00")])
def test_lengths_are_minutes_and_seconds(ms: int, shown: str) -> None:
    assert length_text(ms) == shown


def test_the_same_message_makes_the_same_headers() -> None:
    first, second = compose(FACTS, WAV), compose(FACTS, WAV)
    assert first.items()[:6] == second.items()[:6]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64), st.sampled_from(["de", "en"]))
def test_any_name_makes_a_well_formed_mail(name: str, language: str) -> None:
    mail = parsed(replace(FACTS, caller_name=name, owner_name=name, language=language))  # type: ignore[arg-type]
    assert mail["Auto-Submitted"] == "auto-generated"
