"""`kumihimo solution …`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base import times
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, refusals, say, show

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="The town.")]
MaybeTenant = Annotated[str, typer.Option("--tenant", help="A town, for what it has.")]
PackName = Annotated[str, typer.Argument(help="A pack's id, or a folder, .zip or .tar that is one.", metavar="PACK")]
Installed = Annotated[str, typer.Argument(help="The id of an installed pack.", metavar="PACK")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; without it only what would happen is shown.")]
Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="Take a pack that nobody whom the platform trusts signed; you answer for it.")
]
WithProgram = Annotated[
    bool, typer.Option("--program", help="Take the pack's program, which you looked at; it can do nothing but reckon.")
]
Given = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a parameter; may be said again.")]
Sample = Annotated[bool, typer.Option("--sample", help="Make the pack's sample entities too.")]


@app.command("list")
def list_(*, tenant: MaybeTenant = "", data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the packs there are: those of the program, and those in packs/ of the data folder."""
    found = run(settings_of(config, data), "solution-list", tenant=tenant)
    show(found["packs"], form=form)
    for one in found["broken"] if form is Format.TABLE else ():
        say(f"{one['file']} cannot be taken: {one['why']}")


@app.command("show")
def show_(
    pack: PackName, *, tenant: MaybeTenant = "", data: Data = None, config: Config = None, form: Form = Format.TABLE
) -> None:
    """Show what a pack is and asks for; with --tenant how it stands there."""
    given = {"pack": pack, "archive": ""} if tenant else _named(pack)
    found = run(settings_of(config, data), "solution-show", tenant=tenant, **given)
    if form is Format.JSON:
        show([found], form=form)
        return
    for name, value in found.items():
        if value:
            _say_part(name, value)


@app.command("check")
def check(pack: PackName, *, data: Data = None, config: Config = None) -> None:
    """Check a pack: its manifest, its files, its signature, and its own tests on a platform made for them."""
    from kumihimo.cli.pack_files import tried

    with refusals():
        found, verdicts = tried(Path(settings_of(config, data).data), pack, is_path=_is_path(pack))
    say(f"{found.name}: {found.trust}{_after(' by ', found.signer)}")
    for one in verdicts:
        say(f"  {'passed' if one.passed else 'FAILED'}: {one.case}{_after(': ', one.why)}")
    if not all(one.passed for one in verdicts):
        raise fail(f"{found.name} does not pass its own tests")
    say(f"{len(verdicts)} tests passed; the pack can be installed")


@app.command("key")
def key(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; the public one beside it as .pub.")],
) -> None:
    """Make a pair of keys to sign packs with."""
    from kumihimo.solutions.packs.signature import write_keys

    with refusals():
        beside = write_keys(file)
    say(f"{file} is the private key; keep it. {beside} goes into packs/signers of the data folders that trust it")


@app.command("sign")
def sign(
    folder: Annotated[Path, typer.Argument(help="The pack's folder.")],
    *,
    key: Annotated[Path, typer.Option("--key", help="The private key.")],
) -> None:
    """Sign a pack's folder: writes signature.toml into it, over the hashes of all its files."""
    from kumihimo.cli.pack_files import sign_folder

    with refusals():
        made = sign_folder(folder, key)
    say(f"{made} written; sign again after every change")


@app.command("pack")
def pack_(
    folder: Annotated[Path, typer.Argument(help="The pack's folder.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The .zip to write.")],
) -> None:
    """Put a pack's folder into one .zip, the same bytes for the same files."""
    from kumihimo.cli.pack_files import zip_folder

    with refusals():
        made = zip_folder(folder)
    out.write_bytes(made)
    say(f"{out} written")


@app.command("install")
def install(
    pack: PackName,
    *,
    tenant: Tenant,
    given: Given = None,
    sample: Sample = False,
    unsigned: Unsigned = False,
    program: WithProgram = False,
    apply: Apply = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Install a pack into a town; shows what it would make and which rights it wants until --apply is given."""
    wanted = {"values": _values(given), "sample": sample, "unsigned": unsigned, "program": program, "apply": apply}
    found = run(settings_of(config, data), "solution-install", tenant=tenant, **_named(pack), **wanted)
    _say_plan(found, apply=apply)


@app.command("upgrade")
def upgrade(
    pack: PackName,
    *,
    tenant: Tenant,
    given: Given = None,
    unsigned: Unsigned = False,
    program: WithProgram = False,
    apply: Apply = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Bring an installed pack to the version that lies here; the town's values, changes and data stay."""
    settings = settings_of(config, data)
    wanted = {"values": _values(given), "sample": False, "unsigned": unsigned, "program": program}
    planned = run(settings, "solution-install", tenant=tenant, **_named(pack), **wanted, apply=False)
    if not planned["before"]:
        raise fail(f"{planned['pack']} is not installed in {tenant}; kumihimo solution install does that")
    if apply:
        planned = run(settings, "solution-install", tenant=tenant, **_named(pack), **wanted, apply=True)
    _say_plan(planned, apply=apply)


@app.command("set")
def set_(
    pack: Installed,
    value: Annotated[list[str], typer.Argument(help="NAME=VALUE; an empty value brings the pack's own back.")],
    *,
    tenant: Tenant,
    data: Data = None,
    config: Config = None,
) -> None:
    """Give parameters of an installed pack the town's own values."""
    found = run(settings_of(config, data), "solution-set", tenant=tenant, pack=pack, values=_values(value))
    _say_plan(found, apply=True)


@app.command("remove")
def remove(
    pack: Installed,
    *,
    tenant: Tenant,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Also what the town changed, its values, and all entities of the pack's types."),
    ] = False,
    apply: Apply = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Remove a pack: what it made goes, what the town changed and its data stay; shows it until --apply is given."""
    wanted = {"pack": pack, "purge": purge, "apply": apply}
    _say_plan(run(settings_of(config, data), "solution-remove", tenant=tenant, **wanted), apply=apply)


@app.command("export")
def export(
    pack: Installed,
    *,
    tenant: Tenant,
    name: Annotated[str, typer.Option("--as", help="The id of the town's own pack.")],
    out: Annotated[Path, typer.Option("--out", help="The .zip to write.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Write the town's changed copy of a pack as a pack of its own, with its values as defaults; sign it then."""
    found = run(settings_of(config, data), "solution-export", tenant=tenant, pack=pack, **{"as": name})
    out.write_bytes(base64.b64decode(found["archive"]))
    say(f"{out} written")
    for one in found["left"]:
        say(f"  not in it: {one}")


@app.command("town")
def town(
    *,
    tenant: Tenant,
    population: Annotated[int | None, typer.Option(help="How many people live there.")] = None,
    trait: Annotated[list[str] | None, typer.Option(help="coast, mountain, snow or river; may be said again.")] = None,
    listed: Annotated[
        bool | None, typer.Option("--listed/--unlisted", help="Let the other towns of the platform see it.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what a town is like, by which the planner finds towns like it; without options what was said."""
    given = {"population": population, "traits": trait, "listed": listed}
    found = run(settings_of(config, data), "solution-town", tenant=tenant, **given)
    show([{**found, "traits": ", ".join(found["traits"])}], form=Format.TABLE)


# --- what is said -------------------------------------------------------------------------------------------


def _is_path(pack: str) -> bool:
    return "/" in pack or pack.endswith((".zip", ".tar", ".gz", ".tgz")) or Path(pack).is_dir()


def _named(pack: str) -> dict[str, str]:
    """A pack by its id, or its files as they lie here."""
    if not _is_path(pack):
        return {"pack": pack, "archive": ""}
    from kumihimo.solutions.packs.archive import read_path, write_archive

    path = Path(pack)
    with refusals():
        raw = write_archive(read_path(path)) if path.is_dir() else _raw(path)
    return {"pack": "", "archive": base64.b64encode(raw).decode()}


def _raw(path: Path) -> bytes:
    from kumihimo.solutions.packs.archive import MAX_ARCHIVE

    try:
        with path.open("rb") as opened:
            return opened.read(MAX_ARCHIVE + 1)
    except OSError as problem:
        raise fail(f"{path} cannot be read: {problem.strerror}") from problem


def _values(given: list[str] | None) -> dict[str, str]:
    found = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals:
            raise fail(f"{one[:64]!r} is no NAME=VALUE", code=2)
        found[name.strip()] = value.strip()
    return found


def _say_plan(plan: Mapping[str, Any], *, apply: bool) -> None:
    before = f" (now {plan['before']})" if plan["before"] and plan["action"] != "remove" else ""
    say(f"{plan['action']} {plan['pack']} {plan['version']}{before}")
    if plan.get("trust"):
        say(f"  trust: {plan['trust']}{_after(' by ', plan['signer'])}")
    if plan["action"] != "remove":
        say(f"  rule: {plan['rule']}")
        for one in plan["rights"]:
            say(f"  right: {one}")
        for one in plan["program"]:
            say(f"  program: {one}")
    for one in plan["steps"]:
        say(f"  {one['step']} {one['kind']} {one['name']}{_after(': ', one['why'])}")
    if not plan["steps"]:
        say("  nothing to make, change or take away")
    for one in plan["later"]:
        say(f"  note: {one}")
    for one in plan["missing"]:
        say(f"  missing: {one}")
    say("done" if apply else "nothing was changed; say --apply to do it")
    if plan["missing"] and not apply:
        raise typer.Exit(1)


def _after(sign: str, words: str) -> str:
    return f"{sign}{words}" if words else ""


def _say_part(name: str, value: Any) -> None:
    if isinstance(value, dict):
        value = [f"{key} = {one}" for key, one in value.items()]
    if not isinstance(value, list):
        say(f"{name}: {value}")
        return
    say(f"{name}:")
    for one in value:
        say(f"  {one if isinstance(one, str) else _event(one)}")


def _event(one: Mapping[str, Any]) -> str:
    return f"{times.from_micros(one['at']):%Y-%m-%d %H:%M}Z {one['what']} {one['version']} by {one['by']}"
