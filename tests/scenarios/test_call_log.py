"""Everyone's list of calls, and the company's records: what was, why, found again, downloaded, deleted (L1, L2)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.outside import company_setting
from tests.scenarios.stage import Answer, Stage
from tests.scenarios.test_voicemail import mailbox_of

CALLER = "+491715550123"


def entries(stage: Stage, who: str, query: str = "") -> list[dict[str, Any]]:
    answer = stage.http("routing", "GET", f"/v1/call-log?limit=20{query}", token=who)
    assert answer.status == 200, answer.body
    return list(answer.body["entries"])


def newest(stage: Stage, who: str, **expected: Any) -> dict[str, Any]:
    """The newest line of the list, as soon as it is this one."""
    def found() -> dict[str, Any] | None:
        [line] = entries(stage, who)[:1] or [{}]
        return line if all(line.get(name) == value for name, value in expected.items()) else None
    return stage.wait_until(found, 15, f"{expected} in the list of {who}: {entries(stage, who)[:1]}")


def emptied(stage: Stage, *names: str) -> None:
    for name in names:
        assert stage.http("routing", "DELETE", "/v1/call-log", token=name).status == 204
        assert entries(stage, name) == []


@contextmanager
def setting(stage: Stage, who: str, name: str, **changes: Any) -> Iterator[None]:
    """A setting of one's own for the while."""
    path = f"/v1/settings/{name}"
    before = stage.http("routing", "GET", path, token=who).body
    answer = stage.http("routing", "PATCH", path, token=who, json_body=changes)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        restored = stage.http("routing", "PATCH", path, token=who,
                              json_body={field: before[field] for field in changes})
        assert restored.status == 200, restored.body


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@proves("L1")
def test_taken_missed_rejected_and_barred_calls_are_listed_with_the_reason_in_words(stage: Stage) -> None:
    david, emma = stage.telephones["david"].register(), stage.telephones["emma"].register()
    emptied(stage, "david", "emma")

    taken = david.dial("25")
    emma.wait_for_ring().answer()
    taken.wait_for("answered")
    taken.hangup()
    line = newest(stage, "emma", kind="received", number="24")
    assert (str(line["name"]).split()[0], line["rung"], line["colleague_id"]) == (
        "David", "devices", stage.subscriber_id("david"))
    newest(stage, "david", kind="placed", number="25")

    missed = david.dial("25")
    emma.wait_for_ring()
    missed.hangup()
    assert newest(stage, "emma", kind="missed")["why"] == "aufgelegt, bevor jemand abnahm"

    with setting(stage, "emma", "negative_list", enabled=True, rules=[{"name": "nicht David", "numbers": ["24"]}]):
        rejected = david.dial("25")
        rejected.wait_for("ended", timeout_s=30)
    line = newest(stage, "emma", kind="missed", rung="negative list")
    assert line["why"] == "Anrufer steht auf der Sperrliste"
    assert newest(stage, "david", call_id=line["call_id"])["rung"] != "negative list", "that is Emma's matter"

    barred = david.dial("09005123456")
    barred.wait_for("ended", timeout_s=30)
    line = newest(stage, "david", kind="placed", rung="barring")
    assert line["why"] == "Rufnummer ist gesperrt"

    with mailbox_of(stage, "emma", on_busy=False), setting(stage, "emma", "do_not_disturb", enabled=True):
        busy = david.dial("25")
        busy.wait_for("ended", timeout_s=30)
    line = newest(stage, "emma", kind="missed", rung="do not disturb")
    assert line["why"] == "nicht stören"


@proves("L1")
def test_a_list_is_searched_paged_downloaded_and_emptied_and_the_others_keep_theirs(stage: Stage) -> None:
    emma, david = stage.telephones["emma"].register(), stage.telephones["david"].register()
    emptied(stage, "david", "emma")
    began = datetime.now(UTC)
    outside = stage.telephones.carrier.dial("+49305550025", from_number=CALLER)
    emma.wait_for_ring()
    outside.hangup()
    newest(stage, "emma", kind="missed", number=CALLER)
    inside = david.dial("25")
    emma.wait_for_ring().answer()
    inside.wait_for("answered")
    inside.hangup()
    newest(stage, "emma", kind="received", number="24")

    assert [line["number_shown"] for line in entries(stage, "emma", "&search=0171%20555")] == ["0171 5550123"]
    assert [line["number"] for line in entries(stage, "emma", "&search=david")] == ["24"]
    assert [line["number"] for line in entries(stage, "emma", "&kind=missed")] == [CALLER]
    assert entries(stage, "emma", f"&to={began.strftime('%Y-%m-%dT%H:%M:%SZ')}") == []
    page = stage.http("routing", "GET", "/v1/call-log?limit=1", token="emma").body
    rest = stage.http("routing", "GET", f"/v1/call-log?limit=1&next={page['next']}", token="emma").body
    assert [one["entries"][0]["number"] for one in (page, rest)] == ["24", CALLER]
    assert rest["next"] is None

    csv_answer = stage.http("routing", "GET", "/v1/call-log.csv?kind=missed", token="emma")
    assert csv_answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    [row] = table(csv_answer.content)
    assert (row["number"], row["number_shown"]) == (f"'{CALLER}", "0171 5550123"), "no spreadsheet takes it for a sum"

    one = entries(stage, "emma")[0]["call_id"]
    assert stage.http("routing", "DELETE", f"/v1/call-log/{one}", token="david").status == 204
    assert one in [line["call_id"] for line in entries(stage, "emma")]
    assert one not in [line["call_id"] for line in entries(stage, "david")]
    assert stage.http("routing", "DELETE", f"/v1/call-log/{one}", token="ulf").status == 404
    emptied(stage, "emma")


@proves("L2", "X7", "N1")
def test_the_company_has_its_records_with_the_whole_trace_and_nobody_else_has(stage: Stage) -> None:
    felix, greta = stage.telephones["felix"].register(), stage.telephones["greta"].register()
    call = felix.dial("27")
    greta.wait_for_ring().answer()
    call.wait_for("answered")
    call.hangup()
    call_id = newest(stage, "greta", kind="received", number="26")["call_id"]

    felix_id = stage.subscriber_id("felix")
    query = f"?subscriber_id={felix_id}&direction=internal&answered=true&search=greta&limit=1"
    for who, path in (("admin", "/v1/company/calls"), ("operator", f"/v1/companies/{stage.company_id()}/calls")):
        [record] = stage.http("routing", "GET", path + query, token=who).body["calls"]
        assert (record["call_id"], record["answered_by"]) == (call_id, stage.subscriber_id("greta"))
        whole = stage.http("routing", "GET", f"{path}/{call_id}", token=who).body
        assert {"27", "outgoing"} <= {line["place"] for line in whole["trace"]}
        rows = table(stage.http("routing", "GET", f"{path}.csv?subscriber_id={felix_id}", token=who).content)
        assert rows[0]["call_id"] == call_id
    assert stage.http("routing", "GET", "/v1/company/calls", token="felix").status == 403
    with stage.database.platform() as tx:
        other = tx.one("SELECT company_id FROM directory.companies WHERE sip_domain = 'konkurrenz.example'").company_id
    assert stage.http("routing", "GET", f"/v1/companies/{other}/calls", token="admin").status == 404
    assert stage.http("routing", "GET", f"/v1/companies/{other}/calls/{call_id}", token="operator").status == 404


@proves("L2")
def test_how_long_records_are_kept_is_set_and_an_erased_list_is_proved(stage: Stage) -> None:
    hans, ida = stage.telephones["hans"].register(), stage.telephones["ida"].register()
    call = hans.dial("29")
    ida.wait_for_ring()
    call.hangup()
    call_id = newest(stage, "ida", kind="missed", number="28")["call_id"]

    path = "/v1/company/settings/call_retention"
    for days in (0, 3651, "x"):
        answer = stage.http("routing", "PATCH", path, token="admin", json_body={"days": days})
        assert (answer.status, answer.body["field"]) == (422, "days")
    assert stage.http("routing", "PATCH", path, token="ida", json_body={"days": 1}).status == 403
    assert stage.http("routing", "PATCH", path, token="admin", json_body={"days": 90}).body["days"] == 90
    assert stage.http("routing", "PATCH", path, token="admin", json_body={"days": None}).body["days"] is None

    theirs = f"/v1/subscribers/{stage.subscriber_id('ida')}/call-log"
    assert stage.http("routing", "DELETE", theirs, token="hans").status == 404
    assert stage.http("routing", "DELETE", theirs, token="admin").status == 204
    assert entries(stage, "ida") == []
    newest(stage, "hans", call_id=call_id)
    [proof] = stage.http("routing", "GET", "/v1/company/call-deletions?limit=1", token="admin").body["deletions"]
    assert (proof["why"], proof["subscriber_id"], proof["actor_role"]) == (
        "person", stage.subscriber_id("ida"), "administrator")
    assert proof["lines"] >= 1
    assert stage.http("routing", "GET", "/v1/company/call-deletions", token="ida").status == 403


KEPT_DAYS = 30


@proves("L2")
def test_records_past_the_companys_retention_are_gone_everywhere_and_that_is_on_record(stage: Stage) -> None:
    emptied(stage, "hans", "ida")
    old_id = hans_calls_ida(stage)
    young_id = hans_calls_ida(stage)
    for name in ("hans", "ida"):
        assert [line["call_id"] for line in entries(stage, name)] == [young_id, old_id]
    with stage.database.platform() as tx:
        tx.execute("UPDATE routing.calls SET started_at = started_at - :age, answered_at = answered_at - :age,"
                   " ended_at = ended_at - :age WHERE call_id = CAST(:id AS uuid)",
                   age=timedelta(days=KEPT_DAYS, minutes=1), id=old_id)
        tx.execute("UPDATE routing.call_log SET at = at - :age WHERE call_id = CAST(:id AS uuid)",
                   age=timedelta(days=KEPT_DAYS, minutes=1), id=old_id)
    assert {"routing.calls", "routing.call_log"} <= tables_with(stage, old_id)
    before = deletions(stage, "admin")
    began = datetime.now(UTC)
    with company_setting(stage, "call_retention", days=KEPT_DAYS):
        next_night(stage)

    assert record_of(stage, old_id).status == 404
    assert tables_with(stage, old_id) == set()
    assert old_id not in exported(stage)
    assert stage.http("routing", "GET", f"/v1/calls/{old_id}/explain", token="admin").status == 404
    for name in ("hans", "ida"):
        assert [line["call_id"] for line in entries(stage, name)] == [young_id], name
    assert record_of(stage, young_id).status == 200
    assert young_id in exported(stage)

    [proof] = deletions(stage, "admin")[len(before):]
    assert (proof["why"], proof["calls"], proof["lines"]) == ("retention", 1, 2)
    assert (proof["actor_role"], proof["subscriber_id"]) == ("system", None)
    until = datetime.fromisoformat(proof["until"]) + timedelta(days=KEPT_DAYS)
    assert began <= until <= datetime.fromisoformat(proof["at"]) <= datetime.now(UTC)
    assert deletions(stage, "operator")[len(before):] == [proof]


def hans_calls_ida(stage: Stage) -> str:
    """The call's id, when it is over and on record."""
    hans, ida = stage.telephones["hans"].register(), stage.telephones["ida"].register()
    known = {line["call_id"] for line in entries(stage, "ida")}
    call = hans.dial("29")
    ida.wait_for_ring().answer()
    call.wait_for("answered").hangup()

    def on_record() -> str | None:
        new = [line["call_id"] for line in entries(stage, "ida") if line["call_id"] not in known]
        return new[0] if new and record_of(stage, new[0]).body["ended_at"] else None
    return str(stage.wait_until(on_record, 15, "the call on record"))


def next_night(stage: Stage) -> None:
    """As if routing had been down at night: it works then when it is up again, the whole system's part last."""
    with stage.database.platform() as tx:
        tx.execute("DELETE FROM routing.nights")
    instances.restart(stage.instance, "routing")
    instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)

    def worked() -> bool:
        with stage.database.platform() as tx:
            return bool(tx.rows("SELECT day FROM routing.nights WHERE company_id = 0"))
    stage.wait_until(worked, 10, "the nightly work")


def record_of(stage: Stage, call_id: str) -> Answer:
    return stage.http("routing", "GET", f"/v1/company/calls/{call_id}", token="admin")


def exported(stage: Stage) -> set[str]:
    return {row["call_id"] for row in table(
        stage.http("routing", "GET", "/v1/company/calls.csv", token="admin").content)}


def deletions(stage: Stage, who: str) -> list[dict[str, Any]]:
    """Oldest first."""
    whose = "company" if who == "admin" else f"companies/{stage.company_id()}"
    answer = stage.http("routing", "GET", f"/v1/{whose}/call-deletions?limit=200", token=who)
    assert answer.status == 200, answer.body
    return list(reversed(answer.body["deletions"]))


def tables_with(stage: Stage, call_id: str) -> set[str]:
    """Every table of every service with a row in which this call is named, in whatever column."""
    with stage.database.platform() as tx:
        names = [row.name for row in tx.rows(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')")]
        return {name for name in names if tx.one(
            f"SELECT EXISTS (SELECT FROM {name} t WHERE t::text LIKE :named) AS found",
            named=f"%{call_id}%").found}
