"""`kumihimo device …`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base import times
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, say, show
from kumihimo.cli.source import seconds_of

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="Tenant that owns the device.")]
Device = Annotated[str, typer.Argument(help="The device's name.")]


@app.command("add")
def add(
    device: Annotated[str, typer.Argument(help="The device's name: letters, digits, '.', '-', '_'.")],
    *,
    tenant: Tenant,
    family: Annotated[
        str, typer.Option(help="Codec: river-gauge, rain-gauge, counter, sign, siren …, or one of an installed pack.")
    ],
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
def rotate(
    device: Device,
    *,
    tenant: Tenant,
    keep: Annotated[str, typer.Option(help="How long the old key is taken beside the new one: 0, 12h, 7d.")] = "0",
    data: Data = None,
    config: Config = None,
) -> None:
    """Give a device a new key; the old one stops at once, or after --keep."""
    seconds = 0 if keep == "0" else seconds_of(keep, "--keep")
    found = run(settings_of(config, data), "device-rotate", tenant=tenant, device=device, keep=seconds)
    say(f"key      {found['key']}")


@app.command("credentials")
def credentials(
    device: Device, *, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE
) -> None:
    """Show what a device may come in by: key, claim code, certificates."""
    found = run(settings_of(config, data), "device-credentials", tenant=tenant, device=device)
    if form is Format.JSON:
        show([found], form=form)
        return
    show(_credentials(found), form=form)


@app.command("revoke")
def revoke(
    device: Device,
    *,
    tenant: Tenant,
    key: Annotated[bool, typer.Option("--key", help="Take its key away.")] = False,
    certificate: Annotated[str, typer.Option(help="Serial of one certificate, or all.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Take away a device's key, a certificate, or without either all that it has; its connection is cut."""
    if key and certificate:
        raise fail("give --key or --certificate, or neither to take all away", code=2)
    what = "key" if key else "certificate" if certificate else "all"
    serial = "" if certificate == "all" else certificate
    found = run(settings_of(config, data), "device-revoke", tenant=tenant, device=device, what=what, serial=serial)
    if what != "certificate":
        say(f"device {device}: its key is taken away")
    if what != "key":
        say(f"device {device}: {found['certificates']} certificates revoked")


@app.command("claim")
def claim(device: Device, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Make a claim code, by which a device or a person at it gets a key or a certificate, once."""
    found = run(settings_of(config, data), "device-claim", tenant=tenant, device=device)
    say(f"code     {found['code']}\nuntil    {_when(found['expires_at'])}")
    say(f"at       /devices/v1/{tenant}/claim")


@app.command("certificate")
def certificate(
    device: Device,
    *,
    tenant: Tenant,
    csr: Annotated[Path, typer.Option(help="Certificate signing request (PKCS #10, PEM) with the device's key.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Issue a certificate for a signing request, and print it with the authority that signed it (PEM)."""
    try:
        request = csr.read_text("ascii")
    except (OSError, ValueError) as problem:
        raise fail(f"{csr} cannot be read as a signing request in PEM: {problem}") from problem
    found = run(settings_of(config, data), "device-certificate", tenant=tenant, device=device, csr=request)
    say(found["certificate"].rstrip())


@app.command("ca")
def ca(*, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Print the authority that signs the certificates of a tenant's devices, and the root (PEM)."""
    say(run(settings_of(config, data), "device-ca", tenant=tenant)["chain"].rstrip())


@app.command("remove")
def remove(device: Device, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Remove a device; its connection is cut."""
    run(settings_of(config, data), "device-remove", tenant=tenant, device=device)
    say(f"device {device} removed")


def _credentials(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each."""
    rows = []
    key = found["key"]
    if key["set"]:
        rows.append(_row("key", "", key["made_at"] or None, key["used_at"], None, "good"))
    if found["old_key_until"]:
        rows.append(_row("old key", "", None, None, found["old_key_until"], "good until then"))
    if found["claimable_until"]:
        rows.append(_row("claim code", "", None, None, found["claimable_until"], "not used yet"))
    for one in found["certificates"]:
        state = "good until then" if one["revoked_at"] is None else f"revoked {_when(one['revoked_at'])}"
        rows.append(_row("certificate", one["serial"], one["made_at"], one["used_at"], one["not_after"], state))
    return rows


def _row(kind: str, serial: str, made: int | None, used: int | None, until: int | None, state: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "serial": serial,
        "made": _when(made),
        "last used": _when(used),
        "until": _when(until),
        "state": state,
    }


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
