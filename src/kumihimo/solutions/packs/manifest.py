"""A pack out of its files: the manifest read, and held against the files and against itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

import msgspec

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.texts import parse_texts
from kumihimo.platform.access.words import GIVEN_ROLES, check_role
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.families import codec_faults
from kumihimo.solutions.packs.models import (
    OF_TOWN,
    PERSONAL,
    STRANGER,
    Files,
    Held,
    KpiEntry,
    Model,
    Origin,
    Pack,
    Right,
    ScreenEntry,
    Trust,
)
from kumihimo.solutions.packs.parameters import PLACE, check_value
from kumihimo.solutions.packs.signature import Signers, signer_of

MAX_MANIFEST: Final = 256 * 1024
OUTSIDERS: Final = frozenset({"resident", "business", STRANGER})
"""Roles of those who are not the town's own people: no personal data for them by a pack."""
_BESIDE: Final = re.compile(r"(?:README|LICEN[CS]E|NOTICE|CHANGELOG)[A-Za-z0-9._-]*\Z")
_PYTHON: Final = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".whl", ".js", ".sh", ".exe")


def held(files: Files, origin: Origin, signers: Signers) -> Held:
    """The pack of these files, whole and true to itself. PackRefused with every fault that was found."""
    pack = read_pack(files)
    faults = [*_of_files(pack, files, origin), *faults_of(pack), *_of_places(pack, files)]
    if faults:
        raise PackRefused(f"{pack.id} {pack.version}: " + "; ".join(faults), faults=faults)
    if origin == "shipped":
        return Held(pack, files, origin, "shipped")
    trust, signer = _trust(pack, files, signers)
    return Held(pack, files, origin, trust, signer)


def _trust(pack: Pack, files: Files, signers: Signers) -> tuple[Trust, str]:
    key = signer_of(pack, files)
    if key is None:
        return "unsigned", ""
    names = [name for name, known in signers.items() if known == key]
    return ("signed", names[0]) if names else ("unknown-signer", "")


def read_pack(files: Files) -> Pack:
    """What solution.toml says. PackRefused where it cannot be read, with the place of the fault."""
    raw = files.get(MANIFEST)
    if raw is None:
        raise PackRefused(f"there is no {MANIFEST}, so this is no pack")
    if len(raw) > MAX_MANIFEST:
        raise PackRefused(f"{MANIFEST} has more than {MAX_MANIFEST} bytes")
    try:
        return msgspec.convert(tomllib.loads(raw.decode("utf-8-sig")), Pack)
    except UnicodeDecodeError as problem:
        raise PackRefused(f"{MANIFEST} is not in UTF-8 (byte {problem.start + 1})") from problem
    except tomllib.TOMLDecodeError as problem:
        raise PackRefused(f"{MANIFEST} is no TOML: {problem}") from problem
    except RecursionError as problem:
        raise PackRefused(f"{MANIFEST} is nested too deep") from problem
    except msgspec.ValidationError as problem:
        raise PackRefused(f"{MANIFEST}: {problem}") from problem


# --- against its files --------------------------------------------------------------------------------------


def _of_files(pack: Pack, files: Files, origin: Origin) -> Iterator[str]:
    named = pack.named_files()
    for name in sorted(set(named) - set(files)):
        yield f"the file {name!r} that it names is not there"
    for name in sorted({*named, *files}):
        if name.lower().endswith(_PYTHON):
            yield f"{name!r} is a program: a pack of outside holds tables, no programs"
        elif name not in {MANIFEST, SIGNATURE, *named} and not _BESIDE.match(name):
            yield f"the file {name!r} is named nowhere in {MANIFEST}"
    if origin == "outside" and pack.python:
        yield "it says that it has Python; only packs that come with the platform may"
    yield from _of_texts(pack, files)
    for name in (*pack.start, *pack.sample, *((pack.context,) if pack.context else ())):
        if name in files:
            yield from _of_json(name, files[name], is_list=name != pack.context)


def _of_texts(pack: Pack, files: Files) -> Iterator[str]:
    if pack.texts is None or pack.texts not in files:
        return
    try:
        parse_texts(files[pack.texts].decode("utf-8"), pack.texts)
    except (UnicodeDecodeError, ValueError) as problem:
        yield f"{pack.texts}: {problem}"


def _of_json(name: str, body: bytes, *, is_list: bool) -> Iterator[str]:
    try:
        found = jsontext.loads(body)
    except Problem as problem:
        yield f"{name}: {problem.detail}"
        return
    if is_list and not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        yield f"{name}: a file of entities is a JSON array of objects"
    if not is_list and not (isinstance(found, dict) and "@context" in found):
        yield f'{name}: a context file is an object with "@context"'


def _of_places(pack: Pack, files: Files) -> Iterator[str]:
    """Each @{name} in a file of rules is a parameter of the pack's."""
    known = {one.name for one in pack.parameters}
    for name in (one.file for one in pack.rules):
        try:
            text = files.get(name, b"").decode("utf-8")
        except UnicodeDecodeError as problem:
            yield f"{name}: not in UTF-8 (byte {problem.start + 1})"
            continue
        for one in sorted(set(PLACE.findall(text)) - known):
            yield f"{name}: @{{{one}}} is no parameter of the pack"


# --- against itself -----------------------------------------------------------------------------------------


def faults_of(pack: Pack) -> list[str]:
    """What in the manifest contradicts itself, or asks for what no pack may have."""
    models = {one.type: one for one in pack.models}
    return [
        *_of_names(pack),
        *_of_parameters(pack),
        *(fault for one in pack.models for fault in _of_model(one)),
        *(fault for one in (*pack.rights, *pack.forbids) for fault in _of_right(pack, one, models)),
        *(fault for one in pack.rights for fault in _of_legal(one, models)),
        *_of_persons(pack),
        *(fault for one in pack.screens for fault in _of_screen(pack, one, models)),
        *(fault for one in pack.kpis for fault in _of_kpi(pack, one, models)),
        *_of_devices(pack, models),
        *(fault.en for fault in codec_faults(pack, models)),
        *_of_alerts(pack, models),
        *_of_rules(pack, models),
        *_of_cases(pack),
    ]


def _of_names(pack: Pack) -> Iterator[str]:
    groups: dict[str, list[str]] = {
        "model": [one.type for one in pack.models],
        "parameter": [one.name for one in pack.parameters],
        "device": [one.id for one in pack.devices],
        "screen": [one.id for one in pack.screens],
        "KPI": [one.id for one in pack.kpis],
        "alert": [one.name for one in pack.alerts],
        "case": [one.name for one in pack.cases],
        "file of rules": [one.file for one in pack.rules],
    }
    for what, names in groups.items():
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield f"the {what} {name!r} is there twice"
    for one in pack.kpis:
        if not one.id.startswith(f"{pack.id}.") and one.source is None:
            yield f"the KPI {one.id!r} must begin with {pack.id!r} and a dot, so that no two packs' clash"


def _of_parameters(pack: Pack) -> Iterator[str]:
    for one in pack.parameters:
        if (one.type == "choice") != bool(one.choices):
            yield f"parameter {one.name}: choices are for the type choice, which needs them"
        elif one.default is not None:
            try:
                check_value(one, one.default)
            except BadRequestData as problem:
                yield f"the default of parameter {problem.detail}"


def _of_model(one: Model) -> Iterator[str]:
    for name in sorted(set(one.units) - set(one.attributes)):
        yield f"model {one.type}: a unit is given for {name!r}, which is no attribute of it"


def _of_right(pack: Pack, one: Right, models: dict[str, Model]) -> Iterator[str]:
    where = f"the right of {one.role} to {', '.join(one.may)}"
    try:
        check_role(one.role)
    except BadRequestData as problem:
        yield problem.detail
    if set(one.may) & OF_TOWN:
        yield from _of_town_right(one, where)
    else:
        yield from _of_entity_right(pack, one, models, where)


def _of_town_right(one: Right, where: str) -> Iterator[str]:
    if set(one.may) - OF_TOWN or one.types or one.attributes:
        yield f"{where}: command and approve concern the town, no entities; ask for them apart"
    if one.role in OUTSIDERS:
        yield f"{where}: only the town's own people command and decide"


def _of_entity_right(pack: Pack, one: Right, models: dict[str, Model], where: str) -> Iterator[str]:
    if not one.types:
        yield f"{where}: say of which types; a pack gets no right to all of a town's data"
    for name in sorted(set(one.types) - set(models)):
        yield f"{where}: {name!r} is none of the pack's models"
    known = {name for kind in one.types if kind in models for name in models[kind].attributes}
    for name in sorted(set(one.attributes) - known):
        yield f"{where}: {name!r} is no attribute of {', '.join(one.types)}"
    for purpose in sorted(set(one.purposes) - set(pack.clarified.purposes)):
        yield f"{where}: {purpose!r} is none of the purposes of the clarified rule"
    if one.role == STRANGER and set(one.may) - {"read", "subscribe"}:
        yield f"{where}: who is not logged in reads at most"


def _of_legal(one: Right, models: dict[str, Model]) -> Iterator[str]:
    for name in one.types:
        legal = models[name].legal if name in models else "internal"
        if one.role in OUTSIDERS and legal in PERSONAL:
            yield f"the right of {one.role} to {name}: it is {legal} data, which a pack opens to nobody outside"
        if one.role == STRANGER and legal != "open":
            yield f"the right of {one.role} to {name}: only a model of the legal class open may be published"


def _of_persons(pack: Pack) -> Iterator[str]:
    concerned = [one.type for one in pack.models if one.legal in PERSONAL]
    if concerned and pack.persons is None:
        yield f"{', '.join(concerned)} concern persons: [persons] must give the notice and the words of consent"
    if pack.persons is not None:
        for what, said in (("notice", pack.persons.notice), ("consent", pack.persons.consent)):
            if said.easy is None:
                yield f"the {what} to persons must be there in ja-easy too"


def _of_screen(pack: Pack, one: ScreenEntry, models: dict[str, Model]) -> Iterator[str]:
    if one.type not in models:
        yield f"screen {one.id}: {one.type!r} is none of the pack's models"
        return
    marked = [one.marks.attribute] if one.marks else []
    ordered = [one.order] if one.order else []
    for name in (*one.columns, *marked, *ordered):
        if name not in models[one.type].attributes:
            yield f"screen {one.id}: {one.type} has no attribute {name!r}"
    if one.marks is not None:
        named = [name for name in (one.marks.below, one.marks.above) if name]
        numbers = {each.name for each in pack.parameters if each.type in ("number", "integer")}
        if len(named) != 1 or named[0] not in numbers:
            yield f"screen {one.id}: marks name one parameter that is a number, as below or as above"


def _of_kpi(pack: Pack, one: KpiEntry, models: dict[str, Model]) -> Iterator[str]:
    if (one.figure is None) == (one.source is None):
        yield f"KPI {one.id}: say either figure, or source for one that the platform has"
    if one.figure is None:
        if one.source and not pack.parts:
            yield f"KPI {one.id}: {one.source!r} is a figure of a part of the platform, and the pack names no part"
        return
    made = one.figure
    if made.type not in models:
        yield f"KPI {one.id}: {made.type!r} is none of the pack's models"
        return
    if (made.kind == "count") != (made.attribute is None) or (made.kind == "share") != (made.of is not None):
        yield f"KPI {one.id}: count takes no attribute, all others one, and share also of"
    for name in (made.attribute, made.of):
        if name is not None and name not in models[made.type].attributes:
            yield f"KPI {one.id}: {made.type} has no attribute {name!r}"


def _of_devices(pack: Pack, models: dict[str, Model]) -> Iterator[str]:
    for one in pack.devices:
        model = models.get(one.type)
        if model is None:
            yield f"device {one.id}: {one.type!r} is none of the pack's models"
        elif one.attribute is not None and one.attribute not in model.attributes:
            yield f"device {one.id}: {one.type} has no attribute {one.attribute!r}"


def _of_alerts(pack: Pack, models: dict[str, Model]) -> Iterator[str]:
    for one in pack.alerts:
        for name in sorted({*one.moves, *one.permits} - set(models)):
            yield f"alert {one.name}: {name!r} is none of the pack's models"
        if one.decides not in GIVEN_ROLES and not any(
            right.role == one.decides and "approve" in right.may for right in pack.rights
        ):
            yield f"alert {one.name}: {one.decides!r} holds no right to decide, and the pack asks for none"
        if one.decides in OUTSIDERS:
            yield f"alert {one.name}: only the town's own people decide"


def _of_rules(pack: Pack, models: dict[str, Model]) -> Iterator[str]:
    for one in pack.rules:
        for name in (*one.watches, *one.writes):
            kind, _, attribute = name.partition(".")
            if kind not in models or attribute not in models[kind].attributes:
                yield f"{one.file}: {name!r} is no attribute of the pack's models, as Type.attribute"
        if "command" in one.does and not any("command" in right.may for right in pack.rights):
            yield f"{one.file}: its rules command devices, and the pack asks for no right to that"
        if ("change" in one.does) != bool(one.writes):
            yield f"{one.file}: writes and the action change go together"
    loop = loop_of(pack)
    if loop:
        yield f"the rules go in a circle: {' → '.join(loop)}; one would set off the next without end"


def loop_of(pack: Pack) -> list[str]:
    """Attributes whose changes set off one another in a circle, by what the rules watch and write; [] for none."""
    after: dict[str, set[str]] = {}
    for one in pack.rules:
        for name in one.watches:
            after.setdefault(name, set()).update(one.writes)
    try:
        TopologicalSorter({name: sorted(after[name]) for name in sorted(after)}).prepare()
    except CycleError as problem:
        return list(problem.args[1])[::-1]
    return []


def _of_cases(pack: Pack) -> Iterator[str]:
    if not any(one.refuse for one in pack.cases):
        yield "no case says what is refused; the clarified rule needs at least one that the platform must refuse"
    kpis = {one.id for one in pack.kpis if one.figure}
    devices = {one.id for one in pack.devices} | {one.name for one in pack.codecs}
    for one in pack.cases:
        if one.does == "figure" and one.entity not in kpis:
            yield f"case {one.name!r}: {one.entity!r} is no KPI of the pack's own"
        if one.does == "reading" and one.entity not in devices:
            yield f"case {one.name!r}: {one.entity!r} is none of the pack's devices or codecs"
        if one.does == "reading" and sum(each is not None for each in (one.value, one.hex, one.text)) != 1:
            yield f"case {one.name!r}: say the message once, as value, text or hex"
        if one.does == "write" and one.attribute is None:
            yield f"case {one.name!r}: say which attribute is written"


def entities_of(held_pack: Held, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The entities of these files, which `held` has seen to be JSON arrays of objects."""
    return [one for name in names for one in jsontext.loads(held_pack.files[name])]
