"""A device family is a table (decision 20): field, attribute, unit and the function that checks the value.

A message is a JSON object, or an array of them: `{"observedAt": "2024-06-23T14:20:00+09:00", "level": 3.51}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import loads
from kumihimo.base.ports import Reading
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words

VOCAB: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
"""Where an attribute goes that no @context names (ETSI GS CIM 009 clause 4.4)."""
OBSERVED_AT: Final = "observedAt"
MAX_DEPTH: Final = 8

Check = Callable[[str, Any, Device], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the family's messages; unit_code is a UN/CEFACT common code, "" where there is none."""

    field: str
    attribute: str
    unit_code: str
    function: Check
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of device, by the name under which devices are registered."""

    name: str
    rows: tuple[Row, ...]


def number_between(low: float, high: float, *, own_range: bool = False) -> Check:
    """A check for a JSON number inside what the family plausibly measures.

    own_range lets the device's settings `min` and `max` take the place of the family's: a gauge that counts from
    sea level reports hundreds of metres, and a small brook never more than three.
    """

    def check(field: str, value: Any, device: Device) -> int | float:
        number = _number(field, value)
        least = float(device.settings.get("min", low)) if own_range else low
        most = float(device.settings.get("max", high)) if own_range else high
        if not least <= number <= most:
            raise Refused(
                f"{field} の値がこの端末の測定範囲({least:g}~{most:g})の外です。センサーを点検してください。",
                f"{field} is outside what this device can measure ({least:g} to {most:g}); check the sensor.",
            )
        return number

    return check


def _number(field: str, value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"{field} が有限の数ではありません。", f"{field} is no finite number.")
        return value
    if value is None or value in ("", "*", "-", "---", "欠測"):
        raise Refused(
            f"{field} が欠測です。欠測のときは送信しないでください。",
            f"{field} is a missing value; send nothing while there is none.",
        )
    if isinstance(value, str):
        # Also "３．５１": a text that looks like a number is one that two programs will read differently.
        raise Refused(
            f"{field} が文字列です。引用符を付けず、半角の数値で送ってください。",
            f"{field} is a text; send a JSON number, without quotes and in ASCII digits.",
        )
    raise Refused(f"{field} が数値ではありません。", f"{field} is not a number.")


def short_text(limit: int) -> Check:
    """A check for a text of 1 to `limit` characters without control characters."""

    def check(field: str, value: Any, _device: Device) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= limit or not value.isprintable():
            raise Refused(
                f"{field} は 1~{limit} 文字の文字列で送ってください。",
                f"{field} must be a text of 1 to {limit} characters.",
            )
        return value

    return check


def decode_table(family: Family, body: bytes, device: Device, max_items: int) -> list[Reading | Words]:
    """The readings of a message in its order; words in place of each object that is refused.

    Raises Refused where the message as a whole cannot be read or holds too many objects.
    """
    items = _items(body, max_items)
    found: list[Reading | Words] = []
    for item in items:
        try:
            found.extend(_readings(family, item, device))
        except Refused as refusal:
            found.append(refusal.words)
    return found


def check_count(items: Sequence[Any], max_items: int) -> None:
    """Refused where a message has no reading, or too many."""
    if not items:
        raise Refused("測定値が 1 つもありません。", "there is no reading in it.")
    if len(items) > max_items:
        raise Refused(
            f"1 通に {len(items)} 件あります。{max_items} 件までに分けてください。",
            f"{len(items)} readings in one message; send at most {max_items}.",
        )


def _items(body: bytes, max_items: int) -> Sequence[Any]:
    try:
        value = loads(body, max_depth=MAX_DEPTH)
    except Problem as problem:
        raise Refused(
            f"JSON として読めません({problem.detail})。", f"not readable as JSON: {problem.detail}"
        ) from problem
    items = value if isinstance(value, list) else [value]
    check_count(items, max_items)
    return items


def _readings(family: Family, item: Any, device: Device) -> list[Reading]:
    if not isinstance(item, Mapping):
        raise Refused("測定値は JSON のオブジェクトで送ってください。", "a reading must be a JSON object.")
    observed_at = _observed_at(item)
    readings = []
    for row in family.rows:
        if row.field not in item:
            if row.is_required:
                raise Refused(f"項目 {row.field} がありません。", f"the field {row.field} is missing.")
            continue
        attribute = device.settings.get("attribute", row.attribute) if row is family.rows[0] else row.attribute
        value = row.function(row.field, item[row.field], device)
        readings.append(
            Reading(device.entity_id, device.entity_type, attribute, value, observed_at, row.unit_code, device.id)
        )
    return readings


def _observed_at(item: Mapping[str, Any]) -> int:
    """Microseconds of `observedAt`: an ISO 8601 date-time with zone; "24:00" and local times are refused."""
    text = item.get(OBSERVED_AT)
    if not isinstance(text, str):
        raise Refused(
            "項目 observedAt(測定時刻)がありません。",
            "the field observedAt, the moment of the measurement, is missing.",
        )
    try:
        return times.micros(times.parse(text))
    except ValueError as problem:
        raise Refused(
            "observedAt は 2024-06-23T14:20:00+09:00 のように、時差まで書いてください(24:00 は翌日の 00:00)。",
            "observedAt must be a date-time with its zone, as in 2024-06-23T14:20:00+09:00 (24:00 is 00:00 of the next "
            "day).",
        ) from problem
