"""A town's changed copy of a pack as a pack of its own: the town's values as defaults, its rules in place of the
shipped ones, under a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import tomli_w

from kumihimo.base.errors import BadRequestData
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE
from kumihimo.solutions.packs.items import rules_name
from kumihimo.solutions.packs.models import Files, Held, Pack, Parameter, Step
from kumihimo.solutions.packs.parameters import Values

FIRST: Final = "1.0.0"
_ID: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?\Z", re.ASCII)
_PRIVATE: Final = frozenset({"contact"})
"""Values that stay in the town: they name people."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The pack's files, and what of the town's changes a pack cannot say."""

    files: Files
    left: tuple[str, ...]


def exported(held: Held, id_: str, values: Values, changed: Sequence[Step], now: Mapping[str, str | None]) -> Exported:
    """The town's copy under the id. now: the texts, as they stand, of the things that the town changed, by name.

    BadRequestData for an id that is none or the pack's own.
    """
    if not _ID.match(id_) or id_ == held.pack.id:
        said = f"{id_[:64]!r} is no name for the town's copy: 1 to 32 of a-z, 0-9 and '-', another than before"
        raise BadRequestData(said).said(
            f"{id_[:64]!r} は自治体の写しの名前にできません。a-z、0-9、「-」の 32 文字までで、元と違う名前にします"
        )
    files = {name: body for name, body in held.files.items() if name != SIGNATURE}
    left: list[str] = []
    for step in changed:
        text = now.get(step.item.name)
        rules = _file_of(held.pack, step.item.name) if step.item.kind == "rules" else None
        if rules is not None and text is not None:
            files[rules] = text.encode()
        else:
            left.append(f"{step.item.kind} {step.item.name}: {'taken away' if text is None else 'changed'} in the town")
    copy = renamed(held.pack, id_, values)
    for one in held.pack.rules:
        before, after = (rules_name(each, one).encode() for each in (held.pack, copy))
        files[one.file] = files[one.file].replace(before, after)
    left += [f"the value of {one.name} stays in the town" for one in held.pack.parameters if _stays(one, values)]
    files[MANIFEST] = manifest_text(copy).encode()
    return Exported(files, tuple(left))


def _stays(one: Parameter, values: Values) -> bool:
    return one.type in _PRIVATE and one.name in values


def _file_of(pack: Pack, name: str) -> str | None:
    """The file of rules that is kept under this name."""
    for one in pack.rules:
        if name == rules_name(pack, one):
            return one.file
    return None


def renamed(pack: Pack, id_: str, values: Values) -> Pack:
    """The pack under another id, with the town's values as defaults. It holds no Python, but needs the same parts."""
    old, new = f"{pack.id}.", f"{id_}."

    def under(name: str) -> str:
        return new + name.removeprefix(old) if name.startswith(old) else name

    own = {one.id for one in pack.kpis if one.figure is not None}
    brought = {one.name for one in pack.codecs}
    replaced = msgspec.structs.replace

    def family(name: str) -> str:
        return under(name) if name in brought else name

    return replaced(
        pack,
        id=id_,
        version=FIRST,
        changed_from=f"{pack.id} {pack.version}",
        python="",
        parameters=tuple(
            replaced(one, default=values[one.name]) if one.name in values and one.type not in _PRIVATE else one
            for one in pack.parameters
        ),
        kpis=tuple(replaced(one, id=under(one.id)) if one.id in own else one for one in pack.kpis),
        codecs=tuple(replaced(one, name=under(one.name)) for one in pack.codecs),
        devices=tuple(replaced(one, family=family(one.family)) for one in pack.devices),
        families={family(name): what for name, what in pack.families.items()},
        alerts=tuple(replaced(one, name=under(one.name)) for one in pack.alerts),
        cases=tuple(
            replaced(one, entity=under(one.entity)) if one.entity in own | brought else one for one in pack.cases
        ),
    )


def manifest_text(pack: Pack) -> str:
    """solution.toml of the pack; comments of the one before are not kept."""
    return tomli_w.dumps(_said(msgspec.to_builtins(pack)), multiline_strings=False)


def _said(value: Any) -> Any:
    """The value without what TOML has no word for (null), and what says nothing."""
    if isinstance(value, Mapping):
        return {name: _said(one) for name, one in value.items() if not _is_empty(one)}
    return [_said(one) for one in value] if isinstance(value, list | tuple) else value


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict | list | tuple) and not value)
