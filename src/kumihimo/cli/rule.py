"""`kumihimo rule …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.cli.files import text_of
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, refusals, say, show
from kumihimo.service.rules import text

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="The tenant.")]
Name = Annotated[str, typer.Argument(help="The rule set's name.")]
File = Annotated[Path, typer.Argument(help="Rule set as TOML, UTF-8.")]


@app.command("list")
def list_(*, tenant: Tenant, data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List rule sets with how often their rules fired and what they cost."""
    found = run(settings_of(config, data), "rule-list", tenant=tenant)
    show(found if form is Format.JSON else [_short(one) for one in found], form=form)
    for one in found if form is Format.TABLE else ():
        for rule, words in one["stopped"].items():
            say(f"{one['name']} {rule or 'as a whole'}: stopped: {words['en']}")


def _short(one: dict[str, Any]) -> dict[str, Any]:
    costs = one["rules"].values()
    judged = sum(each["judged"] for each in costs)
    micros = sum(each["micros"] for each in costs)
    return {
        "rule set": one["name"],
        "version": one["version"],
        "on": "on" if one["on"] else "off",
        "stopped": len(one["stopped"]),
        "judged": judged,
        "fired": sum(each["fired"] for each in costs),
        "no answer": sum(each["unanswered"] for each in costs),
        "ms each": f"{micros / judged / 1000:.2f}" if judged else "",
    }


@app.command("show")
def show_(
    name: Name,
    *,
    tenant: Tenant,
    version: Annotated[int, typer.Option(help="An older version; 0 is the newest.")] = 0,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show the text of a rule set."""
    found = run(settings_of(config, data), "rule-show", tenant=tenant, name=name, version=version)
    say(found["text"].rstrip("\n"))


@app.command("check")
def check(file: File) -> None:
    """Say whether a rule set of a file would be taken, and what is wrong where not; nothing is changed."""
    from kumihimo.platform.jsonld.contexts import Contexts
    from kumihimo.service.rules.compile import compiled
    from kumihimo.service.rules.naming import Names

    with refusals():
        core = Contexts(None).core
        found = compiled(text.read(text_of(file, text.MAX_BYTES)), Names(core.expand, core.compact))
    say(f"rule set {found.definition.name}: {len(found.rules)} rules, which would be taken")


@app.command("set")
def set_(
    file: File,
    *,
    tenant: Tenant,
    why: Annotated[str, typer.Option(help="The reason, which is kept.")] = "",
    version: Annotated[
        int | None,
        typer.Option(help="The version that was changed, 0 for none: another one that stands is not put over."),
    ] = None,
    on: Annotated[
        bool | None, typer.Option("--on/--off", help="Switch it on or off; without it it stays as it is.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Put the rule set of a file in place of the one of its name; a new one is off until it is switched on."""
    given = {"text": text_of(file, text.MAX_BYTES), "why": why, "version": version, "on": on}
    made = run(settings_of(config, data), "rule-set", tenant=tenant, **given)
    say(f"rule set {made['name']}, version {made['version']}, {'on' if made['on'] else 'off'}")


@app.command("on")
def on_(name: Name, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Switch a rule set on: it looks at what comes from now on, and what was stopped runs again."""
    run(settings_of(config, data), "rule-switch", tenant=tenant, name=name, on=True)
    say(f"rule set {name} on")


@app.command("off")
def off(name: Name, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Switch a rule set off: nothing that waits is done any more."""
    run(settings_of(config, data), "rule-switch", tenant=tenant, name=name, on=False)
    say(f"rule set {name} off")


@app.command("remove")
def remove(name: Name, *, tenant: Tenant, data: Data = None, config: Config = None) -> None:
    """Take a rule set away with its versions; what it did stays."""
    run(settings_of(config, data), "rule-remove", tenant=tenant, name=name)
    say(f"rule set {name} removed")


@app.command("replay")
def replay(
    *,
    tenant: Tenant,
    start: Annotated[str, typer.Option(help="From this moment: 2026-06-01T00:00:00+09:00.")],
    end: Annotated[str, typer.Option(help="Up to before this moment.")],
    name: Annotated[str, typer.Option(help="The rule set.")] = "",
    file: Annotated[Path | None, typer.Option(help="Instead of one that is kept: a file.")] = None,
    data: Data = None,
    config: Config = None,
    form: Form = Format.TABLE,
) -> None:
    """Say where a rule set would have fired in the past; nothing is done."""
    if (file is None) == (not name):
        raise fail("say either --name or --file", code=2)
    given = {"name": name, "text": "" if file is None else text_of(file, text.MAX_BYTES), "start": start, "end": end}
    found = run(settings_of(config, data), "rule-replay", tenant=tenant, **given)
    if form is Format.JSON:
        show([found], form=form)
        return
    show([{"at": one["at"], "rule": one["rule"], "entity": one["entity"]} for one in found["fired"]], form=form)
    for rule, many in found["counts"].items():
        say(f"{rule}: would have fired {many} times")
    for rule, one in found["unanswered"].items():
        say(f"{rule}: no answer {one['times']} times, last: {one['said']}")
    if found["cut"]:
        say("not everything was looked at: there was too much; choose a shorter time")


@app.command("trace")
def trace(
    name: Name,
    *,
    tenant: Tenant,
    entity: Annotated[str, typer.Option(help="The entity's id.")],
    data: Data = None,
    config: Config = None,
    form: Form = Format.TABLE,
) -> None:
    """Say why rules fired at the newest changes of an entity, or did not."""
    found = run(settings_of(config, data), "rule-trace", tenant=tenant, name=name, entity=entity)
    rows = [{"at": one["at"], "rule": one["rule"], "outcome": one["outcome"], "why": one["why"]} for one in found]
    show(found if form is Format.JSON else rows, form=form)
