"""The commands of `kumihimo`. Exit codes: 0 done, 1 refused or failed, 2 used wrongly."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kumihimo import __version__
from kumihimo.cli.groups import Groups
from kumihimo.cli.options import Config, Data, Form, settings_from, settings_of
from kumihimo.cli.reach import ask_running
from kumihimo.cli.say import Format, refusals, say, show


class Event(StrEnum):
    """The recorded events that can be played."""

    JUNE_2024 = "2024-06"
    AUGUST_2023 = "2023-08"


app = typer.Typer(
    cls=Groups,
    help="Kumihimo: a city data OS (都市OS). Start with `kumihimo demo`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(*, asked: bool) -> None:
    if asked:
        say(f"kumihimo {__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Say the version and end.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Kumihimo: a city data OS (都市OS)."""
    del version  # its callback answers, also where no command follows


@app.command("serve")
def serve_command(
    *,
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port of HTTP; 0 takes any free one.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="Port of MQTT; 0 any free one, -1 none.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    open_: Annotated[bool | None, typer.Option("--open", help="No log-in; only on loopback.")] = None,
    config: Config = None,
) -> None:
    """Start an empty platform."""
    from kumihimo.cli import serve

    settings = settings_from(
        config, data=str(data) if data else None, port=port, mqtt_port=mqtt_port, host=host, open=open_
    )
    raise typer.Exit(serve.serve(settings))


@app.command("demo")
def demo_command(
    *,
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port of HTTP; without it 8080 or the next free one.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="Port of MQTT; without it 1883 or the next free one.")] = None,
    event: Annotated[Event, typer.Option(help="2024-06: flood of June 2024; 2023-08: typhoon Lan.")] = Event.JUNE_2024,
    speed: Annotated[
        float, typer.Option(help="How many recorded seconds pass in one real second, 1 to 36000.")
    ] = 600.0,
    new_passwords: Annotated[
        bool, typer.Option("--new-passwords", help="Give the demo's people new passwords and a new API key.")
    ] = False,
    wildlife: Annotated[
        bool, typer.Option("--wildlife", help="Also play a season of bears and traps into a second town.")
    ] = False,
    config: Config = None,
) -> None:
    """Start the demo: the rivers of Fukui, played back from real recordings over real MQTT.

    It is closed; the first start prints the passwords of its people, one for each role.
    """
    from kumihimo.cli import serve

    home = Path("data") / f"demo-{event.value}"
    settings = settings_from(config, home=home, data=str(data) if data else None, port=port, mqtt_port=mqtt_port)
    raise typer.Exit(
        serve.demo(
            settings,
            event=event.value,
            speed=speed,
            any_port=port is None,
            any_mqtt=mqtt_port is None,
            renew=new_passwords,
            wildlife=wildlife,
        )
    )


@app.command("doctor")
def doctor_command(*, data: Data = None, config: Config = None) -> None:
    """Check this machine and this data folder, and say what to mend."""
    from kumihimo.cli import doctor

    raise typer.Exit(doctor.examine(settings_of(config, data)))


@app.command("mock-issuer")
def mock_issuer_command(
    *,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes 8090 or the next free one.")] = 0,
    shape: Annotated[str, typer.Option(help="digital-auth-app, keycloak or entra.")] = "digital-auth-app",
    provider_name: Annotated[str, typer.Option("--provider", help="The mock's name on the platform.")] = "mock",
    platform: Annotated[str, typer.Option(help="Where the platform is reached.")] = "http://localhost:8080",
    client_id: Annotated[str, typer.Option(help="The platform's client id at the mock.")] = "RP00000001",
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the client secret; without it one is made and shown.")
    ] = None,
) -> None:
    """Start a mock of a log-in provider with invented people, for demonstrations and tests."""
    from kumihimo.cli import mock_issuer
    from kumihimo.cli.provider import read_secret

    secret = read_secret(secret_file) if secret_file is not None else ""
    wanted = mock_issuer.Wanted(shape, port, platform, provider_name, client_id, secret)
    raise typer.Exit(mock_issuer.run_mock(wanted))


@app.command("metrics")
def metrics_command(*, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """Show the numbers of the platform that runs here, also of a closed one."""
    found = ask_running(settings_of(config, data), "metrics")
    rows = [{"part": part, "name": name, "value": value} for part in found for name, value in found[part].items()]
    show(rows, form=form)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or CP932) or NGSI-LD JSON.")],
    *,
    tenant_name: Annotated[str, typer.Option("--tenant", help="Tenant that gets the entities.")],
    entity_type: Annotated[str, typer.Option("--type", help="Type of the entities of a CSV.")] = "",
    id_column: Annotated[str, typer.Option(help="Column that identifies a row.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Write; without it only what would happen is shown.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Read a town's file into entities; shows what it would do until --apply is given."""
    from kumihimo.cli import imports

    settings = settings_of(config, data)
    with refusals():
        raise typer.Exit(
            imports.import_file(
                settings, file, tenant=tenant_name, entity_type=entity_type, id_column=id_column, apply=apply
            )
        )


@app.command("import-history")
def import_history_command(
    file: Annotated[Path, typer.Argument(help="CSV of observations, or NGSI-LD temporal JSON (array or lines).")],
    *,
    tenant_name: Annotated[str, typer.Option("--tenant", help="Tenant that gets the history; it must be there.")],
    entity_type: Annotated[str, typer.Option("--type", help="Type of the entities of a CSV.")] = "",
    entity: Annotated[str, typer.Option(help="The one entity of a CSV without a column of stations.")] = "",
    id_column: Annotated[str, typer.Option(help="Column that says which entity.")] = "",
    time_column: Annotated[
        list[str] | None, typer.Option(help="Column that says when; twice where day and time stand apart.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Zone of moments that say none: JST, UTC, +09:00, Asia/Tokyo.")] = "JST",
    column: Annotated[list[str] | None, typer.Option(help="Column of values; without it all that are left.")] = None,
    name_column: Annotated[str, typer.Option(help="Long shape: the column that names the attribute.")] = "",
    value_column: Annotated[str, typer.Option(help="Long shape: the column of its value.")] = "",
    unit: Annotated[list[str] | None, typer.Option(help="HEADING=CODE, the UN/CEFACT unit of a column.")] = None,
    existing_only: Annotated[
        bool, typer.Option("--existing-only", help="Refuse rows of entities that there are not.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Import anew what was imported already.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Write; without it only what would happen is shown.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Read observations of the past, however many, into history; goes on where it was stopped."""
    from kumihimo.cli import history
    from kumihimo.platform.imports.observations import Layout

    settings = settings_of(config, data)
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
            units=history.units_of(unit or ()),
        )
        wanted = history.Wanted(tenant_name, layout, may_create=not existing_only, again=again)
        raise typer.Exit(history.import_history(settings, file, wanted, apply=apply))
