"""`kumihimo device …`."""

from __future__ import annotations

from typing import Annotated

import typer

from kumihimo.cli.options import Data, Form, settings_from
from kumihimo.cli.reach import run
from kumihimo.cli.say import say, show

app = typer.Typer(help="Devices: add, list, new key, remove.", no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="Tenant that owns the device.")]


@app.command("add")
def add(
    device: Annotated[str, typer.Argument(help="The device's name: letters, digits, '.', '-', '_'.")],
    *,
    tenant: Tenant,
    family: Annotated[str, typer.Option(help="Codec: river-gauge, rain-gauge, sign or siren.")],
    entity: Annotated[str, typer.Option(help="Id (URI) of the entity it measures.")],
    entity_type: Annotated[str, typer.Option("--type", help="Type of that entity.")],
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    data: Data = None,
) -> None:
    """Register a device; its key is shown this once."""
    settings = settings_from(None, data=str(data) if data else None)
    found = run(
        settings, "device-add", tenant=tenant, device=device, family=family, entity=entity, type=entity_type, name=name
    )
    say(f"username {found['username']}\nkey      {found['key']}")
    say(f"topic    kumihimo/{tenant}/{device}/up")


@app.command("list")
def list_(*, tenant: Tenant, data: Data = None, form: Form = "table") -> None:
    """List a tenant's devices."""
    show(run(settings_from(None, data=str(data) if data else None), "device-list", tenant=tenant), form=form)


@app.command("rotate")
def rotate(device: str, *, tenant: Tenant, data: Data = None) -> None:
    """Give a device a new key; the old one stops at once."""
    found = run(settings_from(None, data=str(data) if data else None), "device-rotate", tenant=tenant, device=device)
    say(f"key      {found['key']}")


@app.command("remove")
def remove(device: str, *, tenant: Tenant, data: Data = None) -> None:
    """Remove a device; its connection is cut."""
    run(settings_from(None, data=str(data) if data else None), "device-remove", tenant=tenant, device=device)
    say(f"device {device} removed")
