"""What an operator can ask of packs (`kumihimo solution`); each answer is JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.solutions.packs.archive import write_archive
from kumihimo.solutions.packs.models import TRAITS, Held, Pack, Plan, ProgramChange, Town, ValueEntry
from kumihimo.solutions.packs.parameters import read_value, shown, values_of

BY: Final = Actor("system", "command line")
"""Whoever has the data folder; rules that a pack brings have its rights, and do no more than the manifest says."""


async def solution_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The packs there are, with the version that the tenant has of each; or the tenant's that lie nowhere any more."""
    tenant = str(given["tenant"])
    installed = {one.id: one for one in await doors.packs.all(check_tenant(tenant))} if tenant else {}
    rows = [
        {
            "pack": one.pack.id,
            "version": one.pack.version,
            "title": one.pack.title.en,
            "trust": one.trust,
            "installed": installed[one.pack.id].version if one.pack.id in installed else "",
        }
        for one in doors.library.all()
    ]
    known = {one["pack"] for one in rows}
    for gone in (one for id_, one in installed.items() if id_ not in known):
        _, held = await doors.packs.get(tenant, gone.id)
        title = held.pack.title.en
        rows.append({"pack": gone.id, "version": "", "title": title, "trust": gone.trust, "installed": gone.version})
    return {"packs": rows, "broken": [{"file": one.file, "why": one.why} for one in doors.library.broken()]}


async def solution_show(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What a pack is: in words, or with a tenant as it stands there."""
    tenant = str(given["tenant"])
    if not tenant:
        return _told(_held(doors, given))
    install, held = await doors.packs.get(check_tenant(tenant), str(given["pack"]))
    values = values_of(held.pack, await doors.packs.values(tenant, install.id))
    return _told(held) | {
        "state": install.state,
        "values": {name: shown(value) for name, value in values.items()},
        "changed": [
            f"{one.item.kind} {one.item.name}: {one.words.en if one.words else ''}"
            for one in await doors.packs.changed(tenant, install.id)
        ],
        "events": [asdict(one) for one in await doors.packs.events(tenant, install.id)],
    }


async def solution_install(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Installs a pack or brings it up to date; without apply only says what that would do."""
    tenant, held = check_tenant(str(given["tenant"])), _held(doors, given)
    values, sample = _typed(held.pack, given["values"]), bool(given["sample"])
    if given["apply"]:
        call = Call(tenant, BY, "pack")
        said = {name: bool(given[name]) for name in ("unsigned", "program")}
        plan = await doors.packs.install(call, held, values, sample=sample, **said)
    else:
        plan = await doors.packs.plan(held, tenant, values, sample=sample)
    told = _planned(plan) | {"trust": held.trust, "signer": held.signer}
    if not (held.trust in ("shipped", "signed") or given["unsigned"] or given["apply"]):
        told["later"] = [
            *told["later"],
            "nobody whom this platform trusts signed it: it is taken with --unsigned alone",
        ]
    return told


async def solution_set(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives parameters the town's own values; an empty one takes it away."""
    tenant, id_ = check_tenant(str(given["tenant"])), str(given["pack"])
    install, held = await doors.packs.get(tenant, id_)
    values = _typed(held.pack, given["values"])
    return _planned(await doors.packs.set_values(Call(tenant, BY, "pack"), id_, values, install.revision))


async def solution_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Removes a pack; without apply only says what that would do."""
    tenant, id_, purge = check_tenant(str(given["tenant"])), str(given["pack"]), bool(given["purge"])
    if given["apply"]:
        return _planned(await doors.packs.remove(Call(tenant, BY, "pack"), id_, purge=purge))
    return _planned(await doors.packs.plan_removal(tenant, id_, purge=purge))


async def solution_export(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A town's changed copy as a pack of its own: an archive in base64, and what could not be put into it."""
    tenant = check_tenant(str(given["tenant"]))
    found = await doors.packs.export(tenant, str(given["pack"]), str(given["as"]))
    return {"archive": base64.b64encode(write_archive(found.files)).decode(), "left": list(found.left)}


async def solution_town(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What a town says of itself, for the planner; what is None stays as it is."""
    tenant = check_tenant(str(given["tenant"]))
    town = await doors.packs.town(tenant)
    traits, population, listed = given["traits"], given["population"], given["listed"]
    if traits is not None or population is not None or listed is not None:
        unknown = sorted(set(traits or ()) - set(TRAITS))
        if unknown:
            raise BadRequestData(f"{unknown[0][:40]!r} is no trait of a town; there are {', '.join(TRAITS)}")
        town = Town(
            tenant,
            town.population if population is None else int(population),
            town.traits if traits is None else frozenset(traits),
            town.listed if listed is None else bool(listed),
        )
        await doors.packs.describe(town)
    return {
        "tenant": tenant,
        "population": town.population,
        "traits": sorted(town.traits),
        "listed": town.listed,
    }


def _held(doors: Doors, given: Mapping[str, Any]) -> Held:
    if not given["archive"]:
        return doors.library.find(str(given["pack"]))
    try:
        raw = base64.b64decode(str(given["archive"]), validate=True)
    except binascii.Error as problem:
        raise BadRequestData(f"the archive is not in base64: {problem}") from problem
    return doors.library.outside(raw)


def _typed(pack: Pack, given: Mapping[str, str]) -> dict[str, Any]:
    known = {one.name: one for one in pack.parameters}
    for name in given:
        if name not in known:
            raise BadRequestData(f"{pack.id} has no parameter {name[:64]!r}; it has {', '.join(known) or 'none'}")
    return {name: read_value(known[name], text) if text else None for name, text in given.items()}


def _planned(plan: Plan) -> dict[str, Any]:
    return {
        "action": plan.action,
        "pack": plan.pack.id,
        "version": plan.pack.version,
        "before": plan.before,
        "rule": plan.pack.clarified.rule.en,
        "steps": [
            {
                "step": one.what,
                "kind": one.item.kind,
                "name": one.item.name,
                "why": "" if one.words is None else one.words.en,
            }
            for one in plan.steps
        ],
        "rights": rights_in_words(plan.pack),
        "program": program_in_words(plan.pack, plan.program),
        "missing": [one.en for one in plan.missing],
        "later": [one.en for one in plan.later],
    }


def rights_in_words(pack: Pack) -> list[str]:
    """Who may do what by the pack, and who may not."""
    found = []
    for sign, rights in (("may", pack.rights), ("may not", pack.forbids)):
        for one in rights:
            what = ", ".join(one.types) or "in the town"
            parts = f" (only {', '.join(one.attributes)})" if one.attributes else ""
            purposes = f" for {', '.join(one.purposes)}" if one.purposes else ""
            left_out = " or ".join(f"{name} {value}" for name, value in one.unless.items())
            but = f" (but none with {left_out})" if left_out else ""
            found.append(f"{one.role} {sign} {', '.join(one.may)}: {what}{parts}{but}{purposes}. {one.why.en}")
    for rules in pack.rules:
        writes = f" (changes {', '.join(rules.writes)})" if rules.writes else ""
        found.append(f"rules {rules.title.en}: on {', '.join(rules.watches)}: {', '.join(rules.does)}{writes}")
    return found


_PROGRAM: Final[Mapping[ProgramChange, str]] = {
    "none": "",
    "new": "this pack brings a program; it needs a trusted signature, and --program",
    "changed": "the program is another one than the one that runs; it needs --program",
    "same": "the same program as runs already",
    "gone": "the program that runs now is taken away",
}


def program_in_words(pack: Pack, change: ProgramChange | None = None) -> list[str]:
    """The pack's program: what becomes of it, what it imports, and its functions with what they take and give."""
    found = [_PROGRAM[change]] if change is not None and change != "none" else []
    if pack.program is None:
        return found
    imports = ", ".join(pack.program.imports) or "nothing"
    found.append(f"{pack.program.file}: one file of Python that can do nothing but reckon; it imports {imports}")
    for one in pack.program.functions:
        takes, gives = (", ".join(map(_value_in_words, many)) for many in (one.takes, one.gives))
        found.append(f"{one.name}({takes}) gives {gives}: {one.title.en}")
    return found


def _value_in_words(one: ValueEntry) -> str:
    unit = f" {one.unit}" if one.unit else ""
    least, most = ("" if each is None else f"{each:g}" for each in (one.least, one.most))
    bounds = f" {least}..{most}" if least or most else ""
    return f"{one.name}: {one.type}{unit}{bounds}{'' if one.needed else ' or nothing'}"


def _told(held: Held) -> dict[str, Any]:
    pack = held.pack
    return {
        "pack": pack.id,
        "version": pack.version,
        "title": pack.title.en,
        "about": pack.about.en,
        "limits": pack.limits.en,
        "author": pack.author,
        "licence": pack.licence,
        "trust": held.trust,
        "signer": held.signer,
        "changed_from": pack.changed_from,
        "rule": pack.clarified.rule.en,
        "purposes": list(pack.clarified.purposes),
        "models": [f"{one.type} ({one.legal}{', must be there' if one.needs else ''})" for one in pack.models],
        "rights": rights_in_words(pack),
        "program": program_in_words(pack),
        "parameters": [
            f"{one.name} ({one.type}{', ' if one.unit else ''}{one.unit}): {one.title.en}" for one in pack.parameters
        ],
        "kpis": [f"{one.id}: {one.title.en} ({one.unit.en})" for one in pack.kpis],
        "cases": [one.name for one in pack.cases],
    }


SOLUTIONS: dict[str, Operation] = {
    "solution-list": solution_list,
    "solution-show": solution_show,
    "solution-install": solution_install,
    "solution-set": solution_set,
    "solution-remove": solution_remove,
    "solution-export": solution_export,
    "solution-town": solution_town,
}
