"""`kumihimo application …` on files that nobody has open."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert told("tenant add town")[0] == 0


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*shlex.split(words), "--data", "data"])
    return answer.exit_code, answer.output


def test_an_application_is_added_listed_given_a_new_key_and_ended() -> None:
    code, said = told("application add '集計 bot' --tenant town --scope ngsi-ld:read --resource")
    assert code == 0
    name, secret = re.findall(r": (\S+)$", said, re.MULTILINE)
    (one,) = json.loads(told("application list --tenant town --format json")[1])
    assert (one["id"], one["name"], one["kind"], one["is_resource"]) == (name, "集計 bot", "confidential", True)
    assert (one["scopes"], one["grants"], one["made_by"]) == (
        ["ngsi-ld:read"],
        ["client_credentials"],
        "person:operator",
    )
    assert set(one["secrets"][0]) == {"id", "application", "made_by", "created_at", "expires_at", "last_used_at"}
    assert secret not in told("application list --tenant town")[1]
    code, said = told(f"application edit {name} --tenant town --name 'count' --scope feeds:read --no-resource")
    assert (code, "may ask for feeds:read" in said) == (0, True)
    (one,) = json.loads(told("application list --tenant town --format json")[1])
    assert (one["name"], one["scopes"], one["is_resource"]) == ("count", ["feeds:read"], False)
    assert (one["grants"], one["narrowed_at"] > 0) == (["client_credentials"], True)
    for words in ("--redirect https://a.example/cb --logout https://a.example/", "--no-redirects --no-logouts"):
        assert told(f"application edit {name} --tenant town {words}")[0] == 0
    assert json.loads(told("application list --tenant town --format json")[1])[0]["redirect_uris"] == []
    code, said = told(f"application rotate {name} --tenant town --overlap 0")
    assert (code, secret in said, "shown once" in said) == (0, False, True)
    assert told(f"application disable {name} --tenant town")[0] == 0
    assert json.loads(told("application list --tenant town --format json")[1])[0]["disabled_at"] > 0
    code, said = told(f"application enable {name} --tenant town")
    assert (code, "in use again" in said) == (0, True)
    assert json.loads(told("application list --tenant town --format json")[1])[0]["disabled_at"] == 0


def test_what_does_not_fit_is_refused_with_words(tmp_path: Path) -> None:
    for words, code, said in (
        ("add x --tenant town --scope all", 1, "there are openid, profile"),
        ("add x --tenant nowhere --scope openid", 1, "there is no tenant 'nowhere'"),
        ("add x --tenant town --kind public --scope openid", 1, "needs a redirect URI"),
        ("add x --tenant town --kind private_key_jwt --scope openid --jwks none.json", 2, "cannot be read"),
        ("rotate a-1 --tenant town", 1, "has no application 'a-1'"),
        ("disable a-1 --tenant town", 1, "has no application 'a-1'"),
        ("enable a-1 --tenant town", 1, "has no application 'a-1'"),
        ("edit a-1 --tenant town --name x", 1, "has no application 'a-1'"),
        ("edit a-1 --tenant town --redirect https://a.example/ --no-redirects", 2, "or say that there are none"),
        ("edit a-1 --tenant town --jwks none.json", 2, "cannot be read"),
        ("keys --at-once", 2, "--rotate"),
    ):
        answer = told(f"application {words}")
        assert (answer[0], said in answer[1].replace("\n", " ")) == (code, True), answer


def test_signing_keys_are_shown_and_follow_each_other() -> None:
    first = re.findall(r"[\w-]{43}", told("application keys")[1])
    both = re.findall(r"[\w-]{43}", told("application keys --rotate")[1])
    assert both[1:] == first
    only = re.findall(r"[\w-]{43}", told("application keys --rotate --at-once")[1])
    assert (len(only), set(only) & set(both)) == (1, set())
