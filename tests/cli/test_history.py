"""`kumihimo import-history` on files: what it shows, what it writes, and what it says where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from kumihimo.base.errors import BadRequestData, StorageRefused
from kumihimo.base.settings import Settings
from kumihimo.cli import reach
from kumihimo.cli.history import Wanted, import_history, units_of
from kumihimo.cli.operations import perform as operations
from kumihimo.platform.imports import observations
from kumihimo.platform.imports.observations import Layout

ROWS = "id,time,level\n" + "".join(f"1,2024-06-23 00:{n:02},{n}\n" for n in range(40))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a tenant, and pieces of ten rows."""
    reach.run(Settings(data=str(tmp_path / "data")), "tenant-add", tenant="town")
    monkeypatch.setattr(observations, "PIECE_ROWS", 10)
    return tmp_path


def run(folder: Path, text: str = ROWS, name: str = "a.csv", *, apply: bool = True, **more: Any) -> int:
    file = folder / name
    if text:
        file.write_text(text)
    wanted = Wanted(**{"tenant": "town", "layout": Layout(entity_type="G"), "may_create": True, "again": False, **more})
    return import_history(Settings(data=str(folder / "data")), file, wanted, apply=apply)


def test_it_shows_then_writes_then_has_nothing_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ROWS + "2,no time,1\n"
    assert run(folder, text, apply=False) == 1
    shown = capsys.readouterr()
    assert "level -> level (number)" in shown.out
    assert "one of JST (--zone)" in shown.out
    assert "40 observations of 1 entities, 2024-06-22T15:00:00.000Z to 2024-06-22T15:39:00.000Z" in shown.out
    assert "line 42: 'no time' is no date and time" in shown.err
    assert run(folder, text) == 1
    said = capsys.readouterr()
    assert "40 stored, 0 there already, 0 corrected, 1 refused; 1 became the current value" in said.out
    assert "line 42" in said.err
    assert run(folder, text) == 0
    assert "imported already (40 stored" in capsys.readouterr().out
    assert run(folder, text, again=True) == 1
    assert "0 stored, 40 there already" in capsys.readouterr().out


def test_json_lines_are_judged_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {
        "id": "urn:a:1",
        "type": "G",
        "level": {"type": "Property", "value": 1, "observedAt": "2024-06-23T00:00:00Z"},
    }
    text = json.dumps(good) + "\n" + json.dumps({**good, "level": 5}) + "\n"
    assert run(folder, text, "a.jsonl", apply=False) == 1
    shown = capsys.readouterr()
    assert "1 observations of 1 entities, 2024-06-23" in shown.out
    assert "no observedAt" in shown.err
    assert run(folder, text, "a.jsonl") == 1
    assert "1 stored, 0 there already, 0 corrected, 1 refused" in capsys.readouterr().out


def test_a_full_disk_stops_it_and_it_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0
    take = operations.OPERATIONS["history-take"]

    async def fills_up(doors: Any, given: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise StorageRefused("tenant 'town': the disk is full")
        return await take(doors, given)

    with monkeypatch.context() as patch:
        patch.setitem(operations.OPERATIONS, "history-take", fills_up)
        with pytest.raises(typer.Exit):
            run(folder)
    told = capsys.readouterr().err
    assert "stopped behind record 20: tenant 'town': the disk is full" in told
    assert "run the same command again" in told
    assert run(folder, "") == 0
    said = capsys.readouterr().out
    assert "Goes on behind record 20" in said
    assert "40 stored, 0 there already" in said


def test_a_file_that_changes_while_it_is_read_is_left(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = operations.OPERATIONS["history-take"]

    async def grows(doors: Any, given: Any) -> Any:
        with (folder / "a.csv").open("a") as file:
            file.write("1,2024-06-24 00:00,1\n")
        return await take(doors, given)

    with monkeypatch.context() as patch:
        patch.setitem(operations.OPERATIONS, "history-take", grows)
        with pytest.raises(typer.Exit):
            run(folder)
    assert "the file changed while it was read" in capsys.readouterr().err
    assert run(folder, "") == 0
    said = capsys.readouterr().out
    assert "An import of a.csv stopped behind record" in said
    assert "begins at the start" in said


def test_a_tenant_that_there_is_not_and_a_file_that_there_is_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception, match="there is no tenant 'city'"):
        run(folder, tenant="city")
    with pytest.raises(BadRequestData, match="cannot be read: No such file"):
        run(folder, "", "none.csv")
    assert run(folder, may_create=False) == 1
    assert "there is no entity urn:ngsi-ld:G:1" in capsys.readouterr().err


def test_units_are_given_by_heading() -> None:
    assert units_of(["水位(m)=MTR", "a=b=C62"]) == {"水位(m)": "MTR", "a=b": "C62"}
    with pytest.raises(BadRequestData, match="HEADING=CODE"):
        units_of(["MTR"])
