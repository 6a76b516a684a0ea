"""Rows of the past as data frames; pandas and polars are asked for only where one is made."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from kumihimo.client.models import Reading


def frame(readings: Sequence[Reading], library: Literal["pandas", "polars"]) -> Any:
    """A data frame of the rows: entity, attribute, time (UTC), value; figures have figure and until beside them."""
    if library not in ("pandas", "polars"):
        raise ValueError(f"{library!r} makes no data frame; use pandas or polars")
    columns: dict[str, list[Any]] = {
        "entity": [one.entity for one in readings],
        "attribute": [one.attribute for one in readings],
        "time": [one.time for one in readings],
        "value": [one.value for one in readings],
    }
    if any(one.figure for one in readings):
        columns["figure"] = [one.figure for one in readings]
        columns["until"] = [one.until for one in readings]
    return _pandas(columns) if library == "pandas" else _polars(columns)


def _pandas(columns: dict[str, list[Any]]) -> Any:
    try:
        pd: Any = import_module("pandas")
    except ImportError as problem:
        raise ImportError("a data frame needs pandas: pip install pandas (or say library='polars')") from problem
    made = pd.DataFrame(columns)
    for name in ("time", "until"):
        if name in columns:
            made[name] = pd.to_datetime(made[name], utc=True)
    return made


def _polars(columns: dict[str, list[Any]]) -> Any:
    try:
        pl: Any = import_module("polars")
    except ImportError as problem:
        raise ImportError("a data frame needs polars: pip install polars (or say library='pandas')") from problem
    return pl.DataFrame(columns, strict=False)
