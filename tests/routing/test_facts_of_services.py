"""Every service's settings come with a call's facts, and everyone they can send it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from services.routing.directory import Directory, Unknown
from services.routing.facts import (
    Assistant,
    CallerRule,
    EmergencyCall,
    ExecutiveFilter,
    Intercept,
    InterceptAction,
    SimultaneousNumber,
    Subscriber,
)
from services.routing.memory import Asked, Found, Memory
from shared.barring import Range
from shared.schedule import Hours, NightService, Period, Times

ANNA_CALLS_BERND = Asked(device_id="amsel-21", dialled="22")
BERND = 70122
FROM_OUTSIDE = Asked(dialled="+49305557022", dialled_number="+49305557022", caller_number="+491715550100")
SITE_NUMBER = "+49305557000"
LEG = "0b0f9b0a-7f3b-4c42-9d3d-0d1f3f9d2a11"

TABLES = ("call_settings", "simultaneous_numbers", "speed_dials", "call_rules", "intercepts", "site_settings",
          "executives", "emergency_calls", "barring_profiles", "forwardings")


@pytest.fixture
def sql(owner_sql: Callable[..., list]) -> Iterator[Callable[..., list]]:
    """Rows of Bernd's company, gone afterwards: sql("call_settings", subscriber_id=BERND, do_not_disturb=True)."""
    def put(table: str, **values: object) -> None:
        values = {"company_id": 701, **values}
        owner_sql(f"INSERT INTO {table if '.' in table else f'routing.{table}'} ({', '.join(values)})"
                  f" VALUES ({', '.join(f'%({name})s' for name in values)})", **values)

    yield put
    for table in TABLES:
        owner_sql(f"DELETE FROM routing.{table}")
    owner_sql("DELETE FROM presence.calls_up; DELETE FROM presence.calls_up_confirmed")


@pytest.fixture
def look_up(database) -> Callable[[Asked], Found]:
    return Directory(database, Memory(), deadline_s=5).look_up


@pytest.fixture
def bernd(look_up) -> Callable[[], Subscriber]:
    return lambda: look_up(ANNA_CALLS_BERND).people[BERND]


def test_who_set_nothing_has_everything_off(bernd):
    found = bernd()
    assert (found.do_not_disturb, found.call_waiting, found.remote_office, found.simultaneous_ring) == (
        False, True, "", ())
    assert (found.executive_filter, found.intercept_incoming, found.barring_outgoing) == (None, None, ())
    assert (found.calls_up, found.call_limit, found.site.night) == (0, 20, NightService())


def test_switches_of_a_subscriber(sql, bernd):
    sql("call_settings", subscriber_id=BERND, do_not_disturb=True, dnd_reminder=True, call_waiting=False,
        rejects_anonymous=True, negative_list_on=True, positive_list_on=True, forward_always_splash=True,
        remote_office_on=True, remote_office_number="+49301234567", number_suppressed=True,
        shown_number="+4930555799", call_limit=3, simultaneous_ring_on=True, simultaneous_ring_not_when_busy=True,
        selective_forwarding_on=True, selective_forwarding_target="23")
    sql("simultaneous_numbers", subscriber_id=BERND, position=2, number="+491715550102")
    sql("simultaneous_numbers", subscriber_id=BERND, position=1, number="+491715550101", confirm=True)
    found = bernd()
    assert (found.do_not_disturb, found.dnd_reminder, found.call_waiting, found.rejects_anonymous) == (
        True, True, False, True)
    assert (found.negative_list_on, found.positive_list_on, found.forward_always_splash) == (True, True, True)
    assert (found.remote_office, found.number_suppressed, found.shown_number, found.call_limit) == (
        "+49301234567", True, "+4930555799", 3)
    assert found.simultaneous_ring == (
        SimultaneousNumber("+491715550101", True), SimultaneousNumber("+491715550102", False))
    assert found.simultaneous_ring_not_when_busy
    assert (found.selective_forwarding_on, found.selective_forwarding_target) == (True, "23")


def test_numbers_of_a_switched_off_service_are_no_facts(sql, bernd):
    sql("call_settings", subscriber_id=BERND, remote_office_number="+49301234567")
    sql("simultaneous_numbers", subscriber_id=BERND, position=1, number="+491715550101")
    assert (bernd().remote_office, bernd().simultaneous_ring) == ("", ())


def test_rules_come_in_order_with_their_times_and_only_those_switched_on(sql, bernd):
    times = ('{"weekly": [{"weekday": 4, "from": "13:30", "to": "24:00"}], "holiday_region": "DE-BE",'
             ' "periods": [{"from": "2026-12-24T12:00", "to": "2027-01-02T08:00"}], "not_on_holidays": true}')
    sql("call_rules", list="negative", subscriber_id=BERND, position=2, name="second", anonymous=True)
    sql("call_rules", list="negative", subscriber_id=BERND, position=1, name="first", numbers=["+49301", "25"],
        prefixes=["+49171"], times=times)
    sql("call_rules", list="negative", subscriber_id=BERND, position=3, name="off", external=True, enabled=False)
    sql("call_rules", list="selective_forwarding", subscriber_id=BERND, position=1, name="but", internal=True,
        is_exception=True)
    found = bernd()
    assert found.negative_list == (
        CallerRule("first", frozenset({"+49301", "25"}), ("+49171",), times=Times(
            (Hours(4, 13 * 60 + 30, 24 * 60),),
            (Period(datetime.fromisoformat("2026-12-24T12:00"), datetime.fromisoformat("2027-01-02T08:00")),),
            not_on_holidays=True, holiday_region="DE-BE")),
        CallerRule("second", anonymous=True))
    assert found.selective_forwarding == (CallerRule("but", internal=True, is_exception=True),)


def test_enterprise_rules_are_his_own_then_the_sites_then_the_companys(sql, bernd):
    sql("call_rules", list="enterprise_incoming", position=1, name="company", external=True, action="reject")
    sql("call_rules", list="enterprise_incoming", site_id=7011, position=1, name="site", external=True,
        action="announce")
    sql("call_rules", list="enterprise_incoming", subscriber_id=BERND, position=1, name="own", external=True,
        action="send_to", target="24")
    sql("call_rules", list="enterprise_outgoing", site_id=7011, position=1, name="out", external=True, action="allow")
    found = bernd()
    assert [(rule.name, rule.action, rule.target) for rule in found.enterprise_incoming] == [
        ("own", "send_to", "24"), ("site", "announce", ""), ("company", "reject", "")]
    assert [rule.name for rule in found.enterprise_outgoing] == ["out"]


def test_intercepts_of_a_person_and_of_his_site(sql, bernd):
    sql("intercepts", subscriber_id=BERND, incoming=True, action="ring", target="23")
    sql("intercepts", site_id=7011, outgoing=True)
    found = bernd()
    assert (found.intercept_incoming, found.intercept_outgoing) == (Intercept(InterceptAction.RING, "23"), None)
    assert (found.site.intercept_incoming, found.site.intercept_outgoing) == (None, Intercept())


def test_a_barring_profile_is_the_subscribers_own_or_else_his_sites(sql, look_up, owner_sql):
    for profile_id, prefix in ((1, "+49900"), (2, "+")):
        sql("barring_profiles", profile_id=profile_id, name=f"Profile {profile_id}")
        sql("barring_ranges", profile_id=profile_id, part="outgoing", prefix=prefix, allowed=False)
    sql("barring_ranges", profile_id=2, part="incoming", prefix="+4930", allowed=True)
    sql("site_settings", site_id=7011, barring_profile_id=1)
    sql("call_settings", subscriber_id=BERND, barring_profile_id=2)
    people = look_up(ANNA_CALLS_BERND).people
    assert people[70121].barring_outgoing == (Range("+49900", False),)
    assert (people[BERND].barring_outgoing, people[BERND].barring_incoming, people[BERND].barring_forwarded) == (
        (Range("+", False),), (Range("+4930", True),), ())
    owner_sql("DELETE FROM routing.call_settings; DELETE FROM routing.site_settings")


def test_night_service_of_the_site(sql, bernd):
    at = datetime(2026, 8, 12, 18, 30, tzinfo=UTC)
    sql("site_settings", site_id=7011, night_target="29", night_scheduled=True, night_by_hand=True,
        night_by_hand_at=at, night_times='{"weekly": [{"weekday": 0, "from": "18:00", "to": "24:00"}]}')
    assert bernd().site.night == NightService("29", True, Times((Hours(0, 18 * 60, 24 * 60),)), True, at)


def test_an_executives_filter_brings_his_assistants_in_order(sql, bernd, owner_sql):
    sql("executives", subscriber_id=BERND, filter_on=True, internal=False, executive_rings=True)
    sql("assistants", executive_id=BERND, assistant_id=70125, position=2)
    sql("assistants", executive_id=BERND, assistant_id=70126, position=1)
    sql("call_settings", subscriber_id=70125, do_not_disturb=True)
    sql("call_rules", list="executive", subscriber_id=BERND, position=1, name="boss's wife", numbers=["+4917155"])
    assert bernd().executive_filter == ExecutiveFilter(
        False, True, (CallerRule("boss's wife", frozenset({"+4917155"})),),
        (Assistant(70126, "26", ("amsel-26",)), Assistant(70125, "25", ("amsel-25",), True)), True)
    owner_sql("UPDATE routing.executives SET filter_on = false")
    assert bernd().executive_filter is None


@pytest.mark.parametrize("put", [
    lambda sql: sql("call_settings", subscriber_id=BERND, selective_forwarding_target="23"),
    lambda sql: sql("call_rules", list="selective_forwarding", subscriber_id=BERND, position=1, name="x",
                    external=True, target="23"),
    lambda sql: sql("call_rules", list="enterprise_incoming", subscriber_id=BERND, position=1, name="x",
                    external=True, action="send_to", target="23"),
    lambda sql: sql("call_rules", list="enterprise_incoming", site_id=7011, position=1, name="x", external=True,
                    action="send_to", target="23"),
    lambda sql: sql("call_rules", list="enterprise_incoming", position=1, name="x", external=True,
                    action="send_to", target="23"),
    lambda sql: sql("intercepts", subscriber_id=BERND, incoming=True, action="ring", target="23"),
    lambda sql: sql("intercepts", site_id=7011, incoming=True, action="announce_then_transfer", target="23"),
    lambda sql: sql("site_settings", site_id=7011, night_target="23"),
], ids=["selective", "selective rule", "own rule", "site's rule", "company's rule", "intercept", "site's intercept",
        "night"])
def test_whoever_a_service_can_send_the_call_to_comes_with_it_also_from_memory(put, sql, database, forwards):
    put(sql)
    forwards("23", busy="24")
    memory = Memory()
    directory = Directory(database, memory, deadline_s=5)
    found = directory.look_up(FROM_OUTSIDE)
    assert found.owners == {"23": 70123, "24": 70124}
    assert {BERND, 70123, 70124} == set(found.people)
    recalled = memory.recall(FROM_OUTSIDE)
    assert (recalled.owners, recalled.people) == (found.owners, found.people)


def test_speed_dials_are_his_own_before_his_sites_and_bring_whom_they_call(sql, look_up):
    sql("speed_dials", site_id=7011, code="07", number="25")
    sql("speed_dials", site_id=7011, code="08", number="26")
    sql("speed_dials", subscriber_id=70121, code="07", number="23")
    found = look_up(Asked(device_id="amsel-21", dialled="*8007#"))
    assert found.caller.speed_dials == {"07": "23"}
    assert found.owners["23"] == 70123
    assert 70123 in found.people
    assert look_up(Asked(device_id="amsel-21", dialled="*8008")).caller.speed_dials == {"08": "26"}
    assert look_up(Asked(device_id="amsel-21", dialled="22")).caller.speed_dials == {}


def test_an_emergency_centre_that_calls_the_site_brings_the_last_who_called_it(sql, look_up):
    called_at = datetime(2026, 8, 12, 11, 30, tzinfo=UTC)
    sql("emergency_calls", site_id=7011, subscriber_id=70127, called_at=called_at)
    found = look_up(Asked(trunk="amsel-1", dialled=SITE_NUMBER, dialled_number=SITE_NUMBER, caller_number="+4930110"))
    assert found.owner_id is None
    assert found.called_site.last_emergency_call == EmergencyCall(70127, called_at)
    assert 70127 in found.people
    assert look_up(FROM_OUTSIDE).called_site is None


def test_calls_up_count_while_presence_stands_by_them(sql, bernd, owner_sql):
    sql("presence.calls_up", subscriber_id=BERND, leg_uuids=f"{{{LEG}}}")
    sql("call_settings", subscriber_id=BERND, waiting_off_for_call=LEG)
    assert (bernd().calls_up, bernd().call_waiting_off_once) == (0, False)  # nobody ever said so
    owner_sql("INSERT INTO presence.calls_up_confirmed (at) VALUES (now() - interval '9 s')")
    assert (bernd().calls_up, bernd().call_waiting_off_once) == (1, True)
    owner_sql("UPDATE presence.calls_up_confirmed SET at = now() - interval '11 s'")
    assert (bernd().calls_up, bernd().call_waiting_off_once) == (0, False)


def test_nobody_is_remembered_as_being_on_a_call(sql, database, owner_sql):
    sql("presence.calls_up", subscriber_id=BERND, leg_uuids=f"{{{LEG}}}")
    owner_sql("INSERT INTO presence.calls_up_confirmed (at) VALUES (now())")
    memory = Memory()
    assert Directory(database, memory, deadline_s=5).look_up(ANNA_CALLS_BERND).people[BERND].calls_up == 1
    assert memory.recall(ANNA_CALLS_BERND).people[BERND].calls_up == 0


def test_call_waiting_off_for_a_call_that_is_over_says_nothing(sql, bernd, owner_sql):
    owner_sql("INSERT INTO presence.calls_up_confirmed (at) VALUES (now())")
    sql("presence.calls_up", subscriber_id=BERND, leg_uuids=f"{{{LEG[:-1]}2}}")
    sql("call_settings", subscriber_id=BERND, waiting_off_for_call=LEG)
    assert (bernd().calls_up, bernd().call_waiting_off_once) == (1, False)


def test_a_companys_own_codes_and_who_calls_from_an_integrated_mobile(sql, look_up, owner_sql):
    sql("feature_codes", function="speed_dial", code="*81")
    owner_sql("UPDATE directory.devices SET is_mobile = true WHERE device_id = 'amsel-21'")
    try:
        assert look_up(ANNA_CALLS_BERND).company.codes == {"speed_dial": "*81"}
        assert not look_up(ANNA_CALLS_BERND).from_mobile
        owner_sql("UPDATE directory.companies SET mobile_integration = true WHERE company_id = 701")
        assert look_up(ANNA_CALLS_BERND).from_mobile
    finally:
        owner_sql("UPDATE directory.devices SET is_mobile = false; DELETE FROM routing.feature_codes;"
                  "UPDATE directory.companies SET mobile_integration = false")


@pytest.fixture
def pool(owner_sql):
    owner_sql("INSERT INTO directory.number_pools (company_id, site_id, first_number, last_number)"
              " VALUES (701, 7011, '+49305557000', '+49305557099'), (702, 7021, '+4940555700', '+4940555799')")
    yield
    owner_sql("DELETE FROM directory.number_pools WHERE company_id IN (701, 702)")


def from_outside(number: str, trunk: str | None = "amsel-1") -> Asked:
    return Asked(trunk=trunk, dialled=number, dialled_number=number, caller_number="+491715550100")


@pytest.mark.parametrize("target", ["24", "mailbox:24"])
@pytest.mark.parametrize("number", [SITE_NUMBER, "+49305557099", "+49305557050"])
def test_a_number_of_the_site_that_nobody_has_brings_its_night_target(sql, look_up, pool, target, number):
    sql("site_settings", site_id=7011, night_target=target, night_by_hand=True, night_by_hand_at="2026-08-12 11:30Z")
    sql("forwardings", subscriber_id=70124, kind="busy", target="25")
    found = look_up(from_outside(number))
    assert (found.owner_id, found.owners[target]) == (None, 70124)
    assert {70124, 70125} <= set(found.people)
    assert (found.nobody.site.site_id, found.nobody.site.night.target) == (7011, target)
    assert found.nobody.shown_number == SITE_NUMBER
    assert found.company.trunks == ("amsel-1", "amsel-2")


def test_without_night_service_such_a_number_is_nobodys_all_the_same(look_up, pool):
    found = look_up(from_outside("+49305557099"))
    assert (found.owner_id, found.people, found.nobody.site.night) == (None, {}, NightService())


@pytest.mark.parametrize("asked", [
    from_outside("+49305557100"), from_outside("+49305556999"), from_outside("+4930555709"),
    from_outside("+493055570991"), from_outside("+49305557099", trunk="somebody-elses"),
    from_outside("+4940555700"), Asked(device_id="nobody-21", dialled="99", dialled_number="+49305557099"),
])
def test_what_lies_in_no_pool_or_comes_over_another_trunk_is_unknown(look_up, pool, asked):
    with pytest.raises(Unknown):
        look_up(asked)


def test_somebodys_number_has_nobody_to_stand_for_it(look_up, pool):
    assert look_up(FROM_OUTSIDE).nobody is None
