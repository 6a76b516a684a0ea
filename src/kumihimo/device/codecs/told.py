"""Readings of a declared family, by its table alone."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.ports import Reading
from kumihimo.device.codecs.declared import CodecTable, FieldTable, TimeTable
from kumihimo.device.codecs.sources import MISSING, Source, sources_of
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?\Z", re.ASCII)
_LOCAL: Final = re.compile(r"(\d{4})[-/](\d{2})[-/](\d{2})[T ](\d{2}):(\d{2})(:\d{2}(?:\.\d{1,6})?)?\Z", re.ASCII)
_LEAST_EPOCH: Final = 946_684_800
"""2000-01-01 in Coordinated Universal Time: what is before is a clock that was not set."""
_MOST_EPOCH: Final = 253_402_300_799
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
MAX_TEXT: Final = 200


def decode_declared(
    codec: CodecTable, body: bytes, device: Device, max_items: int, arrived: int
) -> list[Reading | Words]:
    """The readings of a message in its order; words in place of each that is refused. arrived: now, in microseconds.

    Raises Refused where the message as a whole cannot be read or holds too many.
    """
    found: list[Reading | Words] = []
    for source in sources_of(codec, body, max_items):
        try:
            found += _readings(codec, source, device, arrived)
        except Refused as refusal:
            found.append(refusal.words)
    return found


def _readings(codec: CodecTable, source: Source, device: Device, arrived: int) -> list[Reading]:
    values = []
    for one in codec.fields:
        value = _value(one, source(one))
        if value is not MISSING and one.attribute:
            values.append((one, value))
    observed_at = arrived if codec.time.at is None else _moment(codec.time, source(None))
    if not values:
        raise Refused(
            "値が 1 つもありません(すべて「値なし」)。", "there is no value in it: all of them say that there is none."
        )
    return [
        Reading(device.entity_id, device.entity_type, one.attribute, value, observed_at, one.unit, device.id)
        for one, value in values
    ]


def _value(one: FieldTable, raw: Any) -> Any:
    """The value of what lies there, MISSING where there is none."""
    where = one.attribute.rpartition("/")[2] or f"at {one.at}"
    if raw is MISSING:
        if one.needed:
            raise Refused(f"項目 {where} がありません。", f"{where} is missing.")
        return MISSING
    if any(_is(raw, each) for each in one.none) or (isinstance(raw, float) and math.isnan(raw)):
        return MISSING
    if one.equals is not None:
        if not _is(raw, one.equals):
            raise Refused("この種類のメッセージではありません。", f"it is no message of this family: {where} differs.")
        return MISSING
    if one.codes:
        return _code(one, raw, where)
    if one.kind == "flag":
        return _flag(raw, where)
    return _text(raw, where) if one.kind == "text" else _number(one, raw, where)


def _is(raw: Any, wanted: float | str) -> bool:
    """Whether what lies there is this: the same text, or the same number, also written as a cell of CSV."""
    if isinstance(wanted, str):
        return isinstance(raw, str) and raw == wanted
    if isinstance(raw, str):
        return bool(_NUMBER.match(raw)) and Decimal(raw) == Decimal(repr(wanted))
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return False
    return raw == wanted


def _code(one: FieldTable, raw: Any, where: str) -> str:
    is_whole = isinstance(raw, float) and raw.is_integer()
    text = str(int(raw) if is_whole else raw)
    if isinstance(raw, bool) or text not in one.codes:
        raise Refused(
            f"{where} の符号 {text[:20]!r} は表にありません。", f"{where}: the code {text[:20]!r} is none of its."
        )
    return one.codes[text]


def _flag(raw: Any, where: str) -> bool:
    found = raw if isinstance(raw, bool) else _FLAGS.get(str(raw)) if isinstance(raw, int | str) else None
    if found is None:
        raise Refused(f"{where} が真偽値ではありません。", f"{where} is neither true nor false.")
    return found


def _text(raw: Any, where: str) -> str:
    if not isinstance(raw, str) or not 1 <= len(raw) <= MAX_TEXT or not raw.isprintable():
        raise Refused(
            f"{where} は 1~{MAX_TEXT} 文字の文字列です。", f"{where} must be a text of 1 to {MAX_TEXT} characters."
        )
    return raw


def _number(one: FieldTable, found: Any, where: str) -> int | float:
    raw: Any = found
    if isinstance(found, str) and one.kind == "number" and _NUMBER.match(found):
        raw = float(found) if "." in found else int(found)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(_bounded(raw)):
        raise Refused(f"{where} が有限の数ではありません。", f"{where} is no finite number.")
    number = _scaled(one, raw)
    least, most = one.least, one.most
    if (least is not None and number < least) or (most is not None and number > most):
        raise Refused(
            f"{where} の値が測定範囲({_said(least)}~{_said(most)})の外です。センサーを点検してください。",
            f"{where} is outside what this family can measure ({_said(least)} to {_said(most)}); check the sensor.",
        )
    return number


def _bounded(raw: int | float) -> float:  # noqa: PYI041 - the two are told apart below
    """The number, or infinity for one that no float is near to."""
    return raw if isinstance(raw, float) or abs(raw) < 1 << 64 else math.inf


def _scaled(one: FieldTable, raw: float) -> int | float:
    """Exactly times scale plus offset, in decimal: 2351 × 0.01 is 23.51."""
    if (one.scale, one.offset) == (1, 0):
        return raw
    if all(isinstance(each, int) for each in (raw, one.scale, one.offset)):
        return raw * one.scale + one.offset
    return float(Decimal(repr(raw)) * Decimal(repr(one.scale)) + Decimal(repr(one.offset)))


def _said(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}"


# --- when ---------------------------------------------------------------------------------------------------


def _moment(time: TimeTable, raw: Any) -> int:
    if time.as_.startswith("epoch"):
        return _of_epoch(raw, 1_000_000 if time.as_ == "epoch-s" else 1000)
    try:
        return times.micros(times.parse(_with_zone(raw) if time.as_ == "jst" else str(raw)))
    except (ValueError, TypeError) as problem:
        form = "2026-11-26 08:00:00" if time.as_ == "jst" else "2026-11-26T08:00:00+09:00"
        raise Refused(
            f"測定時刻が読めません。{form} の形で送ってください。", f"the time cannot be read; send it as in {form}."
        ) from problem


def _with_zone(raw: Any) -> str:
    """A time of Japan, which writes none, with its zone."""
    found = _LOCAL.match(raw) if isinstance(raw, str) else None
    if found is None:
        raise ValueError("no date and time")
    year, month, day, hour, minute, second = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}{second or ':00'}+09:00"


def _of_epoch(raw: Any, unit: int) -> int:
    if isinstance(raw, str) and _NUMBER.match(raw):
        raw = float(raw)
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(_bounded(raw))
    micros = int(raw * unit) if is_number else 0
    if not _LEAST_EPOCH * 1_000_000 <= micros <= _MOST_EPOCH * 1_000_000:
        raise Refused(
            "測定時刻が正しくありません。端末の時計を合わせてください。", "the time is none; set the device's clock."
        )
    return micros
