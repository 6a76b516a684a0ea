"""Readings as lines of CSV (RFC 4180): a heading of field names, then a line for each reading.

Low-function loggers write such files. The cells become what JSON would say, and the family's table judges them.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from kumihimo.base.jsontext import dumps
from kumihimo.device.words import Refused

CSV = "text/csv"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)


def as_json(body: bytes, max_items: int) -> bytes:
    """The lines as a JSON array of objects. Refused where they cannot be read, or are more than max_items.

    An empty cell is a field that the reading does not have; a cell that looks like a JSON number is one.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Refused("CSV は UTF-8 で送ってください。", "the CSV is not in UTF-8.") from problem
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        heading = [cell.strip() for cell in next(rows, [])]
        _check_heading(heading)
        found = [_object(heading, row, rows.line_num) for row in rows if row]
    except csv.Error as problem:
        raise Refused(
            f"CSV の {rows.line_num} 行目が読めません。", f"line {rows.line_num} of the CSV cannot be read: {problem}."
        ) from problem
    if len(found) > max_items:
        raise Refused(
            f"1 通に {len(found)} 行あります。{max_items} 行までに分けてください。",
            f"{len(found)} lines in one message; send at most {max_items}.",
        )
    return dumps(found)


def _check_heading(heading: list[str]) -> None:
    if not heading or not all(heading) or len(set(heading)) < len(heading):
        raise Refused(
            "CSV の 1 行目には、項目名 (例: observedAt,level) を重複なく書いてください。",
            "the first line of the CSV must name the fields, each once, as in: observedAt,level",
        )


def _object(heading: list[str], row: list[str], line: int) -> dict[str, Any]:
    if len(row) > len(heading):
        raise Refused(
            f"CSV の {line} 行目の列が見出しより多くあります。",
            f"line {line} of the CSV has more cells than the heading.",
        )
    cells = ((name, cell.strip()) for name, cell in zip(heading, row, strict=False))
    return {name: float(cell) if _NUMBER.match(cell) else cell for name, cell in cells if cell}
