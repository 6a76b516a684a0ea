"""`kumihimo device …`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from kumihimo.base import times
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, say, show

app = typer.Typer(help="Devices: add, list, refusals, new key, remove.", no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="Tenant that owns the device.")]
Device = Annotated[str, typer.Argument(help="The device's name.")]


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
    config: Config = None,
) -> None:
    """Register a device; its key is shown this once."""
    given = {"device": device, "family": family, "entity": entity, "type": entity_type, "name": name}
    found = run(settings_of(config, data), "device-add", tenant=tenant, **given)
    say(f"username {found['username']}\nkey      {found['key']}")
    say(f"topic    kumihimo/{tenant}/{device}/up")


@app.command("list")
def list_(*, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List a tenant's devices; the table is the short form."""
    found = run(settings_of(config, data), "device-list", tenant=tenant)
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)


@app.command("refusals")
def refusals(*, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List what was not taken from devices, or from whoever said to be one; the newest first."""
    found = run(settings_of(config, data), "device-refusals", tenant=tenant)
    if form is Format.TABLE:
        found = [{"at": _when(one["at"]), **{name: one[name] for name in ("device", "way", "en")}} for one in found]
    show(found, form=form)


@app.command("rotate")
def rotate(device: Device, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Give a device a new key; the old one stops at once."""
    found = run(settings_of(config, data), "device-rotate", tenant=tenant, device=device)
    say(f"key      {found['key']}")


@app.command("remove")
def remove(device: Device, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Remove a device; its connection is cut."""
    run(settings_of(config, data), "device-remove", tenant=tenant, device=device)
    say(f"device {device} removed")


def _short(device: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "device": device["id"],
        "name": device["name"],
        "last seen": _when(device["last_seen"]),
        "taken": device["accepted"],
        "refused": device["refused"],
        "last refusal": device["last_refusal"],
    }


def _when(moment: int | None) -> str:
    """To the second, in UTC; "" for never."""
    return "" if moment is None else times.from_micros(moment).strftime("%Y-%m-%d %H:%M:%SZ")
