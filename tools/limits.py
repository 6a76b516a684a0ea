"""The page of every bound of the process; its numbers are read from the code, so that the page cannot go stale."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "limits.toml"
MEBIBYTE = 1 << 20
_SPANS = (("days", 86_400), ("minutes", 60))


class Number:
    """Written with its thousands apart; as "bytes" in KiB or MiB, as "micros" in whole days, minutes or seconds."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __format__(self, spec: str) -> str:
        if spec == "bytes":
            unit, size = ("MiB", MEBIBYTE) if self.value >= MEBIBYTE else ("KiB", 1024)
            return f"{self.value / size:g} {unit}"
        if spec == "micros":
            seconds = self.value / 1_000_000
            unit, size = next((one for one in _SPANS if seconds % one[1] == 0 and seconds >= 2 * one[1]), ("s", 1))
            return f"{seconds / size:g} {unit}"
        return f"{int(self.value):,}" if self.value == int(self.value) else f"{self.value:g}"


def groups() -> list[dict[str, Any]]:
    """The groups in the order of the page, each with its limits."""
    found: list[dict[str, Any]] = tomllib.loads(SOURCE.read_text())["group"]
    return found


def number_at(place: str) -> Number:
    """The number at "module:NAME" or "module:Class.field" below kumihimo; a class is made with what it is by itself."""
    module, _, path = place.partition(":")
    name, _, field = path.partition(".")
    found = getattr(import_module(f"kumihimo.{module}"), name)
    return Number(getattr(found(), field) if field else found)


def limits_page() -> str:
    """docs/reference/limits.md: what is bounded, by how much, and what one sees at the bound."""
    lines = [
        "# Limits",
        "",
        "Made from `limits.toml` and the code by `make docs`. Every queue and every door has a bound, so that memory",
        "has one; at it the client is told, or slowed, and never left with an acknowledgement that does not hold. Each",
        "row names the tests that assert it.",
    ]
    for group in groups():
        lines += ["", f"## {group['name']}", "", group["words"], ""]
        lines += ["| what | bound | setting | what is seen at it | tests |", "|---|---|---|---|---|"]
        lines += map(row, group["limit"])
    return "\n".join(lines) + "\n"


def row(limit: dict[str, Any]) -> str:
    """One line of the table."""
    bound = limit["bound"].format(*map(number_at, limit.get("at", ())))
    setting = f"`{limit['setting']}`" if "setting" in limit else ""
    tests = ", ".join(f"`{name}`" for name in limit["tests"])
    return f"| {limit['what']} | {bound} | {setting} | {limit['seen']} | {tests} |"
