"""Figures of alerts and decisions as a person reads them, each by a title where somebody gave it one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.times import JST

Titles = Mapping[str, Mapping[str, str]]
"""What figures are called, by their name, then by language."""
TitlesOf = Callable[[str], Awaitable[Titles]]
"""What the attributes of a tenant are called, by their short name: what its packs say of them."""
_OWN: Final = "alerts.fact."
_MOMENTS: Final = ("at", "first")
"""Figures of the wings that are moments, in microseconds."""
_TAIL: Final = re.compile(r"[/#.]")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: its name, its title in the reader's language ("" where nobody gave it one), and its value as text."""

    name: str
    title: str
    value: str


@dataclass(frozen=True, slots=True)
class Called:
    """What figures are called in a language: by the first of titles that has one, else by the room's own words."""

    t: Callable[..., str]
    own: Mapping[str, object]
    lang: str
    titles: Sequence[Titles] = ()

    def title(self, name: str) -> str:
        """The title of a figure by its name; of one with a path, or with an address, by the last step of it."""
        for one in dict.fromkeys((name, _TAIL.split(name)[-1])):
            for titles in self.titles:
                if said := titles.get(one, {}).get(self.lang):
                    return said
            if _OWN + one in self.own:
                return self.t(_OWN + one)
        return ""

    def figures(self, facts: Any) -> list[Figure] | None:
        """Figures, those within figures with their path; None for what are none."""
        if not isinstance(facts, Mapping):
            return None
        return [Figure(name, self.title(name), value) for name, value in _plain(facts, self.lang)]


def _plain(facts: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping) and {"ja", "en"} == set(value):
            found.append((name, str(value["ja" if lang != "en" else "en"])))
        elif isinstance(value, Mapping):
            found += [(f"{name}.{inner}", said) for inner, said in _plain(value, lang)]
        elif name in _MOMENTS and isinstance(value, int) and not isinstance(value, bool):
            found.append((name, moment(value)))
        elif value is not None and value != "":
            found.append((str(name), ", ".join(map(_said, value)) if isinstance(value, list | tuple) else _said(value)))
    return found


def moment(at: int) -> str:
    """A moment in Japan's time, to the second."""
    return f"{times.from_micros(at).astimezone(JST):%Y-%m-%d %H:%M:%S}"


def _said(value: Any) -> str:
    """One figure; yes and no as the JSON of the entity has them."""
    return str(value).lower() if isinstance(value, bool) else str(value)
