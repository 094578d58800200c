"""What `show` and `sofia status` print: rows of the core database (switch_core_sqldb.c), profiles and gateways."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import structlog

from freeswitch.simulator import names
from freeswitch.simulator.channel import Channel
from freeswitch.simulator.events import HOSTNAME
from freeswitch.simulator.registrar import Registration

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()


def show(switch: Switch, arguments: str) -> str:
    """show_function (mod_commands.c): without rows the JSON has no "rows" at all."""
    words = arguments.lower().split()
    what = words[0] if words else ""
    if what in ("channels", "calls", "bridged_calls", "detailed_calls"):
        rows = [channel_row(one) for one in switch.channels.values() if one.state < names.CS_DESTROY]
    elif what == "registrations":
        rows = [registration_row(one) for one in switch.registrar.all()]
    else:
        log.error("this show is not simulated", arguments=arguments)
        return f"-ERR show {what} is not simulated\n"
    if what != "channels" and what != "registrations":
        if words[1:] != ["count"] and words[1:] != ["count", "as", "json"]:
            log.error("this show is not simulated", arguments=arguments)
            return f"-ERR show {what} is simulated with count only\n"
        rows = [row for row in rows if row["direction"] == "inbound"]
    if "count" in words:
        return json.dumps({"row_count": len(rows)}) + "\n" if "json" in words else f"\n{len(rows)} total.\n"
    if words[-2:] != ["as", "json"]:
        log.error("show is simulated as json only", arguments=arguments)
        return "-ERR show is simulated `as json` only\n"
    return json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})}) + "\n"


def channel_row(channel: Channel) -> dict[str, str]:
    """The columns of the table channels."""
    profile = channel.profile
    created = int(profile.times.created // 1_000_000)
    return {
        "uuid": channel.uuid,
        "direction": channel.direction,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)),
        "created_epoch": str(created),
        "name": channel.name,
        "state": names.STATE_NAMES[channel.running_state],
        "cid_name": profile.caller_id_name,
        "cid_num": profile.caller_id_number,
        "ip_addr": profile.network_addr,
        "dest": profile.destination_number,
        "application": channel.variables.get("current_application") or "",
        "application_data": channel.variables.get("current_application_data") or "",
        "dialplan": profile.dialplan,
        "context": profile.context,
        "read_codec": "PCMU" if channel.media_up else "",
        "read_rate": "8000" if channel.media_up else "",
        "read_bit_rate": "64000" if channel.media_up else "",
        "write_codec": "PCMU" if channel.media_up else "",
        "write_rate": "8000" if channel.media_up else "",
        "write_bit_rate": "64000" if channel.media_up else "",
        "secure": "",
        "hostname": HOSTNAME,
        "presence_id": channel.variables.get("presence_id") or "",
        "presence_data": channel.variables.get("presence_data") or "",
        "accountcode": channel.variables.get("accountcode") or "",
        "callstate": channel.call_state,
        "callee_name": profile.callee_id_name,
        "callee_num": profile.callee_id_number,
        "callee_direction": "",
        "call_uuid": channel.variables.get("call_uuid") or "",
        "sent_callee_name": "",
        "sent_callee_num": "",
        "initial_cid_name": profile.orig_caller_id_name,
        "initial_cid_num": profile.orig_caller_id_number,
        "initial_ip_addr": profile.network_addr,
        "initial_dest": profile.destination_number,
        "initial_dialplan": profile.dialplan,
        "initial_context": profile.context,
    }


def registration_row(known: Registration) -> dict[str, str]:
    """The columns of the table registrations."""
    return {
        "reg_user": known.user,
        "realm": known.domain,
        "token": known.call_id,
        "url": f"sofia/internal/{known.contact}",
        "expires": str(int(known.registered_at) + 300),
        "network_ip": "127.0.0.1",
        "network_port": known.port,
        "network_proto": "udp",
        "hostname": HOSTNAME,
        "metadata": "",
    }


def sofia_status(switch: Switch, words: list[str]) -> str:
    """cmd_status (mod_sofia.c), the lines services look at."""
    line = "=" * 89 + "\n"
    if not words:
        rows = [f"{name:>25s}\tprofile\t{'sip:mod_sofia@127.0.0.1':>40s}\tRUNNING (0)\n" for name in switch.profiles]
        rows += [
            f"{f'{one.profile}::{one.name}':>25s}\tgateway\t{'sip:' + one.address:>40s}\tNOREG\n"
            for one in switch.gateways.values()
        ]
        head = f"{'Name':>25s}\t{'   Type':s}\t{'Data':>40s}\tState\n"
        return head + line + "".join(rows) + line + f"{len(switch.profiles)} profiles 0 aliases\n"
    if words[0] == "profile" and len(words) > 1:
        if words[1] not in switch.profiles:
            return "Invalid Profile!\n"
        count = len(switch.registrar.all()) if words[1] == "internal" else 0
        return f"{line}Name             \t{words[1]}\nDomain Name      \tN/A\nREGISTRATIONS    \t{count}\n{line}"
    if words[0] == "gateway" and len(words) > 1:
        found = switch.gateways.get(words[1].rpartition("::")[2])
        if found is None:
            return "Invalid Gateway!\n"
        status = "UP" if switch.telephones.carrier.registered else "DOWN"
        return f"{line}Name    \t{found.name}\nProfile \t{found.profile}\nState   \tNOREG\nStatus  \t{status}\n{line}"
    log.error("this sofia status is not simulated", words=words)
    return f"-ERR sofia status {' '.join(words)} is not simulated\n"
