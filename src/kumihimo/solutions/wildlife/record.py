"""What came out of the comparison on the shipped data, as it is kept beside them and shown on the page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from functools import cache
from typing import Any

from kumihimo.base.jsontext import loads
from kumihimo.solutions.wildlife.compare import UNSEEN, Comparison, Interval, compare
from kumihimo.solutions.wildlife.incidents import data_text, read_all
from kumihimo.solutions.wildlife.models import together
from kumihimo.solutions.wildlife.risk import events_of

FILE = "comparison.json"


def made_anew() -> dict[str, Any]:
    """The comparison, computed on the shipped incidents (some seconds), as plain JSON values rounded to 4 digits."""
    found = asdict(compare(events_of(together(read_all())), *UNSEEN))
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


@cache
def kept() -> Comparison:
    """The comparison as it is shipped; a test makes it anew and compares."""
    found: dict[str, Any] = loads(data_text(FILE).encode())
    for name in ("first", "last"):
        found[name] = date.fromisoformat(found[name])
    for name in ("score", "hits"):
        found[name] = None if found[name] is None else Interval(**found[name])
    return Comparison(**found | {"hit_rates": tuple(found["hit_rates"])})
