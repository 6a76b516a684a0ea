"""`kumihimo account …`."""

from __future__ import annotations

from typing import Annotated

import typer

from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, say, show

app = typer.Typer(no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The sign-in name.")]


@app.command("add")
def add(
    account: Account,
    *,
    name: Annotated[str, typer.Option(help="How screens call the person; without it the sign-in name.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address, if there shall be one.")] = "",
    lang: Annotated[str, typer.Option(help="ja, en or ja-easy (やさしい日本語).")] = "ja",
    operator: Annotated[bool, typer.Option("--operator", help="The person operates the platform.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make an account and print the one-time link with which the person sets a passkey or a password."""
    given = {"account": account, "name": name, "email": email, "lang": lang, "operator": operator}
    found = run(settings_of(config, data), "account-add", **given)
    say(f"account {found['account']} made; this link is good once and for a day:")
    say(f"    {found['link']}")


@app.command("list")
def list_(*, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the accounts."""
    show(run(settings_of(config, data), "account-list"), form=form)


@app.command("disable")
def disable(
    account: Account,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let the account log in again.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Let an account log in no more, and end its log-ins at once."""
    found = run(settings_of(config, data), "account-disable", account=account, disabled=not undo)
    say(f"account {found['account']} " + ("may log in again" if undo else "is disabled and logged out"))


@app.command("link")
def link(
    account: Annotated[
        str, typer.Argument(help="The sign-in name; without it the first administrator, while nobody has an account.")
    ] = "",
    *,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print a fresh one-time link into an account, for who has lost what they log in with; older ones end."""
    found = run(settings_of(config, data), "account-link", account=account)
    say("this link is good once; whoever has it can log in:")
    say(f"    {found['link']}")
