"""How the command line speaks: tables on a terminal, JSON where asked for, errors with the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from kumihimo.base.jsontext import text

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


def say(words: str) -> None:
    """A line to standard output, as it is."""
    _out.print(words, markup=False, soft_wrap=True)


def warn(words: str) -> None:
    """A line to standard error."""
    _err.print(words, markup=False, soft_wrap=True)


def fail(words: str, *, code: int = 1) -> typer.Exit:
    """Says what went wrong; raise what it returns."""
    warn(f"kumihimo: {words}")
    return typer.Exit(code)


def show(rows: Sequence[dict[str, Any]], *, form: str) -> None:
    """Rows as a table or as JSON."""
    if form == "json":
        typer.echo(text(list(rows)))
        return
    if not rows:
        say("(none)")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    _out.print(table)
