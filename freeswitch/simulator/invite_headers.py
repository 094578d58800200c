"""Who calls, as an INVITE of mod_sofia says it to a carrier.

Follows sofia_glue_do_invite and sofia_glue_get_extra_headers (sofia_glue.c); the names are those of SIP.
"""

from __future__ import annotations

import re

from freeswitch.simulator.channel import Channel
from freeswitch.simulator.variables import is_true

# caller-id-type of the profile external, when the leg says nothing.
_PROFILE_CID_TYPE = "pid"


def of(channel: Channel) -> dict[str, str]:
    said = channel.variables.get
    profile = channel.profile
    domain = said("sip_invite_domain") or "127.0.0.1"
    name, number = profile.caller_id_name, profile.caller_id_number
    uri = said("sip_from_uri") or f"sip:{number}@{domain}"
    headers = {"From": f'"{said("sip_from_display") or name}" <{uri}>'}
    identity = f'"{name}" <sip:{number}@{domain}>'
    privacy = said("origination_privacy")
    screened = privacy is None or "screen" in privacy
    cid_type = said("sip_cid_type") or _PROFILE_CID_TYPE
    if cid_type == "pid":
        headers["P-Asserted-Identity" if screened else "P-Preferred-Identity"] = identity
        if profile.privacy_hide_number:
            headers["Privacy"] = "id"
        elif not is_true(said("sip_cid_suppress_privacy_none")):
            headers["Privacy"] = "none"
    elif cid_type == "rpid":
        hidden = "full" if profile.privacy_hide_number else "off"
        screen = "yes" if screened else "no"
        headers["Remote-Party-ID"] = (
            f'"{name}"<sip:{number}@{domain}>;party=calling;screen={screen};privacy={hidden}')
    left_out = said("exclude_outgoing_extra_header")
    for variable, value in channel.variables.items():
        if variable.startswith("sip_h_") and value and not (left_out and re.search(left_out, variable)):
            headers[variable.removeprefix("sip_h_")] = value
    return headers
