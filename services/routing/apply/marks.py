"""A file of people's as plain data that still knows its lines. Pure.

    source = read(text)          # YAML, and so JSON
    source.data                  # {"sites": [{"name": "Berlin", …}]}
    source.mark(("sites", 0, "name"))   # line and column, counted from 1

Scalars are read as people mean them, not as YAML 1.1 does: +4930555 and 030 stay text, `no` is Norway, `on` is a word;
only true, false, null and plain whole numbers are anything else. Anchors, aliases and tags are not read: a file of
ten lines could otherwise stand for a billion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_WORDS: Mapping[str, bool | None] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}
_MOST_CHARACTERS = 32_000_000
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Mark:
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong with a file: where, which field, which rule."""

    mark: Mark | None
    """None: data without lines."""
    field: str
    rule: str

    def __str__(self) -> str:
        place = f"line {self.mark.line}, column {self.mark.column}: " if self.mark else ""
        return f"{place}{self.field}: {self.rule}" if self.field else f"{place}{self.rule}"


class Unreadable(Exception):
    """.wrong: every reason, in the order of the lines."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        super().__init__("; ".join(str(one) for one in wrong[:3]))
        self.wrong = list(wrong)


@dataclass(slots=True)
class _Node:
    mark: Mark
    data: Any
    children: dict[str | int, _Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    data: Any
    _root: _Node | None = field(default=None, repr=False)

    def mark(self, path: Path) -> Mark | None:
        """Of the value at path; of what is nearest above it when that is not in the file."""
        node = self._root
        if node is None:
            return None
        for part in path:
            below = node.children.get(part)
            if below is None:
                break
            node = below
        return node.mark

    def wrong(self, path: Path, rule: str) -> Wrong:
        return Wrong(self.mark(path), shown_path(path), rule)


def shown_path(path: Path) -> str:
    """subscribers[3].devices[0].id, counted from 1 as people count."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str) -> Source:
    """Raises Unreadable with the place where it cannot be read."""
    if len(text) > _MOST_CHARACTERS:
        raise Unreadable([Wrong(None, "", f"longer than {_MOST_CHARACTERS // 1_000_000} million characters")])
    try:
        root = _compose(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        raise Unreadable([Wrong(
            Mark(at.line + 1, at.column + 1) if at else None, "",
            " ".join(part for part in (error.context, error.problem) if part))]) from None
    except yaml.YAMLError as error:
        raise Unreadable([Wrong(None, "", " ".join(str(error).split())[:200] or "cannot be read")]) from None
    return Source(root.data, root)


def without_lines(data: Any) -> Source:
    """Data that came without a text: its errors name the field only."""
    return Source(data)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    node: _Node
    path: Path
    key: str | None = None
    """Of a mapping: the name whose value comes next."""

    @property
    def is_list(self) -> bool:
        return isinstance(self.node.data, list)


def _compose(events: Iterator[yaml.Event]) -> _Node:
    """Event by event and not by yaml.compose: that one recurses in C, and deep nesting ends the process."""
    wrong: list[Wrong] = []
    opened: list[_Open] = []
    root: _Node | None = None
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise Unreadable([Wrong(_mark(event), "", "a second document begins here; one file is one company")])
        if isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            opened.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        inside = opened[-1] if opened else None
        mark = _mark(event)
        path = _path_of_next(inside)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise Unreadable([*wrong, Wrong(mark, shown_path(path), "anchors and aliases are not read; write it out")])
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            raise Unreadable([*wrong, Wrong(mark, shown_path(path), f"the tag {tag} is not read")])
        if inside is not None and not inside.is_list and inside.key is None:
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable([*wrong, Wrong(mark, shown_path(path), "a name must be a word")])
            inside.key = event.value
            if event.value in inside.node.data:
                wrong.append(Wrong(mark, shown_path((*inside.path, event.value)), "stands here twice"))
            continue
        data: Any = (_scalar(event) if isinstance(event, yaml.ScalarEvent)
                     else [] if isinstance(event, yaml.SequenceStartEvent) else {})
        node = _Node(mark, data)
        if inside is None:
            root = node
        else:
            _put(inside, node)
        if not isinstance(event, yaml.ScalarEvent):
            if len(opened) >= _DEEPEST:
                raise Unreadable([*wrong, Wrong(mark, shown_path(path), "is nested too deep")])
            opened.append(_Open(node, path))
    if root is None:
        raise Unreadable([Wrong(Mark(1, 1), "", "is empty")])
    if wrong:
        raise Unreadable(wrong)
    return root


def _path_of_next(inside: _Open | None) -> Path:
    if inside is None:
        return ()
    part = len(inside.node.data) if inside.is_list else inside.key
    return inside.path if part is None else (*inside.path, part)


def _put(inside: _Open, node: _Node) -> None:
    if inside.is_list:
        inside.node.children[len(inside.node.data)] = node
        inside.node.data.append(node.data)
        return
    assert inside.key is not None
    inside.node.children[inside.key] = node
    inside.node.data[inside.key] = node.data
    inside.key = None


def _scalar(event: yaml.ScalarEvent) -> Any:
    text = str(event.value)
    if event.style not in (None, ""):    # quoted, or a block: what stands there
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _WHOLE.fullmatch(text) else text


def _mark(event: yaml.Event) -> Mark:
    at = event.start_mark
    assert at is not None    # (of every event that was parsed)
    return Mark(at.line + 1, at.column + 1)
