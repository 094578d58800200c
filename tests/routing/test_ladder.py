"""Who rings, and what follows: the interactions of the ladder, each as a sentence."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.routing.facts import (
    Assistant,
    Caller,
    CallerRule,
    ExecutiveFilter,
    ForwardReason,
    HandedOutBy,
    Intercept,
    Mailbox,
    SimultaneousNumber,
)
from services.routing.ladder import LADDER, decide
from services.routing.plan import TrunkLeg, landing
from shared.barring import Range
from shared.schedule import Hours, NightService, Times
from tests.routing.build import ANNA, BERLIN, COMPANY, NOON, OUTSIDE, WITHHELD, forward, incoming, person
from tests.routing.plans import EVERYONE, MOBILE, after, in_words, rings_at, rung_of, step_of


def test_with_nothing_switched_on_the_desk_phone_rings_to_the_limit_of_the_network():
    ring = step_of(person(22))
    assert rings_at(ring) == ["bernd-desk"]
    assert ring.ring_timeout_s == 120
    assert [in_words(step) for step in (ring.busy, ring.no_answer, ring.not_reachable)] == [
        "USER_BUSY", "NO_ANSWER", "announce not-reachable"]


def test_the_callee_sees_a_colleague_by_extension_and_name():
    shown = step_of(person(22)).shown
    assert (shown.number, shown.name, shown.withheld) == ("21", "Anna Amsel", False)


def test_a_withheld_number_is_not_shown():
    shown = step_of(person(22), caller=WITHHELD).shown
    assert (shown.number, shown.withheld) == ("", True)


GONE = "announce not-reachable"

OUTCOMES = [
    # settings of Bernd                                            busy          no answer     not reachable
    ({},                                                          ("USER_BUSY", "NO_ANSWER", GONE)),
    ({"forward_busy": forward("23")},                             ("ring clara-desk", "NO_ANSWER", GONE)),
    ({"forward_no_answer": forward("23", 3)},                     ("USER_BUSY", "ring clara-desk", GONE)),
    ({"forward_not_reachable": forward("23")},                    ("USER_BUSY", "NO_ANSWER", "ring clara-desk")),
    ({"mailbox": Mailbox(busy=True)},                             ("mailbox 22", "NO_ANSWER", GONE)),
    ({"mailbox": Mailbox(no_answer=True)},                        ("USER_BUSY", "mailbox 22", "mailbox 22")),
    ({"mailbox": Mailbox(busy=True), "forward_busy": forward("23")},
                                                                  ("ring clara-desk", "NO_ANSWER", GONE)),
    ({"mailbox": Mailbox(no_answer=True), "forward_not_reachable": forward("23")},
                                                                  ("USER_BUSY", "mailbox 22", "ring clara-desk")),
    ({"forward_busy": forward(MOBILE)},                           (f"ring {MOBILE}", "NO_ANSWER", GONE)),
    ({"forward_busy": forward("99")},                             ("USER_BUSY", "NO_ANSWER", GONE)),
    ({"forward_busy": forward("99"), "mailbox": Mailbox(busy=True)},
                                                                  ("mailbox 22", "NO_ANSWER", GONE)),
]


@pytest.mark.parametrize(("settings", "expected"), OUTCOMES)
def test_each_outcome_is_forward_then_mailbox_then_what_the_caller_hears(settings, expected):
    ring = step_of(person(22, **settings), person(23))
    assert (in_words(ring.busy), in_words(ring.no_answer), in_words(ring.not_reachable)) == expected


@pytest.mark.parametrize(("forward_rings", "mailbox_rings", "timeout_s", "taken_by"), [
    (2, 4, 11, "ring clara-desk"),
    (5, 3, 16, "mailbox 22"),
    (4, 4, 21, "ring clara-desk"),
    (20, 20, 101, "ring clara-desk"),
])
def test_the_shorter_number_of_rings_comes_first_and_a_tie_goes_to_the_forward(
        forward_rings, mailbox_rings, timeout_s, taken_by):
    ring = step_of(person(22, forward_no_answer=forward("23", forward_rings),
                          mailbox=Mailbox(no_answer=True, rings=mailbox_rings)), person(23))
    assert (ring.ring_timeout_s, in_words(ring.no_answer)) == (timeout_s, taken_by)


def test_a_barred_forward_on_no_answer_leaves_the_call_ringing_for_the_mailbox_at_its_own_time():
    ring = step_of(person(22, forward_no_answer=forward("+4990055512", 2),
                          mailbox=Mailbox(no_answer=True, rings=6)))
    assert (ring.ring_timeout_s, in_words(ring.no_answer)) == (31, "mailbox 22")


def test_no_rings_means_at_once():
    assert in_words(step_of(person(22, forward_no_answer=forward("23", 0)), person(23))) == "ring clara-desk"


def test_without_a_device_the_not_reachable_outcome_follows_at_once():
    assert in_words(step_of(person(22, device_ids=(), forward_not_reachable=forward("23")), person(23))) \
        == "ring clara-desk"


def test_a_forward_enters_the_ladder_of_the_colleague():
    facts = incoming(person(22, forward_always=forward("23")),
                     person(23, do_not_disturb=True, forward_busy=forward("24")), person(24))
    ring, redirections = landing(decide(facts).step)
    assert rings_at(ring) == ["david-desk"]
    assert [(one.place, one.name, one.reason) for one in redirections] == [
        ("22", "Bernd Buche", ForwardReason.ALWAYS), ("23", "Clara Clemens", ForwardReason.BUSY)]
    assert ring.shown.number == "21"


def test_a_forward_to_a_colleagues_outside_number_stays_inside():
    assert rings_at(step_of(person(22, forward_always=forward("+493055500023")), person(23))) == ["clara-desk"]


def test_a_forward_outside_shows_the_forwarders_number_never_the_callers():
    ring, redirections = landing(decide(incoming(person(22, forward_always=forward(MOBILE)), caller=OUTSIDE)).step)
    assert ring.legs == (TrunkLeg("musterbau-1", MOBILE, "+493055500022", 22),)
    assert [one.place for one in redirections] == ["22"]


def test_a_forward_outside_goes_over_the_next_trunk_when_the_first_fails():
    two = COMPANY.__class__(7, COMPANY.domain, ("one", "two"), COMPANY.allowed_classes)
    ring = step_of(person(22, forward_always=forward(MOBILE)), company=two)
    assert (ring.legs[0].trunk, ring.not_reachable.legs[0].trunk) == ("one", "two")
    assert in_words(ring.not_reachable.not_reachable) == "announce not-reachable"
    assert in_words(ring.busy) == "USER_BUSY"


@pytest.mark.parametrize("premium", ["+4990055512", "+8816123456", "+12025550123"])
def test_expensive_numbers_are_no_forward_targets_until_allowed(premium):
    assert in_words(step_of(person(22, forward_always=forward(premium)))) == "ring bernd-desk"


def test_a_barred_forward_falls_to_the_mailbox_of_the_same_rung_and_the_trace_says_so():
    facts = incoming(person(22, forward_always=forward(MOBILE), mailbox=Mailbox(always=True),
                            barring_forwarded=(Range("+49171", False),)))
    decision = decide(facts)
    assert in_words(decision.step) == "mailbox 22"
    line = next(line for line in decision.trace if line.rung == "forward always, mailbox always")
    assert line.said == f"forward to {MOBILE}: refused, barred; mailbox of 22"


def test_the_longest_prefix_of_a_barring_profile_decides():
    settings = {"forward_always": forward(MOBILE)}
    profile = (Range("+49", False), Range("+491715550199", True), Range("+49171", False))
    assert rings_at(step_of(person(22, **settings, barring_forwarded=profile))) == [MOBILE]


# ----- loop guard


def chain(length):
    """21+1 forwards to the next, and so on; the last has nothing switched on."""
    people = [person(22 + n, forward_always=forward(str(23 + n))) for n in range(length)]
    return [*people, person(22 + length)]


def test_five_redirections_are_followed():
    assert rings_at(step_of(*chain(5))) == ["greta-desk"]


def test_the_sixth_redirection_is_the_announcement():
    assert in_words(step_of(*chain(6))) == "announce too-many-forwards"


def test_two_who_forward_to_each_other_end_in_the_announcement():
    step = step_of(person(22, forward_always=forward("23")), person(23, forward_always=forward("22")))
    assert in_words(step) == "announce too-many-forwards"


def test_five_redirections_and_then_outside_is_one_too_many():
    people = chain(5)
    people[-1] = person(27, forward_always=forward(MOBILE))
    assert in_words(step_of(*people)) == "announce too-many-forwards"


def test_a_loop_over_busy_ends_only_the_call_that_takes_it():
    ring = step_of(person(22, forward_busy=forward("23")), person(23, forward_busy=forward("22")))
    assert (in_words(ring), in_words(ring.busy), in_words(after(ring, "busy", "busy"))) == (
        "ring bernd-desk", "ring clara-desk", "announce too-many-forwards")


def test_everyone_who_forwards_everything_to_everyone_is_still_planned():
    def all_to(extension, n):
        target = forward(str(extension), 3)
        return person(n, forward_busy=target, forward_no_answer=target, forward_not_reachable=target)
    decision = decide(incoming(*(all_to(22 + (n - 22 + 1) % 6, n) for n in range(22, 28))))
    assert len(decision.trace) < 200
    assert in_words(after(decision.step, *["busy", "no_answer"] * 3)) == "announce too-many-forwards"


# ----- the order of the rungs: of two that would answer, the upper one decides

ON = {
    "intercept": {"intercept_incoming": Intercept()},
    "incoming barring": {"barring_incoming": (Range("+49171", False),)},
    "enterprise rule": {"enterprise_incoming": (CallerRule("all", external=True, action="reject"),)},
    "night service": {"site": replace(BERLIN, night=NightService("24", by_hand=True, by_hand_at=NOON))},
    "negative list": {"negative_list_on": True, "negative_list": (EVERYONE,)},
    "positive list": {"positive_list_on": True},
    "anonymous rejection": {"rejects_anonymous": True},
    "selective forwarding": {"selective_forwarding_on": True,
                             "selective_forwarding": (CallerRule("out", external=True, target="24"),)},
    "forward always, mailbox always": {"forward_always": forward("24")},
    "executive filter": {"executive_filter": ExecutiveFilter(assistants=(Assistant(23, "23", ("clara-desk",)),))},
    "do not disturb": {"do_not_disturb": True},
    "busy": {"calls_up": 1, "call_waiting": False},
    "Remote Office": {"remote_office": MOBILE},
}
CALLER_OF = {"anonymous rejection": WITHHELD}


@pytest.mark.parametrize("name", ON)
def test_each_rung_decides_when_it_alone_is_switched_on(name):
    assert rung_of(person(22, **ON[name]), person(23), person(24), caller=CALLER_OF.get(name, OUTSIDE)) == name


@pytest.mark.parametrize("upper", ON)
def test_a_rung_decides_before_all_rungs_below_it(upper):
    names = list(ON)
    for lower in names[names.index(upper) + 1:]:
        if {upper, lower} == {"executive filter", "Remote Office"}:
            continue  # the exception of the table, tested below
        settings = {**ON[lower], **ON[upper]}
        caller = CALLER_OF.get(upper, OUTSIDE)
        assert rung_of(person(22, **settings), person(23), person(24), caller=caller) == upper, lower


def test_the_table_of_rungs_above_is_the_ladder_without_its_ends():
    assert list(ON) == [rung.name for rung in LADDER[1:-1]]


def test_remote_office_switches_the_executive_filter_off():
    assert rung_of(person(22, **ON["executive filter"], **ON["Remote Office"]), person(23)) == "Remote Office"


def test_remote_office_rings_only_its_number():
    ring = step_of(person(22, remote_office=MOBILE, simultaneous_ring=(SimultaneousNumber("+491715550188"),),
                          shared_line_device_ids=("bernd-home",)))
    assert rings_at(ring) == [MOBILE]


def test_remote_office_switches_call_waiting_off():
    assert rung_of(person(22, remote_office=MOBILE, calls_up=1)) == "busy"


def test_devices_shared_line_and_simultaneous_ring_ring_together():
    ring = step_of(person(22, simultaneous_ring=(SimultaneousNumber(MOBILE),), shared_line_device_ids=("bernd-home",)))
    assert rings_at(ring) == ["bernd-desk", "bernd-home", MOBILE]


def test_a_colleague_with_a_withheld_number_is_not_rejected_as_anonymous():
    colleague = Caller(21, "21", withheld=True)
    assert rung_of(person(22, rejects_anonymous=True), caller=colleague) == "devices"


def test_night_service_lets_colleagues_through():
    assert rung_of(person(22, **ON["night service"]), person(24)) == "devices"


def test_the_night_target_itself_is_exempt():
    assert rung_of(person(24, **ON["night service"]), caller=OUTSIDE) == "devices"


def test_the_negative_list_refuses_before_remote_office_rings():
    step = step_of(person(22, **ON["negative list"], remote_office=MOBILE))
    assert in_words(step) == "announce caller-rejected"


def test_an_exception_ends_only_the_selective_rung():
    rules = (CallerRule("all", external=True, target="24"),
             CallerRule("but her", numbers=frozenset({OUTSIDE.number}), is_exception=True))
    settings = {"selective_forwarding_on": True, "selective_forwarding": rules, "forward_always": forward("23")}
    assert rings_at(step_of(person(22, **settings), person(23), person(24), caller=OUTSIDE)) == ["clara-desk"]


def test_do_not_disturb_is_busy_with_everything_that_follows_busy():
    assert in_words(step_of(person(22, do_not_disturb=True))) == "USER_BUSY"
    assert in_words(step_of(person(22, do_not_disturb=True, mailbox=Mailbox(busy=True)))) == "mailbox 22"


@pytest.mark.parametrize(("when", "forwarded"), [
    (datetime(2026, 3, 29, 6, 59, tzinfo=UTC), False),   # the morning summer time began: 8:59 in Berlin
    (datetime(2026, 3, 29, 7, 0, tzinfo=UTC), True),
    (datetime(2026, 10, 25, 7, 59, tzinfo=UTC), False),  # and ended: 8:59
    (datetime(2026, 10, 25, 8, 0, tzinfo=UTC), True),
])
def test_hours_are_those_of_the_site_on_both_days_the_clock_changes(when, forwarded):
    sundays = CallerRule("sundays", external=True, target="23", times=Times((Hours(6, 9 * 60, 12 * 60),)))
    settings = {"selective_forwarding_on": True, "selective_forwarding": (sundays,)}
    decision = decide(incoming(person(22, **settings), person(23), caller=OUTSIDE, now=when))
    assert (decision.rung == "selective forwarding") is forwarded


def test_calls_handed_out_by_a_group_ring_the_devices_only():
    settings = {"forward_always": forward("23"), "forward_busy": forward("23"), "mailbox": Mailbox(True, True, True),
                "simultaneous_ring": (SimultaneousNumber(MOBILE),), "forward_no_answer": forward("23", 2)}
    ring = step_of(person(22, **settings), person(23), handed_out_by=HandedOutBy.HUNT_GROUP)
    assert rings_at(ring) == ["bernd-desk"]
    assert (in_words(ring.busy), in_words(ring.no_answer), ring.ring_timeout_s) == ("USER_BUSY", "NO_ANSWER", 120)


def test_an_emergency_call_back_rings_whatever_is_switched_on():
    back = Caller(number="+49305550110", calls_back_an_emergency_call=True)
    names = ("intercept", "negative list", "do not disturb", "forward always, mailbox always")
    settings = {setting: value for name in names for setting, value in ON[name].items()}
    assert rings_at(step_of(person(22, **settings), person(24), caller=back)) == ["bernd-desk"]


def test_an_additional_number_has_its_own_ring():
    special = person(22, distinctive_rings={"+493055500922": "bellcore-2"})
    assert step_of(special, dialled="+493055500922").alert_info == "bellcore-2"
    assert step_of(special, dialled="22").alert_info == ""


def test_the_trace_names_every_rung_that_was_asked():
    decision = decide(incoming(person(22, forward_always=forward("23")), person(23)))
    at_bernd = [line.rung for line in decision.trace if line.place == "22"]
    assert at_bernd == [rung.name for rung in LADDER[:10]]
    assert [line.said for line in decision.trace if line.place == "22"][-1] == "forward to 23"
    assert decision.trace[-4].place == "23"
    assert ANNA.name not in str(decision.trace)
