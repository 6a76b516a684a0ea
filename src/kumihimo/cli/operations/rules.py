"""What the command line does with rule sets: whoever may read the data folder may do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.service.rules.models import ActionRow, RuleSet
from kumihimo.service.rules.trace import Traced

BY: Final = Actor("system", "command line")


def _call(given: Mapping[str, Any]) -> Call:
    return Call(check_tenant(str(given["tenant"])), BY, "operate")


def _told(one: RuleSet) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "on": one.is_on,
        "changed": times.text(times.from_micros(one.changed_at)),
        "by": one.changed_by,
        "owner": str(one.owner),
        "stopped": {rule: asdict(stop.words) for rule, stop in one.stopped.items()},
    }


async def rule_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's rule sets with what each of their rules cost."""
    call = _call(given)
    found = []
    for one in await doors.rule_sets.all(call):
        costs = await doors.rule_sets.costs(call, one.name)
        found.append({**_told(one), "rules": {name: asdict(cost) for name, cost in costs.items()}})
    return found


async def rule_show(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The text of a rule set, of a version or the newest, and what versions there are."""
    call, name, number = _call(given), str(given["name"]), int(given.get("version", 0))
    one = await doors.rule_sets.get(call, name)
    text = (await doors.rule_sets.version(call, name, number)).text if number else one.text
    versions = [
        {"version": each.number, "by": each.made_by, "why": each.why}
        for each in await doors.rule_sets.versions(call, name)
    ]
    return {**_told(one), "text": text, "versions": versions}


async def rule_set(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Puts a text; on says whether the set is on after it, None leaves it as it is."""
    on, version = given.get("on"), given.get("version")
    if not (on is None or isinstance(on, bool)):
        raise BadRequestData("on is true, false or null")
    made = await doors.rule_sets.put(
        _call(given),
        str(given["text"]),
        version=None if version is None else int(version),
        why=str(given.get("why", "")),
        on=on,
    )
    return _told(made)


async def rule_switch(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Switches a rule set on or off."""
    return _told(await doors.rule_sets.switch(_call(given), str(given["name"]), on=given["on"] is True))


async def rule_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Takes a rule set away."""
    name = str(given["name"])
    if not await doors.rule_sets.remove(_call(given), name):
        raise ResourceNotFound(f"there is no rule set {name[:64]!r}")
    return {"name": name, "removed": True}


async def rule_replay(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Where a text, or without one the set of the name, would have fired; moments as NGSI-LD writes them."""
    call = _call(given)
    text = str(given["text"]) if given.get("text") else (await doors.rule_sets.get(call, str(given["name"]))).text
    start, end = _moment(given["start"]), _moment(given["end"])
    found = await doors.rule_sets.replay(call, text, start, end)
    return {
        "counts": found.counts,
        "judged": found.judged,
        "entities": found.entities,
        "cut": found.cut,
        "unanswered": {rule: {"times": many, "said": said} for rule, (many, said) in found.unanswered.items()},
        "fired": [
            {"at": times.text(times.from_micros(one.at)), "rule": one.rule, "entity": one.entity_id, "facts": one.facts}
            for one in found.found
        ],
    }


def _moment(given: object) -> int:
    try:
        return times.micros(times.parse(str(given)))
    except ValueError as problem:
        raise BadRequestData(f"{problem}; write it as 2026-06-01T00:00:00+09:00") from problem


async def rule_trace(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Why the rules of a set fired at the newest changes of an entity, or did not."""
    found = await doors.rule_sets.trace(_call(given), str(given["name"]), str(given["entity"]))
    changes = [row for one in found.changes for row in _rows(one)]
    others = [
        {
            "at": times.text(times.from_micros(one.at)),
            "rule": one.rule,
            "outcome": one.kind,
            "why": _undone(actions),
            "facts": one.facts,
        }
        for one, actions in found.others
    ]
    return [*changes, *others]


def _rows(one: Traced) -> list[dict[str, Any]]:
    at = times.text(times.from_micros(one.record.at))
    return [
        {
            "at": at,
            "rule": each.rule,
            "outcome": each.outcome,
            "why": each.words.en or _undone(each.actions),
            "facts": each.facts,
        }
        for each in one.steps
    ]


def _undone(actions: Sequence[ActionRow]) -> str:
    """Which of a firing's actions were not done, and why."""
    return "; ".join(f"{one.order.kind} {one.state}: {one.words.en}" for one in actions if one.words.en)


RULES: dict[str, Operation] = {
    "rule-list": rule_list,
    "rule-show": rule_show,
    "rule-set": rule_set,
    "rule-switch": rule_switch,
    "rule-remove": rule_remove,
    "rule-replay": rule_replay,
    "rule-trace": rule_trace,
}
