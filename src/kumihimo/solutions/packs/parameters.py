"""The town's own values: what each may be, and where they stand in the pack's files as @{name}."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from kumihimo.base.errors import BadRequestData
from kumihimo.base.jsontext import text as json_text
from kumihimo.solutions.packs.models import Pack, Parameter, ParameterType, Said

Values = Mapping[str, Any]
PLACE: Final = re.compile(r"@\{([a-z][a-z0-9_.-]*)\}")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z", re.ASCII)
_MAIL: Final = re.compile(r"[^\s@<>\"]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\Z")
_PHONE: Final = re.compile(r"\+?[0-9][0-9-]{4,20}\Z", re.ASCII)
_WEB: Final = re.compile(r"https://[^\s<>\"{}|\\^`]{3,200}\Z")
MAX_TEXT: Final = 500
_JA: Final = {"integer": "整数", "number": "数", "place": "経度, 緯度", "area": "西, 南, 東, 北"}


def check_value(one: Parameter, value: Any) -> Any:
    """The value itself where the parameter may have it. BadRequestData with the reason otherwise."""
    found = value_fault(one, value)
    if found:
        raise BadRequestData(f"{one.name}: {found.en}").said(f"{one.title.ja}: {found.ja}")
    return value


def value_fault(one: Parameter, value: Any) -> Said | None:
    """Why the parameter may not have the value, None where it may."""
    return _CHECKS[one.type](one, value)


def read_value(one: Parameter, text: str) -> Any:
    """The value that was typed, checked. BadRequestData."""
    typed = text.strip()
    try:
        if one.type == "integer":
            return check_value(one, int(typed))
        if one.type == "number":
            return check_value(one, float(typed))
        if one.type in ("place", "area"):
            return check_value(one, [float(part) for part in typed.split(",")])
    except ValueError as problem:
        said = BadRequestData(f"{one.name}: {typed[:60]!r} is no {one.type}")
        raise said.said(f"{one.title.ja}: {typed[:60]!r} は{_JA[one.type]}として読めません") from problem
    if one.type == "flag":
        return check_value(one, {"true": True, "false": False}.get(typed, typed))
    return check_value(one, typed)


def shown(value: Any) -> str:
    """The value as it is typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def values_of(pack: Pack, own: Values) -> dict[str, Any]:
    """The values that count: the town's own, else the pack's; a parameter without either is not there."""
    found = {one.name: own.get(one.name, one.default) for one in pack.parameters}
    return {name: value for name, value in found.items() if value is not None}


def lacking(pack: Pack, own: Values) -> list[Parameter]:
    """Parameters that the town must give and did not."""
    values = values_of(pack, own)
    return [one for one in pack.parameters if one.needed and one.name not in values]


def filled(text: str, values: Values) -> str:
    """The text with each @{name} replaced by the value as JSON. KeyError for one that has no value."""
    return PLACE.sub(lambda found: json_text(values[found[1]]), text)


# --- what a value may be: why not, where it may not ---------------------------------------------------------


def _number(one: Parameter, value: Any) -> Said | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Said(ja="数を入れてください", en="say a number")
    if one.type == "integer" and not float(value).is_integer():
        return Said(ja="整数を入れてください", en="say a whole number")
    least = -math.inf if one.least is None else one.least
    most = math.inf if one.most is None else one.most
    if least <= value <= most:
        return None
    return Said(
        ja=f"{value:g} は {least:g} から {most:g} までに入っていません",
        en=f"{value:g} is not from {least:g} to {most:g}",
    )


def _flag(_: Parameter, value: Any) -> Said | None:
    return None if isinstance(value, bool) else Said(ja="true か false にしてください", en="say true or false")


def _short(one: Parameter, value: Any) -> Said | None:
    most = MAX_TEXT if one.most is None else int(one.most)
    least = 1 if one.least is None else int(one.least)
    if isinstance(value, str) and least <= len(value) <= most and value.isprintable():
        return None
    return Said(ja=f"見える文字で {least} から {most} 字です", en=f"say it in {least} to {most} visible characters")


def _choice(one: Parameter, value: Any) -> Said | None:
    if value in one.choices:
        return None
    return Said(ja=f"{', '.join(one.choices)} から選んでください", en=f"choose one of {', '.join(one.choices)}")


def _time(_: Parameter, value: Any) -> Said | None:
    if isinstance(value, str) and _TIME.match(value):
        return None
    return Said(ja="時刻を HH:MM の形で入れてください", en="say a time of day as HH:MM")


def _place(_: Parameter, value: Any) -> Said | None:
    if _numbers(value, 2) and -180 <= value[0] <= 180 and -90 <= value[1] <= 90:
        return None
    return Said(ja="経度, 緯度を度で入れてください", en="say longitude, latitude in degrees")


def _area(one: Parameter, value: Any) -> Said | None:
    if not _numbers(value, 4) or _place(one, value[:2]) or _place(one, value[2:]):
        return Said(ja="西, 南, 東, 北を度で入れてください", en="say west, south, east, north in degrees")
    if value[0] < value[2] and value[1] < value[3]:
        return None
    return Said(ja="西は東より、南は北より前に来ます", en="west lies before east, and south before north")


def _numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in value)
    )


def _contact(_: Parameter, value: Any) -> Said | None:
    if isinstance(value, str) and any(one.match(value) for one in (_MAIL, _PHONE, _WEB)):
        return None
    return Said(
        ja="メールアドレス、電話番号か https の URL を入れてください",
        en="say a mail address, a telephone number or an https address",
    )


_CHECKS: Final[Mapping[ParameterType, Callable[[Parameter, Any], Said | None]]] = {
    "number": _number,
    "integer": _number,
    "flag": _flag,
    "text": _short,
    "choice": _choice,
    "time": _time,
    "place": _place,
    "area": _area,
    "contact": _contact,
}
