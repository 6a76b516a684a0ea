"""`kumihimo usage …` on files that nobody has open."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.base.clock import SystemClock
from kumihimo.cli.main import app
from kumihimo.platform.metering.days import beside, day_of

PLAN = "usage plan --cost 1000001 --weight storage=33.33 --weight calls=16.67 --weight evenly=50"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for tenant in ("fukui", "sabae"):
        assert told(f"tenant add {tenant}")[0] == 0
    return tmp_path


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*words.split(), "--data", "data"])
    return answer.exit_code, answer.output


@pytest.mark.usefixtures("folder")
def test_usage_is_shown_for_all_and_for_one() -> None:
    month = day_of(SystemClock().now())[:7]
    code, said = told("usage")
    assert (code, f"{month} is not over" in said) == (0, True)
    rows = json.loads(told("usage --format json")[1])
    assert [(one["tenant"], one["calls"]) for one in rows] == [("fukui", 0), ("sabae", 0)]
    assert all(one["stored"] > 4096 for one in rows)
    assert told("usage --tenant fukui")[1].startswith("(none)")
    (row,) = csv.DictReader(io.StringIO(told("usage --tenant fukui --csv --lang en")[1].removeprefix("\ufeff")))
    assert (row["Tenant"], row["Service"], row["State"]) == ("fukui", "(whole tenant)", "Month not over")
    assert "not over" not in told(f"usage --month {beside(month, -1)}")[1]


@pytest.mark.usefixtures("folder")
def test_a_cost_is_set_and_split_to_the_last_yen() -> None:
    assert "set it with `kumihimo usage plan" in told("usage split")[1]
    code, said = told(PLAN)
    assert (code, "a cost of 1000001 is split from" in said) == (0, True)
    rows = json.loads(told("usage split --format json")[1])
    assert sum(one["total"] for one in rows) == 1_000_001
    assert sorted(one["evenly"] for one in rows) == [250_000, 250_001]
    assert "the numbers are provisional" in told("usage split")[1]
    answer = CliRunner().invoke(app, ["usage", "split", "--csv", "--encoding", "cp932", "--data", "data"])
    assert answer.stdout_bytes.decode("cp932").splitlines()[-1].endswith(",1000001")
    assert "there is no cost for 2020-01" in told("usage split --month 2020-01")[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("usage --tenant nobody", 1, "no tenant 'nobody'"),
        ("usage --month 2026-13", 1, "write it like 2026-11"),
        ("usage split --month June", 1, "write it like 2026-11"),
        ("usage plan --cost 1 --weight calls=99", 1, "they must be 100 %"),
        ("usage plan --cost 1 --weight people=100", 1, "not by 'people'"),
        ("usage plan --cost 1 --weight calls", 2, "MEASURE=PERCENT"),
        ("usage plan --cost 1 --weight calls=33.333", 2, "two decimals"),
        ("usage plan --cost 1 --weight calls=1.x", 2, "MEASURE=PERCENT"),
        ("usage plan --cost 1 --weight calls=50 --weight calls=50", 2, "twice"),
        ("usage plan --cost 1 --weight calls=100 --since now", 1, "write it like 2026-11"),
    ],
)
def test_what_cannot_be_is_told(words: str, code: int, why: str) -> None:
    answered, said = told(words)
    assert (answered, why in said) == (code, True), said
