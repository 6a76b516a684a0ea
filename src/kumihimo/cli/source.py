"""`kumihimo source …`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base import times
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, refusals, say, show

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="Tenant that gets what is found.")]
Name = Annotated[str, typer.Argument(help="The source's name.")]
_SPAN = re.compile(r"(\d+)(s|m|h|d)\Z", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A name for it: letters, digits, '.', '-', '_'.")],
    *,
    tenant: Tenant,
    folder: Annotated[Path | None, typer.Option(help="Folder whose new and changed files are taken in.")] = None,
    url: Annotated[str, typer.Option(help="http or https address of a file.")] = "",
    every: Annotated[str, typer.Option(help="How often it is looked at: 30s, 10m, 6h, 1d.")] = "10m",
    entity_type: Annotated[str, typer.Option("--type", help="Type of the entities of a CSV.")] = "",
    id_column: Annotated[str, typer.Option(help="Column that says which entity.")] = "",
    history: Annotated[
        bool, typer.Option("--history", help="Take observations into history, as import-history does.")
    ] = False,
    entity: Annotated[str, typer.Option(help="With --history: the one entity of a CSV.")] = "",
    time_column: Annotated[list[str] | None, typer.Option(help="With --history: column that says when.")] = None,
    zone: Annotated[str, typer.Option(help="With --history: zone of moments that say none.")] = "JST",
    column: Annotated[list[str] | None, typer.Option(help="With --history: column of values.")] = None,
    name_column: Annotated[str, typer.Option(help="With --history: column that names the attribute.")] = "",
    value_column: Annotated[str, typer.Option(help="With --history: column of its value.")] = "",
    unit: Annotated[list[str] | None, typer.Option(help="With --history: HEADING=CODE.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Add a folder or an address; a running platform looks at it at once, and then on its schedule."""
    from kumihimo.cli.history import units_of
    from kumihimo.platform.imports.observations import Layout

    if (folder is None) == (not url):
        raise fail("say either --folder or --url", code=2)
    with refusals():
        layout = Layout(
            entity_type=entity_type,
            entity=entity,
            id_column=id_column,
            time_columns=tuple(time_column or ()),
            zone=zone,
            name_column=name_column,
            value_column=value_column,
            columns=tuple(column or ()),
            units=units_of(unit or ()),
        )
    if not history and layout != Layout(entity_type=entity_type, id_column=id_column):
        raise fail("how observations are read is said with --history only", code=2)
    given = {
        "name": name,
        "folder": str(folder.absolute()) if folder is not None else "",
        "url": url,
        "every": seconds_of(every),
        "type": entity_type,
        "id_column": id_column,
        "history": asdict(layout) if history else None,
    }
    run(settings_of(config, data), "source-add", tenant=tenant, **given)
    say(f"source {name} added")


def seconds_of(text: str, option: str = "--every") -> int:
    """Seconds of a span like 30s, 10m, 6h or 1d; ends with exit code 2 for anything else."""
    found = _SPAN.match(text)
    if found is None:
        raise fail(f"{option} is a number and s, m, h or d, like 10m, not {text!r}", code=2)
    return int(found[1]) * _SECONDS[found[2]]


@app.command("list")
def list_(*, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List a tenant's sources with how they fared; the table is the short form."""
    found = run(settings_of(config, data), "source-list", tenant=tenant)
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)
    for one in found if form is Format.TABLE else ():
        say(f"{one['name']}: {one['place']}")
        for each in one["aside"]:
            say(f"  set aside {each['name'] or 'the answer'}: {each['detail']}")
        for each in (one["detail"], *(() if one["outcome"] == "aside" else one["reasons"])):
            if each:
                say(f"  {each}")


@app.command("run")
def run_(name: Name, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Look at a source once, now."""
    found = run(settings_of(config, data), "source-run", tenant=tenant, name=name)
    say(f"{found['outcome']}: {found['taken']} taken, {found['refused']} refused since it was added")
    for each in (found["detail"], *found["reasons"]):
        if each:
            say(each)
    if found["outcome"] in ("failed", "aside"):
        raise typer.Exit(1)


@app.command("remove")
def remove(name: Name, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Remove a source; what it brought stays."""
    run(settings_of(config, data), "source-remove", tenant=tenant, name=name)
    say(f"source {name} removed")


def _short(source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": source["name"],
        "every": f"{source['every']} s",
        "last look": _when(source["last_run"]),
        "outcome": source["outcome"],
        "next look": _when(source["next_run"]),
        "taken": source["taken"],
        "refused": source["refused"],
    }


def _when(moment: int | None) -> str:
    """To the second, in UTC; "" for never."""
    return "" if moment is None else times.from_micros(moment).strftime("%Y-%m-%d %H:%M:%SZ")
