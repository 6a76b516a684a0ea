"""How the command line speaks: tables on a terminal, JSON where asked for, errors with the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import text
from kumihimo.base.settings import SettingsError
from kumihimo.cli.words import said

_out = Console(highlight=False, emoji=False)
_err = Console(stderr=True, highlight=False, emoji=False)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal would obey instead of showing it; names come from files and from others."""


class Format(StrEnum):
    """How rows are shown: a table for people, JSON for programs."""

    TABLE = "table"
    JSON = "json"


def say(words: str) -> None:
    """A line to standard output, as it is."""
    _out.print(_plain(words), markup=False, soft_wrap=True)


def warn(words: str) -> None:
    """A line to standard error."""
    _err.print(_plain(words), markup=False, soft_wrap=True)


def _plain(words: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", words)


def fail(words: str, *, code: int = 1) -> typer.Exit:
    """Says what went wrong; raise what it returns."""
    warn(f"kumihimo: {words}")
    return typer.Exit(code)


def show(rows: Sequence[dict[str, Any]], *, form: Format) -> None:
    """Rows as a table or as JSON."""
    if form is Format.JSON:
        typer.echo(text(list(rows)))
        return
    if not rows:
        say("(none)")
        return
    table = Table()
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # As texts, so that nothing in them is taken for markup.
        table.add_row(*(Text("" if value is None else _plain(str(value))) for value in row.values()))
    _out.print(table)


@contextmanager
def refusals() -> Iterator[None]:
    """What is refused inside ends the command with its words: exit code 1, and 2 for a wrong setting."""
    try:
        yield
    except Problem as problem:
        raise fail(said(problem)) from problem
    except SettingsError as problem:
        raise fail(str(problem), code=2) from problem
