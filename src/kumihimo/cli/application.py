"""`kumihimo application …`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base import times
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, say, show
from kumihimo.platform.provider.models import OVERLAP_SECONDS

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[
    str, typer.Option("--tenant", help="Tenant whose data the application may use; without it, one of the platform.")
]
Application = Annotated[str, typer.Argument(help="The application's id, a-….")]


class Kind(StrEnum):
    """How an application proves itself."""

    CONFIDENTIAL = "confidential"
    PRIVATE_KEY_JWT = "private_key_jwt"
    PUBLIC = "public"
    KEY = "key"


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A name that people know it by.")],
    *,
    tenant: Tenant = "",
    kind: Annotated[
        Kind, typer.Option(help="confidential: client secret; public: PKCE alone; key: an API key and no flow.")
    ] = Kind.CONFIDENTIAL,
    scope: Annotated[list[str], typer.Option(help="What it may ask for, such as ngsi-ld:read; repeat it.")],
    redirect: Annotated[list[str] | None, typer.Option(help="Redirect URI, compared letter for letter.")] = None,
    logout: Annotated[list[str] | None, typer.Option(help="Where people may be led after they logged out.")] = None,
    grant: Annotated[list[str] | None, typer.Option(help="Grant type; without it those that fit the rest.")] = None,
    jwks: Annotated[Path | None, typer.Option(help="With private_key_jwt: file of its public keys (JWKS).")] = None,
    own: Annotated[bool, typer.Option("--own", help="The tenant's own: people are not asked for consent.")] = False,
    resource: Annotated[bool, typer.Option("--resource", help="It may ask whether tokens are good.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Register an application; its secret is shown once. One of the platform comes wherever it is given a role."""
    keys = _keys(jwks) or ""
    made = run(
        settings_of(config, data),
        "application-add",
        tenant=tenant,
        name=name,
        kind=kind.value,
        scopes=scope,
        grants=grant or [],
        redirect_uris=redirect or [],
        logout_uris=logout or [],
        jwks=keys,
        own=own,
        resource=resource,
    )
    say(f"application: {made['application']}")
    _say_secret(made["secret"])
    if made["acts_itself"]:
        where = f" --tenant {tenant}" if tenant else ""
        say("It holds no role yet, so it is refused everything. Give it one, such as officer (reads) or data-manager:")
        say(f"    kumihimo member add application:{made['application']} --role officer{where}")


@app.command("edit")
def edit(
    application: Application,
    *,
    tenant: Tenant = "",
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="All that it may ask for from now on; repeat it.")] = None,
    redirect: Annotated[list[str] | None, typer.Option(help="All its redirect URIs from now on; repeat it.")] = None,
    no_redirects: Annotated[bool, typer.Option("--no-redirects", help="No redirect URI: no log-in of people.")] = False,
    logout: Annotated[list[str] | None, typer.Option(help="All its URIs after log-out from now on.")] = None,
    no_logouts: Annotated[bool, typer.Option("--no-logouts", help="No URI after log-out.")] = False,
    jwks: Annotated[Path | None, typer.Option(help="With private_key_jwt: file of its new public keys.")] = None,
    own: Annotated[bool | None, typer.Option("--own/--not-own", help="Whether it is the tenant's own.")] = None,
    resource: Annotated[
        bool | None, typer.Option("--resource/--no-resource", help="Whether it may ask after tokens.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Change an application; what is not named stays. Tokens that hold a scope that it loses are refused at once."""
    if (no_redirects and redirect) or (no_logouts and logout):
        raise fail("name addresses, or say that there are none", code=2)
    made = run(
        settings_of(config, data),
        "application-edit",
        tenant=tenant,
        application=application,
        name=name,
        scopes=scope,
        redirect_uris=[] if no_redirects else redirect,
        logout_uris=[] if no_logouts else logout,
        jwks=_keys(jwks),
        own=own,
        resource=resource,
    )
    say(f"application {application} may ask for {' '.join(made['scopes'])}")


@app.command("list")
def list_(*, tenant: Tenant = "", data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the applications of a tenant, or of the platform, with when they were last used."""
    found = run(settings_of(config, data), "application-list", tenant=tenant)
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)


@app.command("rotate")
def rotate(
    application: Application,
    *,
    tenant: Tenant = "",
    overlap: Annotated[int, typer.Option(help="Seconds for which the old secret is still taken.")] = OVERLAP_SECONDS,
    data: Data = None,
    config: Config = None,
) -> None:
    """Give an application a new secret or API key; with --overlap 0 the old one ends at once."""
    settings = settings_of(config, data)
    made = run(settings, "application-rotate", tenant=tenant, application=application, overlap=overlap)
    _say_secret(made["secret"])


@app.command("disable")
def disable(application: Application, *, tenant: Tenant = "", data: Data = None, config: Config = None) -> None:
    """Take an application out of use; its keys and tokens are refused at once."""
    run(settings_of(config, data), "application-disable", tenant=tenant, application=application)
    say(f"application {application} is out of use")


@app.command("enable")
def enable(application: Application, *, tenant: Tenant = "", data: Data = None, config: Config = None) -> None:
    """Take an application into use again; its keys and secrets count again, tokens of before do not."""
    run(settings_of(config, data), "application-enable", tenant=tenant, application=application)
    say(f"application {application} is in use again; if one of its keys may be stolen, rotate it with --overlap 0")


@app.command("keys")
def keys(
    *,
    rotate_: Annotated[bool, typer.Option("--rotate", help="Make a new one; it signs after ten minutes.")] = False,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="With --rotate: it signs now, and tokens signed before are refused.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show the keys that sign tokens, the newest first, or make a new one."""
    if at_once and not rotate_:
        raise fail("--at-once is said with --rotate only", code=2)
    settings = settings_of(config, data)
    found = run(settings, "token-keys-rotate", at_once=at_once) if rotate_ else run(settings, "token-keys")
    show([{"key": one["kid"], "algorithm": one["alg"]} for one in found["keys"]], form=Format.TABLE)


def _keys(file: Path | None) -> str | None:
    """The key set in a file, None where none is named."""
    try:
        return None if file is None else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise fail(f"{file} cannot be read: {problem}", code=2) from problem


def _say_secret(secret: str) -> None:
    if secret:
        say(f"secret (shown once, keep it): {secret}")


def _short(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "application": one["id"],
        "name": one["name"],
        "kind": one["kind"],
        "scopes": " ".join(one["scopes"]),
        "secrets": len(one["secrets"]),
        "last use": _when(one["last_used_at"]),
        "state": "out of use" if one["disabled_at"] else "in use",
    }


def _when(moment: int) -> str:
    """To the second, in UTC; "" for never."""
    return times.from_micros(moment).strftime("%Y-%m-%d %H:%M:%SZ") if moment else ""
