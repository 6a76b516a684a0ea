"""What stands as a value: no null where none may be, and typed values are of their type (clause 4.6.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import NGSI_LD, NGSI_LD_NULL

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d+)?Z?\Z", re.ASCII)


def wrong(path: str, words: str) -> BadRequestData:
    """The error that names the place."""
    return BadRequestData(f"{path}: {words}")


def check_value(path: str, value: Any, nulls: bool) -> Any:
    """The value itself; BadRequestData for null, and for the NGSI-LD null where it may not stand."""
    if value is None:
        raise wrong(path, 'null is no value; write {"@type": "@json", "@value": null} where it is meant')
    if not nulls and (value == NGSI_LD_NULL or (isinstance(value, dict | list) and _holds_null(value))):
        raise wrong(path, "the NGSI-LD null is only for updates")
    return value


def check_shallow(path: str, value: Any) -> None:
    """Clause 5.5.4: inside of a value, the NGSI-LD null is for a merge only."""
    if isinstance(value, dict | list) and value != {"@none": NGSI_LD_NULL} and _holds_null(value):
        raise wrong(path, "inside of a value the NGSI-LD null is only for a merge")


def _holds_null(value: Any) -> bool:
    """Whether an object in the value, at any depth, has a member that is an NGSI-LD null."""
    if isinstance(value, dict):
        return any(one == NGSI_LD_NULL or _holds_null(one) for one in value.values())
    return isinstance(value, list) and any(_holds_null(one) for one in value)


def check_typed(path: str, value: Any, inside: Context) -> Any:
    """The value itself; BadRequestData where it, or an element of it, is not of the type that it names."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and "@value" in one and isinstance(one.get("@type"), str):
            check = _CHECKS.get(inside.expand_type(one["@type"]))
            if check is not None and not (isinstance(one["@value"], str) and check(one["@value"])):
                raise wrong(
                    path,
                    f"{str(one['@value'])[:64]!r} is no {one['@type']}; write a DateTime like "
                    "2024-06-23T10:00:00Z (in UTC), a Date like 2024-06-23, a Time like 10:00:00Z",
                )
    return value


def _is_date_time(text: str) -> bool:
    try:
        times.parse(text)
    except ValueError:
        return False
    return text.endswith("Z")


def _is_date(text: str) -> bool:
    try:
        return _DATE.match(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False


_CHECKS: dict[str, Callable[[str], bool]] = {
    NGSI_LD + "DateTime": _is_date_time,
    NGSI_LD + "Date": _is_date,
    NGSI_LD + "Time": lambda text: _TIME.match(text) is not None,
}
