"""Fields that take what they say and nothing that merely resembles it ("yes" is no boolean, "5" no number)."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_DIGITS = 10 ** 9


class Switch(fields.Boolean):
    """true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class WholeNumber(fields.Integer):
    def __init__(self, **more: Any) -> None:
        super().__init__(strict=True, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        if isinstance(value, int) and abs(value) > _MOST_DIGITS:
            raise ValidationError("is too large")
        return super()._deserialize(value, attr, data, **more)


class Text(fields.String):
    """One line of text: without control characters, and without blanks at its ends."""

    def __init__(self, shortest: int, longest: int, **more: Any) -> None:
        self._shortest = shortest
        self._longest = longest
        metadata = {"minLength": shortest, "maxLength": longest, **more.pop("metadata", {})}
        super().__init__(metadata=metadata, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text = str(super()._deserialize(value, attr, data, **more)).strip()
        if _CONTROL.search(text):
            raise ValidationError("may hold no control characters")
        if len(text) < self._shortest:
            raise ValidationError("may not be empty" if not text else f"must have at least {self._shortest} characters")
        if len(text) > self._longest:
            raise ValidationError(f"may have at most {self._longest} characters")
        return text


class Target(Text):
    """An extension or a telephone number in any usual form."""

    def __init__(self, **more: Any) -> None:
        super().__init__(2, 40, **more)
