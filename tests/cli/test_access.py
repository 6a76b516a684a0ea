"""`kumihimo member …` and `kumihimo policy …` on files that nobody has open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app

TEXT = 'permit (principal in Role::"officer", action == Action::"read", resource is Entity);\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "officer.cedar").write_text(TEXT)
    (tmp_path / "wrong.cedar").write_text(f"{TEXT}permit (principal, action, resource);\n{'あ' * 9}")
    assert told("tenant", "add", "town")[0] == 0
    return tmp_path


def told(*words: str) -> tuple[int, str]:
    where = [] if words[:2] in (("policy", "check"), ("policy", "example")) else ["--data", "data"]
    answer = CliRunner().invoke(app, [*words, *where])
    return answer.exit_code, answer.output


@pytest.mark.usefixtures("folder")
def test_members_are_added_listed_and_removed() -> None:
    given = ("--role", "officer", "--tenant", "town", "--until", "2099-03-31", "--why", "異動")
    assert told("member", "add", "person:p-1", *given) == (0, "person:p-1 is officer in town\n")
    assert told("member", "add", "person:p-1", "--role", "operator") == (0, "person:p-1 is operator on the platform\n")
    (one,) = json.loads(told("member", "list", "--tenant", "town", "--format", "json")[1])
    assert (one["actor"], one["role"], one["why"], one["by"]) == ("person:p-1", "officer", "異動", "command line")
    assert one["until"] == 4_078_652_400_000_000, "the end of the last day of March in Japan"
    assert "2099-03-31" in told("member", "list", "--tenant", "town")[1]
    assert told("member", "remove", "person:p-1", "--role", "officer", "--tenant", "town", "--why", "x")[0] == 0
    assert "(none)" in told("member", "list", "--tenant", "town")[1]
    for words, why in (
        (("remove", "person:p-1", "--role", "officer", "--tenant", "town", "--why", "x"), "does not hold the role"),
        (("remove", "person:p-1", "--role", "operator", "--why", "x"), "last operator"),
        (("add", "p-1", "--role", "officer"), "there is no account 'p-1'"),
        (("add", "someone:p-1", "--role", "officer"), "person:<id>"),
        (("add", "person:p-1", "--role", "officer", "--until", "soon"), "'soon' is no day"),
        (("add", "person:p-1", "--role", "officer", "--tenant", "nowhere"), "nowhere"),
    ):
        code, said = told("member", *words)
        assert code == 1
        assert why in said


@pytest.mark.usefixtures("folder")
def test_members_are_listed_by_name_and_a_role_that_gives_nothing_is_told() -> None:
    assert told("account", "add", "sato", "--name", "佐藤")[0] == 0
    code, said = told("member", "add", "sato", "--role", "oficer", "--tenant", "town")
    assert (code, "no policy there names the role 'oficer'" in said) == (0, True)
    made = told("application", "add", "集計", "--tenant", "town", "--kind", "key", "--scope", "ngsi-ld:read")[1]
    (hint,) = (line.split()[1:] for line in made.splitlines() if "member add" in line)
    assert told(*hint) == (0, f"{hint[2]} is officer in town\n"), "what is told to do works as it stands"
    found = json.loads(told("member", "list", "--tenant", "town", "--format", "json")[1])
    assert {one["name"]: one["role"] for one in found} == {"sato": "oficer", "集計": "officer"}
    public = ("--kind", "public", "--redirect", "https://a.example/cb", "--scope", "openid")
    assert "member add" not in told("application", "add", "map", "--tenant", "town", *public)[1], "it acts for people"


@pytest.mark.usefixtures("folder")
def test_policies_are_checked_put_listed_and_shown() -> None:
    assert told("policy", "check", "officer.cedar") == (0, "1 policies, which would be kept\n")
    code, said = told("policy", "check", "wrong.cedar")
    assert code == 1
    assert "line 2: a permit says for whom" in said
    assert told("policy", "put", "officer.cedar", "--tenant", "town", "--why", "less")[0] == 0
    found = json.loads(told("policy", "list", "--tenant", "town", "--format", "json")[1])
    assert {one["name"]: one["version"] for one in found} | {"officer": 1} == {
        one["name"]: one["version"] for one in found
    }
    assert told("policy", "show", "officer", "--tenant", "town") == (0, TEXT)
    assert "職員" in told("policy", "show", "officer", "--tenant", "town", "--version", "0")[1]
    for words, why in (
        (("show", "officer", "--tenant", "town", "--version", "7"), "there are 1, 0"),
        (("show", "other", "--tenant", "town"), "no policies 'other'"),
        (("put", "wrong.cedar", "--tenant", "town", "--why", "x"), "line 2"),
        (("put", "none.cedar", "--tenant", "town", "--why", "x"), "cannot be read"),
    ):
        code, said = told("policy", *words)
        assert code == 1
        assert why in said


def test_a_ready_text_that_publishes_data_is_printed_and_can_be_put(folder: Path) -> None:
    code, text = told("policy", "example", "--type", "Gauge", "--attribute", "name", "--attribute", "waterLevel")
    assert code == 0
    assert 'EntityType::"https://uri.etsi.org/ngsi-ld/default-context/Gauge"' in text
    (folder / "published.cedar").write_text(text)
    assert told("policy", "check", "published.cedar") == (0, "3 policies, which would be kept\n")
    assert told("policy", "put", "published.cedar", "--tenant", "town", "--why", "公開")[0] == 0
    assert 'Scope::"/public"' in told("policy", "example")[1]
    code, said = told("policy", "example", "--type", 'a"b')
    assert code == 1
    assert "names no type or attribute" in said
