"""Whose a setting is, and what is said when a change breaks a rule. Core."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    SUBSCRIBER = "subscriber"
    SITE = "site"
    COMPANY = "company"


@dataclass(frozen=True, slots=True)
class Whose:
    """A person's, a site's, or (neither named) the company's."""

    company_id: int
    subscriber_id: int | None = None
    site_id: int | None = None

    @property
    def scope(self) -> Scope:
        if self.subscriber_id is not None:
            return Scope.SUBSCRIBER
        return Scope.COMPANY if self.site_id is None else Scope.SITE


class Refused(Exception):
    """A rule is broken and nothing was changed. .error: stable id; .field: `rules.0.name`, or None."""

    def __init__(self, error: str, message: str, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.field = field
        self.hint = hint


class Forbidden(Refused):
    """Not for this actor."""


class InUse(Refused):
    """What is to be removed is used by others, whom the message names."""
