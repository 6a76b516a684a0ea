"""The values at one path of one entity, set in order once, however many terms of q ask of them (clause 4.9)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

from kumihimo.platform.broker import moments
from kumihimo.platform.broker.conditions import as_double
from kumihimo.platform.broker.models import QOperator, QRange, QValue
from kumihimo.platform.broker.patterns import compiled, compiled_for_lines

Groups = dict[moments.Kind | Literal["member"] | None, list[Any]]
"""Values by what kind of moment they are, None for those that are none; "member": of a member of date-times only."""
_Row = Literal["numbers", "texts", "every text", "lines", "member", "Time", "Date", "DateTime"]
_FEW = 16
"""Texts that are searched one by one."""

_loose_key = lru_cache(maxsize=1024)(moments.loose_key)


@lru_cache(maxsize=1024)
def _wanted(text: str) -> tuple[moments.Kind | None, str]:
    """What a text of a query is written as, and its key."""
    kind = moments.wanted_kind(text)
    return kind, moments.wanted_key(kind, text) if kind else text


class Values:
    """Numbers, texts, moments and flags among the values, each kind sorted when it is first asked for.

    Unsorted, an array of 300,000 numbers would be walked for each term and each of its values anew.
    """

    __slots__ = ("_groups", "_rows")

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._rows: dict[_Row, Any] = {}

    def __bool__(self) -> bool:
        return any(self._groups.values())

    def _row(self, name: _Row) -> Any:
        """The values of a kind, each once and in order; as lines, the texts in one."""
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = self._made(name)
        return row

    def _made(self, name: _Row) -> Any:
        if name == "lines":
            return "\n".join(self._row("every text"))
        if name == "numbers":
            return sorted({as_double(one) for one in self._all() if _is_number(one)})
        if name == "every text":
            return sorted({one for one in self._all() if isinstance(one, str)})
        if name == "texts":
            return sorted({one for one in self._groups.get(None, ()) if isinstance(one, str)})
        kind: moments.Kind = "DateTime" if name == "member" else name
        return sorted({moments.key(kind, one) for one in self._groups.get(name, ()) if isinstance(one, str)})

    def _all(self) -> Iterator[Any]:
        return chain.from_iterable(self._groups.values())

    def matches(self, pattern: str) -> bool:
        """Whether a text among them holds what the pattern describes."""
        # What matches a text matches it as lines of one text too: one search instead of one for each.
        texts = self._row("every text")
        if len(texts) > _FEW and compiled_for_lines(pattern).search(self._row("lines")) is None:
            return False
        search = compiled(pattern).search
        return any(search(text) is not None for text in texts)

    def satisfy(self, operator: QOperator, wanted: QValue | QRange) -> bool:
        """Whether one of them stands so to what is wanted; `!=` is asked as `==` here, by who turns the answer."""
        if isinstance(wanted, QRange):
            low, high = self._like(wanted.low), self._like(wanted.high)
            return any(_holds(self._row(name), low[name], high[name]) for name in low.keys() & high.keys())
        if isinstance(wanted, bool):
            return operator == "==" and any(one is wanted for one in self._all())
        return any(_stands(self._row(name), operator, key) for name, key in self._like(wanted).items())

    def _like(self, wanted: QValue) -> dict[_Row, Any]:
        """The kinds of values that the wanted one is compared with, and how it stands among them."""
        if not isinstance(wanted, str):
            return {"numbers": as_double(wanted)}
        kind, key = _wanted(wanted)
        found: dict[_Row, Any] = {"texts": wanted, "member": _loose_key(wanted)}
        if kind is not None:
            found[kind] = key
        return {name: key for name, key in found.items() if (None if name == "texts" else name) in self._groups}


def _is_number(one: Any) -> bool:
    return isinstance(one, int | float) and not isinstance(one, bool)


def _stands(row: Sequence[Any], operator: QOperator, key: Any) -> bool:
    """Whether a value of the sorted row stands so to the key."""
    if not row:
        return False
    return _holds(row, key, key) if operator == "==" else bool(_COMPARE[operator](row, key))


_COMPARE: dict[str, Callable[[Sequence[Any], Any], Any]] = {
    ">": lambda row, key: row[-1] > key,
    ">=": lambda row, key: row[-1] >= key,
    "<": lambda row, key: row[0] < key,
    "<=": lambda row, key: row[0] <= key,
}


def _holds(row: Sequence[Any], low: Any, high: Any) -> bool:
    """Whether a value of the sorted row is from low to high, both ends included."""
    at = bisect_left(row, low)
    return at < len(row) and bool(row[at] <= high)
