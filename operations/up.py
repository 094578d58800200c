"""`make up`: the development instance, running and healthy, and a table of what to do with it."""

import json
import time

from operations import instance, prompts, servers, settings_of_instance
from operations.instance import Instance
from operations.places import ROOT, VAR
from operations.screen import say, step


def main(_: list[str]) -> int:
    began = time.monotonic()
    switch = instance.choose_switch()
    if switch == "simulator":
        say("  There is no FreeSWITCH on this machine: the simulator plays the switch. It speaks no SIP; telephones"
            if not instance.find_freeswitch() else
            "  As asked, the simulator plays the switch. It speaks no SIP; telephones")
        say("  are driven by `make demo` and the tests.")
    servers.start(wait_for_broker=False)
    prompts.make_prompts()
    dev = instance.create("dev", switch=switch, given=settings_of_instance.given_by_environment(), progress=step)
    instance.start(dev, progress=step)
    say(table(dev))
    say(f"  Up and healthy after {time.monotonic() - began:.1f} s.")
    return 0


def table(running: Instance) -> str:
    known = json.loads((running.run / "secrets.json").read_text())
    env = running.env
    switches = {"freeswitch": "FreeSWITCH", "simulator": "simulator (no SIP)", "external": "an existing one"}
    rows = [("Switch", f"{switches[running.switch]}, event socket {env['PBX_ESL_HOST']}:{env['PBX_ESL_PORT']}")]
    for service, what in (("routing", "who rings"), ("callback", "click-to-dial"), ("voicemail", "mailboxes"),
                          ("presence", "lamps")):
        url = running.url(service)
        rows.append((service, f"{url}   {what}; its API: {url}/openapi.json"))
    rows += [("Web page", f"{running.url('presence')}/   log in with a token from below"), ("Mail", env["PBX_MAILDIR"]),
             ("Logs", f"{running.run}/logs")]
    if running.switch == "freeswitch":
        rows += [
            ("", ""),
            ("SIP logins", f"server {env['PBX_SIP_IP']}:{env['PBX_SIP_INTERNAL_PORT']} (UDP), "
                           "domain musterbau.example"),
            ("", "extension   login         password"),
        ]
        for extension, device in (("21", "anna-desk"), ("22", "bernd-desk"), ("23", "clara-desk")):
            rows.append(("", f"{extension:9}   {device:11}   {known['devices'][device]}"))
        rows.append(("", "… to 30 (jonas-desk): all in the secrets file"))
    rows += [
        ("", ""),
        ("API tokens", f"anna      {known['tokens']['anna']}"),
        ("", f"admin     {known['tokens']['admin']}   (administrator of Musterbau)"),
        ("", f"operator  {known['tokens']['operator']}"),
        ("Secrets", f"{running.run}/secrets.json (SIP passwords, bearer tokens of each person, admin and operator)"),
        ("", ""),
        ("Try next", "make demo                    the whole story, told as a timeline"),
        ("", "make call FROM=anna TO=22    rings Anna's telephone, then Bernd's"),
        ("", "make status, make logs, make down, make test"),
    ]
    text = "\n".join(f"  {name:12} {value}".rstrip() for name, value in rows)
    return f"\n{text}\n".replace(f"{VAR}/", "var/").replace(f"{ROOT}/", "")
