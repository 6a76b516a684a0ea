"""`kumihimo tenant …`."""

from __future__ import annotations

from typing import Annotated

import typer

from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, say, show

app = typer.Typer(help="Areas and operators that share the platform.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The tenant's name.")], *, data: Data = None, config: Config = None
) -> None:
    """Make a tenant."""
    found = run(settings_of(config, data), "tenant-add", tenant=name)
    say(f"tenant {found['tenant']} " + ("made" if found["made"] else "was there already"))


@app.command("list")
def list_(*, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the tenants."""
    show(run(settings_of(config, data), "tenant-list"), form=form)
