"""A pack's own tests, done on a platform: what it says is shown is shown, and what it says is refused is refused.

The cases are run through the same decisions and the same broker as everybody's calls, in a tenant made for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import Reading
from kumihimo.device.codecs.families import decode
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words
from kumihimo.platform.access.decide import Action
from kumihimo.platform.broker.models import Allowed, Change, Op
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.programs.models import ProgramFailed
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.families import family_text
from kumihimo.solutions.packs.figures import entities_of, figure_of, value_of
from kumihimo.solutions.packs.items import context_of, registered
from kumihimo.solutions.packs.models import STRANGER, Case, Held, Pack, Parameter, Verdict
from kumihimo.solutions.packs.parameters import lacking
from kumihimo.solutions.packs.ports import PackDoors

TENANT: Final = "trial"
_OPERATOR: Final = Actor("system", "packs.trial")
_EXAMPLES: Final[Mapping[str, Any]] = {
    "flag": True,
    "time": "12:00",
    "place": [135.0, 35.0],
    "area": [135.0, 35.0, 136.0, 36.0],
    "contact": "town@example.jp",
}


class CaseFailed(Exception):
    """It is not as the case expects; the words say what it is instead."""


async def run_cases(doors: PackDoors, packs: Packs, held: Held) -> list[Verdict]:
    """Installs the pack with its sample data into the trial's tenant, and does each case there."""
    await doors.database.add_tenant(TENANT)
    call = Call(TENANT, _OPERATOR, "trial")
    given = {one.name: _example(one) for one in lacking(held.pack, {})}
    await packs.install(call, held, given, sample=True, unsigned=True)
    context = await context_of(doors.contexts, held)
    return [await _verdict(doors, held, context, one) for one in held.pack.cases]


def _example(one: Parameter) -> Any:
    """Some value that the parameter may have, where the pack gives none."""
    if one.type in ("number", "integer"):
        return one.least if one.least is not None else one.most if one.most is not None else 1
    if one.type == "choice":
        return one.choices[0]
    return _EXAMPLES.get(one.type, "x" * int(one.least or 1))


async def _verdict(doors: PackDoors, held: Held, context: Context, case: Case) -> Verdict:
    try:
        await _done(doors, held, context, case)
    except CaseFailed as problem:
        return Verdict(case.name, passed=False, why=str(problem))
    except Problem as problem:
        if case.refuse:
            return Verdict(case.name, passed=True)
        return Verdict(case.name, passed=False, why=f"it was refused: {problem.detail}")
    if case.refuse:
        return Verdict(case.name, passed=False, why="it was not refused")
    return Verdict(case.name, passed=True)


async def _done(doors: PackDoors, held: Held, context: Context, case: Case) -> None:
    """Does the case; a Problem where it is refused, CaseFailed where it is not as expected."""
    if case.does == "reading":
        _reading(held, context, case, times.micros(doors.clock.now()))
        return
    if case.does == "compute":
        await _compute(doors, held, case)
        return
    call = Call(TENANT, await _actor(doors, case), case.purpose)
    if case.does == "figure":
        await _figure(doors, held, context, case, call)
    elif case.does in ("read", "subscribe"):
        await _read(doors, context, case, call)
    else:
        await _write(doors, context, case, call)


async def _actor(doors: PackDoors, case: Case) -> Actor:
    if case.as_ == STRANGER:
        return Actor("anonymous")
    if case.as_ == "device":
        return Actor("device", "trial")
    actor = Actor("person", f"trial-{case.as_}")
    await doors.rules.members.add(TENANT, actor, case.as_, str(_OPERATOR))
    return actor


async def _read(doors: PackDoors, context: Context, case: Case, call: Call) -> None:
    action: Action = "subscribe" if case.does == "subscribe" else "read"
    grant = await doors.access.decide(call, action)
    doc = await doors.broker.get(TENANT, case.entity, grant.restriction, grant.visible)
    if doc is None:
        raise _unseen(case)
    for name in case.hides:
        if context.expand(name) in doc["attrs"]:
            raise CaseFailed(f"{name} is shown")
    if case.attribute is not None and context.expand(case.attribute) not in doc["attrs"]:
        raise _unseen(case)
    for name, value in case.expect.items():
        _same(name, value_of(doc, context.expand(name)), value)


async def _write(doors: PackDoors, context: Context, case: Case, call: Call) -> None:
    allowed = Allowed(await doors.access.decide(call, "delete" if case.does == "delete" else "write"))
    change = Change(Op.DELETE, case.entity, allowed=allowed)
    if case.does == "write":
        name = context.expand(case.attribute or "")
        fragment: Any = {"attrs": {name: [{"type": "Property", "value": case.value}]}}
        change = Change(Op.APPEND, case.entity, fragment, allowed=allowed)
    outcome = (await doors.broker.apply(call, [change]))[0]
    if outcome.problem is not None:
        raise outcome.problem
    if outcome.not_updated:
        raise Unwritten("; ".join(why for _, why in outcome.not_updated))


async def _figure(doors: PackDoors, held: Held, context: Context, case: Case, call: Call) -> None:
    entry = next(one.figure for one in held.pack.kpis if one.id == case.entity)
    if entry is None:
        raise CaseFailed("the figure is none of the pack's own")
    grant = await doors.access.decide(call, "read")
    docs = await entities_of(doors.broker, TENANT, context.expand_type(entry.type), grant)
    value = figure_of(entry, docs, context)
    if "value" in case.expect:
        _same(case.entity, value, case.expect["value"])


async def _compute(doors: PackDoors, held: Held, case: Case) -> None:
    """What a function of the pack's program gives for these values."""
    program = held.program
    if program is None or doors.programs is None:
        raise CaseFailed("there is no program that runs here")
    try:
        found = await doors.programs.call((TENANT, held.pack.id), program, case.entity, case.value or {})
    except ProgramFailed as problem:
        raise Unwritten(problem.en) from problem
    for name in case.hides:
        if found.get(name) is not None:
            raise CaseFailed(f"{name} is given")
    for name, value in case.expect.items():
        _same(name, found.get(name), value)


def _reading(held: Held, context: Context, case: Case, now: int) -> None:
    """What the device's family makes of a message."""
    device = _device(held.pack, context, case.entity)
    try:
        found = decode(device.family, _message(case), device, arrived=now)
    except Refused as problem:
        raise Unwritten(problem.words.en) from problem
    for one in found:
        if isinstance(one, Words):
            raise Unwritten(one.en)
    readings = [one for one in found if not isinstance(one, Words)]
    values = {one.attribute: one.value for one in readings}
    for name in case.hides:
        if context.expand(name) in values:
            raise CaseFailed(f"{name} is read")
    for name, value in case.expect.items():
        if name == "observedAt":
            _at(readings, value)
        else:
            _same(name, values.get(context.expand(name)), value)


def _device(pack: Pack, context: Context, name: str) -> Device:
    """The pack's device of this name, or one of the pack's family of this name, with its table."""
    entry = next((one for one in pack.devices if one.id == name), None)
    family = name if entry is None else entry.family
    codec = next((one for one in pack.codecs if one.name == family), None)
    table = "" if codec is None else family_text(codec, context)
    if entry is not None:
        return replace(registered(entry, context), table=table)
    kind = "" if codec is None else codec.type
    return Device("trial", family, "", f"urn:ngsi-ld:{kind}:trial", context.expand_type(kind), table=table)


def _message(case: Case) -> bytes:
    """What the device sends."""
    if case.hex is not None:
        return bytes.fromhex(case.hex)
    return dumps(case.value) if case.text is None else case.text.encode()


def _at(readings: Sequence[Reading], value: Any) -> None:
    """Each was measured at this moment."""
    try:
        wanted = times.micros(times.parse(str(value)))
    except ValueError as problem:
        raise CaseFailed(f"observedAt: {str(value)[:64]!r} is no date-time with its zone") from problem
    for one in readings:
        if one.observed_at != wanted:
            raise CaseFailed(f"observedAt is {times.text(times.from_micros(one.observed_at))}, not {value}")


class Unwritten(Problem):
    """Something was not taken."""

    title = "Not taken"


def _unseen(case: Case) -> Problem:
    return Unwritten(f"{case.entity} is not shown")


def _same(name: str, found: Any, expected: Any) -> None:
    is_number = isinstance(found, int | float) and isinstance(expected, int | float)
    same = abs(found - expected) <= 1e-9 * max(1.0, abs(expected)) if is_number else found == expected
    if not same:
        raise CaseFailed(
            f"{name} is {json.dumps(found, ensure_ascii=False)}, not {json.dumps(expected, ensure_ascii=False)}"
        )
