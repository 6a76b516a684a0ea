"""`kumihimo policy …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kumihimo.cli.files import text_of
from kumihimo.cli.options import Config, Data, Form, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import Format, fail, refusals, say, show
from kumihimo.platform.access.words import MAX_BYTES

app = typer.Typer(no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="The tenant; without it the platform itself.")]
File = Annotated[Path, typer.Argument(help="Cedar policies, UTF-8.")]
Name = Annotated[str, typer.Argument(help="The document's name.")]


@app.command("list")
def list_(*, tenant: Tenant = "", data: Data = None, config: Config = None, form: Form = Format.TABLE) -> None:
    """List the documents of policies; version 0 is what the program came with."""
    show(run(settings_of(config, data), "policy-list", tenant=tenant), form=form)


@app.command("show")
def show_(
    name: Name,
    *,
    tenant: Tenant = "",
    version: Annotated[int, typer.Option(help="An older version; -1 is the one that stands.")] = -1,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show the text of a document."""
    found = run(settings_of(config, data), "policy-show", tenant=tenant, name=name)
    wanted = [one for one in found if version in {-1, one["number"]}]
    if not wanted:
        raise fail(
            f"policies {name!r} have no version {version}; there are {', '.join(str(one['number']) for one in found)}"
        )
    say(wanted[0]["text"].rstrip("\n"))


@app.command("check")
def check(file: File) -> None:
    """Say whether the policies of a file would be kept, and what is wrong where not; nothing is changed."""
    from kumihimo.platform.access.compile import policies_of

    with refusals():
        found = policies_of(text_of(file, MAX_BYTES))
    say(f"{len(found)} policies, which would be kept")


@app.command("example")
def example(
    *,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Publish entities of this type; may be given again.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="Publish this attribute alone; may be given again.")
    ] = None,
    scope: Annotated[
        str, typer.Option(help="Publish what is in this scope; /public where no type is given either.")
    ] = "",
) -> None:
    """Print policies by which a tenant publishes data: anybody may read it without logging in. Nothing is changed."""
    from kumihimo.platform.access.published import EXAMPLE_SCOPE, published_text
    from kumihimo.platform.jsonld.contexts import Contexts

    types, attributes = type_ or [], attribute or []
    with refusals():
        text = published_text(types, attributes, scope or ("" if types else EXAMPLE_SCOPE), Contexts().core.expand)
    say(text.rstrip("\n"))


@app.command("put")
def put(
    file: File,
    *,
    why: Annotated[str, typer.Option(help="The reason, which is kept.")],
    name: Annotated[str, typer.Option(help="The document's name; without it the file's.")] = "",
    tenant: Tenant = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Put the policies of a file in place of the document of its name; they count at once."""
    given = {"name": name or file.stem, "text": text_of(file, MAX_BYTES), "why": why}
    made = run(settings_of(config, data), "policy-put", tenant=tenant, **given)
    say(f"policies {made['name']}, version {made['number']}")
