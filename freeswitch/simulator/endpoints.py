"""Where a leg goes: sofia/…, user/…, error/…: which telephone rings, or why none can.

Follows `sofia_outgoing_channel` (mod_sofia.c) and `user_outgoing_channel` (mod_dptools.c).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from freeswitch.simulator import causes, silence
from freeswitch.simulator.channel import Channel
from freeswitch.simulator.dial_strings import DialStringError, Leg, parse
from freeswitch.simulator.variables import expand

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch
    from freeswitch.simulator.telephones import TelephoneCall

log = structlog.get_logger()


class Refused(Exception):
    """No leg can be made; .cause is what the switch calls it."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass
class Target:
    channel_name: str
    number: str
    ring: Callable[[Channel], TelephoneCall]
    via_user: bool = False
    channel_variables: dict[str, str] = field(default_factory=dict)  # what the endpoint sets
    variables: dict[str, str] = field(default_factory=dict)  # brackets of a user's dial-string


def find_target(
    switch: Switch, leg: Leg, variables: Mapping[str, str], caller: Channel | None, *, forked: bool
) -> list[Target]:
    if leg.endpoint == "error":
        raise Refused(causes.named(leg.target))
    if leg.endpoint == "user":
        return _user(switch, leg, variables, caller, forked=forked)
    if leg.endpoint == "sofia":
        return [_sofia(switch, leg.target)]
    log.error("no such endpoint in the simulator", endpoint=leg.endpoint)
    raise Refused("CHAN_NOT_IMPLEMENTED")


def _sofia(switch: Switch, target: str) -> Target:
    profile, _, rest = target.partition("/")
    if profile == "gateway":
        gateway, _, number = rest.partition("/")
        found = switch.gateways.get(gateway)
        if found is None:
            raise Refused("INVALID_GATEWAY")
        if found.registers:
            raise Refused("GATEWAY_DOWN")  # nobody registers at the simulated carrier
        carrier = switch.telephones.carrier_at(found.address)
        silent = carrier is None and silence.is_held(found.address)
        if not silent and (carrier is None or not carrier.registered):
            raise Refused("NORMAL_TEMPORARY_FAILURE")  # a port nobody listens on: 23 ms at the real switch
        return Target(
            channel_name=f"sofia/{found.profile}/{number}",
            number=number,
            ring=silence.never_answered(switch, found.profile) if carrier is None else carrier.incoming,
            channel_variables={
                "sip_gateway_name": gateway,
                "sip_profile_name": "gateway",
                "sofia_profile_name": found.profile,
                **({"sip_invite_domain": found.from_domain} if found.from_domain else {}),
            },
        )
    if profile not in switch.profiles:
        raise Refused("INVALID_PROFILE")
    address = rest.removeprefix("sip:")
    if "%" in address and "@" not in address:
        user, _, domain = address.partition("%")
        registration = switch.registrar.find(user, domain)
        if registration is None:
            raise Refused("USER_NOT_REGISTERED")
    else:
        registration = switch.registrar.find_contact(address)
        if registration is None:
            raise Refused("NORMAL_TEMPORARY_FAILURE")
    local_url = f"{registration.user}@{registration.domain}"
    contact = registration.contact.removeprefix("sip:")
    return Target(
        channel_name=f"sofia/{profile}/{contact.partition('@')[0]}",
        number=rest,
        ring=registration.telephone.incoming,
        channel_variables={
            "sip_local_url": local_url,
            "presence_id": local_url,
            "sip_profile_name": profile,
            "sofia_profile_name": profile,
            "sip_destination_url": registration.contact,
        },
    )


def _user(
    switch: Switch, leg: Leg, variables: Mapping[str, str], caller: Channel | None, *, forked: bool
) -> list[Target]:
    user, _, domain = leg.target.partition("@")
    domain = domain or switch.globals.get("domain", "")
    entry = switch.directory.user(user, domain, {"as_channel": "true", "action": "user_call"})
    if entry is None:
        raise Refused("SUBSCRIBER_ABSENT")
    dial_string = entry.params.get("dial-string")
    if not dial_string:
        raise Refused("MANDATORY_IE_MISSING")
    known = {**variables, "dialed_user": entry.id, "dialed_domain": domain}
    if caller is not None:
        caller.set_variable("dialed_user", entry.id)
        caller.set_variable("dialed_domain", domain)
        expanded = caller.expand(dial_string)
    else:
        expanded = expand(dial_string, known.get, lambda name, arguments: switch.expand_api(name, arguments, None))
    try:
        dial = parse(expanded)
    except DialStringError as error:
        log.error("a user's dial-string cannot be used", user=leg.target, reason=str(error))
        raise Refused("DESTINATION_OUT_OF_ORDER") from error
    legs = dial.groups[0]
    if len(dial.groups) > 1 or (forked and len(legs) > 1):
        log.warning("only the first of a user's legs is called", user=leg.target)  # SOF_NOBLOCK
        legs = legs[:1] if forked else legs
    refused = "DESTINATION_OUT_OF_ORDER"
    targets: list[Target] = []
    for inner in legs:
        if inner.endpoint == "user":
            raise Refused("INVALID_IE_CONTENTS")
        try:
            found = find_target(switch, inner, variables, caller, forked=forked)
        except Refused as error:
            refused = error.cause
            continue
        for target in found:
            target.variables = {**_presence(dial_string, entry.id, domain), **dict(dial.variables),
                                **dict(inner.variables), "dialed_user": entry.id, "dialed_domain": domain,
                                **entry.variables}  # fmt: skip
            target.via_user = True
            targets.append(target)
    if not targets:
        raise Refused(refused)
    return targets


def _presence(dial_string: str, user: str, domain: str) -> dict[str, str]:
    return {} if "presence_id=" in dial_string else {"presence_id": f"{user}@{domain}"}
