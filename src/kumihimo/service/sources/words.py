"""What the readers say of a file, in Japanese: they speak English, as a log and a terminal do; a page speaks both."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import Final


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL)


def _load() -> list[tuple[re.Pattern[str], str]]:
    text = (resources.files(__package__) / "reasons.toml").read_text(encoding="utf-8")
    return [(_pattern(english), japanese) for english, japanese in tomllib.loads(text).items()]


_PATTERNS: Final = _load()
_MOST: Final = 4
"""Parts like "a.csv: line 4: …" that are looked at one by one."""


def in_japanese(said: str, parts: int = _MOST) -> str | None:
    """What was said, in Japanese; None for what the readers do not say: a store's own words, another program's.

    "a.csv: line 4: …" is said part by part; a name stays as it is, what is wrong must be known.
    """
    head, colon, rest = said.partition(": ")
    if colon and parts and (ending := in_japanese(rest, parts - 1)) is not None:
        said_before = in_japanese(head, 0) or head
        return said_before + ("" if said_before.endswith("。") else ": ") + ending
    for pattern, japanese in _PATTERNS:
        if (found := pattern.fullmatch(said)) is not None:
            return japanese.format(*(in_japanese(one, 0) or one for one in found.groups()))
    return None
