"""What is wrong with a value of a manifest, in words of ja and en: where it stands, and what may stand there."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from msgspec import inspect

from kumihimo.solutions.packs.models import Pack, Said

_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_LACKING: Final = re.compile(r"missing required field `([^`]*)`")
_NONE_OF: Final = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_LONG: Final = re.compile(r"Expected `(\w+)` of length (>=|<=) (\d+)")
_BETWEEN: Final = re.compile(r"Expected `(?:int|float)` (>=|<=|>|<) (\S+)")
_LIKE: Final = re.compile(r"Expected `str` matching regex '(.*)'", re.DOTALL)
_KIND: Final = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_KINDS: Final = {
    "str": "文字列",
    "int": "整数",
    "float": "数",
    "bool": "true か false",
    "array": "並び（[…]）",
    "object": "表",
    "null": "なし",
}
_BOUNDS: Final = {">=": "{} 以上", "<=": "{} 以下", ">": "{} より大きい値", "<": "{} より小さい値"}
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def misfit(problem: str) -> Said:
    """What msgspec says of a value that is not of the form it should have ("<what> - at `<place>`"), in both languages,
    with the values that may stand there where they are few.
    """
    what, _, place = problem.partition(" - at ")
    path = place.strip("`")
    where = path.removeprefix("$.") or "いちばん上の段"
    if none_of := _NONE_OF.match(what):
        allowed = [str(one) for one in _allowed(path)]
        return Said(
            ja=f"{where}: {none_of[1]} という値はありません。書ける値: {'、'.join(allowed)}",
            en=f"{problem}; it is one of {', '.join(allowed)}",
        )
    return Said(ja=f"{where}: {_in_japanese(what)}", en=problem)


def _in_japanese(what: str) -> str:
    if found := _UNKNOWN.search(what):
        return f"{found[1]} という項目はありません"
    if found := _LACKING.search(what):
        return f"{found[1]} がありません"
    if found := _LONG.match(what):
        least = found[2] == ">="
        unit = "文字" if found[1] == "str" else "個"
        return f"{found[3]} {unit}{'以上' if least else 'まで'}です"
    if found := _BETWEEN.match(what):
        return f"{_BOUNDS[found[1]].format(found[2])}です"
    if found := _LIKE.match(what):
        return f"使えない文字があるか、長さが合いません（形: {found[1]}）"
    if found := _KIND.match(what):
        return f"{_kinds(found[1])}を書くところに{_kinds(found[2])}があります"
    return f"値が決められた形ではありません（{what}）"


def _kinds(names: str) -> str:
    """The kinds of value that msgspec names, as "str | null"."""
    return "または".join(_KINDS.get(one, one) for one in names.split(" | "))


def _allowed(path: str) -> list[Any]:
    """The values that may stand at this place of a manifest; none where it is no choice of few."""
    found = [_model()]
    for step in _STEP.finditer(path):
        found = [inner for outer in found for inner in _inner(outer, step[1])]
    return [value for one in found if isinstance(one, inspect.LiteralType) for value in one.values]


@cache
def _model() -> inspect.Type:
    return inspect.type_info(Pack)


def _inner(outer: inspect.Type, name: str | None) -> list[inspect.Type]:
    """What stands in a value of this type, by a field's name or at any place of a list or table."""
    if isinstance(outer, inspect.StructType):
        found = [one.type for one in outer.fields if one.encode_name == name]
    elif isinstance(outer, inspect.DictType):
        found = [outer.value_type]
    elif isinstance(outer, inspect.ListType | inspect.VarTupleType):
        found = [outer.item_type]
    else:
        found = []
    return [kind for one in found for kind in (one.types if isinstance(one, inspect.UnionType) else (one,))]
