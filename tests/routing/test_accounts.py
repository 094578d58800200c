"""Logging in, tokens, roles, forgotten passwords and PINs, over HTTP on the real database (X7)."""

from __future__ import annotations

import secrets
import uuid

import pytest

from services.routing import api as http
from services.routing.accounts import limits, resets
from shared import passwords
from shared.api import create_app, token_sha256

ANNA, BERND, STRANGER = 70121, 70122, 70221
PASSWORD = "Regen fällt auf Bern"  # noqa: S105
OTHER = "tR7-vquK2.mm-neu"


class Door:
    """HTTP as routing serves it; tokens by name."""

    def __init__(self, client, tokens):
        self.client, self.tokens = client, tokens

    def __call__(self, method, path, body=None, who=None, token=None):
        sent = token or (self.tokens[who] if who else None)
        return self.client.open(f"/v1{path}", method=method, json=body,
                                headers={"Authorization": f"Bearer {sent}"} if sent else {})


@pytest.fixture(scope="module")
def client(database):
    """Made once, as its many schemas take a second."""
    app, api = create_app("routing", database=database)
    http.register(app, api, database, lambda message: None)
    return app.test_client()


@pytest.fixture
def door(client, owner_sql):
    tokens = {}
    for name, role, company, subscriber in (
        ("anna", "subscriber", 701, ANNA), ("bernd", "subscriber", 701, BERND),
        ("stranger", "subscriber", 702, STRANGER), ("admin", "administrator", 701, None),
        ("other admin", "administrator", 702, None),
        ("operator", "operator", None, None),
    ):
        tokens[name] = secrets.token_urlsafe(32)
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                  " VALUES (%(sha)s, %(role)s, %(company)s, %(subscriber)s)",
                  sha=token_sha256(tokens[name]), role=role, company=company, subscriber=subscriber)
    owner_sql("UPDATE directory.subscribers SET email = 'person' || extension || '@amsel.example'"
              " WHERE company_id = 701")
    yield Door(client, tokens)
    owner_sql("DELETE FROM directory.api_tokens")
    owner_sql("DELETE FROM directory.logins")
    owner_sql("DELETE FROM directory.attempts")
    owner_sql("DELETE FROM routing.outbox")
    owner_sql("DELETE FROM routing.audit")
    owner_sql("UPDATE directory.subscribers SET email = NULL WHERE company_id IN (701, 702)")


@pytest.fixture
def anna_logs_in(owner_sql, door):
    owner_sql("INSERT INTO directory.logins (role, company_id, subscriber_id, login_name, password_hash)"
              " VALUES ('subscriber', 701, %(id)s, 'anna', %(hash)s)", id=ANNA, hash=passwords.hash_of(PASSWORD))

    def log_in(login="anna", password=PASSWORD):
        return door("POST", "/login", {"login": login, "password": password})
    return log_in


def a_link(database, secret="password", who=ANNA):
    """As the worker puts it into the mail."""
    with database.company(701) as tx:
        resets.start_for(tx, 701, who, secret, "owner")
        reset_id = tx.one("SELECT reset_id FROM directory.resets ORDER BY created_at DESC LIMIT 1").reset_id
        return resets.new_link(tx, str(reset_id))


# ----- logging in


def test_a_log_in_gives_a_token_that_speaks_for_the_person_and_ends(door, anna_logs_in, owner_sql):
    for login in ("anna", " Anna ", "person21@amsel.example", "PERSON21@amsel.example"):
        answer = anna_logs_in(login)
        assert answer.status_code == 200
        assert (answer.json["role"], answer.json["subscriber_id"]) == ("subscriber", ANNA)
    token = answer.json["token"]
    assert door("GET", "/login", token=token).json == {"role": "subscriber", "company_id": 701, "subscriber_id": ANNA}
    assert door("GET", "/call-log", token=token).status_code == 200
    owner_sql("UPDATE directory.api_tokens SET expires_at = now() - interval '1 second' WHERE token_sha256 = %(sha)s",
              sha=token_sha256(token))
    assert door("GET", "/login", token=token).status_code == 401


def test_nobody_can_tell_a_missing_account_from_a_wrong_password(door, anna_logs_in):
    """Also not by being locked out: both are, after the same number of attempts."""
    heard = {}
    for login in ("anna", "nobody", "person22@amsel.example"):  # a person without a password, too
        heard[login] = [
            (answer.status_code, answer.json, "Retry-After" in answer.headers)
            for answer in (anna_logs_in(login, "wrong") for _ in range(7))]
    assert heard["anna"] == heard["nobody"] == heard["person22@amsel.example"]
    assert [status for status, _, _ in heard["anna"]] == [401] * 5 + [429] * 2
    assert anna_logs_in("anna").status_code == 429, "locked out is locked out, with the right password too"


def test_a_lock_ends_with_its_time_and_success_begins_anew(door, anna_logs_in, owner_sql):
    for _ in range(4):
        assert anna_logs_in("anna", "wrong").status_code == 401
    assert anna_logs_in().status_code == 200
    for _ in range(5):
        assert anna_logs_in("anna", "wrong").status_code == 401
    assert anna_logs_in().status_code == 429
    owner_sql("UPDATE directory.attempts SET since = since - interval '16 minutes' WHERE what = 'login'")
    assert anna_logs_in().status_code == 200


def test_an_address_tried_too_often_from_is_shut_out_for_a_while(door, anna_logs_in, owner_sql):
    assert anna_logs_in("someone", "wrong").status_code == 401
    owner_sql("UPDATE directory.attempts SET count = 100 WHERE what = 'login from'")
    assert anna_logs_in("somebody else", "wrong").status_code == 429


def test_an_address_of_several_people_is_that_of_whose_password_it_is(door, anna_logs_in, owner_sql):
    owner_sql("UPDATE directory.subscribers SET email = 'person21@amsel.example'"
              " WHERE subscriber_id IN (%(bernd)s, %(stranger)s)", bernd=BERND, stranger=STRANGER)
    assert anna_logs_in("person21@amsel.example").json["subscriber_id"] == ANNA, "the others have no password"
    assert anna_logs_in("person21@amsel.example", "wrong").status_code == 401
    for who, company, password in ((BERND, 701, OTHER), (STRANGER, 702, OTHER)):
        owner_sql("INSERT INTO directory.logins (role, company_id, subscriber_id, password_hash)"
                  " VALUES ('subscriber', %(company)s, %(who)s, %(hash)s)", company=company, who=who,
                  hash=passwords.hash_of(password))
    assert anna_logs_in("person21@amsel.example").json["subscriber_id"] == ANNA
    assert anna_logs_in("person21@amsel.example", OTHER).status_code == 401, "of two it is nobody's"
    owner_sql("DELETE FROM directory.logins WHERE subscriber_id = %(who)s", who=STRANGER)
    assert anna_logs_in("person21@amsel.example", OTHER).json["subscriber_id"] == BERND


def test_no_login_name_looks_like_an_address(door):
    """Else an administrator could stand before somebody else's."""
    answer = door("POST", "/logins", {"role": "administrator", "login_name": "operator@provider.example", "name": "X",
                                      "email": "x@amsel.example"}, who="admin")
    assert (answer.status_code, answer.json["field"]) == (422, "login_name")


@pytest.mark.parametrize(("body", "field"), [
    ({}, "login"), ({"login": "anna"}, "password"), ({"login": "", "password": "x"}, "login"),
    ({"login": "a" * 300, "password": "x"}, "login"), ({"login": "a", "password": "x" * 2000}, "password"),
    ({"login": "a", "password": "\ud800"}, "password"), ({"login": 7, "password": "x"}, "login"),
])
def test_a_malformed_log_in_is_named(door, body, field):
    answer = door("POST", "/login", body)
    assert (answer.status_code, answer.json["field"]) == (422, field)


def test_no_answer_and_no_table_holds_a_password(door, anna_logs_in, owner_sql, database):
    answer = anna_logs_in()
    [(kept,)] = owner_sql("SELECT password_hash FROM directory.logins")
    assert kept.startswith("$argon2id$")
    logins = door("GET", "/logins", who="admin")
    assert logins.json["logins"][0]["has_password"] is True
    for text in (logins.text, door("GET", "/tokens", token=answer.json["token"]).text):
        assert "argon2" not in text
        assert answer.json["token"] not in text


# ----- tokens


def test_tokens_are_listed_and_taken_back_one_by_one(door, anna_logs_in):
    first, second = anna_logs_in().json["token"], anna_logs_in().json["token"]
    listed = door("GET", "/tokens", token=second).json["tokens"]
    assert [(one["of_program"], one["current"]) for one in listed] == [(True, False), (False, False), (False, True)]
    assert door("DELETE", f"/tokens/{listed[1]['token_id']}", token=second).status_code == 204
    assert door("GET", "/login", token=first).status_code == 401
    assert door("DELETE", f"/tokens/{listed[1]['token_id']}", token=second).status_code == 404
    assert door("POST", "/logout", token=second).status_code == 204
    assert door("GET", "/login", token=second).status_code == 401
    assert door("GET", "/login", who="anna").status_code == 200


def test_tokens_of_others_are_no_ones_own(door):
    bernds = door("GET", "/tokens", who="bernd").json["tokens"][0]["token_id"]
    for who in ("anna", "stranger", "admin", "operator"):
        assert door("DELETE", f"/tokens/{bernds}", who=who).status_code == 404
    assert door("DELETE", f"/subscribers/{BERND}/tokens/{bernds}", who="other admin").status_code == 404
    assert door("DELETE", f"/subscribers/{ANNA}/tokens/{bernds}", who="admin").status_code == 404
    assert door("GET", f"/subscribers/{BERND}/tokens", who="anna").status_code == 404
    assert door("DELETE", f"/subscribers/{BERND}/tokens/{bernds}", who="admin").status_code == 204
    assert door("GET", "/login", who="bernd").status_code == 401
    assert door("DELETE", f"/subscribers/{ANNA}/tokens", who="operator").status_code == 204
    assert door("GET", "/login", who="anna").status_code == 401


# ----- one's own password


def test_a_password_is_changed_only_by_who_knows_it_and_only_for_a_good_one(door, anna_logs_in):
    token = anna_logs_in().json["token"]
    wrong = door("PUT", "/password", {"current": "wrong", "new": OTHER}, token=token)
    assert (wrong.status_code, wrong.json["field"]) == (403, "current")
    for easy in ("kurz", "person21amsel", "Passwort123", PASSWORD):
        refused = door("PUT", "/password", {"current": PASSWORD, "new": easy}, token=token)
        assert (refused.status_code, refused.json["field"]) == (422, "new")
    assert door("PUT", "/password", {"current": PASSWORD, "new": OTHER}, token=token).status_code == 429, "five tries"


def test_after_a_change_only_the_new_password_works(door, anna_logs_in):
    old, token = anna_logs_in().json["token"], anna_logs_in().json["token"]
    assert door("PUT", "/password", {"current": PASSWORD, "new": OTHER}, token=token).status_code == 204
    assert door("GET", "/login", token=token).status_code == 200
    assert door("GET", "/login", token=old).status_code == 401
    assert anna_logs_in().status_code == 401
    assert anna_logs_in(password=OTHER).status_code == 200


def test_who_has_no_password_yet_asks_for_one_by_mail(door):
    answer = door("PUT", "/password", {"current": "x", "new": OTHER}, who="bernd")
    assert (answer.status_code, answer.json["error"]) == (409, "no_password")


# ----- forgotten


def test_asking_is_answered_the_same_for_everybody_and_does_the_same_work(door, anna_logs_in, owner_sql):
    answers = [door("POST", "/password-reset", {"login": login}) for login in
               ("anna", "nobody", "person22@amsel.example", "x@y.example")]
    assert {(one.status_code, one.text) for one in answers} == {(202, answers[0].text)}
    rows = owner_sql("SELECT queue, task, payload FROM routing.outbox ORDER BY outbox_id")
    assert [(queue, task) for queue, task, _ in rows] == [("routing.mail", "routing.start_reset")] * 4
    assert owner_sql("SELECT count(*) FROM directory.resets") == [(0,)], "who it is is found out later, by the worker"


def test_asking_too_often_is_answered_the_same_and_does_nothing(door, owner_sql):
    answers = {door("POST", "/pin-reset", {"login": "anna"}).status_code for _ in range(6)}
    assert answers == {202}
    assert owner_sql("SELECT count(*) FROM routing.outbox") == [(3,)]


def test_the_worker_starts_a_reset_for_each_account_of_the_address_once(door, database, owner_sql):
    owner_sql("UPDATE directory.subscribers SET email = 'both@amsel.example' WHERE subscriber_id IN (70121, 70122)")
    request = str(uuid.uuid4())
    assert resets.start(database, request, "Both@amsel.example", "password") == 2
    assert resets.start(database, request, "Both@amsel.example", "password") == 0, "the same request again"
    assert resets.start(database, str(uuid.uuid4()), "nobody", "password") == 0
    # Only Bernd has a mailbox.
    assert resets.start(database, str(uuid.uuid4()), "both@amsel.example", "pin") == 1
    assert owner_sql("SELECT count(*) FROM routing.outbox WHERE task = 'routing.send_reset'") == [(3,)]


def test_a_link_sets_the_password_once_and_ends_what_was(door, anna_logs_in, database, owner_sql):
    token = anna_logs_in().json["token"]
    for _ in range(6):
        anna_logs_in("anna", "wrong")
    link, second = a_link(database), a_link(database)
    easy = door("POST", f"/password-reset/{link}", {"password": "kurz"})
    assert (easy.status_code, easy.json["field"]) == (422, "password")
    assert door("POST", f"/password-reset/{link}", {"password": OTHER}).status_code == 204
    for over in (link, second, "made-up"):
        assert door("POST", f"/password-reset/{over}", {"password": PASSWORD}).status_code == 410
        assert door("GET", f"/password-reset/{over}").status_code == 410
    assert door("GET", "/login", token=token).status_code == 401
    assert anna_logs_in(password=OTHER).status_code == 200, "the lock is gone, too"
    [(role, what, before, after)] = owner_sql("SELECT actor_role, what, before, after FROM routing.audit")
    assert (role, what, before, after) == ("subscriber", "password by mail", None, None)
    assert link not in str(owner_sql("SELECT * FROM directory.reset_links")), "only its hash is kept"


def test_a_link_is_over_after_an_hour(door, anna_logs_in, database, owner_sql):
    link = a_link(database)
    assert door("GET", f"/password-reset/{link}").status_code == 200
    owner_sql("UPDATE directory.reset_links SET expires_at = expires_at - interval '61 minutes'")
    assert door("GET", f"/password-reset/{link}").status_code == 410
    assert door("POST", f"/password-reset/{link}", {"password": OTHER}).status_code == 410


def test_a_pin_is_reset_the_same_way_and_ends_a_lock(door, database, owner_sql):
    owner_sql("UPDATE voicemail.mailboxes SET pin_failures = 10, pin_locked_until = now() + interval '1 day'"
              " WHERE subscriber_id = %(id)s", id=BERND)
    link = a_link(database, "pin", BERND)
    assert door("POST", f"/password-reset/{link}", {"password": OTHER}).status_code == 410, "a link for a PIN"
    for easy in ("12345", "123456", "222222", "557022", "22", "294a17"):
        assert door("POST", f"/pin-reset/{link}", {"pin": easy}).status_code == 422
    assert door("POST", f"/pin-reset/{link}", {"pin": "294817"}).status_code == 204
    assert door("POST", f"/pin-reset/{link}", {"pin": "294817"}).status_code == 410
    [(kept, failures, locked)] = owner_sql(
        "SELECT pin_hash, pin_failures, pin_locked_until FROM voicemail.mailboxes"
        " WHERE subscriber_id = %(id)s", id=BERND)
    assert (passwords.verify(kept, "294817"), failures, locked) == (True, 0, None)


def test_the_page_behind_the_link_is_plain_and_works(door, anna_logs_in, database, owner_sql):
    link = a_link(database)
    page = door("GET", f"/password-reset/{link}")
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in page.text
    assert 'lang="de"' in page.text
    assert f'action="{link}/page"' in page.text

    def post(password, again):
        return door.client.post(f"/v1/password-reset/{link}/page", data={"password": password, "again": again})
    mistake = post(OTHER, "else")
    assert mistake.status_code == 422
    assert 'action="page"' in mistake.text
    assert post("kurz", "kurz").status_code == 422
    assert post(OTHER, OTHER).status_code == 200
    assert post(OTHER, OTHER).status_code == 410
    assert anna_logs_in(password=OTHER).status_code == 200


def test_what_a_link_holds_is_never_taken_for_html(door):
    page = door("GET", "/password-reset/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert page.status_code in (404, 410)
    assert "<script>" not in page.text


def test_a_reset_is_started_by_who_answers_for_the_person_and_nobody_else(door, owner_sql):
    for who, path, status in (
        ("admin", f"/subscribers/{BERND}/password-reset", 202), ("operator", f"/subscribers/{BERND}/pin-reset", 202),
        ("bernd", f"/subscribers/{BERND}/pin-reset", 202), ("anna", f"/subscribers/{BERND}/password-reset", 404),
        ("admin", f"/subscribers/{STRANGER}/password-reset", 404),
        ("other admin", f"/subscribers/{BERND}/pin-reset", 404),
        ("operator", f"/subscribers/{STRANGER}/password-reset", 409), ("admin", f"/subscribers/{ANNA}/pin-reset", 409),
    ):
        answer = door("POST", path, {}, who=who)
        assert answer.status_code == status, (who, path, answer.text)
        assert "argon" not in answer.text
    assert owner_sql("SELECT secret, asked_by FROM directory.resets ORDER BY created_at") == [
        ("password", "administrator"), ("pin", "operator"), ("pin", "owner")]


# ----- who has an account


def test_operators_make_administrators_who_make_the_rest_of_their_company(door):
    boss = door("POST", "/logins", {"role": "administrator", "company_id": 701, "login_name": "chefin",
                                    "name": "Chefin", "email": "chefin@amsel.example"}, who="operator")
    assert boss.status_code == 201
    assert boss.json["has_password"] is False
    person = door("POST", "/logins", {"role": "subscriber", "subscriber_id": BERND, "login_name": "bernd"}, who="admin")
    assert (person.json["company_id"], person.json["email"]) == (701, "person22@amsel.example")
    path = f"/logins/{person.json['login_id']}"
    assert door("PATCH", path, {"role": "administrator"}, who="admin").json["role"] == "administrator"
    assert door("POST", f"{path}/password-reset", {}, who="admin").status_code == 202
    assert {one["login_name"] for one in door("GET", "/logins", who="admin").json["logins"]} == {"chefin", "bernd"}
    for method, where, body in (("GET", path, None), ("PATCH", path, {"login_name": "x23"}), ("DELETE", path, None),
                                ("POST", f"{path}/password-reset", {})):
        assert door(method, where, body, who="other admin").status_code == 404
        assert door(method, where, body, who="anna").status_code == 403
    assert door("GET", "/logins", who="other admin").json["logins"] == []
    assert door("DELETE", path, who="admin").status_code == 204
    assert door("GET", path, who="operator").status_code == 404


@pytest.mark.parametrize(("who", "body", "status", "field"), [
    ("admin", {"role": "operator", "name": "X", "email": "x@y.example"}, 403, "role"),
    ("admin", {"role": "administrator", "company_id": 702, "name": "X", "email": "x@y.example"}, 404, "company_id"),
    ("admin", {"role": "subscriber", "subscriber_id": STRANGER}, 422, "subscriber_id"),
    ("admin", {"role": "subscriber", "name": "X", "email": "x@y.example"}, 422, "subscriber_id"),
    ("admin", {"role": "administrator"}, 422, "name"),
    ("admin", {"role": "administrator", "name": "X", "email": "no address"}, 422, "email"),
    ("admin", {"role": "administrator", "name": "X", "email": "x@y.example", "login_name": "Ä"}, 422, "login_name"),
    ("admin", {"role": "boss"}, 422, "role"),
    ("operator", {"role": "administrator", "name": "X", "email": "x@y.example"}, 422, "company_id"),
    ("operator", {"role": "administrator", "company_id": 999, "name": "X", "email": "x@y.example"}, 422, "company_id"),
    ("operator", {"role": "operator", "company_id": 701, "name": "X", "email": "x@y.example"}, 422, "role"),
    ("anna", {"role": "subscriber", "subscriber_id": ANNA}, 403, None),
])
def test_a_log_in_that_cannot_be_is_refused_with_its_field(door, owner_sql, who, body, status, field):
    answer = door("POST", "/logins", body, who=who)
    assert (answer.status_code, answer.json["field"]) == (status, field)
    assert owner_sql("SELECT count(*) FROM directory.logins") == [(0,)]


def test_a_name_is_one_persons(door):
    for subscriber, status in ((BERND, 201), (ANNA, 422)):
        body = {"role": "subscriber", "subscriber_id": subscriber, "login_name": "bernd"}
        answer = door("POST", "/logins", body, who="admin")
        assert answer.status_code == status
    assert answer.json["field"] == "login_name"
    again = door("POST", "/logins", {"role": "subscriber", "subscriber_id": BERND}, who="admin")
    assert again.json["field"] == "subscriber_id"


def test_the_last_operator_stays(door):
    made = door("POST", "/logins", {"role": "operator", "name": "Betrieb", "email": "noc@example.org"}, who="operator")
    assert door("DELETE", f"/logins/{made.json['login_id']}", who="operator").status_code == 409


def test_a_lost_role_ends_its_tokens(door, anna_logs_in):
    [login] = door("GET", "/logins", who="admin").json["logins"]
    assert door("PATCH", f"/logins/{login['login_id']}", {"role": "administrator"}, who="admin").status_code == 200
    token = anna_logs_in().json["token"]
    assert door("GET", "/logins", token=token).status_code == 200
    assert door("PATCH", f"/logins/{login['login_id']}", {"role": "subscriber"}, who="admin").status_code == 200
    assert door("GET", "/login", token=token).status_code == 401


def test_limits_forget_nothing_that_failed(database, door, owner_sql):
    """An attempt is counted whatever becomes of the request around it."""
    for _ in range(3):
        limits.count(database, limits.RESET, "x")
    with pytest.raises(limits.TooMany) as caught:
        limits.count(database, limits.RESET, " X ")
    assert 3500 < caught.value.wait_s <= 3600
