"""`kumihimo kpi …`."""

from __future__ import annotations

import base64
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kumihimo.cli.options import Config, Data, settings_of
from kumihimo.cli.reach import run
from kumihimo.cli.say import fail, say

app = typer.Typer(no_args_is_help=True)


class FileForm(StrEnum):
    """What the file is written as."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


class Language(StrEnum):
    """The language of headings and words."""

    JA = "ja"
    EN = "en"


@app.command("export")
def export(
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    form: Annotated[FileForm, typer.Option("--format", help="What the file is written as.")] = FileForm.CSV,
    lang: Annotated[Language, typer.Option("--lang", help="The language of headings and words.")] = Language.JA,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write all figures of a tenant into a file."""
    made = run(settings_of(config, data), "kpi-export", tenant=tenant, form=form.value, lang=lang.value)
    body = base64.b64decode(made["file"])
    try:
        out.write_bytes(body)
    except OSError as problem:
        raise fail(f"{out} cannot be written: {problem.strerror}") from problem
    say(f"{out}: {len(body)} bytes")
