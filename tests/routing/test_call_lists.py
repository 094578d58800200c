"""Lists and records of calls as people read them: search, CSV, what one may know, retention, a million of them."""

from __future__ import annotations

import csv
import io
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from services.routing import api as http
from services.routing import call_csv, call_log, call_records
from services.routing.call_words import why
from services.routing.nights import Nights
from shared.api import create_app, token_sha256

ANNA, BERND, CLARA, STRANGER = 70121, 70122, 70123, 70221
NOON = datetime(2026, 8, 12, 10, 0, tzinfo=UTC)


def call(minutes=0, caller=("+491715550199", "Müller, Max"), rung="devices", place="22", reason="no_answer",
         do="ring", cause="NO_ANSWER", answered_by=None, callee=BERND, caller_id=None, direction="incoming",
         company=701, dialled="+493055557022"):
    """All that is reported of one call to Bernd."""
    call_id, at = str(uuid.uuid4()), NOON + timedelta(minutes=minutes)
    common = {"call_id": call_id, "company_id": company}
    trace = [{"place": place, "rung": rung, "saw": {}, "said": "decided", "sent_on": 0, "decides": True}]
    records = [
        {**common, "kind": "decided", "at": at.isoformat(), "direction": direction, "device_id": None,
         "caller_id": caller_id, "caller_number": caller[0], "caller_name": caller[1], "dialled": dialled,
         "callee_id": callee, "callee_name": "Person 22", "callee_number": "22", "rung": rung, "trace": trace,
         "step": {"do": do, "reason": reason, "legs": []}, "rang": [], "from_memory": False},
        {**common, "kind": "ended", "at": (at + timedelta(seconds=50)).isoformat(), "began_at": at.isoformat(),
         "answered_at": (at + timedelta(seconds=20)).isoformat() if answered_by else None, "cause": cause}]
    if answered_by:
        records.append({**common, "kind": "leg_answered", "at": (at + timedelta(seconds=50)).isoformat(),
                        "answered_at": (at + timedelta(seconds=20)).isoformat(), "subscriber_id": answered_by})
    return call_id, records


@pytest.fixture(scope="module")
def ask(database, owner_sql):
    app, api = create_app("routing", database=database)
    http.register(app, api, database, lambda message: None)
    tokens = {}
    for name, role, company, subscriber in (
        ("anna", "subscriber", 701, ANNA), ("bernd", "subscriber", 701, BERND), ("admin", "administrator", 701, None),
        ("other admin", "administrator", 702, None), ("operator", "operator", None, None),
    ):
        tokens[name] = secrets.token_urlsafe(32)
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                  " VALUES (%(sha)s, %(role)s, %(company)s, %(subscriber)s)",
                  sha=token_sha256(tokens[name]), role=role, company=company, subscriber=subscriber)
    client = app.test_client()

    def send(path, who="bernd", method="GET", **values):
        return client.open(f"/v1{path}", method=method, query_string=values or None,
                           headers={"Authorization": f"Bearer {tokens[who]}"})
    yield send
    owner_sql("DELETE FROM directory.api_tokens")


@pytest.fixture
def written(database, owner_sql):
    def write(*calls, company=701):
        with database.company(company) as tx:
            call_log.write(tx, company, [record for _, records in calls for record in records])
        return [call_id for call_id, _ in calls]
    yield write
    owner_sql("DELETE FROM routing.calls")
    owner_sql("DELETE FROM routing.call_deletions")
    owner_sql("DELETE FROM routing.nights")


def names(answer):
    assert answer.status_code == 200, answer.text
    return [line["name"] for line in answer.json["entries"]]


# ----- the person's list (L1)


@pytest.mark.parametrize(("search", "found"), [
    ("max", ["Müller, Max"]), ("MÜLLER", ["Müller, Max"]), ("0171 555-01", ["Müller, Max"]),
    ("+49171", ["Müller, Max"]), ("0049171", ["Müller, Max"]), ("(0171) 555", ["Müller, Max"]), ("4930", ["Erna"]),
    ("%", []), ("_", []), ("\\", []), ("'", []), ("nobody", []), ("0172", []),
])
def test_a_list_is_searched_by_part_of_a_name_or_a_number_as_people_write_it(ask, written, search, found):
    written(call(), call(1, caller=("+49305550555", "Erna")), call(2, caller=(None, None)))
    assert names(ask("/call-log", search=search)) == found


def test_a_list_is_narrowed_to_kinds_and_times(ask, written):
    written(call(0, ("+49301", "one")), call(10, ("+49302", "two"), answered_by=BERND), call(20, ("+49303", "three")))
    assert names(ask("/call-log", kind="received")) == ["two"]
    assert names(ask("/call-log", kind="missed")) == ["three", "one"]
    moment = (NOON + timedelta(minutes=10)).isoformat()
    assert names(ask("/call-log", **{"from": moment})) == ["three", "two"]
    assert names(ask("/call-log", to=moment)) == ["one"]
    for wrong, field in (({"from": "yesterday"}, "from"), ({"from": "2026-08-12T10:00:00"}, "from"),
                         ({"from": moment, "to": moment}, "to")):
        answer = ask("/call-log", **wrong)
        assert (answer.status_code, answer.json["field"]) == (422, field)


def test_pages_of_a_filtered_list_follow_one_another(ask, written):
    written(*(call(n // 2, (f"+4930{n}", f"Caller {n}")) for n in range(9)))
    seen, following = [], None
    while True:
        answer = ask("/call-log", limit=2, search="caller", **({"next": following} if following else {}))
        seen += names(answer)
        following = answer.json["next"]
        if following is None:
            break
    assert sorted(seen) == [f"Caller {n}" for n in range(9)]


def test_a_number_is_shown_as_people_of_the_site_write_it(ask, written):
    written(call(), call(1, ("+442071838750", "London")), call(2, ("21", "Person 21"), caller_id=ANNA,
                                                               direction="internal"))
    lines = ask("/call-log").json["entries"]
    assert [(line["number"], line["number_shown"], line["colleague_id"]) for line in lines] == [
        ("21", "21", ANNA), ("+442071838750", "+44 20 7183 8750", None), ("+491715550199", "0171 5550199", None)]


@pytest.mark.parametrize(("rung", "reason", "do", "cause", "words"), [
    ("negative list", "negative_list", "announce", "CALL_REJECTED", "Anrufer steht auf der Sperrliste"),
    ("incoming barring", "barred", "announce", "CALL_REJECTED", "Rufnummer des Anrufers ist gesperrt"),
    ("do not disturb", "busy", "end", "USER_BUSY", "nicht stören"),
    ("anonymous rejection", "anonymous", "announce", "CALL_REJECTED", "Anrufe ohne Rufnummer werden abgewiesen"),
    ("devices", "busy", "end", "USER_BUSY", "besetzt"),
    ("devices", "devices", "ring", "ORIGINATOR_CANCEL", "aufgelegt, bevor jemand abnahm"),
    ("devices", "no_answer", "mailbox", "NORMAL_CLEARING", "Mailbox"),
])
def test_a_missed_call_says_why_in_words(ask, written, rung, reason, do, cause, words):
    written(call(rung=rung, reason=reason, do=do, cause=cause))
    [line] = ask("/call-log").json["entries"]
    assert (line["kind"], line["rung"], line["why"]) == ("missed", rung, words)


def test_who_calls_learns_what_he_heard_and_not_what_the_other_set(ask, written):
    [call_id] = written(call(caller=("21", "Person 21"), caller_id=ANNA, direction="internal", rung="do not disturb",
                             reason="busy", do="end", cause="USER_BUSY"))
    [line] = ask("/call-log", "anna").json["entries"]
    assert (line["rung"], line["why"]) == (None, "besetzt")
    whole = ask(f"/call-log/{call_id}", "anna").json
    assert (whole["rung"], whole["trace"]) == (None, [])
    assert ask(f"/call-log/{call_id}", "bernd").json["rung"] == "do not disturb"
    assert ask(f"/company/calls/{call_id}", "admin").json["trace"][0]["rung"] == "do not disturb"


def test_words_are_in_the_persons_language():
    row = {"rung": "barring", "trace": [], "steps": [], "cause": "OUTGOING_CALL_BARRED", "answered": False}
    assert why(row, None, "de") == ("barring", "Rufnummer ist gesperrt")
    assert why(row, None, "en") == ("barring", "number is barred")


# ----- CSV


def read_csv(answer):
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


def test_a_list_is_downloaded_with_the_same_filter_and_local_time(ask, written):
    written(call(), call(1, ("+49305550555", "Erna")))
    rows = read_csv(ask("/call-log.csv", search="max"))
    assert [(row["kind"], row["at"], row["name"], row["number"], row["number_shown"]) for row in rows] == [
        ("missed", "2026-08-12T12:00:00+02:00", "Müller, Max", "'+491715550199", "0171 5550199")]
    assert len(read_csv(ask(f"/subscribers/{BERND}/call-log.csv", "admin"))) == 2
    assert ask(f"/subscribers/{BERND}/call-log.csv", "other admin").status_code == 404


def test_a_long_list_is_downloaded_whole(ask, written):
    written(*(call(n) for n in range(1050)))
    assert len({row["call_id"] for row in read_csv(ask("/call-log.csv"))}) == 1050
    assert len({row["call_id"] for row in read_csv(ask("/company/calls.csv", "admin"))}) == 1050


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_calculates_nothing_a_caller_chose(name):
    [_, line] = call_csv.lines(("name",), [(name,)])
    [[cell]] = csv.reader(io.StringIO(line, newline=""))
    assert cell == f"'{name}"


def test_quotes_commas_and_line_breaks_stay_in_their_cell():
    text = "".join(call_csv.lines(("a", "b"), [('say "hi", all', "two\nlines"), (None, 7)]))
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b"], ['say "hi", all', "two\nlines"], ["", "7"]]
    assert text.startswith("a,b\r\n")


# ----- the company's records (L2)


def test_records_are_filtered_and_paged_for_who_runs_the_company_only(ask, written):
    ids = written(call(), call(1, answered_by=BERND), call(2, ("21", "Person 21"), caller_id=ANNA, callee=CLARA,
                                                            direction="internal", rung="negative list"))
    written(call(company=702, callee=STRANGER), company=702)

    def found(who="admin", path="/company/calls", **wanted):
        return [ids.index(one["call_id"]) for one in ask(path, who, **wanted).json["calls"]]
    assert found() == [2, 1, 0]
    assert found("operator", "/companies/701/calls") == [2, 1, 0]
    assert found(direction="internal") == [2]
    assert found(answered="true") == [1]
    assert found(answered="false") == [2, 0]
    assert found(subscriber_id=ANNA) == [2]
    assert found(subscriber_id=BERND) == [1, 0]
    assert found(rung="negative list") == [2]
    assert found(search="0171 555") == [1, 0]
    assert found(to=(NOON + timedelta(minutes=1)).isoformat()) == [0]
    first = ask("/company/calls", "admin", limit=2).json
    assert [one["call_id"] for one in ask("/company/calls", "admin", limit=2, next=first["next"]).json["calls"]] == [
        ids[0]]
    assert ask("/company/calls", "anna").status_code == 403
    assert ask("/company/calls", "operator").status_code == 403
    for path in ("/companies/702/calls", "/companies/702/calls.csv", f"/companies/702/calls/{ids[0]}",
                 "/companies/702/call-deletions", "/companies/999/calls"):
        assert ask(path, "admin").status_code == 404, path
    assert ask("/companies/999/calls", "operator").status_code == 404
    assert ask(f"/company/calls/{ids[0]}", "other admin").status_code == 404
    assert len(ask("/company/calls", "other admin").json["calls"]) == 1


def test_records_say_all_there_is_as_csv_and_json(ask, written):
    [call_id] = written(call(answered_by=BERND))
    [row] = read_csv(ask("/company/calls.csv", "admin"))
    whole = ask(f"/company/calls/{call_id}", "admin").json
    assert (row["caller_name"], row["duration_s"], row["answered_by"]) == ("Müller, Max", "30", str(BERND))
    assert (whole["duration_s"], whole["answered_by"], whole["steps"][0]["do"]) == (30, BERND, "ring")


def test_a_rare_find_in_many_calls_comes_stretch_by_stretch(database, written, monkeypatch):
    monkeypatch.setattr(call_records, "_STRETCH", 3)
    monkeypatch.setattr(call_records, "SEARCH_S", 0.0)
    [rare, *_] = written(call(0, ("+49309", "Rare")), *(call(n) for n in range(1, 10)))
    wanted, pages, found = call_records.Wanted(701, search="rare"), 0, []
    while True:
        with database.company(701) as tx:
            rows, following = call_records.page(tx, wanted)
        pages, found = pages + 1, found + [str(row.call_id) for row in rows]
        if following is None:
            break
        wanted = call_records.Wanted(701, search="rare", before=following)
    assert (found, pages) == ([rare], 4)


# ----- deleting


def test_old_calls_are_really_deleted_with_their_lines_and_an_entry_says_so(ask, written, database, owner_sql):
    now = NOON + timedelta(days=30, minutes=5)
    written(*(call(n) for n in range(10)))
    owner_sql("UPDATE directory.companies SET call_retention_days = 30 WHERE company_id = 701")
    try:
        assert call_records.delete_old(database, 701, now) == 5
        assert call_records.delete_old(database, 701, now) == 0
    finally:
        owner_sql("UPDATE directory.companies SET call_retention_days = NULL")
    assert owner_sql("SELECT count(*) FROM routing.calls") == [(5,)]
    assert owner_sql("SELECT count(*) FROM routing.call_log") == [(5,)]
    [entry] = ask("/company/call-deletions", "admin").json["deletions"]
    assert (entry["why"], entry["calls"], entry["lines"], entry["actor_role"]) == ("retention", 5, 5, "system")
    assert datetime.fromisoformat(entry["until"]) == now - timedelta(days=30)
    assert ask("/company/call-deletions", "other admin").json["deletions"] == []


def test_an_entry_of_a_deletion_is_changed_by_no_service(database, written, ask):
    written(call())
    assert ask(f"/subscribers/{BERND}/call-log", "admin", "DELETE").status_code == 204
    for statement in ("DELETE FROM routing.call_deletions", "UPDATE routing.call_deletions SET calls = 0"):
        with pytest.raises(Exception, match="permission denied"), database.company(701) as tx:
            tx.execute(statement)


def test_without_a_retention_calls_are_kept(written, database):
    written(call())
    assert call_records.delete_old(database, 701, NOON + timedelta(days=4000)) == 0


def test_who_empties_his_list_keeps_the_call_he_is_on(ask, written):
    over, [call_id, [decided, *ended]] = call(0), call((datetime.now(UTC) - NOON).total_seconds() / 60 - 1)
    written(over, (call_id, [decided]))
    assert ask("/call-log", method="DELETE").status_code == 204
    assert names(ask("/call-log")) == []
    assert ask(f"/call-log/{call_id}", method="DELETE").status_code == 404, "not in the list yet"
    written((call_id, ended))
    assert [line["call_id"] for line in ask("/call-log").json["entries"]] == [call_id]


def test_a_persons_list_is_erased_for_good_and_the_records_of_the_company_stay(ask, written, owner_sql):
    now_call = call((datetime.now(UTC) - NOON).total_seconds() / 60 - 1)
    written(call(), now_call)
    assert ask(f"/subscribers/{BERND}/call-log", "anna", "DELETE").status_code == 404
    assert ask(f"/subscribers/{BERND}/call-log", "other admin", "DELETE").status_code == 404
    assert ask(f"/subscribers/{BERND}/call-log", "admin", "DELETE").status_code == 204
    assert names(ask("/call-log")) == []
    assert owner_sql("SELECT count(*), count(deleted_at) FROM routing.call_log") == [(1, 1)], "today's is marked"
    written(now_call)
    assert names(ask("/call-log")) == [], "a late report brings nothing back"
    [entry] = ask("/company/call-deletions", "admin").json["deletions"]
    assert (entry["why"], entry["subscriber_id"], entry["lines"], entry["actor_role"]) == (
        "person", BERND, 2, "administrator")
    assert len(ask("/company/calls", "admin").json["calls"]) == 2


def test_each_night_is_worked_once_and_caught_up_after_a_night_away(written, database, owner_sql):
    written(*(call(n * 60 * 24) for n in range(4)))
    clock = SimpleNamespace(now=NOON + timedelta(days=11, hours=15, minutes=59))  # 01:59
    nights = Nights(database, lambda: clock.now)

    def left():
        return owner_sql("SELECT count(*) FROM routing.calls")[0][0]
    owner_sql("UPDATE directory.companies SET call_retention_days = 10 WHERE company_id = 701")
    try:
        nights.work()
        assert left() == 2, "the night before was missed, and is caught up"
        clock.now += timedelta(hours=9)
        written(call(0))
        nights.work()
        assert left() == 1, "at two begins another night, with its own work"
        written(call(0))
        clock.now += timedelta(hours=5)
        nights.work()
        assert left() == 2, "once a night"
    finally:
        owner_sql("UPDATE directory.companies SET call_retention_days = NULL")


def test_marked_lines_go_a_day_later(written, database, owner_sql):
    written(call(), call(1))
    owner_sql("UPDATE routing.call_log SET deleted_at = now() - interval '25 hours'"
              " WHERE call_id = (SELECT call_id FROM routing.call_log LIMIT 1)")
    assert call_records.delete_marked_lines(database, 701) == 1


def test_the_lists_read_their_order_from_an_index(written, database, owner_sql):
    """With as many calls as make a table scan dearer."""
    owner_sql(
        "INSERT INTO routing.calls (company_id, call_id, started_at, ended_at, direction, callee_subscriber_id)"
        " SELECT 701, gen_random_uuid(), now() - n * interval '1 minute', now(), 'incoming', 70121 + n %% 10"
        " FROM generate_series(1, %(n)s) n", n=20_000)
    owner_sql("INSERT INTO routing.call_log (company_id, subscriber_id, call_id, placed)"
              " SELECT company_id, callee_subscriber_id, call_id, false FROM routing.calls")
    owner_sql("ANALYZE routing.calls, routing.call_log")
    seen = []

    class Explaining:
        """A transaction that notes the plans of what it is asked."""

        def __init__(self, tx):
            self.tx = tx

        def rows(self, sql, **values):
            plan = self.tx.rows(f"EXPLAIN (FORMAT JSON) {sql}", **values)[0]
            seen.append(json.dumps(plan["QUERY PLAN"]))
            return self.tx.rows(sql, **values)

        def one(self, sql, **values):
            return self.rows(sql, **values)[0]

    with database.company(701) as tx:
        middle = call_log.Key(datetime.now(UTC) - timedelta(days=5), uuid.uuid4())
        rows, _ = call_log.page(Explaining(tx), call_log.Wanted(701, ANNA, before=middle))
        assert len(rows) == 50
        assert "call_log_by_time" in seen[-1]
        assert "Seq Scan" not in seen[-1]
        call_records.page(Explaining(tx), call_records.Wanted(701, before=middle))
        assert "calls_by_time" in seen[1]
        call_records.page(Explaining(tx), call_records.Wanted(701, subscriber_id=ANNA))
        assert not any('"Node Type": "Seq Scan"' in plan for plan in seen)
