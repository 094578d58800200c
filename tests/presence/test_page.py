"""The page's session and its way to the services, over HTTP on real databases: presence and a part of routing."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.presence.api import make_app
from services.presence.store import person_at, read_people, read_some
from services.presence.switch_events import SwitchEvents
from services.presence.web.files import FOLDER
from services.routing.api import accounts, call_log, resets
from shared import passwords
from shared.api import create_app, serve, token_sha256
from shared.database import Database
from shared.esl.client import InboundClient
from tests.handsets.process import free_port

OPERATOR = "operator-token-for-the-page"
PASSWORD = "Ein Regenschirm im Keller"  # noqa: S105
MARK = {"X-Pbx-Page": "1"}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes
    cookie: str = ""

    @property
    def body(self) -> Any:
        return json.loads(self.content)


@dataclass
class Web:
    """Two companies; presence with its page, and routing as far as this page's session needs it."""

    owner: Database
    presence_database: Database
    routing_database: Database
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.owner.platform() as tx:
            for domain, people in (("seite-eins.example", ("Ärmel 61", "Zander 62", "Busch 63")),
                                   ("seite-zwei.example", ("Fremd 71",))):
                company_id = tx.one("INSERT INTO directory.companies (name, sip_domain) VALUES (:domain, :domain)"
                                    " RETURNING company_id", domain=domain).company_id
                site_id = tx.one("INSERT INTO directory.sites (company_id, name, area_code)"
                                 " VALUES (:id, 'Berlin', '30') RETURNING site_id", id=company_id).site_id
                for last_name, extension in (person.split() for person in people):
                    self.ids[extension] = tx.one(
                        "INSERT INTO directory.subscribers (company_id, site_id, first_name, last_name, extension,"
                        " email) VALUES (:company, :site, 'Petra', :name, :extension, :email)"
                        " RETURNING subscriber_id",
                        company=company_id, site=site_id, name=last_name, extension=extension,
                        email=f"p{extension}@{domain}").subscriber_id
                    tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                               " VALUES (:sha, 'subscriber', :company, :subscriber)", company=company_id,
                               sha=token_sha256(token(extension)), subscriber=self.ids[extension])
            tx.execute("INSERT INTO directory.api_tokens (token_sha256, role) VALUES (:sha, 'operator')",
                       sha=token_sha256(OPERATOR))
            tx.execute("INSERT INTO directory.logins (role, company_id, subscriber_id, login_name, password_hash)"
                       " SELECT 'subscriber', company_id, subscriber_id, 'petra61', :hash FROM directory.subscribers"
                       " WHERE subscriber_id = :id", id=self.ids["61"], hash=passwords.hash_of(PASSWORD))
        database = self.presence_database
        self.presence = SwitchEvents(
            InboundClient("127.0.0.1", 1, "unused", name="test"), read_people=lambda: read_people(database),
            read_some=lambda company_id, people: read_some(database, company_id, people),
            person_at=lambda extension, domain: person_at(database, extension, domain))
        self.presence.read_people()
        app, api = create_app("routing", database=self.routing_database)
        for blueprint in (accounts.blueprint, call_log.blueprint, resets.blueprint):
            api.register_blueprint(blueprint(self.routing_database))
        self.routing = serve(app, "127.0.0.1", 0)
        services = {"routing": f"http://127.0.0.1:{self.routing.server_port}",
                    "callback": f"http://127.0.0.1:{free_port()}", "voicemail": f"http://127.0.0.1:{free_port()}"}
        self.server = serve(make_app(self.presence, database, {}, services), "127.0.0.1", 0)

    def ask(self, path: str, method: str = "GET", body: Any = None, *, cookie: str = "",
            headers: Mapping[str, str] | None = None) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        sent = {} if method == "GET" else dict(MARK)
        if body is not None:
            sent["Content-Type"] = "application/json"
        if cookie:
            sent["Cookie"] = f"pbx_session={cookie}"
        sent.update(headers or {})
        line.request(method, path, None if body is None else json.dumps(body), sent)
        response = line.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read(),
                        response.getheader("Set-Cookie") or "")
        line.close()
        return answer

    def log_in(self, token_sent: str) -> str:
        answer = self.ask("/page/session", "POST", {"token": token_sent})
        assert answer.status == 204, answer.content
        return answer.cookie.partition(";")[0].removeprefix("pbx_session=")

    def stop(self) -> None:
        self.server.stop(timeout=1)
        self.routing.stop(timeout=1)


def token(extension: str) -> str:
    return f"page-token-of-the-subscriber-{extension}"


@pytest.fixture(scope="module")
def web(admin_database_url: str, service_database_urls: Mapping[str, str]) -> Iterator[Web]:
    databases = [Database(url) for url in (
        admin_database_url, service_database_urls["presence"], service_database_urls["routing"])]
    web = Web(*databases)
    yield web
    web.stop()
    for database in databases:
        database.close()


def test_the_page_and_its_files_are_there_with_their_policy(web):
    page = web.ask("/")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for path in FOLDER.iterdir():
        file = web.ask(f"/page/{path.name}", headers={"Accept-Encoding": "gzip"})
        assert (file.status, gzip.decompress(file.content)) == (200, path.read_bytes())
        assert "Content-Security-Policy" in file.headers
        again = web.ask(f"/page/{path.name}", headers={
            "Accept-Encoding": "gzip", "If-None-Match": file.headers["ETag"]})
        assert (again.status, again.content) == (304, b"")
    assert web.ask("/page/app.js").content == (FOLDER / "app.js").read_bytes()
    for name in ("nothing.js", "../rules.py", "%2e%2e/rules.py", "words.py"):
        assert web.ask(f"/page/{name}").status == 404


def test_a_token_becomes_a_session_no_script_can_read(web):
    answer = web.ask("/page/session", "POST", {"token": token("61")})
    assert answer.status == 204
    attributes = [part.strip() for part in answer.cookie.split(";")]
    assert {"HttpOnly", "SameSite=Strict", "Path=/page/"} <= set(attributes)
    assert "Secure" not in attributes
    assert any(part.startswith("Max-Age=43") for part in attributes), "twelve hours"
    assert token("61") not in answer.cookie
    behind_a_proxy = web.ask("/page/session", "POST", {"token": token("61")}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in behind_a_proxy.cookie


def test_the_session_says_who_one_is_and_asks_as_that_person(web):
    cookie = web.log_in(token("61"))
    me = web.ask("/page/session", cookie=cookie).body
    assert (me["role"], me["person"]["extension"], me["person"]["name"], me["company"]["sip_domain"]) == (
        "subscriber", "61", "Petra Ärmel", "seite-eins.example")
    put = web.ask("/page/api/presence/v1/watched", "PUT", {"extensions": ["62"]}, cookie=cookie)
    assert put.status == 200
    lamps = web.ask("/page/api/presence/v1/lamps", cookie=cookie).body["lamps"]
    assert [lamp["extension"] for lamp in lamps] == ["62"]
    assert web.ask("/page/session", cookie=web.log_in(OPERATOR)).body == {
        "role": "operator", "company": None, "person": None, "language": None}


@pytest.mark.parametrize(("body", "status", "field"), [
    ({"token": "no-such-token-at-all"}, 401, "token"), ({"token": "short"}, 422, "token"), ({}, 422, "token"),
    ({"token": token("61"), "login": "x", "password": "y"}, 422, "token"), ({"login": "petra61"}, 422, "token"),
    ({"login": "petra61", "password": "wrong"}, 401, None), ({"login": "nobody", "password": PASSWORD}, 401, None),
])
def test_without_the_right_words_there_is_no_session(web, body, status, field):
    answer = web.ask("/page/session", "POST", body)
    assert (answer.status, answer.body["field"], answer.cookie) == (status, field, "")


def test_login_and_password_do_as_well_and_a_guesser_is_locked_by_his_own_address(web):
    answer = web.ask("/page/session", "POST", {"login": "petra61", "password": PASSWORD})
    assert answer.status == 204
    cookie = answer.cookie.partition(";")[0].removeprefix("pbx_session=")
    assert web.ask("/page/session", cookie=cookie).body["person"]["extension"] == "61"
    guesser = {"X-Forwarded-For": "203.0.113.9"}
    found = {web.ask("/page/session", "POST", {"login": f"guess{n}", "password": "x"}, headers=guesser).status
             for n in range(3)}
    assert found == {401}
    with web.owner.platform() as tx:
        tx.execute("UPDATE directory.attempts SET count = 1000"
                   " WHERE what = 'login from' AND of_sha256 = sha256(:address)", address=b"203.0.113.9")
    locked = web.ask("/page/session", "POST", {"login": "guess", "password": "x"}, headers=guesser)
    assert locked.status == 429
    assert int(locked.headers["Retry-After"]) > 0
    assert web.ask("/page/session", "POST", {"login": "petra61", "password": PASSWORD}).status == 204


def test_a_forgotten_password_is_passed_on_and_tells_nothing(web):
    for login in ("petra61", "nobody-at-all"):
        assert web.ask("/page/forgotten", "POST", {"login": login}).status == 204
    with web.owner.platform() as tx:
        wishes = tx.rows("SELECT payload FROM routing.outbox WHERE payload ->> 'secret' = 'password'"
                         " ORDER BY outbox_id")
    assert [wish.payload["typed"] for wish in wishes] == ["petra61", "nobody-at-all"]


def test_the_cookie_opens_nothing_but_the_page(web):
    cookie = web.log_in(token("61"))
    assert web.ask("/v1/lamps", cookie=cookie).status == 401
    assert web.ask("/page/api/presence/metrics", cookie=cookie).status == 404
    assert web.ask("/page/api/presence/v1/subscribers/1/lamps", cookie=cookie).status == 403
    assert web.ask("/page/api/presence/v1/lamps", cookie="x" * 43).status == 401
    assert web.ask("/page/api/presence/v1/lamps").status == 401
    assert web.ask("/page/session").status == 401


def test_logging_out_ends_the_session_and_not_the_token(web):
    cookie = web.log_in(token("62"))
    out = web.ask("/page/session", "DELETE", cookie=cookie)
    assert out.status == 204
    assert "Max-Age=0" in out.cookie
    assert web.ask("/page/session", cookie=cookie).status == 401
    assert web.log_in(token("62"))
    assert web.ask("/page/session", "DELETE").status == 204, "twice is once"


def test_logging_in_anew_ends_the_session_before(web):
    first = web.log_in(token("62"))
    web.ask("/page/session", "POST", {"token": token("62")}, cookie=first)
    assert web.ask("/page/session", cookie=first).status == 401


def test_a_session_ends_with_the_token_it_came_from(web):
    with web.owner.platform() as tx:
        tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                   " SELECT :sha, 'subscriber', company_id, subscriber_id FROM directory.subscribers"
                   " WHERE subscriber_id = :id", sha=token_sha256("a-token-that-is-taken-back"), id=web.ids["63"])
    cookie = web.log_in("a-token-that-is-taken-back")
    with web.owner.platform() as tx:
        tx.execute("DELETE FROM directory.api_tokens WHERE token_sha256 = :sha",
                   sha=token_sha256("a-token-that-is-taken-back"))
    assert web.ask("/page/session", cookie=cookie).status == 401


def test_a_session_never_outlives_its_token_and_makes_no_other(web):
    ends = datetime.now(UTC) + timedelta(minutes=10)
    with web.owner.platform() as tx:
        tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, expires_at)"
                   " SELECT :sha, 'subscriber', company_id, subscriber_id, :ends FROM directory.subscribers"
                   " WHERE subscriber_id = :id", id=web.ids["63"], ends=ends,
                   sha=token_sha256("a-token-of-ten-minutes"))
    answer = web.ask("/page/session", "POST", {"token": "a-token-of-ten-minutes"})
    [age] = [int(part.partition("=")[2]) for part in answer.cookie.split("; ") if part.startswith("Max-Age=")]
    assert 500 < age <= 600
    cookie = answer.cookie.partition(";")[0].removeprefix("pbx_session=")
    assert web.ask("/page/session", "POST", {"token": cookie}).status == 401


@pytest.mark.parametrize(("method", "path", "headers"), [
    ("GET", "/page/api/presence/v1/lamps", {"Sec-Fetch-Site": "cross-site"}),
    ("GET", "/page/api/presence/v1/lamps/events", {"Sec-Fetch-Site": "same-site"}),
    ("PUT", "/page/api/presence/v1/watched", {"X-Pbx-Page": ""}),
    ("PUT", "/page/api/presence/v1/watched", {"Origin": "https://evil.example"}),
    ("DELETE", "/page/session", {"Sec-Fetch-Site": "cross-site"}),
    ("DELETE", "/page/api/routing/v1/call-log", {"Origin": "null"}),
])
def test_a_foreign_page_gets_nothing_with_the_cookie(web, method, path, headers):
    cookie = web.log_in(token("61"))
    sent = {name: value for name, value in headers.items() if value}
    if "X-Pbx-Page" in headers:
        line = http.client.HTTPConnection("127.0.0.1", web.server.server_port, timeout=10)
        line.request(method, path, "{}", {"Cookie": f"pbx_session={cookie}", "Content-Type": "application/json"})
        status, content = (response := line.getresponse()).status, response.read()
        line.close()
    else:
        answer = web.ask(path, method, cookie=cookie, headers=sent)
        status, content = answer.status, answer.content
    assert (status, json.loads(content)["error"]) == (403, "foreign_page")
    assert web.ask("/page/session", cookie=cookie).status == 200


def test_other_services_are_asked_with_the_session(web):
    cookie = web.log_in(token("61"))
    log = web.ask("/page/api/routing/v1/call-log?limit=5", cookie=cookie)
    assert (log.status, log.body) == (200, {"entries": [], "next": None})
    wrong = web.ask("/page/api/routing/v1/call-log?limit=0", cookie=cookie)
    assert (wrong.status, wrong.body["field"]) == (422, "limit")
    assert web.ask("/page/api/routing/v1/call-log", "DELETE", cookie=cookie).status == 204
    assert web.ask("/page/api/routing/v1/call-log.csv", cookie=cookie).headers["Content-Disposition"]
    assert web.ask("/page/api/routing/v1/call-log").status == 401
    assert web.ask("/page/api/routing/v1/call-log", cookie=web.log_in(OPERATOR)).status == 403
    for path in ("/page/api/routing/v1/tokens", "/page/api/nobody/v1/calls", "/page/api/routing/v1/call-log/../tokens"):
        assert web.ask(path, cookie=cookie).status == 404


def test_a_service_that_is_away_is_named(web):
    cookie = web.log_in(token("61"))
    for service, path in (("callback", "/v1/calls"), ("voicemail", "/v1/messages")):
        answer = web.ask(f"/page/api/{service}{path}", cookie=cookie)
        assert (answer.status, answer.body["error"]) == (503, "unavailable")
        assert service in answer.body["message"]
        assert answer.headers["Retry-After"]


def test_colleagues_are_told_by_name_and_no_others(web):
    cookie = web.log_in(token("61"))
    found = web.ask("/page/api/presence/v1/colleagues", cookie=cookie).body
    assert ([one["name"] for one in found["colleagues"]], found["total"]) == (["Petra Busch", "Petra Zander"], 2)
    assert {one["state"] for one in found["colleagues"]} == {"not_registered"}
    some = f"{web.ids['62']},{web.ids['71']},{web.ids['61']}"
    chosen = web.ask(f"/page/api/presence/v1/colleagues?subscriber_ids={some}", cookie=cookie).body["colleagues"]
    assert [one["extension"] for one in chosen] == ["62"]
    one = web.ask("/page/api/presence/v1/colleagues?limit=1", cookie=cookie).body
    assert (len(one["colleagues"]), one["total"]) == (1, 2)
    for query in ("limit=0", "limit=x", "subscriber_ids=a", "subscriber_ids=0"):
        assert web.ask(f"/page/api/presence/v1/colleagues?{query}", cookie=cookie).status == 422
    assert web.ask("/page/api/presence/v1/colleagues", cookie=web.log_in(OPERATOR)).status == 403
