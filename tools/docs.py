"""Writes the pages that are made from the code, or with --check says which are out of date."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "kumihimo"
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from starlette.routing import Mount, Route
from tools.limits import limits_page
from tools.statements import statements_page
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from kumihimo.app.http import console_of, http_routes
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings, reference
from kumihimo.cli.main import app
from kumihimo.network.http.limits import Limits
from kumihimo.platform.ngsild.openapi import routes_table
from kumihimo.platform.ngsild.table import PREFIX
from kumihimo.service.console.places import PlaceRoute
from kumihimo.service.console.shell import ScreenRoute

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
    """docs/reference/routes.md: every HTTP route; those of the NGSI-LD face with their clauses."""
    heading = "| method | path | what |\n|---|---|---|"
    lines = ["# HTTP routes", "", "Made from the route table by `make docs`.", "", "## NGSI-LD", "", heading]
    lines += [f"| {method} | `{path}` | {what} |" for method, path, what in routes_table()]
    lines += ["", "## Devices, the console, and what a supervisor asks", ""]
    lines += ["Paths below `/t/` are pages for people, in the language of `?lang=ja` or `?lang=en`.", "", heading]
    lines += [
        f"| {method} | `{path}` | {what} |" for method, path, what in sorted(other_routes(), key=lambda row: row[1])
    ]
    return "\n".join(lines) + "\n"


def other_routes() -> list[tuple[str, str, str]]:
    """Method, path and first line of the docstring of every route outside the NGSI-LD face."""
    with TemporaryDirectory() as folder:
        platform = wire(Settings(data=folder, open=True), SystemClock())
        routes = http_routes(platform, console_of(platform), no_limits)
    found = []
    for route in routes:
        if isinstance(route, ScreenRoute):
            posts = [("POST", route.screen.post)] if route.screen.post else []
            found += [
                (method, route.path, summary(route.path, do)) for method, do in (("GET", route.screen.show), *posts)
            ]
        elif isinstance(route, PlaceRoute):
            ways = (("GET", route.place.show), ("POST", route.place.post))
            found += [(method, route.path, summary(route.path, do)) for method, do in ways if do is not None]
        elif isinstance(route, Mount):
            found.append(("GET", f"{route.path}/…", "Scripts, styles, maps and words that pages load."))
        elif isinstance(route, Route) and not route.path.startswith(PREFIX) and "{rest:path}" not in route.path:
            methods = (route.methods or set()) - {"HEAD"}
            found += [(method, route.path, summary(route.path, route.endpoint)) for method in sorted(methods)]
    return [(method, path.replace(":path", ""), what) for method, path, what in found]


def summary(path: str, handler: object) -> str:
    """The first line of a handler's docstring; without one nobody could tell what the route is for."""
    line = (inspect.getdoc(handler) or "").partition("\n")[0]
    if not line:
        raise SystemExit(f"{path}: its handler has no docstring")
    return line


def no_limits() -> Limits:
    """In place of the limits that a listener has: here nobody asks for their counters."""
    raise LookupError


def commands_page() -> str:
    """docs/reference/command-line.md: every command with its arguments and options, as `--help` says them."""
    lines = [
        "# Command line",
        "",
        "Made from the commands' own help by `make docs`. Exit codes: 0 done, 1 refused or failed, 2 used wrongly.",
        "What is refused is said in Japanese where LC_ALL, else LC_MESSAGES, else LANG says so (`ja_JP.UTF-8`).",
        "While a platform runs on the data folder, `device`, `tenant` and `import` reach it through a socket;",
        "where none runs, they open the files themselves.",
        "",
    ]
    for words, command in commands("kumihimo", get_command(app)):
        given = [one for one in command.params if one.name != "help"]
        lines += [f"## {words}", "", command.help or "", "", f"    {usage(words, given)}", ""]
        lines += ["| argument or option | default | meaning |", "|---|---|---|", *map(parameter, given), ""]
    return "\n".join(lines).rstrip() + "\n"


def commands(words: str, command: Any) -> list[tuple[str, Any]]:
    """Every command with the words that call it, groups opened."""
    if not isinstance(command, TyperGroup):
        return [(words, command)]
    context = command.context_class(command)
    ones = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [row for name, one in ones for row in commands(f"{words} {name}", one)]


def usage(words: str, given: list[Any]) -> str:
    """The command with what it needs."""
    needed = [one for one in given if one.required]
    arguments = [one.name.upper() for one in needed if isinstance(one, TyperArgument)]
    options = [f"{one.opts[0]} …" for one in needed if isinstance(one, TyperOption)]
    return " ".join([words, *arguments, *options, *(["[options]"] if len(needed) < len(given) else [])])


def parameter(one: Any) -> str:
    """A row of a command's table; needed stands for a default where there is none."""
    name = ", ".join(one.opts) if isinstance(one, TyperOption) else one.name.upper()
    default = getattr(one.default, "value", one.default)
    shown = "(needed)" if one.required else "" if default in (None, "", False) else f"`{default}`"
    if not one.help:
        raise SystemExit(f"{name}: a parameter without help")
    return f"| `{name}` | {shown} | {one.help} |"


PAGES = {
    "docs/rooms.md": rooms_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/routes.md": routes_page,
    "docs/reference/command-line.md": commands_page,
    "docs/reference/ngsi-ld-statements.md": statements_page,
    "docs/reference/limits.md": limits_page,
}


def stale() -> dict[str, str]:
    """The pages that are not as the code says, each with its text as it should be."""
    pages = {name: make() for name, make in PAGES.items()}
    return {
        name: wanted
        for name, wanted in pages.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text() != wanted
    }


def main() -> int:
    """0 where every page is up to date (or was written)."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true")
    check, found = options.parse_args().check, stale()
    if check and found:
        sys.stderr.write(f"out of date, run `make docs`: {', '.join(found)}\n")
        return 1
    for name, wanted in found.items():
        (ROOT / name).write_text(wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
