"""TOML that somebody brings. The reader of the standard library takes time and memory that grow with the square of the
steps of a dotted key, so that a text of 200 kB could take all of a machine's: long keys are refused before it reads.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

MAX_STEPS: Final = 32
_STEP: Final = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY: Final = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_STEP}\.[ \t]*+){{{MAX_STEPS}}}{_STEP}")


class NestedTooDeep(ValueError):
    """Brackets in brackets, or a key of more than MAX_STEPS steps."""


def loads(source: str) -> dict[str, Any]:
    """The document. NestedTooDeep; tomllib.TOMLDecodeError, also a ValueError, where it is no TOML."""
    if _LONG_KEY.search(source):
        raise NestedTooDeep(f"a key has more than {MAX_STEPS} steps")
    try:
        return tomllib.loads(source)
    except RecursionError as problem:
        raise NestedTooDeep("brackets are nested too deep") from problem
