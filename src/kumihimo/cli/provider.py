"""`kumihimo provider …`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, say, show

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The provider's name here.")]
MAX_SECRET_FILE = 4096
_REGISTER = ("redirect_uri", "post_logout_redirect_uri", "backchannel_logout_uri", "jwks_uri")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A name for it, part of addresses: a-z, 0-9, '-'.")],
    *,
    profile: Annotated[
        str, typer.Option(help="plain, keycloak, entra, digital-auth-app or digital-auth-app-sandbox.")
    ] = "plain",
    issuer: Annotated[
        str, typer.Option(help="Its issuer, exactly as it writes it; digital-auth-app knows its own.")
    ] = "",
    client_id: Annotated[str, typer.Option(help="Our client id there.")],
    secret_file: Annotated[
        Path | None, typer.Option(help="File that holds our client secret; - reads standard input.")
    ] = None,
    title_ja: Annotated[str, typer.Option(help="How pages in Japanese call it.")] = "",
    title_en: Annotated[str, typer.Option(help="How pages in English call it.")] = "",
    auth: Annotated[
        str, typer.Option(help="client_secret_basic, client_secret_post or private_key_jwt (with a key made here).")
    ] = "",
    key_alg: Annotated[str, typer.Option(help="ES256 or RS256, for private_key_jwt.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="A scope that is asked for; openid among them.")] = None,
    acr: Annotated[list[str] | None, typer.Option(help="A word of acr_values.")] = None,
    acr_needed: Annotated[list[str] | None, typer.Option(help="A word that its acr must hold.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, added to each request.")] = None,
    take: Annotated[
        list[str] | None, typer.Option(help="Claim for a new account: name, email, preferred_username.")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Claim that is kept, sealed, for each person.")] = None,
    sign_up: Annotated[str, typer.Option(help="Who may come in by it for the first time: nobody or anyone.")] = "",
    domain: Annotated[
        list[str] | None, typer.Option(help="Who may come in: verified addresses of this domain.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Add a provider; says what has to be registered there."""
    said: dict[str, Any] = {
        "issuer": issuer,
        "client_id": client_id,
        "title_ja": title_ja,
        "title_en": title_en,
        "auth": auth,
        "key_alg": key_alg,
        "scopes": scope,
        "acr_values": acr,
        "acr_needed": acr_needed,
        "extra": dict(_pair(one) for one in parameter or ()),
        "take": take,
        "keep": keep,
        "signup": "domains" if domain else sign_up,
        "domains": domain,
    }
    said = {key: value for key, value in said.items() if value}
    secret = read_secret(secret_file) if secret_file is not None else ""
    found = run(settings_of(config, data), "provider-add", name=name, profile=profile, said=said, secret=secret)
    say(f"provider {name} added; register there:")
    _register(found)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise fail(f"--parameter is NAME=VALUE, not {text!r}", code=2)
    return name, value


def read_secret(file: Path) -> str:
    """The secret in a file, without the end of its line. It is no option: others of this machine see a command line."""
    try:
        if str(file) == "-":
            return sys.stdin.readline(MAX_SECRET_FILE).rstrip("\r\n")
        with file.open(encoding="utf-8") as text:
            return text.read(MAX_SECRET_FILE).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise fail(f"{file} cannot be read: {problem}", code=2) from problem


@app.command("list")
def list_(*, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the providers and how many people enter by each."""
    found = run(settings_of(config, data), "provider-list")
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)


@app.command("check")
def check(name: Name, *, data: Data = None, config: Config = None) -> None:
    """Ask the provider what it says of itself; exit code 1 where nobody could log in by it."""
    found = run(settings_of(config, data), "provider-check", name=name)
    for fault in found["faults"]:
        say(f"wrong: {fault}")
    for note in found["notes"]:
        say(f"look: {note}")
    _register(found)
    if found["faults"]:
        raise typer.Exit(1)
    say(f"{name} can be used")


@app.command("on")
def on(name: Name, *, data: Data = None, config: Config = None) -> None:
    """Let people log in by a provider."""
    run(settings_of(config, data), "provider-switch", name=name, active=True)
    say(f"provider {name} is on")


@app.command("off")
def off(name: Name, *, data: Data = None, config: Config = None) -> None:
    """Let nobody log in by a provider for now; who is linked stays so."""
    run(settings_of(config, data), "provider-switch", name=name, active=False)
    say(f"provider {name} is off")


@app.command("rotate")
def rotate(name: Name, *, data: Data = None, config: Config = None) -> None:
    """Make us a new key at a provider that knows us by one."""
    found = run(settings_of(config, data), "provider-rotate", name=name)
    say(f"key {found['key']} signs from now on")


@app.command("remove")
def remove(
    name: Name,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also where people enter by it.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Remove a provider, the links of people to it and what was kept of them."""
    found = run(settings_of(config, data), "provider-remove", name=name, force=force)
    say(f"provider {name} removed; {found['linked']} people entered by it")


def _register(found: Mapping[str, Any]) -> None:
    for name in _REGISTER:
        if name in found:
            say(f"  {name}: {found[name]}")


def _short(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "provider": one["name"],
        "issuer": one["issuer"],
        "on": "yes" if one["active"] else "no",
        "known by": one["auth"],
        "sign-up": ", ".join(one["domains"]) or one["signup"],
        "people": one["linked"],
    }
