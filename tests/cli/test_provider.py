"""`kumihimo provider …` on files that nobody has open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app

ISSUER = "https://idp.example.jp/realms/town"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("a very secret secret\n")
    return tmp_path


def told(words: str, given: str = "") -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*words.split(), "--data", "data"], input=given)
    return answer.exit_code, answer.output


def test_a_provider_is_added_listed_switched_and_removed(folder: Path) -> None:
    code, said = told(
        f"provider add staff --profile keycloak --issuer {ISSUER} --client-id kumihimo --secret-file secret"
        " --title-ja 職員 --title-en Staff --parameter kc_idp_hint=card --domain town.example.jp --keep address"
    )
    assert code == 0, said
    assert "redirect_uri: http://localhost:8080/login/from/staff" in said
    assert "backchannel_logout_uri: http://localhost:8080/login/ended/staff" in said
    assert "jwks_uri" not in said
    (one,) = json.loads(told("provider list --format json")[1])
    assert (one["issuer"], one["client_id"], one["linked"], one["active"]) == (ISSUER, "kumihimo", 0, True)
    assert (one["signup"], one["domains"], one["keep"]) == ("domains", ["town.example.jp"], ["address"])
    assert one["extra"] == {"kc_idp_hint": "card"}
    assert "secret" not in one
    assert "staff" in told("provider list")[1]
    assert told("provider off staff") == (0, "provider staff is off\n")
    assert json.loads(told("provider list --format json")[1])[0]["active"] is False
    assert told("provider on staff")[0] == 0
    assert "by a client secret, not by a key" in told("provider rotate staff")[1]
    for file in (folder / "data").rglob("*"):
        assert not file.is_file() or b"very secret" not in file.read_bytes()
    assert told("provider remove staff") == (0, "provider staff removed; 0 people entered by it\n")
    assert told("provider remove staff")[0] == 1
    assert told("provider list")[1] == "(none)\n"


@pytest.mark.usefixtures("folder")
def test_the_digital_authentication_app_is_added_by_its_profile() -> None:
    code, said = told("provider add card --profile digital-auth-app --client-id RP00000001")
    assert code == 0, said
    assert "jwks_uri: http://localhost:8080/login/keys/card" in said
    (one,) = json.loads(told("provider list --format json")[1])
    assert (one["issuer"], one["auth"]) == ("https://auth-and-sign.go.jp/api/realms/main", "private_key_jwt")
    assert one["acr_values"] == ["aal3", "crl"]
    assert one["signup"] == "nobody"
    assert told("provider rotate card")[0] == 0


@pytest.mark.usefixtures("folder")
def test_what_is_wrong_with_a_provider_is_told() -> None:
    line = "provider add mock --issuer http://127.0.0.1:9/x --client-id c --secret-file -"
    assert told(line, "from standard input\n")[0] == 0
    code, said = told("provider check mock")
    assert code == 1
    assert "wrong: 127.0.0.1: the address is not allowed" in said
    assert "outbound_hosts" in said


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("add a --client-id c --secret-file secret", 1, "--issuer"),
        ("add a --client-id c --issuer http://idp.example.jp --secret-file secret", 1, "is no issuer"),
        (f"add a --client-id c --issuer {ISSUER}", 1, "client secret"),
        (f"add a --client-id c --issuer {ISSUER} --secret-file nowhere", 2, "cannot be read"),
        (f"add a --client-id c --issuer {ISSUER} --profile other", 1, "no profile 'other'"),
        (f"add a --client-id c --issuer {ISSUER} --parameter x", 2, "NAME=VALUE"),
        ("check nobody", 1, "no provider 'nobody'"),
        ("check ../x", 1, "no name of a provider"),
        ("rotate nobody", 1, "no provider 'nobody'"),
        ("off nobody", 1, "no provider 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_with_words(words: str, code: int, why: str) -> None:
    found, said = told(f"provider {words}")
    assert (found, why in said) == (code, True), said
