"""Which name stands for what in a rule set: its own short names before those of the core @context; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.service.rules.definition import Action, Definition, Rule
from kumihimo.service.rules.refusal import RuleRefused

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*:(?:[^\s\"'\\]*[/#:])?([^/#:\s\"'\\]+)\Z", re.IGNORECASE)
_RESERVED: Final = frozenset({"id", "type", "scope", "@id", "@type"})
_EXPRESSIONS: Final = tuple(
    name
    for name in Action.__dataclass_fields__
    if name == "expression" or name.startswith(("title", "text")) or name in ("entity", "device", "reason", "area")
)
"""Members of an action that are an expression, or texts that hold some."""


@dataclass(frozen=True, slots=True)
class Names:
    """How short names become long ones (IRIs) and back. Both leave what they do not know as it is."""

    expand: Callable[[str], str]
    compact: Callable[[str], str]


def names_of(own: Mapping[str, str], core: Names) -> Names:
    """The names of a set: its own, and for all others those of the core @context.

    What a short name stands for is one thing, both ways: an address whose short name the set gives to another one is
    shown in full, as JSON-LD does. RuleRefused for a name that would say something else than it stands for.
    """
    given = {name: iri for name, iri in own.items() if core.expand(name) != iri}
    for name, iri in own.items():
        _check(name, iri, core)
    if not given:
        return core
    short = {iri: name for name, iri in given.items()}

    def expand(name: str) -> str:
        return given[name] if name in given else core.expand(name)

    def compact(iri: str) -> str:
        if iri in short:
            return short[iri]
        name = core.compact(iri)
        return iri if name in given else name

    return Names(expand, compact)


def _check(name: str, iri: str, core: Names) -> None:
    """Rights are given to what a name stands for, and people read the short one: both must say the same."""
    found = _ADDRESS.match(iri)
    if found is None or found[1] != name:
        raise RuleRefused(
            f"names.{name[:64]}: {iri[:120]!r} must be an address whose last part is the name itself",
            f"names.{name[:64]}：名前と同じ語で終わるアドレスを書いてください（いまは {iri[:120]!r}）。",
        )
    if name in _RESERVED or core.expand(name) not in (iri, DEFAULT_VOCAB + name):
        raise RuleRefused(
            f"names.{name[:64]}: NGSI-LD itself says what this name is; it cannot stand for something else",
            f"names.{name[:64]}：NGSI-LD が意味を決めている名前なので、別の意味にはできません。",
        )


def check_spelling(definition: Definition, core: Names) -> None:
    """RuleRefused where an expression asks in full for what it is given by its short name, so that it would find
    nothing.
    """
    for name, iri in definition.names.items():
        if core.expand(name) != iri and (where := _spelled(definition, iri)):
            raise RuleRefused(
                f"{where}: in this set {iri!r} is called {name!r}; write that",
                f"{where}：この規則セットでは {iri!r} を {name!r} と書きます。",
            )


def spelled_in_full(definition: Definition, iri: str) -> bool:
    """Whether one of its expressions names this in full."""
    return bool(_spelled(definition, iri))


def _spelled(definition: Definition, iri: str) -> str:
    quoted = (f'"{iri}"', f"'{iri}'")
    for rule in definition.rules:
        for where, said in _expressions(rule):
            if any(one in said for one in quoted):
                return f"rule {rule.name}: {where}"
    return ""


def _expressions(rule: Rule) -> Iterator[tuple[str, str]]:
    """All texts of a rule that are expressions or hold some, with their places."""
    yield "condition", rule.condition
    for number, action in enumerate(rule.actions, 1):
        for name in _EXPRESSIONS:
            yield f"then[{number}]: {name}", getattr(action, name)
        for name, value in action.arguments.items():
            if isinstance(value, str):
                yield f"then[{number}]: arguments.{name}", value
