"""`kumihimo agreement …`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base import times
from kumihimo.base.jsontext import text as json_text
from kumihimo.cli.files import text_of
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, say, show
from kumihimo.platform.access.words import MAX_BYTES

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="The tenant for which it is asked or done.")]
Agreement = Annotated[str, typer.Argument(help="The agreement's id, as `list` shows it.")]


@app.command("list")
def list_(*, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the agreements and offers that a tenant gave or got, those that nobody ended first."""
    found = run(settings_of(config, data), "agreement-list", tenant=tenant)
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)


@app.command("show")
def show_(
    agreement: Agreement, *, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE
) -> None:
    """Show an agreement: who made it, for how long and what for, and the policies by which data is shared."""
    one = run(settings_of(config, data), "agreement-show", tenant=tenant, agreement=agreement)
    if form is Format.JSON:
        typer.echo(json_text(one))
        return
    say(f"agreement: {one['id']}")
    _say_terms(one)
    _say_deeds(one)
    _say_text(one)


@app.command("offer")
def offer(
    taker: Annotated[str, typer.Argument(help="The other tenant.")],
    *,
    role: Annotated[str, typer.Option(help="The role there whose holders see the data, such as officer.")],
    purpose: Annotated[str, typer.Option(help="What the data is shown for; it stays in the agreement.")],
    starts: Annotated[str, typer.Option(help="First day in Japan, like 2026-04-01.")],
    ends: Annotated[str, typer.Option(help="Last day in Japan, like 2027-03-31.")],
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Share entities of this type; may be given again.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="Share this attribute alone; may be given again. Without it all.")
    ] = None,
    subscribe: Annotated[
        bool, typer.Option("--subscribe", help="With --type: changes may be sent to the other side too.")
    ] = False,
    file: Annotated[Path | None, typer.Option(help="In place of --type: permits written out (Cedar, UTF-8).")] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Offer it; without it only what it would say is shown.")
    ] = False,
    tenant: Tenant,
    data: Data = None,
    config: Config = None,
) -> None:
    """Offer data to those who hold a role in another tenant; it counts once the other tenant has accepted."""
    if file is not None and (type_ or attribute or subscribe):
        raise fail("say --type, --attribute and --subscribe, or write the permits in a --file, not both", code=2)
    one = run(
        settings_of(config, data),
        "agreement-offer",
        tenant=tenant,
        taker=taker,
        role=role,
        purpose=purpose,
        starts=starts,
        ends=ends,
        types=type_ or [],
        attributes=attribute or [],
        subscribe=subscribe,
        text=None if file is None else text_of(file, MAX_BYTES),
        apply=apply,
    )
    if not apply:
        _say_terms(one)
        _say_text(one)
        say("nothing is offered yet; --apply does it")
        return
    say(f"agreement {one['id']} is offered to {one['taker']}, which accepts it with:")
    say(f"    kumihimo agreement accept {one['id']} --tenant {one['taker']}")


@app.command("accept")
def accept(agreement: Agreement, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Accept what another tenant offered; it counts from its first day on."""
    one = run(settings_of(config, data), "agreement-accept", tenant=tenant, agreement=agreement)
    state = "runs" if one["state"] == "running" else f"begins on {_first(one)}"
    say(f"agreement {agreement} {state}: {one['giver']} shares data with {_to(one)} up to and with {_last(one)}")


@app.command("end")
def end(
    agreement: Agreement,
    *,
    why: Annotated[str, typer.Option(help="The reason, which is kept; the other side reads it too.")],
    tenant: Tenant,
    data: Data = None,
    config: Config = None,
) -> None:
    """End an agreement or an offer at once, from either side."""
    run(settings_of(config, data), "agreement-end", tenant=tenant, agreement=agreement, why=why)
    say(f"agreement {agreement} has ended")


def _short(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "agreement": one["id"],
        "from": one["giver"],
        "to": _to(one),
        "purpose": one["purpose"],
        "first day": _first(one),
        "last day": _last(one),
        "state": one["state"],
    }


def _say_terms(one: Mapping[str, Any]) -> None:
    """What an agreement says. What people wrote stands on one line, so that none of it looks like a line of ours."""
    say(f"from: {one['giver']}")
    say(f"to: {_to(one)}")
    say(f"purpose: {_line(one['purpose'])}")
    say(f"days: {_first(one)} to {_last(one)}")


def _say_deeds(one: Mapping[str, Any]) -> None:
    """Where it stands, and who did what."""
    say(f"state: {one['state']}")
    for deed in ("offered", "accepted", "ended"):
        moment, by, why = one[f"{deed}_at"], one[f"{deed}_by"], one.get(f"{deed}_why", "")
        if moment is not None:
            when = times.from_micros(moment).strftime("%Y-%m-%d %H:%M:%SZ")
            say(f"{deed}: {when} by {by}" + (f", {_line(why)}" if why else ""))


def _say_text(one: Mapping[str, Any]) -> None:
    say("")
    say(one["text"].rstrip("\n"))


def _to(one: Mapping[str, Any]) -> str:
    return f"{one['taker']}/{one['role']}"


def _line(words: str) -> str:
    return " ".join(words.split())


def _first(one: Mapping[str, Any]) -> str:
    return _day(one["starts_at"])


def _last(one: Mapping[str, Any]) -> str:
    return _day(one["ends_at"] - 1)  # it ends with the first moment after its last day


def _day(moment: int) -> str:
    """The day in Japan, as it is written in an offer."""
    return times.from_micros(moment).astimezone(times.JST).strftime("%Y-%m-%d")
