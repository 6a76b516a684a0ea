"""`kumihimo account …` on files that nobody has open, and the link that a start prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.cli import serve
from kumihimo.cli.main import app

LINK = re.compile(r"http://localhost:8080/welcome/[\w-]{43}\n")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*words.split(), "--data", "data"])
    return answer.exit_code, answer.output


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told("account list --format json")[1])
    return found


def test_accounts_are_made_listed_disabled_and_given_fresh_links() -> None:
    code, said = told("account link")
    assert (code, len(LINK.findall(said))) == (0, 1)
    code, said = told("account add Sato --name 佐藤 --operator")
    assert (code, len(LINK.findall(said))) == (0, 1)
    assert told("account add tanaka")[0] == 0
    shown = [(one["account"], one["name"], one["operator"], one["disabled"]) for one in listed()]
    assert shown == [("sato", "佐藤", True, False), ("tanaka", "tanaka", False, False)]
    assert LINK.findall(told("account link SATO")[1]) != LINK.findall(said)
    assert told("account disable sato")[0] == 0
    assert [one["disabled"] for one in listed()] == [True, False]
    assert told("account disable sato --undo")[0] == 0
    assert [one["disabled"] for one in listed()] == [False, False]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("account add sato", "already"),
        ("account add a/b", "sign-in name"),
        ("account add x --lang de", "no language"),
        ("account add x --email nowhere", "e-mail"),
        ("account link nobody", "no account 'nobody'"),
        ("account disable nobody", "no account 'nobody'"),
        ("account link", "somebody has an account already"),
    ],
)
def test_what_is_refused_is_told(words: str, why: str) -> None:
    assert told("account add sato")[0] == 0
    code, said = told(words)
    assert (code, why in said) == (1, True), said


def test_a_start_prints_the_link_of_the_first_administrator(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(settings: Settings, _: Any, started: Callable[[Any], None]) -> int:
        platform = wire(settings, SystemClock())
        platform.http_port = 8080
        started(platform)
        platform.welcome = "t" * 43
        started(platform)
        return 0

    monkeypatch.setattr(serve, "_start", start)
    assert serve.serve(Settings(data="data")) == 0
    first, second = capsys.readouterr().out.split("Kumihimo is at")[1:]
    assert "Closed: strangers see the log-in page" in first
    assert "/welcome/" not in first
    assert f"http://localhost:8080/welcome/{'t' * 43}\n" in second
