"""Roles, log-ins, and forgotten passwords and PINs by mail (X7)."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from email.message import EmailMessage
from typing import Any

from operations.story_report import proves
from shared import passwords
from tests.scenarios.stage import Answer, Stage

PASSWORD = "Regen fällt auf Bern"  # noqa: S105


def with_token(stage: Stage, token: str, method: str, path: str, body: Any = None) -> Answer:
    return stage.http("routing", method, path, token=None, json_body=body, headers={"Authorization": f"Bearer {token}"})


def begin_anew(stage: Stage) -> None:
    """Attempts of stories before do not count."""
    with stage.database.platform() as tx:
        tx.execute("DELETE FROM directory.attempts")


def link_mailed_to(stage: Stage, address: str, since: set[str]) -> tuple[EmailMessage, str]:
    """The newest mail to the address, and the path of the link in it."""
    mail = stage.wait_for_mail(
        lambda mail: address in mail["To"] and mail["Message-ID"] not in since and "-reset/" in str(mail.get_body()),
        30)
    found = re.search(re.escape(stage.instance.url("routing")) + r"(/v1/(?:password|pin)-reset/\S+)",
                      mail.get_content())
    assert found, "the mail has a link to this very suite"
    return mail, found.group(1)


def mails_so_far(stage: Stage) -> set[str]:
    return {mail["Message-ID"] for mail in stage.mails()}


@proves("X7")
def test_a_forgotten_password_is_reset_by_mail_with_a_link_that_works_once(stage: Stage) -> None:
    begin_anew(stage)
    before = mails_so_far(stage)
    clara, nobody = (stage.http("routing", "POST", "/v1/password-reset", token=None, json_body={"login": login})
                     for login in ("clara@musterbau.example", "nobody@musterbau.example"))
    assert (clara.status, clara.content) == (nobody.status, nobody.content) == (202, clara.content)
    mail, link = link_mailed_to(stage, "clara@musterbau.example", before)
    assert mail["Subject"] == "Ihr neues Passwort"
    page = stage.http("routing", "GET", link, token=None)
    assert page.status == 200
    assert b"<script" not in page.content
    assert stage.http("routing", "POST", link, token=None, json_body={"password": "clara schaefer"}).status == 422
    form = urllib.parse.urlencode({"password": PASSWORD, "again": PASSWORD}).encode()
    with urllib.request.urlopen(stage.instance.url("routing") + link + "/page", data=form, timeout=10) as saved:
        assert saved.status == 200
    assert stage.http("routing", "POST", link, token=None, json_body={"password": PASSWORD}).status == 410
    assert stage.http("routing", "GET", link, token=None).status == 410

    logged_in = stage.http("routing", "POST", "/v1/login", token=None,
                           json_body={"login": "clara@musterbau.example", "password": PASSWORD})
    assert logged_in.status == 200, logged_in.body
    token = logged_in.body["token"]
    assert with_token(stage, token, "GET", "/v1/login").body["subscriber_id"] == stage.subscriber_id("clara")
    assert with_token(stage, token, "POST", "/v1/logout").status == 204
    assert with_token(stage, token, "GET", "/v1/login").status == 401
    assert not [mail for mail in stage.mails() if "nobody@musterbau.example" in mail["To"]]


@proves("X7")
def test_a_forgotten_pin_is_reset_by_mail_in_the_persons_language_and_nobody_reads_it(stage: Stage) -> None:
    before = mails_so_far(stage)
    path = f"/v1/subscribers/{stage.subscriber_id('bernd')}/pin-reset"
    assert stage.http("routing", "POST", path, token="anna").status == 404, "a colleague may not"
    started = stage.http("routing", "POST", path, token="admin")
    assert started.status == 202
    mail, link = link_mailed_to(stage, "bernd@musterbau.example", before)
    assert mail["Subject"] == "Your new mailbox PIN"
    assert link.split("/")[-1] not in str(started.body), "who starts it does not see the link"
    for easy in ("12345", "111111", "123456", "550022"):
        assert stage.http("routing", "POST", link, token=None, json_body={"pin": easy}).status == 422
    assert stage.http("routing", "POST", link, token=None, json_body={"pin": "294817"}).status == 204
    assert stage.http("routing", "POST", link, token=None, json_body={"pin": "395817"}).status == 410
    with stage.database.platform() as tx:
        kept = tx.one("SELECT pin_hash FROM voicemail.mailboxes WHERE subscriber_id = :id",
                      id=stage.subscriber_id("bernd")).pin_hash
    assert passwords.verify(kept, "294817")
    assert kept.startswith("$argon2id$")


@proves("X7")
def test_guessing_is_locked_out_and_tells_nothing(stage: Stage) -> None:
    begin_anew(stage)
    heard = {
        login: [stage.http("routing", "POST", "/v1/login", token=None,
                           json_body={"login": login, "password": f"guess {n}"}).status for n in range(6)]
        for login in ("david@musterbau.example", "no such person")}
    assert heard == {login: [401] * 5 + [429] for login in heard}
    begin_anew(stage)


@proves("X7", "N1")
def test_an_administrator_rules_his_company_and_no_other_an_operator_all_a_subscriber_himself(stage: Stage) -> None:
    own, foreign = stage.subscriber_id("emma"), stage.subscriber_id("ulf")
    for service, resource in (("routing", "forwardings"), ("routing", "call-log"), ("routing", "tokens"),
                              ("presence", "watched")):
        def status(who: str, whom: int, service: str = service, resource: str = resource) -> int:
            return stage.http(service, "GET", f"/v1/subscribers/{whom}/{resource}", token=who).status
        assert status("admin", own) == 200, resource
        assert status("admin", foreign) == 404, resource
        assert status("operator", foreign) == 200, resource
        assert status("anna", own) in (403, 404), resource
    for whom, expected in ((own, 200), (foreign, 404)):
        assert stage.http("voicemail", "GET", f"/v1/mailbox?subscriber_id={whom}", token="admin").status == expected
    assert stage.http("routing", "GET", "/v1/logins", token="anna").status == 403
    made = stage.http("routing", "POST", "/v1/logins", token="admin",
                      json_body={"role": "administrator", "subscriber_id": own})
    assert made.status == 201, made.body
    path = f"/v1/logins/{made.body['login_id']}"
    assert stage.http("routing", "DELETE", path, token="admin").status == 204
    refused = stage.http("routing", "POST", "/v1/logins", token="admin",
                         json_body={"role": "operator", "name": "Ich", "email": "ich@musterbau.example"})
    assert refused.status == 403
