"""Writes the pages that are made from the code (rooms, settings), or with --check says which are out of date."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "kumihimo"
sys.path.insert(0, str(ROOT / "src"))

from kumihimo.base.settings import reference
from kumihimo.platform.ngsild.openapi import routes_table

FIELDS = ("Room", "Owns", "Says", "Hears", "Door")
TOPIC = re.compile(r"[a-z]+\.\{tenant\}")


def card(path: Path) -> dict[str, str] | None:
    """The fields of a room's card, or None where the package is a floor or a plain folder."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    if not doc.startswith("Room: "):
        return None
    found: dict[str, str] = {}
    name = ""
    for line in doc.splitlines():
        head, _, rest = line.partition(": ")
        if head in FIELDS:
            name = head
            found[name] = rest.strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    missing = [one for one in FIELDS if not found.get(one)]
    if missing:
        raise SystemExit(f"{path}: the card lacks {', '.join(missing)}")
    return found


def cards() -> dict[str, dict[str, str]]:
    """Every room's card by the room's name, for example "platform.broker"."""
    found = {}
    for path in sorted(SOURCE.rglob("__init__.py")):
        one = card(path)
        if one is not None:
            found[".".join(path.parent.relative_to(SOURCE).parts)] = one
    return found


def topics(field: str) -> list[str]:
    """The topics that a card's Says or Hears names."""
    return TOPIC.findall(field)


def rooms_page() -> str:
    """docs/rooms.md: every room's card, and the events that pass between them."""
    rooms = cards()
    lines = ["# Rooms", "", "Made from the cards in each room's `__init__.py` by `make docs`.", ""]
    for name, found in rooms.items():
        lines += [f"## {name}", "", found["Room"], ""]
        lines += [f"- {one}: {found[one]}" for one in FIELDS[1:]] + [""]
    lines += ["## Events", "", "Nudges on the bus; a lost one costs time, never data.", ""]
    lines += ["| topic | said by | heard by |", "|---|---|---|"]
    for topic in sorted({one for found in rooms.values() for one in topics(f"{found['Says']} {found['Hears']}")}):
        said, heard = (
            ", ".join(name for name, found in rooms.items() if topic in topics(found[field]))
            for field in ("Says", "Hears")
        )
        lines.append(f"| `{topic}` | {said} | {heard} |")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """docs/reference/settings.md: every setting."""
    lines = [
        "# Settings",
        "",
        "Made from `base/settings.py` by `make docs`. Later wins: default, TOML file (`--config`, `KUMIHIMO_CONFIG` or",
        "`kumihimo.toml` in the data folder), environment, command line. Lists are comma-separated in the environment.",
        "",
        "| setting (TOML) | environment | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, variable, default, meaning in reference():
        lines.append(f"| `{name}` | `{variable}` | `{default or '(empty)'}` | {meaning} |")
    return "\n".join(lines) + "\n"


def routes_page() -> str:
    """docs/reference/routes.md: every HTTP route of the NGSI-LD face with its clause."""
    lines = [
        "# NGSI-LD routes",
        "",
        "Made from the route table by `make docs`.",
        "",
        "| method | path | what |",
        "|---|---|---|",
    ]
    lines += [f"| {method} | `{path}` | {what} |" for method, path, what in routes_table()]
    return "\n".join(lines) + "\n"


PAGES = {
    "docs/rooms.md": rooms_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/routes.md": routes_page,
}


def main() -> int:
    """0 where every page is up to date (or was written)."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true")
    check = options.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, wanted = ROOT / name, make()
        if path.exists() and path.read_text() == wanted:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted)
    if check and stale:
        sys.stderr.write(f"out of date, run `make docs`: {', '.join(stale)}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
