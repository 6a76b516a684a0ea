"""A certificate by ACME: Pebble, the authority that ACME's own makers test with, is the judge."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from starlette.types import Receive, Scope, Send
from tests.fakes import FakeClock
from tests.pebble_server import Pebble

from kumihimo.base.clock import SystemClock
from kumihimo.network.acme import PREFIX, AcmeCertificate, Challenges
from kumihimo.network.http.server import serve

HOSTS = ("data.example.jp", "www.example.jp")


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    made = Pebble(tmp_path_factory.mktemp("pebble"))
    yield made
    made.stop()


@asynccontextmanager
async def listening(port: int, answers: dict[str, str]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = Challenges(nothing, answers)
    task = asyncio.create_task(serve(app, host="127.0.0.1", port=port, stop=stop, bound=bound.set_result))
    await bound
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.mark.enable_socket
async def test_a_certificate_comes_and_is_renewed_with_the_same_account(
    pebble: Pebble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pebble.folder / "cert.pem"))
    answers: dict[str, str] = {}
    directory = f"https://localhost:{pebble.port}/dir"
    ours = AcmeCertificate(tmp_path / "acme", directory, HOSTS, "officer@example.jp", answers, SystemClock())
    told: list[bytes] = []
    ours.renewed = lambda: told.append(ours.certificate.read_bytes())
    ours.prepare()
    stand_in = ours.certificate.read_bytes()
    async with listening(pebble.asks, answers):
        assert await ours.look()
        assert len(told) == 1
        assert stand_in != told[0]
        chain = x509.load_pem_x509_certificates(told[0])
        names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(names.get_values_for_type(x509.DNSName)) == set(HOSTS)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(ours.certificate, ours.key)
        assert answers == {}, "what was asked is answered no more"
        assert await ours.look()
        assert len(told) == 1, "it is good for a while"
        account = (tmp_path / "acme" / "account.key").read_bytes()
        ours._clock = FakeClock(chain[0].not_valid_after_utc - timedelta(days=1))
        assert await ours.look()
        assert told[1] != told[0]
        assert (tmp_path / "acme" / "account.key").read_bytes() == account
    assert [(tmp_path / "acme" / one).stat().st_mode & 0o777 for one in ("account.key", "key.pem")] == [0o600, 0o600]


@pytest.mark.enable_socket
async def test_an_authority_that_does_not_reach_us_leaves_what_there_is(
    pebble: Pebble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pebble.folder / "cert.pem"))
    answers: dict[str, str] = {}
    ours = AcmeCertificate(tmp_path, f"https://localhost:{pebble.port}/dir", HOSTS[:1], "", answers, SystemClock())
    ours.prepare()
    before = ours.certificate.read_bytes()
    assert not await ours.look()
    assert ours.certificate.read_bytes() == before
    assert answers == {}
    assert "tried again in an hour" in caplog.text
    assert "PRIVATE" not in caplog.text


def test_when_a_new_one_is_due(tmp_path: Path) -> None:
    clock = FakeClock()

    def of(*hosts: str) -> AcmeCertificate:
        return AcmeCertificate(tmp_path, "", hosts, "", {}, clock)

    assert of("a.example").is_due(), "there is none"
    of("a.example").prepare()
    assert of("a.example").is_due(), "it is a stand-in"
    before = of("a.example").certificate.read_bytes()
    of("a.example").prepare()
    assert of("a.example").certificate.read_bytes() == before
    of("a.example").certificate.write_text("no certificate")
    assert of("a.example").is_due()


async def test_only_what_was_asked_is_answered() -> None:
    door = Challenges(nothing, {"token": "answer"})

    async def ask(path: str) -> tuple[int, bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        unused: Any = None
        await door({"type": "http", "path": path}, unused, send)
        return sent[0]["status"], sent[1]["body"]

    assert await ask(f"{PREFIX}token") == (200, b"answer")
    for path in ("token", "/token", f"{PREFIX}other", PREFIX, f"{PREFIX}token/x"):
        assert (await ask(path))[0] == 404
