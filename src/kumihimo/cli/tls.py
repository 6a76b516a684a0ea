"""`kumihimo tls …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kumihimo.base.clock import SystemClock
from kumihimo.cli.options import Config, Data, settings_of
from kumihimo.cli.say import fail, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def every_command() -> None:
    """TLS: a certificate authority for development."""


@app.command("dev")
def dev(
    names: Annotated[list[str] | None, typer.Argument(help="Host names and addresses beside localhost.")] = None,
    *,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a local authority and a certificate for this machine in the data folder's tls/, and say how to use them."""
    from kumihimo.app.development import make_files

    folder = Path(settings_of(config, data).data) / "tls"
    try:
        found = make_files(folder, names or (), SystemClock().now())
    except (OSError, ValueError) as problem:
        raise fail(f"no certificate was made: {problem}") from problem
    authority = found.authority.absolute()
    say(f'tls_certificate = "{found.certificate.absolute()}"')
    say(f'tls_key = "{found.key.absolute()}"')
    say("https_port = 8443")
    say("https_device_port = 8444")
    say("mqtt_tls_port = 8883")
    say("\nPut these lines into kumihimo.toml. For development only: whoever has ca.key can pass for any site before")
    say(f"those who trust {authority}. To trust it:")
    say(f"  curl, mosquitto_pub  --cacert {authority}   --cafile {authority}")
    say(f"  Debian, Ubuntu       sudo cp {authority} /usr/local/share/ca-certificates/kumihimo-dev.crt")
    say("                       sudo update-ca-certificates")
    say(f"  Windows              certutil -user -addstore Root {authority}")
    say(f"  macOS                security add-trusted-cert -r trustRoot -k login.keychain {authority}")
    say("  Firefox              Settings, Certificates, Authorities, Import")
