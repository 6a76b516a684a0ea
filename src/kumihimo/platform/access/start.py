"""The policies that every tenant starts with; a town changes them by documents of its own under the same names."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from kumihimo.platform.access.words import EMERGENCY, START_ROLES

NAMES: Final = (*START_ROLES, EMERGENCY)


@cache
def start_texts() -> dict[str, str]:
    """The documents by their names."""
    folder = files("kumihimo.platform.access") / "policies"
    return {name: (folder / f"{name}.cedar").read_text(encoding="utf-8") for name in NAMES}
