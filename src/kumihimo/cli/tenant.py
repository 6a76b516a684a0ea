"""`kumihimo tenant …`."""

from __future__ import annotations

import typer

from kumihimo.cli.options import Data, Form, settings_from
from kumihimo.cli.reach import run
from kumihimo.cli.say import say, show

app = typer.Typer(help="Areas and operators that share the platform.", no_args_is_help=True)


@app.command("add")
def add(name: str, *, data: Data = None) -> None:
    """Make a tenant."""
    found = run(settings_from(None, data=str(data) if data else None), "tenant-add", tenant=name)
    say(f"tenant {found['tenant']} " + ("made" if found["made"] else "was there already"))


@app.command("list")
def list_(*, data: Data = None, form: Form = "table") -> None:
    """List the tenants."""
    show(run(settings_from(None, data=str(data) if data else None), "tenant-list"), form=form)
