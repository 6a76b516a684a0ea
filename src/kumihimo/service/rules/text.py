"""A rule set as text (TOML), for developers; the same definition as the officers' form shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

import tomli_w

from kumihimo.base import tomltext
from kumihimo.service.rules.definition import Definition
from kumihimo.service.rules.fields import SET, model_of, table_of
from kumihimo.service.rules.naming import spelled_in_full
from kumihimo.service.rules.refusal import RuleRefused

MAX_BYTES: Final = 64 * 1024
_MAX_BRACKETS: Final = 40
_TABLE: Final = re.compile(r"\n?^\[names\]\n(?:(?!\[)[^\n]*(?:\n|\Z))*", re.MULTILINE)
"""The table of names, up to the next one."""


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


def with_names(text: str, names: Mapping[str, str]) -> str:
    """The text with these short names and what each stands for, as it says itself what it means from then on: wherever
    it is read, and whatever becomes of the @context that they are from.

    Names that the text gives itself stay. One whose address an expression spells in full is not given, so that the
    expression goes on finding it under that. RuleRefused where the text cannot be read.
    """
    definition = read(text)
    more = {
        name: iri
        for name, iri in names.items()
        if name not in definition.names and not spelled_in_full(definition, iri)
    }
    if not more:
        return text
    if definition.names:
        return write(replace(definition, names={**definition.names, **more}))
    return f"{text.rstrip()}\n\n{tomli_w.dumps({'names': more})}"


def without_names(text: str, names: Mapping[str, str]) -> str:
    """The text without those of its names that stand for the same among these; what `with_names` gave is gone.
    Unchanged where it cannot be read.
    """
    try:
        definition = read(text)
    except RuleRefused:
        return text
    left = {name: iri for name, iri in definition.names.items() if names.get(name) != iri}
    if len(left) == len(definition.names):
        return text
    wanted = replace(definition, names=left)
    cut = _TABLE.sub("", text)
    with suppress(RuleRefused):
        if read(cut) == wanted:
            return cut  # with its comments
    return write(wanted)


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
