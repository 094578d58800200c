"""One plan step -> the channel variables the dialplan acts on, all in one multiset.

They are read by freeswitch/conf/dialplan/steps.xml. As few as can be:
each variable is copied into every event of the leg.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.routing.facts import NETWORK_RING_LIMIT_S, Redirection
from services.routing.plan import (
    Act,
    Announce,
    DeviceLeg,
    Leg,
    Onward,
    PickUp,
    Reject,
    Ring,
    Say,
    Shown,
    ToMailbox,
    ToPortal,
    TrunkLeg,
)
from services.routing.plan_state import Travelling, to_variable
from services.routing.trunk_legs import NothingKnown, Outside, trunk_leg
from services.routing.trunks import SIP_CAUSE_OF_REASON
from shared import dialling
from shared.dialling import Endpoint, dial_string, showable_name
from shared.esl.commands import Command, api, bgapi, set_variables

FALLBACK: Mapping[str, str] = {"pbx_step": "fallback"}
_ANONYMOUS = "anonymous"
_UNKNOWN = "unknown"
_CALLER = re.compile(r"\+?[0-9]{1,20}")
_NOTHING_KNOWN = NothingKnown()
SPLASH_S = 2
RINGS_ALONG = "pbx_ring_along"
"""On a leg to the outside that rings with others: which question it was rung for, and its place in the ring."""
# What a caller hears while the next place rings, once an announcement has begun to play to him.
_RINGBACK = "%(1000,4000,425)"
# Whoever is transferred asks as a call inside the company, wherever he came from: else he would stay in `public` or
# `steps`. Looked at only by transfers that name no context, so `again XML steps` stays (switch_ivr_session_transfer).
_TRANSFERRED: Mapping[str, str] = {"force_transfer_context": "internal"}


def hand_back(variables: Mapping[str, str]) -> Command:
    return set_variables(variables)


def variables_for(
    travelling: Travelling, *, exported: str = "", outside: Outside = _NOTHING_KNOWN, answered: bool = False,
) -> dict[str, str]:
    """exported: what the leg already hands on to those it rings, which must stay so. answered: the caller was."""
    step = travelling.step
    variables = {
        "pbx_step": "", "pbx_call_id": travelling.call_id, "pbx_company": str(travelling.company_id),
    }
    if isinstance(step, Ring):
        variables |= {
            "pbx_step": "bridge",
            "pbx_dial": _dial(step, travelling, outside),
            "pbx_plan": to_variable(travelling),
            "call_timeout": str(min(step.ring_timeout_s, NETWORK_RING_LIMIT_S)),
            "continue_on_fail": "true",
            "hangup_after_bridge": "true",
            # Unset: each ring adds its causes to those of the rings before (switch_ivr_originate.c, SWITCH_STACK_PUSH).
            "originate_causes": "",
            **_TRANSFERRED,
        }
        variables |= _headers_of_the_ring(step, travelling, exported)
        if answered:
            # An answered leg is played no ringing tone of its own accord (switch_ivr_originate.c, ringback_data).
            variables["transfer_ringback"] = _RINGBACK
            # It was rung itself, perhaps as one of several: with a list of causes left on it, call_timeout would never
            # fire (as below), and what follows no answer would never come.
            variables["fail_on_single_reject"] = ""
    elif isinstance(step, PickUp):
        variables |= {
            "pbx_step": "pickup", "pbx_pickup": step.leg_uuid, "pbx_plan": to_variable(travelling),
            "hangup_after_bridge": "true", **_TRANSFERRED,
        }
    elif isinstance(step, ToMailbox):
        variables |= {
            "pbx_step": "voicemail", "pbx_mailbox": str(step.subscriber_id), "pbx_reason": step.reason,
            "pbx_language": step.language, **_who_calls(travelling),
        }
    elif isinstance(step, ToPortal):
        variables |= {
            "pbx_step": "portal", "pbx_portal": "any" if step.asks_whose else "own",
            "pbx_mailbox": str(step.subscriber_id), "pbx_language": step.language,
        }
    elif isinstance(step, Announce):
        variables |= {
            "pbx_step": "announce", "pbx_prompt": step.prompt, "pbx_language": step.language,
            "pbx_cause": step.cause, "pbx_reason": step.reason,
        }
        if answered:
            variables["pbx_step"] = "tell"
        if step.then is not None:
            variables |= {"pbx_step": "announce-then", "pbx_plan": to_variable(travelling), "ringback": _RINGBACK}
    elif isinstance(step, Say):
        variables |= {
            "pbx_step": "say", "pbx_say": "!".join(f"{prompt}.wav" for prompt in step.prompts),
            "pbx_language": step.language, "pbx_reason": step.reason,
        }
    elif isinstance(step, Reject):
        variables |= {"pbx_step": "reject", "pbx_cause": step.cause, "pbx_reason": step.reason}
    elif isinstance(step, (Onward, Act)):
        raise ValueError("a redirection or a code is no step to take: land, or do it, first")
    return variables


def _who_calls(travelling: Travelling) -> dict[str, str]:
    """What the mailbox knows of the caller, each time all of it: a leg may have come to another mailbox before.

    The leg itself says too little: a first leg of a click carries the number it was dialled by, a caller from a trunk
    the number as his carrier writes it (steps.xml, mailbox-alone; services/voicemail/call.py).
    """
    caller, known = travelling.caller, _CALLER.fullmatch(travelling.caller.number)
    return {
        "pbx_caller": caller.number if known and not caller.withheld else _UNKNOWN,
        "pbx_caller_name": showable_name(caller.name) if known and not caller.withheld else "",
        "pbx_caller_subscriber": str(travelling.caller_id or ""),
    }


def _of_the_call(travelling: Travelling) -> dict[str, str]:
    return {"pbx_call_id": travelling.call_id, "pbx_company": str(travelling.company_id), **_TRANSFERRED}


def _dial(ring: Ring, travelling: Travelling, outside: Outside) -> str:
    common = _of_the_call(travelling)
    every_leg: dict[str, str] = {}
    own = [leg for leg in ring.legs if isinstance(leg, DeviceLeg) and not leg.silenced_alone]
    if len(ring.legs) > 1:
        if len(own) == len(ring.legs):
            # R10: a handset that rejects (603) ends all ringing. With a list of causes here call_timeout never
            # fires (switch_ivr_originate.c: `ok`; seen), so each leg counts for itself, up to a second longer.
            common["fail_on_single_reject"] = "CALL_REJECTED"
            every_leg["leg_timeout"] = str(min(ring.ring_timeout_s, NETWORK_RING_LIMIT_S) - 1)
        # Else the first leg with early media, a mobile that says it is switched off, would have won (early_ok is the
        # default in switch_ivr_originate.c).
        common["ignore_early_media"] = "true"
    elif ring.ring_timeout_s < NETWORK_RING_LIMIT_S and isinstance(ring.legs[0], TrunkLeg):
        common["ignore_early_media"] = "true"  # early media would end call_timeout, and nobody would be asked again
    mixed = len(own) < len(ring.legs)
    fails_over = len(ring.legs) > 1 and ring.over_further_trunks()

    def marked(position: int, leg: Leg) -> Mapping[str, str]:
        if isinstance(leg, TrunkLeg):
            return {**every_leg, RINGS_ALONG: f"{travelling.asked}-{position}"} if fails_over else every_leg
        return {**every_leg, "pbx_own_place": "true"} if mixed and leg in own else every_leg

    return dial_string(
        [_leg(leg, ring.shown, travelling, outside, marked(position, leg)) for position, leg in enumerate(ring.legs)],
        variables=common)


def dial_along(
    leg: TrunkLeg, travelling: Travelling, outside: Outside, *, leg_uuid: str, ring_timeout_s: int, hops: int,
    answered: bool,
) -> str:
    """One leg more for a caller who rings already, to take him when it is answered (ring_along.py): quoted, for
    originate. hops: how often the call may still be passed on. answered: the caller was, before he rang here."""
    variables = {
        **_of_the_call(travelling), "origination_uuid": leg_uuid, "originate_timeout": str(ring_timeout_s),
        "ignore_early_media": "true", "hangup_after_bridge": "true", "max_forwards": str(hops),
        # Whom somebody else has, or a mailbox, stays there (switch_ivr_bridge.c, switch_ivr_intercept_session).
        "intercept_unbridged_only": "true", **({} if answered else {"intercept_unanswered_only": "true"}),
    }
    along = _leg(leg, Shown(), travelling, outside, {})
    return f"'{dial_string([along], variables=variables)}'"


def splash(leg: DeviceLeg, shown: Shown, domain: str) -> Command:
    """One short ring; whoever picks it up in that moment is let go."""
    variables = {"originate_timeout": str(SPLASH_S), "ignore_early_media": "true", **_caller_id(shown)}
    # Quoted, for the name on the display may have spaces (switch_separate_string in switch_utils.c).
    quoted = f"'{dial_string([dialling.Leg(Endpoint.DEVICE, leg.device_id, domain)], variables=variables)}'"
    return bgapi("originate", quoted, "&hangup(NORMAL_CLEARING)")


def ring_no_more(caller_leg_uuid: str) -> Command:
    """Takes a caller out of the ringing of several places; he asks what is next."""
    return api("uuid_transfer", caller_leg_uuid, "again", "XML", "steps")


def _leg(
    leg: Leg, shown: Shown, travelling: Travelling, outside: Outside, every_leg: Mapping[str, str],
) -> dialling.Leg:
    domain = travelling.domain
    if isinstance(leg, DeviceLeg):
        return dialling.Leg(Endpoint.DEVICE, leg.device_id, domain, variables={
            "presence_id": f"{leg.extension}@{domain}",
            "pbx_leg_subscriber": str(leg.subscriber_id),
            **_caller_id(shown),
            **every_leg,
        })
    return trunk_leg(leg, travelling.company_id, domain, travelling.redirections, outside, every_leg)


def _caller_id(shown: Shown) -> dict[str, str]:
    """Always said, also without a name: else the switch would hand on what the caller's telephone claims."""
    if shown.withheld:
        return {"origination_caller_id_number": _ANONYMOUS, "origination_caller_id_name": _ANONYMOUS}
    return {
        "origination_caller_id_number": shown.number,
        "origination_caller_id_name": showable_name(shown.name) or shown.number,
    }


def _headers_of_the_ring(ring: Ring, travelling: Travelling, exported: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    # A leg to the outside brings its own: it tells a carrier no extensions and no names.
    if travelling.redirections and any(isinstance(leg, DeviceLeg) for leg in ring.legs):
        shown = travelling.redirections
        headers["sip_h_Diversion"] = diversion(shown, travelling.domain)
        headers["sip_h_History-Info"] = history_info(shown, ring, travelling.domain)
    if ring.alert_info:
        headers["sip_h_Alert-Info"] = ring.alert_info
    if not headers:
        return {}
    names = [name for name in exported.split(",") if name and name not in headers]
    return {**headers, "export_vars": ",".join([*names, *headers])}


def diversion(redirections: tuple[Redirection, ...], domain: str) -> str:
    """RFC 5806: the last who forwarded comes first, the one who was called first comes last."""
    return ", ".join(
        f'"{showable_name(one.name) or one.place}" <sip:{one.place}@{domain}>;reason={one.reason.value}'
        for one in reversed(redirections)
    )


def history_info(redirections: tuple[Redirection, ...], ring: Ring, domain: str) -> str:
    """RFC 7044: everyone the call went to, in order; why it left is the cause of the next entry (RFC 4458 values)."""
    entries = [f"<sip:{one.place}@{domain}>;index={_index(position)}" for position, one in enumerate(redirections)]
    last = ring.legs[0]
    target = last.extension if isinstance(last, DeviceLeg) else last.number
    cause = SIP_CAUSE_OF_REASON.get(redirections[-1].reason.value, 302)
    entries.append(f"<sip:{target}@{domain};cause={cause}>;index={_index(len(redirections))}")
    return ", ".join(entries)


def _index(position: int) -> str:
    return ".".join(["1"] * (position + 1))
