"""A rule set as text (TOML), for developers; the same definition as the officers' form shows."""

from __future__ import annotations

from typing import Final

import tomli_w

from kumihimo.base import tomltext
from kumihimo.service.rules.definition import Definition
from kumihimo.service.rules.fields import SET, model_of, table_of
from kumihimo.service.rules.refusal import RuleRefused

MAX_BYTES: Final = 64 * 1024
_MAX_BRACKETS: Final = 40


def read(text: str) -> Definition:
    """The definition that a text holds; RuleRefused where it is no TOML, too long, or has other members."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise RuleRefused(f"the text is longer than {MAX_BYTES} bytes", f"本文は {MAX_BYTES} バイトまでです。")
    if _depth(text) > _MAX_BRACKETS:
        raise RuleRefused("brackets are nested too deeply", "括弧の入れ子が深すぎます。")
    try:
        table = tomltext.loads(text.replace("\r\n", "\n"))
    except tomltext.NestedTooDeep as problem:
        raise RuleRefused(f"nested too deeply: {problem}", "キーか括弧の入れ子が深すぎます。") from problem
    except ValueError as problem:
        raise RuleRefused(f"this is no TOML: {problem}", f"TOML として読めません：{problem}") from problem
    found: Definition = model_of(SET, table, "")
    return found


def write(definition: Definition) -> str:
    """The text of a definition; `read` gives it back."""
    return tomli_w.dumps(table_of(SET, definition))


def _depth(text: str) -> int:
    """How deep brackets stand in each other at most; one in a text counts too, so that none is missed."""
    depth = deepest = 0
    for one in text:
        if one in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif one in "]}":
            depth = max(0, depth - 1)
    return deepest
