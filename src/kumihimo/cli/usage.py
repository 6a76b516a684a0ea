"""`kumihimo usage …`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, say, show


class Encoding(StrEnum):
    """How a table is written: UTF-8 with its mark, which Excel reads, or CP932 (Shift_JIS)."""

    UTF_8 = "utf-8"
    CP932 = "cp932"


class Language(StrEnum):
    """The language of a table's headings."""

    JA = "ja"
    EN = "en"


app = typer.Typer()
Month = Annotated[str, typer.Option(help="The month, like 2026-11; without it the present one.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write the table as CSV to standard output.")]
Encoded = Annotated[Encoding, typer.Option(help="With --csv: utf-8 (with its mark, for Excel) or cp932.")]
Lang = Annotated[Language, typer.Option(help="With --csv: language of the headings.")]


@app.callback(invoke_without_command=True)
def usage(
    context: typer.Context,
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="One tenant, by service; without it all, in sums.")] = "",
    month: Month = "",
    csv: AsCsv = False,
    encoding: Encoded = Encoding.UTF_8,
    lang: Lang = Language.JA,
    data: Data = None,
    config: Config = None,
    form: Form = Format.TABLE,
) -> None:
    """Show what was used in a month: calls, readings, notifications, bytes; CSV has it by day and service."""
    if context.invoked_subcommand is not None:
        return
    found = run(settings_of(config, data), "usage", tenant=tenant, month=month, lang=lang.value)
    if csv:
        _write(found["csv"], encoding)
        return
    show(found["rows"], form=form)
    if form is Format.TABLE and not found["is_over"]:
        say(f"{found['month']} is not over")


@app.command("split")
def split(
    *,
    month: Month = "",
    csv: AsCsv = False,
    encoding: Encoded = Encoding.UTF_8,
    lang: Lang = Language.JA,
    data: Data = None,
    config: Config = None,
    form: Form = Format.TABLE,
) -> None:
    """Show how a month's cost is split among the tenants; the parts add up exactly."""
    found = run(settings_of(config, data), "usage-split", month=month, lang=lang.value)
    if found["missing"]:
        raise fail(f"nothing is split: what was used cannot be read of {', '.join(found['missing'])}")
    if found["plan"] is None:
        raise fail(f"there is no cost for {found['month']}; set it with `kumihimo usage plan --cost …`")
    if csv:
        _write(found["csv"], encoding)
        return
    show(found["rows"], form=form)
    if form is Format.TABLE and not found["is_over"]:
        say(f"{found['month']} is not over: the numbers are provisional")


@app.command("plan")
def plan(
    *,
    cost: Annotated[int, typer.Option(help="The cost of a month in yen, a whole number.")],
    weight: Annotated[
        list[str],
        typer.Option(
            help="MEASURE=PERCENT, together 100: readings, storage, calls, notifications, bytes, evenly.",
        ),
    ],
    since: Annotated[str, typer.Option(help="The first month it holds for; without it the present one.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Set what a month costs and what the cost is split by."""
    weights = dict(_weight(one) for one in weight)
    if len(weights) != len(weight):
        raise fail("--weight names a measure twice", code=2)
    found = run(settings_of(config, data), "usage-plan", cost=cost, weights=weights, since=since)
    say(f"a cost of {found['cost']} is split from {found['since']} on")


def _weight(text: str) -> tuple[str, int]:
    """Name and hundredths of a per cent of "readings=40" or "calls=12.5"."""
    name, is_given, percent = text.partition("=")
    whole, _, rest = percent.partition(".")
    if not (is_given and whole.isascii() and whole.isdigit() and len(whole) <= 3 and len(rest) <= 2):
        raise fail(f"--weight is MEASURE=PERCENT with two decimals at most, like readings=40, not {text!r}", code=2)
    if rest and not (rest.isascii() and rest.isdigit()):
        raise fail(f"--weight is MEASURE=PERCENT, like readings=40, not {text!r}", code=2)
    return name, int(whole) * 100 + int(rest.ljust(2, "0") or 0)


def _write(table: Any, encoding: Encoding) -> None:
    """The bytes as they are: a spreadsheet reads them, no terminal."""
    from kumihimo.platform.metering.tables import encoded

    typer.echo(encoded(str(table), encoding.value), nl=False)
