"""An account as plain text, for a terminal: the ladder as a table, the plan as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.routing.explain.privacy import OUTGOING
from services.routing.explain.way import RESULTS
from services.routing.facts import MAILBOX

Account = Mapping[str, Any]
Node = Mapping[str, Any]

_WIDE = 118
_SAID_AT = 48
_SAW_AT = 80
_RESULTS = {"busy": "busy", "no_answer": "no answer", "not_reachable": "not reachable", "gone": "gone meanwhile"}


def in_text(account: Account) -> str:
    """Ends with a line break; every text of people in it is made one line first."""
    lines = [*_head(account), "", *_ladder(account), ""]
    for decision in account.get("later", ()):
        lines += [_plain(f"Sent on to {decision['dialled']} at {_clock(decision['at'])}"), *_ladder(decision), ""]
    lines += _happened(account) if account["kind"] == "past" else _planned(account)
    return "\n".join(line.rstrip() for line in lines) + "\n"


# ----- who, whom, when


def _head(account: Account) -> Iterator[str]:
    callee = account["callee"]
    to = account["dialled"] or "?"
    if callee and callee["name"]:
        to = f"{_who(callee['name'], callee['extension'])}" + (
            f", dialling {account['dialled']}" if account["dialled"] != callee["extension"] else "")
    yield _plain(f"{_caller(account['caller'])} calls {to}")
    if account["kind"] == "past":
        yield f"{_when(account['at'])} · call {account['call_id']}"
    else:
        yield f"{_when(account['at'])} · {_calendar(account['calendar'])}"
        yield from _night(account["calendar"]["night"])
        if account["not_known"]:
            yield "Not known of another time: calls up, registered telephones, limits reached; taken: none, all, none."
    if account["from_memory"]:
        yield "Decided by last known facts: the database did not answer."


def _caller(caller: Mapping[str, Any]) -> str:
    if caller["withheld"]:
        return "Somebody who withholds his number" + (f" ({caller['number']})" if caller["number"] else "")
    return _who(caller["name"], caller["number"] or "nobody knows who")


def _who(name: str, number: str) -> str:
    return f"{name} ({number})" if name else number


def _when(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S %z}"


def _calendar(calendar: Mapping[str, Any]) -> str:
    holiday, region = calendar["holiday"], calendar["holiday_region"]
    day = f"holiday ({region}): {holiday}" if holiday else f"no holiday in {region}"
    return f"site {calendar['site']}, {calendar['time_zone']}, {day}"


def _target(target: str) -> str:
    return f"the mailbox of {target.removeprefix(MAILBOX)}" if target.startswith(MAILBOX) else target


def _night(night: Mapping[str, Any] | None) -> Iterator[str]:
    if night is None:
        return
    how = "by hand" if night["by"] == "hand" else "by its schedule"
    until = f" until {_when(night['until'])}" if night["until"] else ""
    state = "on" if night["on"] else "off"
    yield f"Night service of the site: {state} {how}{until}; its target is {_target(night['target'])}."


# ----- the ladder


def _ladder(account: Account) -> Iterator[str]:
    place, met = None, set()
    for line in account["rungs"]:
        indent = "  " * line["sent_on"]
        if (line["place"], indent) != place:
            place = (line["place"], indent)
            yield f"{indent}{_place(line)}{', continued' if place in met else ''}"
            met.add(place)
        yield from _rung(line, indent)
    if account["rung"]:
        yield ""
        yield f"Decided by: {account['rung']}"


def _place(line: Mapping[str, Any]) -> str:
    if line["place"] == OUTGOING:
        return "The call as it is made"
    return _plain(f"At {_who(line['name'], line['place'])}")


def _rung(line: Mapping[str, Any], indent: str) -> Iterator[str]:
    mark = "»" if line["decides"] else " "
    number = "" if line["number"] is None else str(line["number"])
    said = "–" if line["said"] == "passed" else line["said"]
    looked = ", ".join(f"{name.replace('_', ' ')}: {_value(value)}" for name, value in line["saw"].items())
    head = f"{indent}{mark}{number:>3}  {line['rung']} ".ljust(_SAID_AT)
    below = " " * _SAID_AT
    if len(said) < _SAW_AT - _SAID_AT:
        yield from _folded(_plain(f"{head}{said:<{_SAW_AT - _SAID_AT}}{looked}"), " " * _SAW_AT)
    else:
        yield from _folded(_plain(f"{head}{said}"), below)
        yield from _folded(_plain(f"{below}{looked}"), below) if looked else ()


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_value, value)) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_value(one)}" for name, one in value.items()) or "none"
    return str(value)


def _folded(row: str, indent: str) -> Iterator[str]:
    while len(row) > _WIDE:
        cut = row.rfind(" ", len(indent) + 1, _WIDE)
        if cut < 0:
            break
        yield row[:cut]
        row = indent + row[cut + 1:]
    yield row


# ----- what is planned


def _planned(account: Account) -> Iterator[str]:
    if account["limit"]:
        yield f"Stopped now by the company's limit: {account['limit'].replace('_', ' ')}. Once there is room again:"
    yield "What happens"
    again = set(_ids_met_again(account["plan"]))
    yield from _steps(account["plan"], "  ", "  ", again)


def _ids_met_again(node: Node) -> Iterator[int]:
    if node["do"] == "as":
        yield node["id"]
    for result in RESULTS:
        if result in node:
            yield from _ids_met_again(node[result])


def _steps(node: Node, first: str, rest: str, again: set[int]) -> Iterator[str]:
    """first stands before the step itself, rest before everything below it."""
    mark = f"[{node['id']}] " if node.get("id") in again and node["do"] != "as" else ""
    yield from _folded(_plain(f"{first}{mark}{_in_words(node)}"), f"{rest}      ")
    if "then" in node:
        yield from _steps(node["then"], rest, rest, again)
    results = [result for result in _RESULTS if result in node]
    for result in results:
        after = f" after {node['for_s']} s" if result == "no_answer" else ""
        corner, line = ("└─", "  ") if result == results[-1] else ("├─", "│ ")
        yield from _steps(node[result], f"{rest}{corner} {_RESULTS[result]}{after}: ", f"{rest}{line}    ", again)


def _in_words(node: Node) -> str:
    do = node["do"]
    if do == "ring":
        shown = node["caller_shown"]
        as_whom = "a withheld number" if shown.get("withheld") else _who(shown.get("name", ""), shown.get("number", ""))
        ring = f", with the ring {node['alert_info']}" if node.get("alert_info") else ""
        return f"rings {_legs(node['legs'])} for {node['for_s']} s, showing {as_whom or 'nothing'}{ring}"
    if do == "splash":
        return f"one short ring at {_legs(node['legs'])}, meanwhile"
    if do == "send_on":
        return f"sent on by {_who(node['name'], node['from'])}, {node['reason']}:"
    if do == "mailbox":
        return f"mailbox of {_who(node['name'], node['extension'])} ({node['reason']})"
    if do == "portal":
        return "voice portal, any mailbox" if node["any_mailbox"] else "voice portal, the own mailbox"
    if do == "announce":
        end = ", then" if "then" in node else f", then the end ({node['cause']})"
        return f"announcement {node['prompt']}{end}"
    if do == "end":
        return f"the end ({node['cause']})"
    if do == "say":
        return f"hears {', '.join(node['prompts'])}; {node['reason']}"
    if do == "code":
        argument = f" with {node['argument']}" if node["argument"] else ""
        return f"feature code: {node['function']}{argument}"
    if do == "private":
        return "goes on by settings that are somebody else's, and not shown"
    return f"as [{node['id']}]" if do == "as" else f"picks up the call that rings there ({node.get('leg', '')})"


def _legs(legs: list[Mapping[str, Any]]) -> str:
    return ", ".join(map(_leg, legs)) or "nothing"


def _leg(leg: Mapping[str, Any]) -> str:
    if "number" in leg:
        confirm = ", to be accepted with 1" if leg.get("confirm") else ""
        return f"{leg['number']} (over {leg['trunk']}, as {leg['shown_number'] or 'nobody'}{confirm})"
    there = "" if leg.get("registered", True) else ", not registered"
    return f"{leg['device']} ({leg['extension']}{there})"


# ----- what happened


def _happened(account: Account) -> Iterator[str]:
    yield "What happened"
    for step in account["happened"]:
        ended = step.get("outcome") and f"{step['outcome'].replace('_', ' ')} ({', '.join(step.get('causes') or ())}): "
        yield from _folded(_plain(f"  {_clock(step['at'])}  {ended or ''}{_done(step)}"), " " * 12)
    for answer in account["answers"] or [{"at": account["answered_at"], "by": None}]:
        person = answer["by"]
        by = f" by {_who(person['name'], person['extension'])}" if person else ""
        if answer["at"]:
            yield _plain(f"  {_clock(answer['at'])}  answered{by}")
    if account["ended_at"]:
        yield f"  {_clock(account['ended_at'])}  ended ({account['cause']})"


def _done(step: Mapping[str, Any]) -> str:
    do = step.get("do")
    if do == "ring":
        over = f" over {', '.join(step['trunks'])}" if step.get("trunks") else ""
        legs = [*step.get("legs", ()), *(["elsewhere"] if step.get("elsewhere") else [])]
        why = f" ({step['reason']})" if step.get("reason") else ""
        return f"rang {', '.join(legs)}{over} for up to {step.get('for_s')} s{why}"
    rest = ", ".join(f"{name} {_value(value)}" for name, value in step.items()
                     if name not in ("do", "at", "question", "outcome", "causes", "rung"))
    return f"{do} ({rest})" if rest else str(do)


def _clock(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%H:%M:%S")


def _plain(text: str) -> str:
    """No control character of a name reaches the terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
