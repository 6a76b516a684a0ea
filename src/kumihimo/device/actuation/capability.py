"""What each family of devices can be told, and within which bounds: a table.

Beside its own arguments every command may carry `override: true` (replace a graver message that is still held);
`sound` may carry `urgent: true` and `level` (3 or 4), which open the quiet hours. These are for the arbiter and
are not sent to the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kumihimo.device.actuation.models import Asked
from kumihimo.device.words import Refused

MAX_TEXT: Final = 40
MAX_SECONDS: Final = 300
PATTERNS: Final = ("warning", "danger", "evacuate", "test")
DEFAULT_SECONDS: Final = 60

Check = Callable[[str, Any], Any]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not value.isprintable():
        raise Refused(
            f"{name} は 1~{MAX_TEXT} 文字で指定してください。", f"{name} must have 1 to {MAX_TEXT} characters."
        )
    return value


def _whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Refused(
                f"{name} は {low}~{high} の整数で指定してください。", f"{name} must be a whole number, {low} to {high}."
            )
        return value

    return check


def _pattern(name: str, value: Any) -> str:
    if value not in PATTERNS:
        listed = ", ".join(PATTERNS)
        raise Refused(f"{name} は {listed} のどれかにしてください。", f"{name} must be one of {listed}.")
    return str(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"{name} は true か false にしてください。", f"{name} must be true or false.")
    return value


@dataclass(frozen=True, slots=True)
class Ability:
    """One command: the arguments that the device gets (needed, but for those with a default), and the arbiter's."""

    arguments: Mapping[str, Check]
    for_arbiter: Mapping[str, Check]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    is_safe: bool = False
    is_loud: bool = False


ABILITIES: Final[Mapping[str, Mapping[str, Ability]]] = {
    "sign": {
        "show": Ability({"text": _text, "level": _whole(0, 4)}, {"override": _flag}, defaults={"level": 0}),
        "clear": Ability({}, {"override": _flag}),
    },
    "siren": {
        "sound": Ability(
            {"pattern": _pattern, "seconds": _whole(1, MAX_SECONDS)},
            {"urgent": _flag, "level": _whole(0, 4), "override": _flag},
            defaults={"seconds": DEFAULT_SECONDS},
            is_loud=True,
        ),
        "stop": Ability({}, {}, is_safe=True),
    },
    "light": {
        "on": Ability(
            {"seconds": _whole(1, MAX_SECONDS)}, {"level": _whole(0, 4)}, defaults={"seconds": DEFAULT_SECONDS}
        ),
        "off": Ability({}, {}, is_safe=True),
    },
}


def check_command(family: str, name: str, arguments: Mapping[str, Any]) -> Asked:
    """The command as it may be sent. Raises Refused where the family does not know it, or an argument is wrong."""
    ability = ABILITIES.get(family, {}).get(name)
    if ability is None:
        known = ", ".join(ABILITIES.get(family, {})) or "-"
        raise Refused(
            f"この種類の端末({family})に「{name[:40]}」という指示はできません(できること: {known})。",
            f"a device of family {family} cannot be told {name[:40]!r} (it knows: {known}).",
        )
    unknown = sorted(set(arguments) - set(ability.arguments) - set(ability.for_arbiter))
    if unknown:
        raise Refused(f"{unknown[0][:40]} という引数はありません。", f"there is no argument {unknown[0][:40]!r}.")
    sent = {}
    given = {**ability.defaults, **arguments}
    for key, check in ability.arguments.items():
        if key not in given:
            raise Refused(f"引数 {key} がありません。", f"the argument {key} is missing.")
        sent[key] = check(key, given[key])
    extra = {key: check(key, arguments[key]) for key, check in ability.for_arbiter.items() if key in arguments}
    return Asked(
        level=int(sent.get("level", extra.get("level", 0))),
        sent=sent,
        is_safe=ability.is_safe,
        is_loud=ability.is_loud,
        is_urgent=bool(extra.get("urgent", False)),
        overrides=bool(extra.get("override", False)),
    )
