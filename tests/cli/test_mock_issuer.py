"""`kumihimo mock-issuer`: one word starts it on this machine, and it says what to do with it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from kumihimo.base.jsontext import parse
from kumihimo.cli import mock_issuer
from kumihimo.cli.mock_issuer import Wanted, run_mock
from kumihimo.network.http.fetch import GuardedFetch


@pytest.mark.enable_socket
async def test_it_serves_until_it_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    told = asyncio.Event()

    def say(words: str) -> None:
        said.append(words)
        if "outbound_hosts" in words:
            told.set()

    monkeypatch.setattr(mock_issuer, "say", say)
    running = asyncio.create_task(mock_issuer._run(Wanted("keycloak", 0, "http://localhost:1/", "kc", "kumihimo")))
    await asyncio.wait_for(told.wait(), 30)
    issuer = said[0].partition(": ")[2]
    fetch = GuardedFetch(allow_private=True)
    await fetch.open()
    try:
        answer = await fetch("GET", f"{issuer}/.well-known/openid-configuration")
        assert parse(answer.body)["issuer"] == issuer
        query = "client_id=kumihimo&redirect_uri=http://localhost:1/login/from/kc&response_type=code&scope=openid"
        page = await fetch("GET", f"{issuer}/protocol/openid-connect/auth?{query}")
        assert "MOCK" in page.body.decode()
        strange = await fetch("GET", f"{issuer}/.well-known/openid-configuration", headers={"Host": "evil.example"})
        assert strange.status in (400, 421)
    finally:
        await fetch.close()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 30)
    assert f"--profile keycloak --issuer {issuer} --client-id kumihimo" in " ".join(said)
    assert any(line.startswith("The client secret is: ") for line in said)


def test_a_shape_that_there_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_mock(Wanted("facebook", 0, "http://localhost:1", "x", "c")) == 2
    assert "digital-auth-app, keycloak, entra" in capsys.readouterr().err
