"""API commands, with the answers mod_commands.c and mod_sofia.c give.

A command the configuration's allow list leaves out does not exist, as on the switch; one it names that is not
here is refused with a text that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from freeswitch.simulator import applications, bridge, causes, names, originate, show
from freeswitch.simulator.channel import Channel
from freeswitch.simulator.data import Data, expr
from freeswitch.simulator.events import SwitchEvent, up_time_text
from freeswitch.simulator.gateways import as_xml
from freeswitch.simulator.telephone_api import TelephoneApi
from freeswitch.simulator.variables import leading_int
from freeswitch.simulator.words import split_arguments

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()

VERSION = "1.11.2-simulator"
_ORIGINATE_USAGE = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>]"
    " [<cid_name>] [<cid_num>] [<timeout_sec>]\n"
)
_NO_CHANNEL = "-ERR No such channel!\n"


class Api:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._telephones = TelephoneApi(switch)
        self._data = Data(switch.settings.run / "data.json")
        self._commands: dict[str, Callable[[str], str]] = {
            name.removeprefix("api_"): getattr(self, name) for name in dir(self) if name.startswith("api_")
        }

    def run(self, name: str, arguments: str) -> str:
        """The body of the answer; never empty-handed about something unknown."""
        arguments = arguments.strip()
        if name == "telephone":  # the simulator's own, see telephone_api.py
            return self._telephones.perform(arguments)
        command = self._commands.get(name)
        if not self._switch.allows(name, "api"):
            return f"-ERR {name} Command not found!\n"
        if command is None:
            log.error("the simulator has no such API command", name=name)
            return f"-ERR {name} is not simulated\n"
        return command(arguments)

    def _channel(self, uuid: str) -> Channel | None:
        return self._switch.channels.get(uuid)

    # The switch itself

    def api_version(self, arguments: str) -> str:
        if "short" in arguments:
            return "1.11.2\n"
        return f"FreeSWITCH Version {VERSION} (simulator)\n"

    def api_status(self, arguments: str) -> str:
        switch = self._switch
        up = up_time_text(int(time.time() - switch.started_at))
        count = len(switch.channels)
        return (
            f"UP {up}\nFreeSWITCH (Version {VERSION} simulator) is ready\n"
            f"{switch.sessions} session(s) since startup\n"
            f"{count} session(s) - peak {switch.peak}, last 5min {switch.peak} \n"
            f"0 session(s) per Sec out of max 60, peak 0, last 5min 0 \n1000 session(s) max\nmin idle cpu 0.00/100.00\n"
        )

    def api_uptime(self, arguments: str) -> str:
        return str(int(time.time() - self._switch.started_at))

    def api_create_uuid(self, arguments: str) -> str:
        return names.new_uuid()

    def api_strepoch(self, arguments: str) -> str:
        if arguments:
            return "-ERR strepoch with an argument is not simulated\n"
        return str(int(time.time()))

    def api_strmicroepoch(self, arguments: str) -> str:
        if arguments:
            return "-ERR strmicroepoch with an argument is not simulated\n"
        return str(time.time_ns() // 1000)

    def api_db(self, arguments: str) -> str:
        return self._data.command(arguments)

    def api_expr(self, arguments: str) -> str:
        return expr(arguments)

    def api_module_exists(self, arguments: str) -> str:
        return "true" if arguments in self._switch.modules else "false"

    def api_reloadxml(self, arguments: str) -> str:
        self._switch.reload()
        self._switch.bus.fire(SwitchEvent("RELOADXML"))
        return "+OK [Success]\n"

    def api_reloadacl(self, arguments: str) -> str:
        return "+OK acl reloaded\n"

    def api_show(self, arguments: str) -> str:
        return show.show(self._switch, arguments)

    # The directory and registrations

    def api_xml_flush_cache(self, arguments: str) -> str:
        words = arguments.split(" ") if arguments else []
        count = self._switch.directory.flush(*words[1:3]) if len(words) > 2 else self._switch.directory.flush()
        return f"+OK cleared {count} entr{'y' if count == 1 else 'ies'}\n"

    def api_user_data(self, arguments: str) -> str:
        words = split_arguments(arguments)
        if len(words) < 3:
            return ""
        user, _, domain = words[0].partition("@")
        entry = self._switch.directory.user(user, domain, {"type": words[1]})
        if entry is None:
            return ""
        kinds = {"attr": entry.attributes, "var": entry.variables}
        return kinds.get(words[1], entry.params).get(words[2], "")

    def api_user_exists(self, arguments: str) -> str:
        words = split_arguments(arguments)
        found = len(words) > 2 and self._switch.directory.user(words[1], words[2], {}) is not None
        return "true" if found else "false"

    def api_sofia(self, arguments: str) -> str:
        words = arguments.split()
        gateways = self._switch.gateways
        if words[:2] == ["xmlstatus", "gateway"]:
            return as_xml(gateways, *words[2:])
        if words[:1] != ["status"]:
            if words[:1] == ["profile"] and words[2:3] == ["rescan"]:
                self._switch.reload()
                gateways.scan()
                return "Reload XML [Success]\n+OK scan complete\n"
            if words[:1] == ["profile"] and words[2:3] == ["killgw"] and len(words) == 4:
                gone = gateways.pop(words[3], None)
                return "-ERR no such gateway.\n" if gone is None else "+OK gateway marked for deletion.\n"
            if words[:1] == ["profile"] and words[2:3] == ["flush_inbound_reg"] and len(words) == 4:
                found = self._switch.registrar.find(*words[3].partition("@")[::2])
                self._switch.registrar.expire([found] if found else [])
                return "+OK flushing all registrations matching specified call_id\n"
            log.error("this sofia command is not simulated", arguments=arguments)
            return f"-ERR sofia {arguments} is not simulated\n"
        return show.sofia_status(self._switch, words[1:])

    def api_sofia_contact(self, arguments: str) -> str:
        """[profile/]user@domain: the dial string of its registrations (sofia_contact_function)."""
        user, _, domain = arguments.rpartition("/")[2].partition("@")
        found = self._switch.registrar.find(user, domain)
        return "error/user_not_registered" if found is None else f"sofia/internal/{found.contact}"

    def api_sofia_count_reg(self, arguments: str) -> str:
        user, _, domain = arguments.rpartition("/")[2].partition("@")
        return str(int(self._switch.registrar.find(user, domain) is not None))

    # Legs

    def api_originate(self, arguments: str) -> str:
        words = split_arguments(arguments)
        if not 2 <= len(words) <= 7:
            return _ORIGINATE_USAGE
        words += ["undef"] * (7 - len(words))
        aleg, extension, dialplan, context, cid_name, cid_number, timeout = ("" if w == "undef" else w for w in words)
        caller = originate.Caller(None, cid_name, cid_number, leading_int(timeout))
        caller.number = caller.number or "0000000000"  # SWITCH_DEFAULT_CLID_NUMBER
        try:
            outcome = originate.originate(self._switch, aleg, caller)
        except originate.NotSimulated as error:
            log.error("not simulated", what=str(error))
            return f"-ERR {error} is not simulated\n"
        leg = outcome.peer
        if leg is None:
            return f"-ERR {outcome.cause}\n"
        if extension.startswith("&") and len(extension) > 1:
            name, _, argument = extension[1:].partition("(")
            leg.sort_caller_id()
            leg.applications.clear()
            leg.applications.append((name, argument.partition(")")[0]))
            leg.set_state(names.CS_EXECUTE)
        else:
            leg.transfer(extension, dialplan or "XML", context or "default")
        return f"+OK {leg.uuid}\n"

    def api_uuid_exists(self, arguments: str) -> str:
        return "true" if self._channel(arguments) is not None else "false"

    def api_uuid_kill(self, arguments: str) -> str:
        words = split_arguments(arguments)
        if not words:
            return "-USAGE: <uuid> [cause]\n"
        channel = self._channel(words[0])
        if channel is None:
            return _NO_CHANNEL
        channel.hangup(causes.named(words[1]) if len(words) > 1 else "NORMAL_CLEARING")
        return "+OK\n"

    def api_uuid_answer(self, arguments: str) -> str:
        channel = self._channel(arguments)
        if channel is None or channel.down:
            return "-ERROR\n"
        channel.answer()
        return "+OK\n"

    def api_uuid_transfer(self, arguments: str) -> str:
        words = split_arguments(arguments)
        if len(words) < 2:
            return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
        channel = self._channel(words[0])
        if channel is None:
            return "-ERR No such channel!\n"
        if words[1] in ("-bleg", "-both"):
            partner = channel.partner
            if partner is not None:
                partner.transfer(*words[2:5])
            elif words[1] == "-bleg":
                return "+OK\n"
            if words[1] == "-bleg":
                return "+OK\n"
            words = [words[0], *words[2:]]
        channel.transfer(*words[1:4])
        return "+OK\n"

    def api_uuid_bridge(self, arguments: str) -> str:
        words = split_arguments(arguments)
        legs = [self._channel(word) for word in words[:2]]
        if len(legs) < 2 or legs[0] is None or legs[1] is None or legs[0] is legs[1]:
            return "-ERR Invalid uuid\n"
        if not (legs[0].media_up or legs[1].media_up):
            return "-ERR Invalid uuid\n"
        bridge.bridge_uuids(legs[0], legs[1])
        return f"+OK {legs[1].uuid}\n"

    def api_uuid_park(self, arguments: str) -> str:
        channel = self._channel(arguments)
        if channel is None:
            return "-ERR Cannot park session\n"
        channel.set_state(names.CS_PARK)
        return "+OK\n"

    def api_uuid_break(self, arguments: str) -> str:
        channel = self._channel(arguments.split(" ")[0])
        if channel is None:
            return _NO_CHANNEL
        if channel.controlled and not channel.messages:
            return "+OK\n"  # nothing runs that could be broken
        channel.break_asked = True
        channel.changed()
        return "+OK\n"

    def api_uuid_hold(self, arguments: str) -> str:
        words = split_arguments(arguments)
        off = words[:1] == ["off"]
        channel = self._channel(words[1] if off else words[0]) if words else None
        if channel is None or channel.telephone is None or not channel.answered:
            return "-ERR Operation failed\n"
        channel.telephone.hold(not off)
        return "+OK Success\n"

    def api_uuid_send_dtmf(self, arguments: str) -> str:
        words = split_arguments(arguments)
        channel = self._channel(words[0]) if words else None
        if channel is None or len(words) < 2 or channel.telephone is None:
            return "-USAGE: <uuid> <dtmf_data>\n"
        for digit in words[1].partition("@")[0]:
            channel.telephone.key_arrived(digit)
        return "+OK\n"

    def api_uuid_getvar(self, arguments: str) -> str:
        words = split_arguments(arguments)
        if len(words) < 2:
            return "-USAGE: <uuid> <var>\n"
        channel = self._channel(words[0])
        if channel is None:
            return _NO_CHANNEL
        value = channel.get_variable(words[1])
        return "_undef_" if value is None else value

    def api_uuid_setvar(self, arguments: str) -> str:
        words = split_arguments(arguments, limit=3)
        if len(words) < 2:
            return "-USAGE: <uuid> <var> [value]\n"
        channel = self._channel(words[0])
        if channel is None:
            return _NO_CHANNEL
        channel.set_variable(words[1], words[2] if len(words) > 2 else None)
        return "+OK\n"

    def api_uuid_setvar_multi(self, arguments: str) -> str:
        uuid, _, rest = arguments.partition(" ")
        channel = self._channel(uuid)
        if channel is None:
            return _NO_CHANNEL
        for part in rest.split(";"):
            name, _, value = part.partition("=")
            if name:
                channel.set_variable(name, value)
        return "+OK\n"

    def api_uuid_dump(self, arguments: str) -> str:
        channel = self._channel(arguments.split(" ")[0])
        if channel is None:
            return _NO_CHANNEL
        event = channel.describe(SwitchEvent("CHANNEL_DATA"), {})
        return "".join(f"{name}: {value}\n" for name, value in event.headers.items()) + "\n"

    def api_sched_transfer(self, arguments: str) -> str:
        words = split_arguments(arguments)
        channel = self._channel(words[1]) if len(words) > 2 else None
        if channel is None:
            return _NO_CHANNEL
        applications.schedule_transfer(channel, words[0], words[2:])
        return "+OK\n"

    def api_sched_hangup(self, arguments: str) -> str:
        words = split_arguments(arguments)
        channel = self._channel(words[1]) if len(words) > 1 else None
        if channel is None:
            return _NO_CHANNEL
        cause = causes.named(words[2]) if len(words) > 2 else "ALLOTTED_TIMEOUT"
        if leading_int(words[0][1:]) == 0:
            channel.hangup(cause)
        else:
            applications.schedule_hangup(channel, words[0], cause)
        return "+OK\n"

    def api_sched_del(self, arguments: str) -> str:
        scheduler = self._switch.scheduler
        count = scheduler.cancel_id(int(arguments)) if arguments.isdecimal() else scheduler.cancel_group(arguments)
        return f"+OK Deleted: {count}\n"
