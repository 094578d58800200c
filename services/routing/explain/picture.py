"""A timetable as an SVG: days as rows, hours as columns, a bar for each stretch. Pure.

Colour is never the only difference: each kind has a pattern and its word. Light or dark as the reader's system is
set. Names come from people: everything is written by ElementTree, which escapes it; STYLE is the only style there is,
so that the answer's Content-Security-Policy can name it by its hash and forbid all else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from services.routing.explain import words
from services.routing.explain.timetable import KINDS

Timetable = Mapping[str, Any]

_LEFT, _TOP, _HOUR, _LANE, _GAP, _DAY_GAP, _RIGHT = 190, 96, 40, 26, 3, 12, 24
_WIDTH = _LEFT + 24 * _HOUR + _RIGHT
_LEGEND_COLUMNS = 3
_SIGN = 6.1
"""Width of a letter of a bar's label, on the average."""

# Fill and pattern of each kind; light, then dark.
_COLOURS = {
    "devices": ("#bfe6c8", "#1f5b33"), "assistants": ("#bfe3e6", "#1c565c"), "remote_office": ("#c9dcf7", "#24477a"),
    "forward": ("#d9d0f5", "#443382"), "night": ("#3d4a70", "#aab6dc"), "mailbox": ("#f7dfa8", "#6b4e0c"),
    "announcement": ("#dcdcdc", "#4c4c4c"), "rejected": ("#f5c4bf", "#7d2620"), "busy": ("#f8d0b0", "#7a4113"),
    "outside": ("#d5e8b8", "#45600f"),
}
_PATTERNS = {
    "assistants": "M0 8L8 0", "remote_office": "M0 2H8M0 6H8", "forward": "M0 0L8 8", "night": "M2 2h.01M6 6h.01",
    "mailbox": "M2 6h.01M6 2h.01", "announcement": "M0 4H8", "rejected": "M0 0L8 8M0 8L8 0", "busy": "M2 0V8M6 0V8",
    "outside": "M4 0V8",
}


def _style() -> str:
    def theme(number: int) -> str:
        return "".join(f".f-{kind}{{fill:{both[number]}}}" for kind, both in _COLOURS.items())

    return (
        "svg{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px;background:#fff}"
        ".page{fill:#fff}text{fill:#1c1c1e}.title{font-size:19px;font-weight:600}.soft{fill:#55555c;font-size:12px}"
        ".day{font-weight:600}.holiday{fill:#8a1c12;font-size:12px}.band{fill:#f4f4f6}.free{fill:#fbf1ea}"
        ".hour{stroke:#d6d6db;stroke-width:1}.noon{stroke:#9a9aa3}.bar{stroke:#ffffff;stroke-width:1}"
        ".label{font-size:11px;stroke-width:3px;paint-order:stroke;stroke-linejoin:round;pointer-events:none}"
        ".mark{stroke:#1c1c1e;stroke-opacity:.32;stroke-width:1.4;stroke-linecap:round;fill:none}"
        ".mark-night{stroke:#fff;stroke-opacity:.6}.gone{fill:url(#p-gone)}.gone-mark{stroke:#8a8a92;stroke-width:1}"
        + "".join(f".l-{kind}{{stroke:{both[0]}}}" for kind, both in _COLOURS.items())
        + ".l-night{fill:#fff}" + theme(0)
        + "@media (prefers-color-scheme:dark){svg{background:#17171a}.page{fill:#17171a}text{fill:#f2f2f4}"
        ".soft{fill:#b4b4bd}.holiday{fill:#ffa69c}.band{fill:#202025}.free{fill:#2a211d}.hour{stroke:#3b3b42}"
        ".noon{stroke:#777781}.bar{stroke:#17171a}.mark{stroke:#fff;stroke-opacity:.3}"
        ".mark-night{stroke:#17171a;stroke-opacity:.5}"
        + "".join(f".l-{kind}{{stroke:{both[1]}}}" for kind, both in _COLOURS.items())
        + ".l-night{fill:#17171a}" + theme(1) + "}")


STYLE = _style()
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode() + "'")
"""Content-Security-Policy of the picture: no script, no foreign source, no style but its own."""


def svg(timetable: Timetable) -> str:
    say = words.of(timetable["language"])
    lanes = len(timetable["callers"])
    row = max(lanes, 1) * (_LANE + _GAP) + _DAY_GAP
    legend_at = _TOP + 7 * row + 26
    kinds = _kinds_in(timetable)
    height = legend_at + 24 * -(-len(kinds) // _LEGEND_COLUMNS) + 24
    root = Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {height}", "width": str(_WIDTH),
        "height": str(height), "role": "img", "aria-labelledby": "title summary", "lang": timetable["language"]})
    person = timetable["subscriber"]
    heading = say["title"].format(who=f"{person['name']} ({person['extension']})")
    _text_of(SubElement(root, "title", {"id": "title"}), f"{heading}, {words.week(timetable)}")
    _text_of(SubElement(root, "desc", {"id": "summary"}), words.summary(timetable))
    SubElement(root, "style").text = STYLE
    _patterns(SubElement(root, "defs"))
    SubElement(root, "rect", {"class": "page", "width": str(_WIDTH), "height": str(height)})
    _text(root, 24, 34, heading, "title")
    _text(root, 24, 56, f"{words.week(timetable)} · {timetable['site']} ({timetable['time_zone']})", "soft")
    bands = SubElement(root, "g")
    _hours(root, row)
    for number, day in enumerate(timetable["days"]):
        _day(root, bands, day, timetable, _TOP + number * row, row)
    _legend(root, kinds, legend_at, say)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode")


def _patterns(defs: Element) -> None:
    for kind, path in _PATTERNS.items():
        one = SubElement(defs, "pattern", {
            "id": f"p-{kind}", "width": "8", "height": "8", "patternUnits": "userSpaceOnUse"})
        SubElement(one, "path", {"d": path, "class": f"mark mark-{kind}"})
    gone = SubElement(defs, "pattern", {
        "id": "p-gone", "width": "5", "height": "5", "patternUnits": "userSpaceOnUse"})
    SubElement(gone, "path", {"d": "M0 5L5 0", "class": "gone-mark"})


def _hours(root: Element, row: int) -> None:
    bottom = _TOP + 7 * row - _DAY_GAP + 4
    for hour in range(25):
        x = _LEFT + hour * _HOUR
        SubElement(root, "line", {
            "x1": str(x), "x2": str(x), "y1": str(_TOP - 8), "y2": str(bottom),
            "class": "hour noon" if hour % 6 == 0 else "hour"})
        _text(root, x, _TOP - 14, str(hour), "soft", anchor="middle")


def _day(root: Element, bands: Element, day: Mapping[str, Any], timetable: Timetable, y: int, row: int) -> None:
    say = words.of(timetable["language"])
    high = row - _DAY_GAP
    free = words.is_weekend(day) or day["holiday"]
    SubElement(bands, "rect", {
        "x": "12", "y": str(y - 4), "width": str(_WIDTH - 24), "height": str(high + 5), "rx": "4",
        "class": "free" if free else "band"})
    _text(root, 24, y + 14, words.day(day, timetable["language"]), "day")
    note = day["holiday"] or _clock_note(day, say)
    if note:
        _text(root, 24, y + 31, _cut(note, 26), "holiday" if day["holiday"] else "soft", whole=note)
    for lane, told in enumerate(day["lanes"]):
        top = y + lane * (_LANE + _GAP)
        if len(day["lanes"]) > 1:
            kind = timetable["callers"][lane]["kind"]
            _text(root, _LEFT - 8, top + 17, say[f"from_{kind}"], "soft", anchor="end")
        _gaps(root, day, top)
        for stretch in told:
            _bar(root, stretch, day, top, timetable["language"])


def _clock_note(day: Mapping[str, Any], say: Mapping[str, str]) -> str:
    if day["minutes"] == 24 * 60:
        return ""
    return say["shorter" if day["minutes"] < 24 * 60 else "longer"]


def _gaps(root: Element, day: Mapping[str, Any], top: int) -> None:
    """An hour that no clock shows."""
    for before, after in zip(day["runs"], day["runs"][1:], strict=False):
        if before[1] < after[0]:
            SubElement(root, "rect", {
                "x": _x(before[1]), "y": str(top), "width": _wide(before[1], after[0]), "height": str(_LANE),
                "class": "gone"})


def _bar(root: Element, stretch: Mapping[str, Any], day: Mapping[str, Any], top: int, language: str) -> None:
    bar = SubElement(root, "g")
    _text_of(SubElement(bar, "title"), words.stretch(stretch, language))
    pieces = [piece for wall in stretch["walls"] for piece in _pieces(wall, day)]
    for first, last, part in pieces:
        y, high = top + (_LANE / 2 if part == 2 else 0), _LANE / (1 if part == 0 else 2)
        place = {"x": _x(first), "y": f"{y:g}", "width": _wide(first, last), "height": f"{high:g}", "rx": "2"}
        SubElement(bar, "rect", {**place, "class": f"bar f-{stretch['kind']}"})
        if stretch["kind"] in _PATTERNS:
            SubElement(bar, "rect", {**place, "fill": f"url(#p-{stretch['kind']})"})
    widest = max(pieces, key=lambda one: (one[1] - one[0]) * (2 if one[2] == 0 else 1), default=None)
    if widest:
        room = int(((widest[1] - widest[0]) * _HOUR / 60 - 8) / _SIGN)
        label = next((one for one in words.labels(stretch, language) if len(one) <= room), "")
        if label and widest[2] == 0:
            _text(bar, float(_x(widest[0])) + 5, top + 17, label, f"label l-{stretch['kind']}")


def _pieces(wall: list[int], day: Mapping[str, Any]) -> Iterator[tuple[int, int, int]]:
    """(from, to, part): an hour that comes twice is drawn one half above the other: part 1, part 2; else part 0."""
    run, first, last = wall
    twice = [(later[0], earlier[1]) for earlier, later in zip(day["runs"], day["runs"][1:], strict=False)
             if later[0] < earlier[1]]
    if not twice:
        yield first, last, 0
        return
    begins, ends = twice[0]
    for part_from, part_to, part in ((0, begins, 0), (begins, ends, run + 1), (ends, 24 * 60, 0)):
        if max(first, part_from) < min(last, part_to):
            yield max(first, part_from), min(last, part_to), part


def _legend(root: Element, met: Mapping[str, list[str]], y: int, say: Mapping[str, str]) -> None:
    """Each kind that is met, and where it leads to."""
    for number, (kind, targets) in enumerate(met.items()):
        x, top = 24 + number % _LEGEND_COLUMNS * 380, y + number // _LEGEND_COLUMNS * 24
        for paint in ({"class": f"bar f-{kind}"}, *([{"fill": f"url(#p-{kind})"}] if kind in _PATTERNS else [])):
            SubElement(root, "rect", {
                "x": str(x), "y": str(top), "width": "30", "height": "16", "rx": "2", **paint})
        told = f"{say[kind]}: {', '.join(targets)}" if targets else say[kind]
        _text(root, x + 38, top + 13, _cut(told, 46), "", whole=told)


def _kinds_in(timetable: Timetable) -> dict[str, list[str]]:
    """Kinds in their usual order, each with the places it leads to."""
    stretches = [one for day in timetable["days"] for lane in day["lanes"] for one in lane]
    met = {one["kind"] for one in stretches}
    return {kind: list(dict.fromkeys(words.place(one["to"]) for one in stretches if one["kind"] == kind and one["to"]))
            for kind in KINDS if kind in met}


def _x(minute: int) -> str:
    return f"{_LEFT + minute * _HOUR / 60:g}"


def _wide(first: int, last: int) -> str:
    return f"{(last - first) * _HOUR / 60:g}"


def _cut(text: str, signs: int) -> str:
    return text if len(text) <= signs else text[: max(signs - 1, 0)].rstrip() + "…"


def _text(parent: Element, x: float, y: float, text: str, style: str, *, anchor: str = "", whole: str = "") -> None:
    one = SubElement(parent, "text", {"x": f"{x:g}", "y": f"{y:g}", **({"class": style} if style else {}),
                                      **({"text-anchor": anchor} if anchor else {})})
    _text_of(one, text)
    if whole and whole != text:
        _text_of(SubElement(one, "title"), whole)


# What no XML document may hold, however it is escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _text_of(element: Element, text: str) -> None:
    element.text = _UNWRITABLE.sub("\ufffd", text)
