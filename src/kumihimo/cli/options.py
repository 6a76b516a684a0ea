"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from kumihimo.base.settings import Settings, SettingsError, read_settings
from kumihimo.cli.say import fail

Data = Annotated[Path | None, typer.Option("--data", help="Folder that holds what the platform keeps.")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Form = Annotated[str, typer.Option("--format", help="table or json.")]


def settings_from(config: Path | None, **given: Any) -> Settings:
    """The settings of this start; ends with exit code 2 and words where one is wrong."""
    data = Path(str(given.get("data") or os.environ.get("KUMIHIMO_DATA") or "data"))
    named = config or (Path(os.environ["KUMIHIMO_CONFIG"]) if "KUMIHIMO_CONFIG" in os.environ else None)
    path = named or data / "kumihimo.toml"
    try:
        text = path.read_text() if named or path.exists() else ""
        return read_settings(toml=text, where=str(path), environ=os.environ, given=given)
    except (SettingsError, OSError) as problem:
        raise fail(str(problem), code=2) from problem
