"""Options that several commands share."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base.settings import DATA, Settings, SettingsError, read_settings
from kumihimo.cli.say import Format, fail

Data = Annotated[Path | None, typer.Option("--data", help="Folder that holds what the platform keeps.")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Form = Annotated[Format, typer.Option("--format", help="A table for people, or JSON for programs.")]


def settings_of(config: Path | None, data: Path | None) -> Settings:
    """The settings for a command that is told no more than where the platform keeps its data."""
    return settings_from(config, data=str(data) if data else None)


def settings_from(config: Path | None, *, home: Path | None = None, **given: Any) -> Settings:
    """The settings of this start; ends with exit code 2 and words where one is wrong.

    `home` is the data folder where neither the command line, the environment nor the file names one.
    """
    named_data = given.get("data") or os.environ.get("KUMIHIMO_DATA")
    data = Path(str(named_data)) if named_data else home or Path(DATA)
    named = config or (Path(os.environ["KUMIHIMO_CONFIG"]) if "KUMIHIMO_CONFIG" in os.environ else None)
    path = named or data / "kumihimo.toml"
    try:
        text = path.read_text(encoding="utf-8-sig") if named or path.exists() else ""
        settings = read_settings(toml=text, where=str(path), environ=os.environ, given=given)
    except UnicodeDecodeError as problem:
        raise fail(f"{path}: not UTF-8 (byte {problem.start + 1}); save it as UTF-8", code=2) from problem
    except (SettingsError, OSError) as problem:
        raise fail(str(problem), code=2) from problem
    if not named_data and settings.data == DATA:
        return replace(settings, data=str(data))
    return settings
