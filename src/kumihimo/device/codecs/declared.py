"""A device family that a pack declares: a table of where each value lies in a message and what it stands for.

There is no expression in it. A value is the number that lies there, times `scale`, plus `offset`; or one of `codes`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from kumihimo.base.jsontext import dumps
from kumihimo.device.codecs.units import UNITS
from kumihimo.device.words import Words

MAX_LENGTH: Final = 1024
"""Bytes of a binary message that a table tells of."""
Number = int | float
Form = Literal["json", "csv", "binary"]
Endian = Literal["big", "little"]
Kind = Literal["unsigned", "signed", "float", "flag", "number", "text"]
"""unsigned, signed (two's complement) and float (IEEE 754) are of bytes; number and text of JSON and CSV."""
Place = Annotated[int, Meta(ge=0, le=MAX_LENGTH)] | Annotated[str, Meta(max_length=200)]
"""binary: the first byte, counted from 0. json: a JSON Pointer (RFC 6901). csv: a column's name, or, without a heading,
its number, counted from 0.
"""
_OF_BYTES: Final[frozenset[Kind]] = frozenset({"unsigned", "signed", "float", "flag"})
_OF_TEXT: Final[frozenset[Kind]] = frozenset({"number", "flag", "text"})
_MOST: Final = 1 << 64
_FLOATS: Final = frozenset({2, 4, 8})


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A table of a codec."""


class FieldTable(_Table, frozen=True):
    """One value of a message. bits: the lowest bit (0 is the least of all) and how many, of the bytes together.

    none: what lies there where there is no value; in a float NaN is none too. equals: what must lie there, for a
    message to be of this family.
    """

    at: Place
    kind: Kind
    attribute: str = ""
    bytes: Annotated[int, Meta(ge=1, le=8)] = 1
    bits: tuple[Annotated[int, Meta(ge=0, le=63)], Annotated[int, Meta(ge=1, le=64)]] | None = None
    endian: Endian | None = None
    scale: Number = 1
    offset: Number = 0
    unit: str = ""
    least: Number | None = None
    most: Number | None = None
    none: Annotated[tuple[Number | str, ...], Meta(max_length=16)] = ()
    codes: Annotated[dict[str, Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=64)] = {}
    equals: Number | str | None = None
    needed: bool = True


class TimeTable(_Table, frozen=True):
    """When it was measured. jst is a date-time without its zone; arrival: the message does not say, it is now."""

    as_: Literal["arrival", "iso", "jst", "epoch-s", "epoch-ms"] = msgspec.field(default="arrival", name="as")
    at: Place | None = None
    bytes: Annotated[int, Meta(ge=4, le=8)] = 4


class CarriedTable(_Table, frozen=True):
    """Where in a JSON message the bytes lie as a text, as networks for small devices hand them on."""

    at: Annotated[str, Meta(max_length=200)]
    as_: Literal["base64", "hex"] = msgspec.field(name="as")


class CodecTable(_Table, frozen=True):
    """What the messages of a family say. length: of a binary message, in bytes. many: the place of an array, each item
    of which is a reading.
    """

    form: Form
    fields: Annotated[tuple[FieldTable, ...], Meta(min_length=1, max_length=64)]
    time: TimeTable = TimeTable()
    length: Annotated[int, Meta(ge=1, le=MAX_LENGTH)] | None = None
    endian: Endian = "big"
    carried: CarriedTable | None = None
    many: Annotated[str, Meta(max_length=200)] | None = None
    heading: bool = True
    separator: Literal[",", ";", "\t"] = ","
    encoding: Literal["utf-8", "cp932"] = "utf-8"


def table_text(codec: CodecTable) -> str:
    """The table as a canonical text."""
    return dumps(msgspec.to_builtins(codec)).decode()


@lru_cache(maxsize=512)
def read_table(text: str) -> CodecTable:
    """The table of `table_text`."""
    return msgspec.json.decode(text, type=CodecTable)


# --- what cannot be told -----------------------------------------------------------------------------------


def faults_of(codec: CodecTable) -> list[Words]:
    """Where a table contradicts itself."""
    found = [*_of_form(codec), *_of_time(codec)]
    for one in codec.fields:
        found += _of_place(codec, one.at, f"the field at {one.at}")
        found += _of_field(codec, one)
    return found or [*_of_overlap(codec)]


def _of_form(codec: CodecTable) -> Iterator[Words]:
    if (codec.length is None) == (codec.form == "binary"):
        yield Words("length は binary のときに必ず書き、ほかでは書きません", "length belongs to binary, which needs it")
    if codec.carried is not None and codec.form != "binary":
        yield Words("carried は binary でだけ使えます", "carried belongs to binary")
    if codec.many is not None and codec.form != "json":
        yield Words("many は json でだけ使えます", "many belongs to json")
    for place in (codec.many, codec.carried.at if codec.carried else None):
        if place and not place.startswith("/"):
            yield Words(f"{place!r} は JSON Pointer ではありません", f"{place!r} is no JSON Pointer, as in /data")
    names = [one.attribute for one in codec.fields if one.attribute]
    if not names:
        yield Words("どの項目にも attribute がありません", "no field has an attribute")
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield Words(f"属性 {name} が 2 回あります", f"the attribute {name} is there twice")


def _of_place(codec: CodecTable, at: int | str, where: str) -> Iterator[Words]:
    by_number = codec.form == "binary" or (codec.form == "csv" and not codec.heading)
    if by_number != isinstance(at, int):
        yield Words(
            f"{where}: at は、binary と見出しのない csv では番号、ほかでは文字で書きます",
            f"{where}: at is a number for binary and for csv without a heading, a text for all else",
        )
    elif codec.form == "json" and at and not str(at).startswith("/"):
        yield Words(f"{where}: JSON Pointer ではありません", f"{where}: at is no JSON Pointer, as in /data/0")


def _of_time(codec: CodecTable) -> Iterator[Words]:
    time, where = codec.time, "time"
    if (time.as_ == "arrival") != (time.at is None):
        yield Words(
            "time: at は arrival のほかで必ず書きます", "time: at is needed for all but arrival, which has none"
        )
        return
    if time.at is None:
        return
    if codec.form == "binary" and isinstance(time.at, int):
        if not time.as_.startswith("epoch"):
            yield Words("time: binary では epoch-s か epoch-ms です", "time: in bytes it is epoch-s or epoch-ms")
        elif time.at + time.bytes > (codec.length or 0):
            yield Words("time: メッセージの長さを超えます", "time: it lies beyond the length of the message")
    elif codec.carried is not None:
        if not str(time.at).startswith("/"):
            yield Words("time: JSON Pointer ではありません", "time: at is no JSON Pointer, as in /time")
    else:
        yield from _of_place(codec, time.at, where)


def _of_field(codec: CodecTable, one: FieldTable) -> Iterator[Words]:
    where = f"{one.attribute or 'equals'} (at {one.at})"
    if one.kind not in (_OF_BYTES if codec.form == "binary" else _OF_TEXT):
        yield Words(
            f"{where}: {codec.form} に {one.kind} はありません", f"{where}: {codec.form} has no kind {one.kind}"
        )
    if bool(one.attribute) == (one.equals is not None):
        yield Words(
            f"{where}: attribute か equals のどちらか 1 つを書きます", f"{where}: say either attribute or equals"
        )
    if one.unit and one.unit not in UNITS:
        yield Words(
            f"{where}: 単位 {one.unit!r} は UN/CEFACT のコードにありません",
            f"{where}: the unit {one.unit!r} is none of the UN/CEFACT codes that are known here",
        )
    yield from _of_numbers(one, where)
    if codec.form == "binary" and isinstance(one.at, int):
        yield from _of_bytes(codec, one, one.at, where)
    elif one.bits is not None or one.endian is not None or one.bytes != 1:
        yield Words(
            f"{where}: bytes, bits, endian は binary だけです", f"{where}: bytes, bits, endian belong to binary"
        )


def _of_numbers(one: FieldTable, where: str) -> Iterator[Words]:
    is_number = one.kind in ("unsigned", "signed", "float", "number") and not one.codes
    numbers = [each for each in (one.scale, one.offset, one.least, one.most) if each is not None]
    numbers += [each for each in (*one.none, one.equals) if isinstance(each, int | float)]
    if not all(math.isfinite(each) and abs(each) <= _MOST for each in numbers) or one.scale == 0:
        yield Words(
            f"{where}: scale などの数が正しくありません", f"{where}: its numbers are finite, and scale is not 0"
        )
    changed = (one.scale, one.offset) != (1, 0) or one.least is not None or one.most is not None or one.unit
    if changed and not is_number:
        yield Words(
            f"{where}: scale, unit などは数だけです", f"{where}: scale, offset, unit, least, most are for numbers"
        )
    if one.least is not None and one.most is not None and one.least > one.most:
        yield Words(f"{where}: least が most より大きいです", f"{where}: least is more than most")
    if one.codes and one.kind in ("float", "flag"):
        yield Words(f"{where}: {one.kind} に codes はありません", f"{where}: a {one.kind} has no codes")


def _of_bytes(codec: CodecTable, one: FieldTable, at: int, where: str) -> Iterator[Words]:
    if at + one.bytes > (codec.length or 0):
        yield Words(f"{where}: メッセージの長さを超えます", f"{where}: it lies beyond the length of the message")
    if one.kind == "float" and (one.bytes not in _FLOATS or one.bits is not None):
        yield Words(f"{where}: float は 2, 4, 8 バイトです", f"{where}: a float has 2, 4 or 8 bytes, and no bits")
    if one.bits is not None and sum(one.bits) > one.bytes * 8:
        yield Words(f"{where}: bits がバイト数を超えます", f"{where}: the bits lie beyond its bytes")
    if any(isinstance(each, str) for each in (*one.none, one.equals)):
        yield Words(f"{where}: none と equals は数で書きます", f"{where}: in bytes none and equals are numbers")


def _of_overlap(codec: CodecTable) -> Iterator[Words]:
    taken: dict[tuple[int | str, int], str] = {}
    for name, places in _places(codec):
        other = next((taken[one] for one in places if one in taken), None)
        if other is not None:
            yield Words(f"{name} と {other} が重なります", f"{name} overlaps {other}")
        taken |= dict.fromkeys(places, name)


def _places(codec: CodecTable) -> Iterator[tuple[str, list[tuple[int | str, int]]]]:
    """Which bits each field takes; of JSON and CSV, which place."""
    if codec.time.at is not None:
        at, size = codec.time.at, codec.time.bytes
        in_bytes = isinstance(at, int) and codec.form == "binary"
        yield "time", [(at + byte, bit) for byte in range(size) for bit in range(8)] if in_bytes else [(at, 0)]  # type: ignore[operator]  # a number, as in_bytes says
    for one in codec.fields:
        name = one.attribute or "equals"
        if codec.form == "binary" and isinstance(one.at, int):
            low, count = one.bits or (0, one.bytes * 8)
            is_little = (one.endian or codec.endian) == "little"
            steps = ((bit // 8 if is_little else one.bytes - 1 - bit // 8, bit % 8) for bit in range(low, low + count))
            yield name, [(one.at + byte, bit) for byte, bit in steps]
        else:
            yield name, [(one.at, 0)]


def renamed_attributes(codec: CodecTable, names: Mapping[str, str]) -> CodecTable:
    """The table with other names for its attributes."""
    fields = (
        msgspec.structs.replace(one, attribute=names[one.attribute]) if one.attribute else one for one in codec.fields
    )
    return msgspec.structs.replace(codec, fields=tuple(fields))
