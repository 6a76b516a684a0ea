"""`kumihimo tenant …`."""

from __future__ import annotations

from typing import Annotated

import typer

from kumihimo.base.jsontext import text
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, say, show

Tenant = Annotated[str, typer.Argument(help="The tenant's name.")]

app = typer.Typer(no_args_is_help=True)


@app.command("add")
def add(name: Tenant, *, data: Data = None, config: Config = None) -> None:
    """Make a tenant."""
    found = run(settings_of(config, data), "tenant-add", tenant=name)
    say(f"tenant {found['tenant']} " + ("made" if found["made"] else "was there already"))


@app.command("list")
def list_(*, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the tenants."""
    show(run(settings_of(config, data), "tenant-list"), form=form)


@app.command("keys")
def keys(name: Tenant, *, data: Data = None, config: Config = None) -> None:
    """Show the public keys that receivers check notifications with (a JSON Web Key Set)."""
    say(text(run(settings_of(config, data), "signing-keys", tenant=name)))


@app.command("new-key")
def new_key(name: Tenant, *, data: Data = None, config: Config = None) -> None:
    """Sign notifications with a new key; receivers that hold the old one need this one."""
    say(text(run(settings_of(config, data), "signing-rotate", tenant=name)))
