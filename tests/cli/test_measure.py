"""`kumihimo measure …` on files that nobody has open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app

MEASURES = """[[measures]]
id = "safety"
level = "policy"
title = {ja = "防災"}
owner = "危機管理課"
starts_on = 2026-04-01

[[measures]]
id = "early"
level = "project"
parent = "safety"
title = {ja = "早期避難"}
owner = "危機管理課"
starts_on = 2026-04-01
budget = 1200000
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(MEASURES)
    Path("bad.toml").write_text(MEASURES.replace("policy", "scheme"))
    for town in ("town", "next"):
        assert told(f"tenant add {town} --data data")[0] == 0
    return tmp_path


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, words.split())
    return answer.exit_code, answer.output


@pytest.mark.usefixtures("folder")
def test_a_tree_is_tried_taken_listed_and_carried_to_the_next_town() -> None:
    here = "--tenant town --data data"
    assert told(f"measure import m.toml {here}") == (
        0,
        "safety 防災: new\nearly 早期避難: new\n2 of 2 would change; --apply does it\n",
    )
    assert json.loads(told(f"measure list --format json {here}")[1]) == []
    assert told(f"measure import m.toml --apply --why council {here}")[1].endswith("2 of 2 measures kept\n")
    safety, early = json.loads(told(f"measure list --format json {here}")[1])
    assert (safety["level"], safety["targets"], early["parent"]) == ("policy", [], "safety")
    assert "早期避難" in told(f"measure list {here}")[1]
    _, text = told(f"measure export {here}")
    Path("m.toml").write_text(text.replace("1200000", "900000"))
    code, said = told(f"measure import m.toml {here}")
    assert (code, "safety 防災: as it is" in said, "budget: 1,200,000 → 900,000" in said) == (0, True, True)
    assert told("measure import m.toml --apply --tenant next --data data")[0] == 0
    assert told("measure export --tenant next --data data")[1] == Path("m.toml").read_text()
    code, said = told(f"measure import bad.toml {here}")
    assert (code, "no file of measures" in said) == (1, True)
    assert told(f"measure import none.toml {here}")[0] == 1
