"""Where calls go in a week: right to the minute, on holidays and on both days the clock changes; and its picture."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from datetime import UTC, datetime
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from services.routing.api import timetable as timetable_api
from services.routing.call import Answers
from services.routing.directory import Directory
from services.routing.explain import timetable as core
from services.routing.explain import words
from services.routing.explain.imagined import Imagined, Person, Place
from services.routing.explain.picture import STYLE, svg
from services.routing.explain.timetable import TooManyChanges, stretches
from services.routing.explain.week import NoSuchWeek, days_from, first_day
from services.routing.explain.weekly import Timetables
from services.routing.facts import CallerRule, Mailbox, Site
from services.routing.memory import Memory
from services.routing.ringing import Ringing
from services.routing.served import Served
from services.routing.switch_directory import SwitchDirectory
from shared.api import create_app
from shared.schedule import Hours, NightService, Times
from tests.routing.build import forward, person
from tests.routing.test_call import Office, from_anna, from_outside

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = Times(weekly=tuple(Hours(day, 18 * 60, 8 * 60) for day in range(5)), on_holidays=True)
PLACE = Place(1, "Berlin", "DE", "30", "Europe/Berlin", "BE")


def site(**night):
    return Site(1, "DE", "30", "+49305550000", region="BE", night=NightService(**night))


def week(text, *people, outside=True, others_shown=True, pause=lambda: None):
    """The stretches of a week in clock time: (day and time it begins, kind, extension or number)."""
    bernd = people[0]
    callee = Person(22, "22", bernd.name, "de", "musterbau.example", bernd.main_number, "", PLACE)
    asked = from_outside(bernd.main_number) if outside else from_anna("22")
    call = Imagined(asked, None if outside else callee, "", callee, PLACE)
    days = days_from(first_day(text), BERLIN)
    answers = Answers(Office(person(21), *people), Ringing())
    told = stretches(call, days[0].begins, days[-1].ends, answers, others_shown=others_shown, pause=pause)
    assert told[0].begins == days[0].begins
    assert told[-1].ends == days[-1].ends
    assert all(one.ends == other.begins and one.goes != other.goes for one, other in itertools.pairwise(told))
    return [(f"{one.begins.astimezone(BERLIN):%a %H:%M}", one.goes.kind,
             (one.goes.to.extension or one.goes.to.number) if one.goes.to else "") for one in told]


def test_night_service_begins_and_ends_to_the_minute_and_only_for_outside_callers():
    bernd = person(22, site=site(target="28", scheduled=True, times=NIGHTS))
    outside = week("2026-W48", bernd, person(28))
    assert outside[:4] == [("Mon 00:00", "devices", ""), ("Mon 18:00", "night", "28"),
                           ("Tue 08:00", "devices", ""), ("Tue 18:00", "night", "28")]
    assert outside[-1] == ("Sat 08:00", "devices", "")
    assert week("2026-W48", bernd, person(28), outside=False) == [("Mon 00:00", "devices", "")]


def test_holidays_are_nights_where_the_schedule_says_so():
    bernd = person(22, site=site(target="28", scheduled=True, times=NIGHTS))
    told = week("2026-W52", bernd, person(28))
    assert told[-2:] == [("Thu 18:00", "night", "28"), ("Sun 00:00", "devices", "")]  # 25 and 26 December


def test_night_by_hand_lasts_from_the_switch_to_the_schedules_next_change():
    switched = datetime(2026, 11, 24, 10, 17, tzinfo=UTC)
    bernd = person(22, site=site(target="28", scheduled=True, times=NIGHTS, by_hand=True, by_hand_at=switched))
    told = week("2026-W48", bernd, person(28))
    assert told[1:5] == [("Mon 18:00", "night", "28"), ("Tue 08:00", "devices", ""), ("Tue 11:17", "night", "28"),
                         ("Wed 08:00", "devices", "")]


def rule(*hours, **more):
    return CallerRule("rule", external=True, times=Times(weekly=tuple(hours)), **more)


def test_each_rule_with_times_is_a_stretch_of_its_own_kind():
    bernd = person(
        22, selective_forwarding_on=True, selective_forwarding=(rule(Hours(1, 720, 781), target="+491715550100"),),
        negative_list_on=True, negative_list=(rule(Hours(2, 540, 601)),), mailbox=Mailbox(always=False))
    told = week("2026-W48", bernd)
    assert told == [
        ("Mon 00:00", "devices", ""), ("Tue 12:00", "forward", "+491715550100"), ("Tue 13:01", "devices", ""),
        ("Wed 09:00", "rejected", ""), ("Wed 10:01", "devices", "")]


@pytest.mark.parametrize(("settings", "kind", "to"), [
    ({"mailbox": Mailbox(always=True)}, "mailbox", "22"),
    ({"do_not_disturb": True}, "busy", ""),
    ({"do_not_disturb": True, "forward_busy": forward("23")}, "forward", "23"),
    ({"remote_office": "+491715550100"}, "remote_office", "+491715550100"),
    ({"forward_always": forward("23")}, "forward", "23"),
    ({"forward_always": forward("22")}, "announcement", ""),
    ({"device_ids": ()}, "announcement", ""),
    ({"calls_up": 30, "call_waiting": False}, "devices", ""),  # who is on a call now is nothing for a timetable
])
def test_every_target_has_its_kind(settings, kind, to):
    [told] = week("2026-W48", person(22, **settings), person(23))
    assert told == ("Mon 00:00", kind, to)


def test_a_colleagues_own_forward_is_not_shown_to_who_may_not_see_it():
    people = person(22, forward_always=forward("23")), person(23, forward_always=forward("+491715550177"))
    callee = Person(22, "22", "Bernd", "de", "x", people[0].main_number, "", PLACE)
    call = Imagined(from_outside(people[0].main_number), None, "", callee, PLACE)
    answers = Answers(Office(person(21), *people), Ringing())
    day = days_from(first_day("2026-W48"), BERLIN)[0]
    [shown] = stretches(call, day.begins, day.ends, answers, others_shown=True)
    [hidden] = stretches(call, day.begins, day.ends, answers, others_shown=False)
    assert (shown.goes.to.extension, shown.goes.lands) == ("23", "outside")
    assert (hidden.goes.to.extension, hidden.goes.lands, hidden.goes.then) == ("23", "", "")


def test_the_clock_going_forward_and_back_moves_no_stretch_on_the_wall():
    bernd = person(22, site=site(target="28", scheduled=True, times=Times(weekly=(Hours(6, 90, 210),))))
    for text in ("2027-W12", "2026-W43"):
        assert week(text, bernd, person(28))[1:] == [("Sun 01:30", "night", "28"), ("Sun 03:30", "devices", "")]


def test_a_day_knows_its_length_and_what_its_clock_shows():
    spring, autumn = (days_from(first_day(text), BERLIN)[-1] for text in ("2027-W12", "2026-W43"))
    assert (spring.minutes, [(run.from_minute, run.to_minute) for run in spring.runs]) == (
        23 * 60, [(0, 120), (180, 1440)])
    assert (autumn.minutes, [(run.from_minute, run.to_minute) for run in autumn.runs]) == (
        25 * 60, [(0, 180), (120, 1440)])


@pytest.mark.parametrize("text", ["2026", "2026-W54", "2026-W00", "W52", "2026-53", "9999-W01", "2025-W53", "x"])
def test_what_is_no_week_is_refused(text):
    with pytest.raises(NoSuchWeek):
        first_day(text)


def test_other_work_goes_on_between_decisions_and_their_number_is_bounded(monkeypatch):
    pauses = []
    hours = tuple(Hours(day, minute, minute + 15) for day in range(7) for minute in range(0, 1440, 30))
    bernd = person(22, negative_list_on=True, negative_list=(rule(*hours),))
    assert len(week("2026-W48", bernd, pause=lambda: pauses.append(1))) == 7 * 96
    assert len(pauses) > 60
    monkeypatch.setattr(core, "MOST_DECISIONS", 100)
    with pytest.raises(TooManyChanges):
        week("2026-W48", bernd)


# ----- over HTTP


ANNA, BERND = 70121, 70122
NOW = datetime(2026, 12, 23, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(database, owner_sql, tmp_path_factory):
    for name, role, company, subscriber in (
        ("anna", "subscriber", 701, ANNA), ("admin", "administrator", 701, None), ("operator", "operator", None, None),
        ("fremde", "subscriber", 702, 70221),
    ):
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
                  " VALUES (%(hash)s, %(role)s, %(company)s, %(subscriber)s, 'timetable')",
                  hash=hashlib.sha256(f"timetable-token-{name}".encode()).digest(), role=role, company=company,
                  subscriber=subscriber)
    app, api = create_app("routing", database=database)
    switch_directory = SwitchDirectory(
        database, "x" * 16, Served(tmp_path_factory.mktemp("served") / "list"), host="127.0.0.1", port=0)
    answers = Answers(Directory(database, Memory()), Ringing(), now=lambda: NOW)
    api.register_blueprint(timetable_api.blueprint(database, Timetables(database, answers, switch_directory.entry)))
    yield app.test_client()
    owner_sql("DELETE FROM directory.api_tokens WHERE label = 'timetable'")


@pytest.fixture(autouse=True)
def tidy(request):
    yield
    if "owner_sql" in request.fixturenames:
        owner_sql = request.getfixturevalue("owner_sql")
        for table in ("call_rules", "site_settings", "forwardings"):
            owner_sql(f"DELETE FROM routing.{table} WHERE company_id IN (701, 702)")


def ask(client, who="admin", path=f"/v1/subscribers/{BERND}/timetable", accept="application/json", **query):
    return client.get(path, query_string=query,
                      headers={"Authorization": f"Bearer timetable-token-{who}", "Accept": accept})


def at_night_to_30(owner_sql):
    times = {"weekly": [{"weekday": day, "from": "18:00", "to": "08:00"} for day in range(5)], "on_holidays": True,
             "holiday_region": "DE-BE"}
    owner_sql("INSERT INTO routing.site_settings (company_id, site_id, night_target, night_scheduled, night_times)"
              " VALUES (701, 7011, '30', true, %(times)s)", times=json.dumps(times))


def test_a_week_is_told_day_by_day_for_callers_from_outside_and_inside(client, owner_sql):
    at_night_to_30(owner_sql)
    told = ask(client, week="2026-W52").get_json()
    assert [caller["kind"] for caller in told["callers"]] == ["outside", "inside"]
    assert [day["holiday"] for day in told["days"]][4:] == ["Erster Weihnachtstag", "Zweiter Weihnachtstag", None]
    tuesday = told["days"][1]["lanes"]
    assert [(one["begins"][11:16], one["ends"][11:16], one["kind"]) for one in tuesday[0]] == [
        ("00:00", "08:00", "night"), ("08:00", "18:00", "devices"), ("18:00", "00:00", "night")]
    assert tuesday[0][0]["to"]["extension"] == "30"
    assert [one["kind"] for one in tuesday[1]] == ["devices"]
    assert tuesday[1][0]["then"] == {
        "kind": "mailbox", "after_s": 31, "to": {"extension": "22", "name": "Person 22", "number": ""}}
    assert ask(client).get_json()["week"] == "2026-W52"  # this one


def test_the_callers_asked_about_are_the_only_ones(client):
    told = ask(client, caller="withheld").get_json()
    assert told["callers"] == [{"kind": "outside", "number": None, "name": ""}]
    assert all(len(day["lanes"]) == 1 for day in told["days"])


@pytest.mark.parametrize(("query", "status", "field"), [
    ({"week": "2026-W54"}, 422, "week"), ({"week": "soon"}, 422, "week"), ({"caller": "drei"}, 422, "caller"),
    ({"caller": "99"}, 404, "caller"), ({"language": "fr"}, 422, "language"),
])
def test_what_cannot_be_read_is_refused_with_its_field(client, query, status, field):
    answer = ask(client, **query)
    assert (answer.status_code, answer.get_json()["field"]) == (status, field)


def test_a_subscriber_sees_his_own_week_only(client):
    assert ask(client, "anna", "/v1/timetable").get_json()["subscriber"]["extension"] == "21"
    assert ask(client, "anna", f"/v1/subscribers/{ANNA}/timetable").status_code == 200
    assert ask(client, "anna").status_code == 404
    assert ask(client, "fremde").status_code == 404
    assert ask(client, "operator").status_code == 200
    assert ask(client, path="/v1/subscribers/999999/timetable").status_code == 404
    assert client.get("/v1/timetable").status_code == 401


def test_the_picture_is_sent_with_a_policy_that_lets_nothing_else_in(client, owner_sql):
    at_night_to_30(owner_sql)
    for answer in (ask(client, accept="image/svg+xml"), ask(client, path=f"/v1/subscribers/{BERND}/timetable.svg")):
        assert answer.content_type == "image/svg+xml; charset=utf-8"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert ElementTree.fromstring(answer.get_data()).tag.endswith("svg")


def test_a_week_takes_well_under_a_second(client, owner_sql):
    at_night_to_30(owner_sql)
    ask(client)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        assert ask(client, accept="image/svg+xml").status_code == 200
        took.append(time.perf_counter() - began)
    assert min(took) < 1


# ----- the picture


NASTY = "<script>alert(1)</script>]]>&\"'\x07${x}"


@pytest.fixture
def told(client, owner_sql):
    at_night_to_30(owner_sql)
    return ask(client, week="2026-W43").get_json()


def texts(picture):
    return [one.text or "" for one in ElementTree.fromstring(picture).iter()]


def test_names_never_run_as_markup(told):
    told["subscriber"]["name"] = NASTY
    for day in told["days"]:
        day["lanes"][0][0]["to"] = {"extension": "30", "name": NASTY, "number": ""}
    picture = svg(told)
    root = ElementTree.fromstring(picture)
    assert {one.tag.rpartition("}")[2] for one in root.iter()} == {
        "svg", "title", "desc", "style", "defs", "pattern", "path", "rect", "text", "g", "line"}
    assert "<script" not in picture
    names = {name for one in root.iter() for name in one.attrib}
    assert not any(name.startswith("on") or name == "style" or "href" in name for name in names)
    assert any("<script>alert(1)</script>" in text for text in texts(picture))


def test_the_picture_is_read_without_being_seen_and_without_colours(told):
    root = ElementTree.fromstring(svg(told))
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title summary"
    assert "Person 22 (22)" in root.find(f"{space}title").text
    summary = root.find(f"{space}desc").text
    assert "Mo 19.10., von außen: 00:00–18:00 Telefone klingeln" in summary
    assert len(summary.splitlines()) == 14
    patterned = [one.get("fill") for one in root.iter(f"{space}rect") if one.get("fill")]
    assert "url(#p-night)" in patterned
    assert any(text.startswith("Nachtschaltung: 30 Person 30") for text in texts(svg(told)))


def test_the_picture_speaks_the_subscribers_language(told):
    english = svg({**told, "language": "en"})
    assert any(text == "Where calls to Person 22 (22) go" for text in texts(english))
    assert any(text.startswith("night service") for text in texts(english))
    assert "clock goes back" in texts(english)
    assert "Uhr wird zurückgestellt" in texts(svg(told))


def test_light_and_dark_have_letters_one_can_read():
    """WCAG's contrast of each kind's fill with the letters on it, 4.5 at least."""
    light, dark = STYLE.split("@media (prefers-color-scheme:dark)")
    for theme, ink, night_ink in ((light, "#1c1c1e", "#fff"), (dark, "#f2f2f4", "#17171a")):
        fills = dict(re.findall(r"\.f-(\w+)\{fill:(#\w+)\}", theme))
        assert set(fills) == set(core.KINDS)
        for kind, fill in fills.items():
            assert contrast(fill, night_ink if kind == "night" else ink) >= 4.5, kind


def contrast(one, other):
    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * sign for sign in colour[1:])
        parts = [int(digits[at:at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_both_languages_have_every_word():
    assert set(words._GERMAN) == set(words._ENGLISH)
    assert set(core.KINDS) <= set(words._GERMAN)
