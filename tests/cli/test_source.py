"""`kumihimo source …` on files that nobody has open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inbox").mkdir()
    assert told("tenant add town")[0] == 0
    return tmp_path


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*words.split(), "--data", "data"])
    return answer.exit_code, answer.output


def test_a_source_is_added_looked_at_listed_and_removed(folder: Path) -> None:
    assert told("source add in --tenant town --folder inbox --every 2h --type G --history --unit level=MTR")[0] == 0
    code, said = told("source run in --tenant town")
    assert (code, said.splitlines()[0]) == (0, "unchanged: 0 taken, 0 refused since it was added")
    code, said = told("source list --tenant town")
    assert f"in: {folder}/inbox" in said
    (one,) = json.loads(told("source list --tenant town --format json")[1])
    assert (one["every"], one["outcome"], one["aside"]) == (7200, "unchanged", [])
    assert one["reading"]["history"]["units"] == {"level": "MTR"}
    assert told("source remove in --tenant town")[0] == 0
    assert "has no source 'in'" in told("source remove in --tenant town")[1]


@pytest.mark.usefixtures("folder")
def test_an_address_that_is_not_allowed_is_told() -> None:
    assert told("source add web --tenant town --url http://127.0.0.1:9/a.csv --type G")[0] == 0
    code, said = told("source run web --tenant town")
    assert code == 1
    assert "outbound_hosts" in said
    assert "  127.0.0.1:9 leads to 127.0.0.1, a loopback address" in told("source list --tenant town")[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("add s --tenant town --type G", 2, "either --folder or --url"),
        ("add s --tenant town --folder inbox --url http://a.example.jp/ --type G", 2, "either --folder or --url"),
        ("add s --tenant town --folder inbox --every soon", 2, "like 10m, not 'soon'"),
        ("add s --tenant town --folder inbox --every 1s", 1, "every 10 seconds to 31 days"),
        ("add s --tenant town --folder inbox --zone UTC", 2, "with --history only"),
        ("add s --tenant town --folder inbox --history --unit MTR", 1, "HEADING=CODE"),
        ("add s --tenant city --folder inbox --type G", 1, "no tenant 'city'"),
        ("run s --tenant town", 1, "no source 's'"),
    ],
)
def test_what_cannot_be_is_told(words: str, code: int, why: str) -> None:
    answered, said = told(f"source {words}")
    assert (answered, why in said) == (code, True), said
