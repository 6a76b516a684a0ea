"""HTTP with TLS, and clients' certificates, judged by OpenSSL's and curl's own programs."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from kumihimo.network import tls
from kumihimo.network.http import server
from kumihimo.network.http.limits import Limits
from kumihimo.network.http.server import Secure, serve
from kumihimo.network.tls import Certificate

pytestmark = pytest.mark.enable_socket


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the application sees of TLS."""
    shown = scope.get("extensions", {}).get("tls", {}).get("client_cert_der", b"")
    body = json.dumps({"scheme": scope["scheme"], "certificate": shown.hex()}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def openssl(*words: str, cwd: Path) -> str:
    done = subprocess.run(["openssl", *words], cwd=cwd, capture_output=True, text=True, check=False, input="")
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """server.pem, root.pem, a client's client.pem by the root, and stranger.pem, which signed itself."""
    folder = tmp_path_factory.mktemp("tls")
    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    for name, more in (
        ("server", ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:data.example.jp")),
        ("root", ("-subj", "/CN=root")),
        ("stranger", ("-subj", "/CN=device")),
    ):
        openssl("req", "-x509", *fresh, *more, "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=folder)
    by = ("-CA", "root.pem", "-CAkey", "root.key", "-addext", "basicConstraints=CA:FALSE")
    openssl(
        "req", "-x509", *fresh, "-subj", "/CN=device", *by, "-keyout", "client.key", "-out", "client.pem", cwd=folder
    )
    return folder


@asynccontextmanager
async def served(pem: Path, *, clients: bool = True) -> AsyncIterator[tuple[int, Certificate]]:
    certificate = Certificate(str(pem / "server.pem"), str(pem / "server.key"), name="HTTP", clients=clients)
    if clients:
        certificate.trust({"root": (pem / "root.pem").read_text()})
    stop = asyncio.Event()
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    doors = [Secure(0, certificate.context, bound.set_result)]
    app = Limits(tell, hosts=["data.example.jp"])
    task = asyncio.create_task(serve(app, host="localhost", port=-1, stop=stop, secure=doors))
    try:
        yield await asyncio.wait_for(bound, 10), certificate
    finally:
        stop.set()
        await task


async def curl(pem: Path, port: int, *more: str, host: str = "data.example.jp") -> tuple[int, str, str]:
    """Exit code, head and body, by the program."""
    words = ["--silent", "--show-error", "--include", "--cacert", str(pem / "server.pem"), "--noproxy", "*"]
    words += ["--resolve", f"{host}:{port}:127.0.0.1", *more, f"https://{host}:{port}/x"]
    task = await asyncio.create_subprocess_exec("curl", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await task.communicate()
    head, _, body = out.decode().partition("\r\n\r\n")
    return task.returncode or 0, head.lower() or err.decode(), body


def shows(pem: Path, name: str) -> Sequence[str]:
    return ("--cert", str(pem / f"{name}.pem"), "--key", str(pem / f"{name}.key"))


async def test_the_application_sees_scheme_and_the_clients_certificate(pem: Path) -> None:
    async with served(pem) as (port, _):
        _, head, body = await curl(pem, port)
        assert json.loads(body) == {"scheme": "https", "certificate": ""}
        assert "strict-transport-security: max-age=31536000" in head
        _, _, body = await curl(pem, port, *shows(pem, "client"))
        der = ssl.PEM_cert_to_DER_cert((pem / "client.pem").read_text())
        assert json.loads(body)["certificate"] == der.hex()
        _, head, _ = await curl(pem, port, host="localhost")
        assert "200 ok" in head
        assert "strict-transport-security" not in head, "it would close other ports of localhost too"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_certificate_of_nobody_we_know_ends_the_handshake(
    pem: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with served(pem) as (port, _):
        before = tls.counters()["certificates_refused"]
        code, said, body = await curl(pem, port, *shows(pem, "stranger"), "--tls-max", version)
        assert (code != 0, body) == (True, ""), said
        assert tls.counters()["certificates_refused"] == before + 1
        assert "a client's certificate was refused" in caplog.text


async def test_who_is_not_asked_for_a_certificate_shows_none(pem: Path) -> None:
    async with served(pem, clients=False) as (port, _):
        _, _, body = await curl(pem, port, *shows(pem, "client"))
        assert json.loads(body)["certificate"] == ""


async def test_old_protocols_and_weak_ciphers_are_not_spoken(pem: Path) -> None:
    async with served(pem) as (port, _):

        def tried(*more: str) -> str:
            return openssl("s_client", "-connect", f"localhost:{port}", "-CAfile", "server.pem", *more, cwd=pem)

        for more in (
            ("-tls1_1",),
            ("-tls1_2", "-cipher", "AES128-SHA"),
            ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"),
        ):
            said = await asyncio.to_thread(tried, *more)
            assert "Verify return code: 0 (ok)" not in said or "Cipher is (NONE)" in said, said
        good = await asyncio.to_thread(tried, "-tls1_2")
        assert "ECDHE-ECDSA-AES" in good
        assert "Verify return code: 0 (ok)" in good


async def test_who_speaks_no_tls_there_is_counted(pem: Path) -> None:
    async with served(pem) as (port, _):
        before = tls.counters()["handshakes_failed"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.read()
        writer.close()
        assert tls.counters()["handshakes_failed"] == before + 1


async def test_a_handshake_that_does_not_end_is_cut_off(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.1)
    async with served(pem) as (port, _), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01")
        assert await reader.read() == b""
        writer.close()


async def test_an_authority_that_is_made_later_is_taken_at_once(pem: Path) -> None:
    async with served(pem) as (port, certificate):
        assert (await curl(pem, port, *shows(pem, "stranger")))[0] != 0
        certificate.trust({"other": (pem / "stranger.pem").read_text()})
        _, _, body = await curl(pem, port, *shows(pem, "stranger"))
        found: Any = json.loads(body)
        assert found["certificate"] == ssl.PEM_cert_to_DER_cert((pem / "stranger.pem").read_text()).hex()


async def test_an_authority_that_is_dropped_is_taken_no_more_at_once_and_others_are(pem: Path) -> None:
    async with served(pem) as (port, certificate):
        certificate.trust({"other": (pem / "stranger.pem").read_text()})
        for name in ("stranger", "client"):
            assert (await curl(pem, port, *shows(pem, name)))[0] == 0
        certificate.distrust("root")
        assert (await curl(pem, port, *shows(pem, "client")))[0] != 0
        assert (await curl(pem, port, *shows(pem, "stranger")))[0] == 0
        certificate.trust({"other": (pem / "root.pem").read_text()})  # in its place: a town that was made anew
        assert (await curl(pem, port, *shows(pem, "stranger")))[0] != 0
        assert (await curl(pem, port, *shows(pem, "client")))[0] == 0


async def test_a_session_from_before_does_not_come_in_by_an_authority_that_was_dropped(pem: Path) -> None:
    """A resumed session is not asked for its certificate again (RFC 8446 section 2.2)."""
    async with served(pem) as (port, certificate):
        ours = ssl.create_default_context(cafile=str(pem / "server.pem"))
        ours.load_cert_chain(str(pem / "client.pem"), str(pem / "client.key"))
        ours.maximum_version = ssl.TLSVersion.TLSv1_2
        kept = await asyncio.to_thread(_visit, ours, port, None)
        assert kept[1] is False
        assert (await asyncio.to_thread(_visit, ours, port, kept[0]))[1] is True
        certificate.distrust("root")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(_visit, ours, port, kept[0])


def _visit(
    context: ssl.SSLContext, port: int, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, bool | None]:
    """The session, and whether it was that of before."""
    with (
        socket.create_connection(("localhost", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as line,
    ):
        line.sendall(b"GET / HTTP/1.1\r\nHost: data.example.jp\r\nConnection: close\r\n\r\n")
        assert line.recv(100)
        return line.session, line.session_reused


def test_what_signed_two_authorities_is_not_trusted_for_either(pem: Path) -> None:
    """Or one that is dropped would come in by it still."""
    certificate = Certificate(str(pem / "server.pem"), str(pem / "server.key"), clients=True)
    assert certificate.context.now.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    certificate.trust({"a": (pem / "root.pem").read_text(), "b": (pem / "stranger.pem").read_text()})
    certificate.distrust("a")
    assert len(certificate.context.now.get_ca_certs()) == 1
    certificate.distrust("nowhere")
