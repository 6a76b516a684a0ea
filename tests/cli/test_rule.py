"""`kumihimo rule …` on files that nobody has open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app

RULES = """name = "river"

[[rule]]
name = "high"
types = ["Gauge"]
watch = ["level"]
condition = "entity.level > 3"

[[rule.then]]
do = "task"
whom = "officer"
text = "look at {entity.id}"
minutes = 30
"""
PAST = "station,time,level\n1,2026-06-01 10:00,2.5\n1,2026-06-01 11:00,3.5\n1,2026-06-01 12:00,4.5\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rules.toml").write_text(RULES)
    Path("bad.toml").write_text(RULES.replace("level > 3", "level >"))
    assert told("tenant add town --data data")[0] == 0
    return tmp_path


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, words.split())
    return answer.exit_code, answer.output


@pytest.mark.usefixtures("folder")
def test_a_rule_set_is_checked_put_switched_shown_and_removed() -> None:
    here = "--tenant town --data data"
    assert told("rule check rules.toml") == (0, "rule set river: 1 rules, which would be taken\n")
    code, said = told("rule check bad.toml")
    assert (code, "rule high: condition: at 1:15: Syntax error" in said) == (1, True)
    assert told(f"rule set rules.toml --why begin {here}") == (0, "rule set river, version 1, off\n")
    assert told(f"rule on river {here}") == (0, "rule set river on\n")
    assert told(f"rule set rules.toml --version 1 {here}") == (0, "rule set river, version 2, on\n")
    code, said = told(f"rule set rules.toml --version 1 {here}")
    assert (code, "while version 1 was being changed" in said) == (1, True)
    (one,) = json.loads(told(f"rule list --format json {here}")[1])
    assert (one["name"], one["on"], one["owner"]) == ("river", True, "system:command line")
    assert "river" in told(f"rule list {here}")[1]
    assert told(f"rule show river --version 1 {here}") == (0, RULES)
    assert told(f"rule off river {here}") == (0, "rule set river off\n")
    assert told(f"rule remove river {here}") == (0, "rule set river removed\n")
    assert "there is no rule set 'river'" in told(f"rule remove river {here}")[1]
    assert "cannot be read" in told("rule check nowhere.toml")[1]


@pytest.mark.usefixtures("folder")
def test_a_file_is_tried_on_the_past_and_a_change_is_traced() -> None:
    Path("past.csv").write_text(PAST)
    here = "--tenant town --data data"
    took = told(f"import-history past.csv --type Gauge --id-column station --time-column time --apply {here}")
    assert took[0] == 0, took
    span = "--start 2026-06-01T00:00:00+09:00 --end 2026-06-02T00:00:00+09:00"
    code, said = told(f"rule replay --file rules.toml {span} {here}")
    assert (code, "high: would have fired 2 times" in said) == (0, True), said
    found = json.loads(told(f"rule replay --file rules.toml {span} --format json {here}")[1])
    assert [one["facts"]["level"] for one in found[0]["fired"]] == [3.5, 4.5]
    assert told(f"rule replay {span} {here}")[0] == 2
    told(f"rule set rules.toml --on {here}")
    entity = found[0]["fired"][0]["entity"]
    code, said = told(f"rule trace river --entity {entity} {here}")
    assert (code, "later" in said) == (0, True)
