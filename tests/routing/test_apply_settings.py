"""Every setting of the registry in a company's file: written by its own rules, exported, applied again."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from services.routing.apply import settings
from services.routing.features import FEATURES, Scope
from tests.routing.test_apply import FILE, Files, files  # noqa: F401

UNSET = FILE.replace("""    settings:
      do_not_disturb: {enabled: true}
""", "")
# Examples of the registry name people and numbers of the demo company: here they are ours.
PEOPLE = {"21": "21", "22": "22", "23": "22", "24": "22"}
OF_MY_OWN: dict[str, dict[str, Any]] = {
    "shown_number": {"suppressed": True, "number": "+49305558021"},
    "barring": {"profile": "Nur Inland"},
    "executive_filter": {"enabled": True, "internal": True, "external": False, "executive_rings": True,
                         "rules": [], "assistants": ["22"]},
    "night_service": {"target": "22", "scheduled": True, "who_may_switch": "listed", "switchers": ["21"], "times": {
        "weekly": [{"weekday": 0, "from": "18:00", "to": "23:00"}], "periods": [], "on_holidays": True,
        "not_on_holidays": False, "holiday_region": None}},
    "barring_profiles": {"profiles": [
        {"name": "Nur Inland", "incoming": [], "forwarded": [{"prefix": "+", "allowed": False}],
         "outgoing": [{"prefix": "+", "allowed": False}, {"prefix": "+49", "allowed": True}]}]},
    "call_limits": {"external_calls_per_minute": 20, "daily_budget_cents": None},
    "intercept": {"incoming": True, "outgoing": False, "action": "ring", "target": "22"},
}


def example_of(name: str) -> dict[str, Any]:
    if name in OF_MY_OWN:
        return copy.deepcopy(OF_MY_OWN[name])
    text = json.dumps(FEATURES[name].example)
    for theirs in ("23", "24"):
        text = text.replace(f'"{theirs}"', f'"{PEOPLE[theirs]}"')
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def with_settings(scope: Scope, *names: str) -> str:
    """The file, with these settings of the company, of Berlin, or of extension 21."""
    document = yaml.load(UNSET, Loader=yaml.BaseLoader)
    owner = {Scope.COMPANY: document["company"], Scope.SITE: document["sites"][0],
             Scope.SUBSCRIBER: document["subscribers"][0]}[scope]
    if "barring" in names:
        document["company"]["settings"] = {"barring_profiles": example_of("barring_profiles")}
    owner["settings"] = {**owner.get("settings", {}), **{name: example_of(name) for name in names}}
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    # The base loader made all of the plain file text: switches and numbers are none.
    for word in ("true", "false"):
        text = text.replace(f"'{word}'", word)
    return text


@pytest.mark.parametrize(("scope", "name"), [
    (scope, name) for scope in Scope for name in settings.of_scope(scope)])
def test_a_setting_in_the_file_is_set_and_exported_and_then_changes_nothing(
        files: Files, scope: Scope, name: str) -> None:  # noqa: F811
    files.apply(UNSET)
    text = with_settings(scope, name)
    made = files.apply(text)
    assert any(one["name"].endswith(name) for one in made.plan["changes"]), made.plan
    assert files.apply(text).plan["changes"] == []
    exported = files.export()
    assert f"{name}:" in exported
    assert files.apply(exported, prune=True).plan["changes"] == []


@pytest.mark.parametrize("scope", list(Scope))
def test_settings_that_are_not_named_stay_and_prune_takes_them_back(files: Files, scope: Scope) -> None:  # noqa: F811
    names = settings.of_scope(scope)
    files.apply(with_settings(scope, *names))
    assert not files.apply(UNSET).changes_anything
    pruned = files.apply(UNSET, prune=True)
    assert {one["kind"] for one in pruned.plan["changes"]} == {"setting"}
    assert files.apply(UNSET, prune=True).plan["changes"] == []
    exported = files.export()
    assert [name for name in names if f"{name}:" in exported] == []


def test_everybody_new_has_what_a_feature_says_without_rows(files: Files) -> None:  # noqa: F811
    """Those who come with a file are not read one by one: what one of them has, all have."""
    files.apply(UNSET)
    with files.database.platform() as tx:
        company_id = tx.one("SELECT company_id FROM directory.companies WHERE sip_domain = 'zeisig.example'").company_id
        there = settings.owners(tx, company_id, created=())
        for name in settings.of_scope(Scope.SUBSCRIBER):
            one, other = (FEATURES[name].read(tx, there["subscriber", extension].whose) for extension in ("21", "22"))
            assert one == other == FEATURES[name].schema().load({}), name
