"""A refusal is said in the language of the terminal, whoever refused; how the command ends is the same in each."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.base.errors import AlreadyExists, BadRequestData, Problem
from kumihimo.base.jsontext import loads
from kumihimo.base.settings import SettingsError
from kumihimo.cli import words
from kumihimo.cli.main import app
from kumihimo.cli.served import _told
from kumihimo.cli.socket import Remote
from kumihimo.platform.access.words import check_role

JAPANESE = {"LC_ALL": "ja_JP.UTF-8"}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja"}, "ja"),
        ({"LANG": "ja.eucJP"}, "ja"),
        ({"LANG": "jam_JM"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "ja_JP"}, "ja"),
        ({"LANG": "ja_JP", "LC_MESSAGES": "ja_JP", "LC_ALL": "C"}, "en"),
        ({"LANG": "ja_JP", "LC_ALL": ""}, "ja"),
    ],
)
def test_the_environment_says_the_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words.language() == language


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"LC_ALL": "C.UTF-8"}, "there is no tenant 'nobody'"), (JAPANESE, "テナント「nobody」はありません")],
)
def test_a_command_ends_with_its_refusal_in_that_language(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    command = ["member", "list", "--tenant", "nobody", "--data", str(tmp_path)]
    ended = CliRunner(env=environment).invoke(app, command)
    assert (ended.exit_code, f"kumihimo: {said}" in ended.output) == (1, True), ended.output


def refused() -> Problem:
    with pytest.raises(BadRequestData) as problem:
        check_role("X")
    return problem.value


@pytest.mark.parametrize("answer", [lambda one: one, lambda one: Remote(loads(_told(one).body))], ids=["here", "there"])
def test_a_refusal_has_the_same_words_from_a_platform_that_runs(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    assert callable(answer)
    worded, plain = answer(refused()), answer(AlreadyExists("there is such a one"))
    said = answer(BadRequestData("an odd word").said("変な言葉です"))
    monkeypatch.setenv("LC_ALL", "C")
    assert words.said(worded).startswith("'X' is no role")
    assert [words.said(one) for one in (said, plain)] == ["an odd word", "there is such a one"]
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert words.said(worded).startswith("「X」は役割の名前として使えません")
    assert words.said(said) == "変な言葉です"
    assert words.said(plain) == "いまの状態ではできません: there is such a one", (
        "what kind, where it has no Japanese words"
    )


def test_what_is_no_refusal_of_a_platform_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert words.said(SettingsError("name a port")) == "name a port"
    odd = BadRequestData("odd").worded("a.key.of.no.room")
    assert words.said(odd) == "入力を受け取れませんでした: odd"


@pytest.mark.parametrize(("lang", "start"), [("C", "stopped after 3 entities: "), ("ja_JP", "エンティティ 3 件の後で")])
def test_a_command_that_stops_half_way_says_so_in_that_language(
    monkeypatch: pytest.MonkeyPatch, lang: str, start: str
) -> None:
    monkeypatch.setenv("LC_ALL", lang)
    assert words.t("cli.import.stopped", count=3, why=words.said(refused())).startswith(start)
