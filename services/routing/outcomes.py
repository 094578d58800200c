"""What the switch says of ringing that ended -> one of the ladder's three outcomes.

Causes are those of FreeSWITCH 1.11.2: sip codes become causes in sofia.c (sofia_sip_response_to_cause table
sip_cause_to_freeswitch), a device nobody registered has no leg and so no entry in originate_causes.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.routing.plan import EMERGENCY, DeviceLeg, Leg, Outcome, Ring, Step, TrunkLeg

_REJECTED = "CALL_REJECTED"
_BUSY = frozenset({"USER_BUSY", _REJECTED})
# NO_USER_RESPONSE is SIP 480 without a Q.850 cause: a handset that rang and gave up says so.
# NORMAL_CLEARING: answered at a number that rings along, and hung up without the key that accepts (R8).
_NO_ANSWER = frozenset({
    "NO_ANSWER", "ALLOTTED_TIMEOUT", "NO_USER_RESPONSE", "PROGRESS_TIMEOUT", "NORMAL_CLEARING",
})
_RANG_ON = frozenset({"NO_ANSWER", "ALLOTTED_TIMEOUT"})
# Ended because of another leg, so it says nothing about its own place.
_NO_STATEMENT = frozenset({"ORIGINATOR_CANCEL", "LOSE_RACE", "PICKED_OFF", "NONE"})
# The trunk worked and the far network answered about the number: another trunk would say the same.
_ABOUT_THE_NUMBER = frozenset({
    "UNALLOCATED_NUMBER", "NUMBER_CHANGED", "INVALID_NUMBER_FORMAT", "SUBSCRIBER_ABSENT", "USER_NOT_REGISTERED",
})
# The carrier did not answer at all (timer B, a gateway that is not registered), or said that it cannot now (5xx). Of
# anything else the next call may know nothing.
SILENT = frozenset({"RECOVERY_ON_TIMER_EXPIRE", "GATEWAY_DOWN", "INVALID_GATEWAY"})
# 401, 402, 403 and 407 say that this carrier does not let us call: no account, no credit, a wrong password. FreeSWITCH
# makes them the CALL_REJECTED of a 603, which the one who is called says (sofia_glue.c,
# sofia_glue_sip_cause_to_freeswitch), or that of a challenge it cannot meet (sofia_reg.c).
_REFUSALS_OF_A_TRUNK = frozenset({"401", "402", "403", "407"})
_CAUSES_OF_THEIRS = frozenset({_REJECTED, "MANDATORY_IE_MISSING"})
_CANCELLED = "487"  # what is left of a leg that we gave up
TRUNK_REFUSED = "TRUNK_REFUSED"
"""Our own word for it, among causes."""
FAILED = SILENT | {
    TRUNK_REFUSED,
    "NORMAL_TEMPORARY_FAILURE", "NETWORK_OUT_OF_ORDER", "SWITCH_CONGESTION", "NORMAL_CIRCUIT_CONGESTION",
    "SERVICE_UNAVAILABLE",
}
CALL_IS_OVER = frozenset({"SUCCESS", "ORIGINATOR_CANCEL", "PICKED_OFF", "LOSE_RACE"})


@dataclass(frozen=True, slots=True)
class Report:
    """originate_disposition, and the cause of every leg that was made."""

    disposition: str
    leg_causes: tuple[str, ...] = ()
    refused_with: str = ""
    """Status of the last leg's answer to its INVITE: SIP's 400 to 699, else empty."""


def read_report(
    disposition: str | None, originate_causes: str | None, invite_failure_status: str | None = None,
    legs: tuple[Leg, ...] = (),
) -> Report:
    """originate_causes is `uuid;CAUSE`, or several of them as an array `ARRAY::uuid;CAUSE|:uuid;CAUSE`
    (switch_event.c, EVENT push; switch_ivr_originate.c adds one per leg). legs: those that were dialled."""
    rows = (originate_causes or "").removeprefix("ARRAY::").split("|:")
    causes = tuple(row.partition(";")[2] for row in rows if ";" in row)
    status = invite_failure_status or ""
    if status == _CANCELLED:
        status = ""
    refused = status in _REFUSALS_OF_A_TRUNK and _CAUSES_OF_THEIRS.issuperset(causes[-1:])
    if refused and causes and _is_one_number(legs):
        return Report(TRUNK_REFUSED, (*causes[:-1], TRUNK_REFUSED), status)
    return Report(disposition or "NONE", causes, status)


def _is_one_number(legs: tuple[Leg, ...]) -> bool:
    """Of several legs nobody knows whose status it was."""
    return len(legs) == 1 and isinstance(legs[0], TrunkLeg)


def outcome_of(report: Report, legs: tuple[Leg, ...] = ()) -> Outcome:
    """Leg by leg: a rejection at one's own handset ends it as busy (R10); one that rang on makes it "no answer";
    busy when everyone reached was; else nothing could be reached.

    legs: those that rang, in the order they were dialled.
    """
    causes = [cause for cause in report.leg_causes if cause not in _NO_STATEMENT]
    if rejected_at_ones_own(report, legs):
        return Outcome.BUSY
    if report.disposition in _NO_ANSWER or _NO_ANSWER.intersection(causes):
        return Outcome.NO_ANSWER
    if _BUSY.intersection(causes) or report.disposition in _BUSY:
        return Outcome.BUSY
    return Outcome.NOT_REACHABLE


def rejected_at_ones_own(report: Report, legs: tuple[Leg, ...]) -> bool:
    """Not at a place of a shared line or an assistant's, nor at a number that rings along: they speak for themselves.

    Whose a cause is can be said when every leg was made: one that was not leaves no cause.
    """
    causes = report.leg_causes
    if _REJECTED not in causes:
        return False
    if len(causes) == len(legs):
        return any(cause == _REJECTED and _is_own(leg) for cause, leg in zip(causes, legs, strict=True))
    return not legs or any(_is_own(leg) for leg in legs)


def _is_own(leg: Leg) -> bool:
    return isinstance(leg, DeviceLeg) and not leg.silenced_alone


def trunks_that_failed(report: Report, legs: tuple[Leg, ...]) -> dict[str, str]:
    """Those whose carrier did not take the call, and the cause; what the far network says of a number, a person or a
    codec is no failure."""
    return {leg.trunk: cause for leg, cause in _failed(report, legs)}


def _failed(report: Report, legs: tuple[Leg, ...]) -> list[tuple[TrunkLeg, str]]:
    """A leg that was never made (nobody registered, gateway down) leaves no cause and the others theirs in order, so a
    leg's is one of a few. When all of those are failures it failed, or was never made; and of a leg to the outside
    either is its trunk's failure."""
    causes = report.leg_causes or (report.disposition,) * len(legs)
    missing = len(legs) - len(causes)
    failed = []
    for position, leg in enumerate(legs):
        possible = causes[max(0, position - missing): position + 1]
        if isinstance(leg, TrunkLeg) and possible and FAILED.issuperset(possible):
            failed.append((leg, possible[0]))
    return failed


def is_over(report: Report, ring: Ring, *, answered: bool) -> bool:
    """Nothing follows: it was answered, or the caller is gone. answered: the caller was.

    A carrier's announcement is a bridge, too, though nobody answered (early media; switch_ivr_bridge.c): the refusal
    behind it is no end of an emergency call.
    """
    if ring.reason == EMERGENCY and report.disposition == "SUCCESS" and report.refused_with and not answered:
        return False
    return report.disposition in CALL_IS_OVER and not rejected_at_ones_own(report, ring.legs)


def next_step(ring: Ring, report: Report) -> Step:
    if ring.reason == EMERGENCY and isinstance(ring.not_reachable, Ring) and not _rang_until_time_was_up(report):
        return ring.not_reachable  # O5: to a carrier that does not lead there the emergency number is busy, or unknown
    outcome = outcome_of(report, ring.legs)
    further = ring.over_further_trunks()
    step = further[-1].not_reachable if further else ring.not_reachable
    if outcome is not Outcome.NOT_REACHABLE:
        step = ring.after(outcome)
    if outcome is Outcome.NO_ANSWER or rejected_at_ones_own(report, ring.legs):
        return step
    if len(ring.legs) == 1 and isinstance(ring.legs[0], TrunkLeg):
        # Whatever kept it from ringing, the next trunk may do better, unless it was about the number.
        about_the_number = _ABOUT_THE_NUMBER.intersection((*report.leg_causes, report.disposition))
        return ring.not_reachable if outcome is Outcome.NOT_REACHABLE and not about_the_number else step
    numbers = {leg.number for leg, _ in _failed(report, ring.legs)}
    for one in reversed(further):
        legs = tuple(leg for leg in one.legs if isinstance(leg, TrunkLeg) and leg.number in numbers)
        step = one.over(legs, step) if legs else step
    return step


def _rang_until_time_was_up(report: Report) -> bool:
    """What a carrier says (480) has a status; the switch's own patience has none."""
    return not report.refused_with and report.disposition in _RANG_ON
