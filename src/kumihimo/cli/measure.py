"""`kumihimo measure …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.cli.files import text_of
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, say, show

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="The tenant.")]


@app.command("list")
def list_(*, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List measures, each after the one above it, with how their targets stand."""
    found = run(settings_of(config, data), "measure-list", tenant=tenant)
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)


def _short(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "measure": one["id"],
        "level": one["level"],
        "title": one["title"].get("ja", ""),
        "owner": one["owner"],
        "due": one["due"],
        "state": one["state"],
        "targets": ", ".join(f"{each['kpi']}: {each['stands'] or 'no such KPI'}" for each in one["targets"]),
    }


@app.command("export")
def export(*, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Print all measures as TOML; reviews and older versions are not in it."""
    say(run(settings_of(config, data), "measure-export", tenant=tenant)["text"].rstrip("\n"))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Measures as TOML, UTF-8.")],
    *,
    tenant: Tenant,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without it only what would change is shown.")] = False,
    why: Annotated[str, typer.Option(help="The reason, which is kept.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Take measures from a file, all or none; those that it does not name stay."""
    from kumihimo.service.kpi.measures_text import MAX_BYTES

    found = run(
        settings_of(config, data), "measure-import", tenant=tenant, text=text_of(file, MAX_BYTES), apply=apply, why=why
    )
    for one in found:
        is_same = not one["differences"]
        say(f"{one['id']} {one['title']}: {'as it is' if is_same else 'new' if one['new'] else 'changed'}")
        for name, before, after in () if one["new"] else one["differences"]:
            say(f"  {name}: {before or '–'} → {after or '–'}")
    many = sum(1 for one in found if one["differences"])
    say(f"{many} of {len(found)} measures kept" if apply else f"{many} of {len(found)} would change; --apply does it")
