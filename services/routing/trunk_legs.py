"""A leg to the outside, with all its trunk wants to be told, and the end no call lives beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from services.routing.facts import Redirection
from services.routing.limits import CallLimits, cents_of
from services.routing.plan import TrunkLeg
from services.routing.trunks import Trunk, as_written, forwarded_variables, shown_variables
from shared.dialling import Endpoint, Leg

CONFIRM_WITHIN_S = 15
"""How long a number that rings along may take to press 1 once it was answered (R8)."""


class Outside(Protocol):
    """What is known of the ways out, from memory."""

    def trunk(self, name: str) -> Trunk | None: ...
    def of_company(self, company_id: int | None) -> tuple[str, ...]: ...
    def limits_of(self, company_id: int) -> CallLimits: ...


class NothingKnown:
    """A trunk nobody described is taken as one with every default."""

    def trunk(self, name: str) -> Trunk | None:
        return None

    def of_company(self, company_id: int | None) -> tuple[str, ...]:
        return ()

    def limits_of(self, company_id: int) -> CallLimits:
        return CallLimits()


def trunk_leg(
    leg: TrunkLeg, company_id: int, domain: str, redirections: tuple[Redirection, ...], outside: Outside,
    more: Mapping[str, str],
) -> Leg:
    """domain: of our numbers where the trunk names none. Of a number that is no E.164 one nothing is counted: 112."""
    trunk = outside.trunk(leg.trunk) or Trunk(leg.trunk)
    if not trunk.domain:
        trunk = replace(trunk, from_domain=domain)
    number = as_written(leg.number, trunk.number_format, leg.shown_number)
    variables = {
        **shown_variables(trunk, leg.shown_number, withheld=leg.withheld),
        **forwarded_variables(trunk, redirections, number),
    }
    if leg.number.startswith("+"):
        limits = outside.limits_of(company_id)
        variables |= {
            "pbx_leg_cents": str(cents_of(limits, leg)),
            # Told to the leg itself, so that it holds whatever becomes of us (switch_channel.c,
            # switch_channel_execute_on; mod_dptools.c, sched_hangup_function).
            "execute_on_answer": f"sched_hangup +{limits.longest_call_s} ALLOTTED_TIMEOUT",
        }
    if leg.extension:
        # A call there lights his lamp, he is on it, and it is he who answers. Elsewhere he only pays.
        variables |= {"presence_id": f"{leg.extension}@{domain}", "pbx_leg_subscriber": str(leg.subscriber_id)}
    if leg.confirm:
        # The prompt stands in group_confirm_file, a global variable (freeswitch/conf/settings.xml).
        variables |= {"group_confirm_key": "1", "group_confirm_timeout": str(CONFIRM_WITHIN_S)}
    return Leg(Endpoint.TRUNK, leg.trunk, number=number, variables={**variables, **more})
