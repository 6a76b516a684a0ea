"""`kumihimo member …`."""

from __future__ import annotations

from typing import Annotated

import typer

from kumihimo.base import times
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, say, show

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="The tenant; without it the platform itself.")]
Who = Annotated[str, typer.Argument(help="A sign-in name, person:ID or application:ID.")]
Role = Annotated[str, typer.Option("--role", help="resident, officer, disaster-officer, operator, …, or one of yours.")]


@app.command("add")
def add(
    who: Who,
    *,
    role: Role,
    tenant: Tenant = "",
    until: Annotated[str, typer.Option(help="Last day, like 2027-03-31; without it no end.")] = "",
    why: Annotated[str, typer.Option(help="The reason, which is kept.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Give somebody a role; it counts at once."""
    made = run(settings_of(config, data), "member-add", tenant=tenant, actor=who, role=role, until=until, why=why)
    say(f"{made['actor']} is {made['role']} " + (f"in {tenant}" if tenant else "on the platform"))
    if not made["named"]:
        say(f"no policy there names the role {made['role']!r}: it gives no right until one does")


@app.command("list")
def list_(*, tenant: Tenant = "", data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List who holds which role."""
    found = run(settings_of(config, data), "member-list", tenant=tenant)
    rows = [
        {
            "who": f"{one['name']} ({one['actor']})" if one["name"] else one["actor"],
            "role": one["role"],
            "since": _when(one["since"]),
            "until": _when(one["until"]),
            "by": one["by"],
            "why": one["why"],
        }
        for one in found
    ]
    show(found if form is Format.JSON else rows, form=form)


@app.command("remove")
def remove(
    who: Who,
    *,
    role: Role,
    why: Annotated[str, typer.Option(help="The reason, which is kept.")],
    tenant: Tenant = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """End a role that somebody holds; it counts at once."""
    found = run(settings_of(config, data), "member-remove", tenant=tenant, actor=who, role=role, why=why)
    say(f"{found['actor']} is {found['role']} no more")


def _when(moment: int | None) -> str:
    """To the second, in UTC; "" for never."""
    return "" if moment is None else times.from_micros(moment).strftime("%Y-%m-%d %H:%M:%SZ")
