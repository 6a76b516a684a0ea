"""Mail to a real server: TLS, log-in, what it refuses, and what it does not say at all."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import mailbox
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.fakes import FakeClock

from kumihimo.base.ports import Letter, MailRefused
from kumihimo.network.mail import LetterFolder, Mailer, MailServer, mail_server

pytestmark = pytest.mark.enable_socket
LETTER = Letter(
    "taro@example.jp",
    "【山田町】クマを検知",
    "屋内に入ってください。\nhttps://data.example.jp/x\n",
    {"List-Id": "<a.b>"},
)
PASSWORD = "geheim & länger"


class Box:
    """What the server takes, and what it answers instead."""

    def __init__(self) -> None:
        self.took: list[EmailMessage] = []
        self.rcpt = self.data = ""
        self.secure: list[bool] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if not self.rcpt:
            envelope.rcpt_tos.append(address)
        return self.rcpt or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if not self.data:  # what arrived, as the network has it
            found = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(found, EmailMessage)
            self.took.append(found)
            self.secure.append(session.ssl is not None)
        return self.data or "250 OK"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the server shows, and by what its certificate is checked."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("mail") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    shows = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shows.load_cert_chain(file)
    return shows, ssl.create_default_context(cafile=str(file))


def let_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    fits = isinstance(data, LoginPassword) and (data.login, data.password) == (b"kumihimo", PASSWORD.encode())
    return AuthResult(success=fits, handled=False)


@pytest.fixture
def box() -> Box:
    return Box()


@asynccontextmanager
async def running(box: Box, **options: Any) -> AsyncIterator[int]:
    """The port of a server in this loop, whose connections are over when it ends."""
    opened: list[asyncio.BaseTransport] = []

    class Watched(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            opened.append(transport)
            super().connection_made(transport)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Watched(box, loop=loop, **options), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for transport in opened:  # it leaves some open itself, as where no TLS came about
        transport.close()
    await asyncio.sleep(0)


@pytest.fixture
async def closed(box: Box, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[int]:
    """The port of a server that wants TLS and a log-in."""
    wants: dict[str, Any] = {"require_starttls": True, "authenticator": let_in, "auth_required": True}
    async with running(box, tls_context=tls[0], **wants) as port:
        yield port


@pytest.fixture
async def plain(box: Box) -> AsyncIterator[int]:
    """The port of a server without TLS, as one on the same machine."""
    async with running(box) as port:
        yield port


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def mailer(
    port: int, context: ssl.SSLContext | None = None, *, starttls: bool = False, password: str = PASSWORD
) -> Mailer:
    user = "kumihimo" if starttls else ""
    server = MailServer("localhost", port, tls=False, starttls=starttls, user=user, password=password)
    return Mailer(server, "山田町 <kuma@example.jp>", FakeClock(), context=context, seconds=5)


async def test_a_letter_goes_over_tls_with_a_log_in(closed: int, box: Box, tls: tuple[Any, ssl.SSLContext]) -> None:
    await mailer(closed, tls[1], starttls=True)(LETTER)
    (took,) = box.took
    assert box.secure == [True]
    assert (took["Subject"], took["To"], took["From"]) == (LETTER.subject, LETTER.to, "山田町 <kuma@example.jp>")
    assert (took["List-Id"], took["Date"]) == ("<a.b>", "Thu, 01 Jan 2026 00:00:00 +0000")
    assert took.get_content_type() == "text/plain"
    assert took.get_content().replace("\r\n", "\n") == LETTER.text


async def test_nothing_is_said_to_a_server_that_nobody_vouches_for(closed: int, box: Box) -> None:
    with pytest.raises(OSError, match="certificate verify failed"):
        await mailer(closed, starttls=True)(LETTER)
    assert box.took == []


async def test_nothing_is_said_in_the_clear_where_tls_is_needed(plain: int, box: Box) -> None:
    with pytest.raises(OSError, match=f"localhost:{plain}"):
        await mailer(plain, starttls=True)(LETTER)
    assert box.took == []


async def test_a_wrong_password_is_the_servers_trouble_and_is_not_told(
    closed: int, tls: tuple[Any, ssl.SSLContext]
) -> None:
    with pytest.raises(OSError, match="535") as caught:
        await mailer(closed, tls[1], starttls=True, password="falsch")(LETTER)
    assert "falsch" not in str(caught.value)


@pytest.mark.parametrize(
    ("rcpt", "data", "final"),
    [("550 no such box", "", True), ("451 later", "", False), ("", "554 spam", True), ("", "452 full", False)],
)
async def test_a_letter_that_is_refused(plain: int, box: Box, rcpt: str, data: str, final: bool) -> None:
    box.rcpt, box.data = rcpt, data
    with pytest.raises(MailRefused) as caught:
        await mailer(plain)(LETTER)
    assert (caught.value.is_final, caught.value.code) == (final, int((rcpt or data)[:3]))
    assert LETTER.to not in str(caught.value)


async def test_a_server_that_hangs_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        over.set()

    over = asyncio.Event()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="no answer within"):
            await Mailer(MailServer("127.0.0.1", port, False, False), "a@example.jp", FakeClock(), seconds=0.1)(LETTER)
        await over.wait()


async def test_no_server_is_an_os_error() -> None:
    with pytest.raises(OSError, match="localhost"):
        await mailer(_free())(LETTER)


@pytest.mark.parametrize(
    "letter",
    [
        Letter("a@example.jp\nBcc: b@example.jp", "x", "x"),
        Letter("a@example.jp", "x\ny", "x"),
        Letter("a@b.jp", "x", "x", {"X": "a\r\nb"}),
    ],
)
async def test_no_line_is_smuggled_into_the_head(plain: int, box: Box, letter: Letter) -> None:
    with pytest.raises(MailRefused) as caught:
        await mailer(plain)(letter)
    assert (caught.value.is_final, box.took) == (True, [])


def test_where_letters_go(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("aus der Datei\n")
    assert mail_server("smtp://a%40b:c%20d@mail.example.jp") == MailServer(
        "mail.example.jp", 587, False, True, "a@b", "c d"
    )
    assert mail_server("smtps://mail.example.jp:10465") == MailServer("mail.example.jp", 10465, True, False)
    assert mail_server("smtp://u@localhost:25", str(file)) == MailServer(
        "localhost", 25, False, False, "u", "aus der Datei"
    )
    assert "c d" not in repr(mail_server("smtp://a:c%20d@mail.example.jp"))


@pytest.mark.parametrize("url", ["http://a", "smtp://", "smtp://h:x", "smtp://h/x", "smtp://u:geheim@h:99999"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="smtp_url") as caught:
        mail_server(url)
    assert "geheim" not in str(caught.value)
    with pytest.raises(ValueError, match="smtp_password_file"):
        mail_server("smtp://h", "/does/not/exist")


async def test_letters_can_be_put_into_a_folder_from_which_a_mail_system_takes_them(tmp_path: Path) -> None:
    put = LetterFolder(tmp_path / "data" / "mail", "山田町 <kuma@example.jp>", FakeClock())
    await put(LETTER)
    await put(LETTER)
    taken = mailbox.Maildir(tmp_path / "data" / "mail", create=False)
    assert len(taken) == 2
    for body in (one.as_bytes() for one in taken):
        read = email.message_from_bytes(body, policy=email.policy.default)
        assert (read["To"], read["From"], read["Subject"]) == (LETTER.to, "山田町 <kuma@example.jp>", LETTER.subject)
        assert read.get_content().replace("\r\n", "\n") == LETTER.text


async def test_a_folder_that_cannot_be_is_the_folders_trouble_and_a_wrong_letter_the_letters(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("no folder")
    with pytest.raises(OSError, match="mail"):
        await LetterFolder(tmp_path / "mail", "a@example.jp", FakeClock())(LETTER)
    put = LetterFolder(tmp_path / "other", "a@example.jp", FakeClock())
    with pytest.raises(MailRefused) as caught:
        await put(Letter("a@example.jp\nBcc: b@example.jp", "x", "x"))
    assert caught.value.is_final
    assert not (tmp_path / "other").exists()
