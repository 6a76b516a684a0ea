"""Messages of declared families taken apart: for each reading, what lies at each place of its table."""

from __future__ import annotations

import base64
import csv
import io
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import loads
from kumihimo.device.codecs.declared import CodecTable, FieldTable
from kumihimo.device.codecs.table import check_count
from kumihimo.device.words import Refused

MISSING: Final = object()
"""Nothing lies there."""
MAX_DEPTH: Final = 16
Source = Callable[[FieldTable | None], Any]
"""What lies at a field's place, as it lies there; for None that of the time."""
_FLOATS: Final = {2: "e", 4: "f", 8: "d"}


def sources_of(codec: CodecTable, body: bytes, max_items: int) -> list[Source]:
    """One for each reading of the message. Refused where it cannot be read, or holds too many."""
    if codec.form == "binary":
        return [_of_bytes(codec, body)]
    items = _of_json(codec, body) if codec.form == "json" else _of_csv(codec, body)
    check_count(items, max_items)
    return items


def _of_bytes(codec: CodecTable, body: bytes) -> Source:
    outer = None
    if codec.carried is not None:
        outer = _json(body)
        body = _carried(at_pointer(outer, codec.carried.at), codec.carried.as_)
    if len(body) != codec.length:
        raise Refused(
            f"{len(body)} バイトあります。この種類のメッセージは {codec.length} バイトです。",
            f"it has {len(body)} bytes; a message of this family has {codec.length}.",
        )

    def source(one: FieldTable | None) -> Any:
        if one is not None:
            return _number_of(codec, one, body)
        if isinstance(codec.time.at, str):
            return at_pointer(outer, codec.time.at)
        start = codec.time.at or 0
        return int.from_bytes(body[start : start + codec.time.bytes], codec.endian)

    return source


def _carried(text: Any, way: str) -> bytes:
    found = None
    if isinstance(text, str):
        with suppress(ValueError):
            found = bytes.fromhex(text) if way == "hex" else base64.b64decode(text, validate=True)
    if found is None:
        raise Refused(
            f"メッセージの中に {way} のデータがありません。", f"there is no payload in {way} where it should be."
        )
    return found


def _number_of(codec: CodecTable, one: FieldTable, body: bytes) -> int | float:
    start, endian = int(one.at), one.endian or codec.endian
    part = body[start : start + one.bytes]
    if one.kind == "float":
        return float(struct.unpack(("<" if endian == "little" else ">") + _FLOATS[one.bytes], part)[0])
    low, count = one.bits or (0, one.bytes * 8)
    number = (int.from_bytes(part, endian) >> low) & ((1 << count) - 1)
    return number - (1 << count) if one.kind == "signed" and number >> (count - 1) else number


def _of_json(codec: CodecTable, body: bytes) -> list[Source]:
    whole = _json(body)
    found = [whole] if codec.many is None else at_pointer(whole, codec.many)
    if not isinstance(found, list):
        raise Refused("測定値の配列がありません。", f"there is no array of readings at {codec.many!r}.")

    def of(item: Any) -> Source:
        return lambda one: at_pointer(item, str((codec.time.at if one is None else one.at) or ""))

    return [of(item) for item in found]


def _json(body: bytes) -> Any:
    try:
        return loads(body, max_depth=MAX_DEPTH)
    except Problem as problem:
        raise Refused(
            f"JSON として読めません({problem.detail})。", f"not readable as JSON: {problem.detail}"
        ) from problem


def at_pointer(value: Any, pointer: str) -> Any:
    """What lies at a JSON Pointer (RFC 6901 section 4), MISSING where nothing does."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdecimal() and len(name) < 7:
            if str(int(name)) != name or int(name) >= len(value):
                return MISSING
            value = value[int(name)]
        else:
            return MISSING
    return value


def _of_csv(codec: CodecTable, body: bytes) -> list[Source]:
    try:
        text = body.decode("utf-8-sig" if codec.encoding == "utf-8" else codec.encoding)
    except UnicodeDecodeError as problem:
        raise Refused(
            f"CSV は {codec.encoding} で送ってください。", f"the CSV is not in {codec.encoding}."
        ) from problem
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=codec.separator, strict=True)
    try:
        lines = [[cell.strip() for cell in row] for row in rows if row]
    except csv.Error as problem:
        raise Refused(
            f"CSV の {rows.line_num} 行目が読めません。", f"line {rows.line_num} of the CSV cannot be read: {problem}."
        ) from problem
    columns = _columns(codec, lines)
    return [_of_line(codec, line, columns) for line in lines[1 if codec.heading else 0 :]]


def _columns(codec: CodecTable, lines: Sequence[Sequence[str]]) -> Mapping[str, int]:
    """The column of each name; each name that the table knows stands in the heading once."""
    if not codec.heading or not lines:
        return {}
    wanted = {str(one.at) for one in codec.fields if one.needed} | ({str(codec.time.at)} if codec.time.at else set())
    heading = lines[0]
    lacking = sorted(name for name in wanted if heading.count(name) != 1)
    if lacking:
        raise Refused(
            f"CSV の 1 行目に列「{lacking[0]}」が 1 つありません。",
            f"the first line of the CSV must name the column {lacking[0]!r} once.",
        )
    return {name: place for place, name in enumerate(heading)}


def _of_line(codec: CodecTable, line: Sequence[str], columns: Mapping[str, int]) -> Source:
    def source(one: FieldTable | None) -> Any:
        at = codec.time.at if one is None else one.at
        place = at if isinstance(at, int) else columns.get(str(at), -1)
        return line[place] if 0 <= place < len(line) and line[place] else MISSING

    return source
