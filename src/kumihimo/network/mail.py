"""Mail to the town's mail server (RFC 5321), never in the clear but to this machine itself (RFC 3207, RFC 8314);
or into a folder, from which a mail system takes it, or somebody who tries the platform out.
"""

from __future__ import annotations

import asyncio
import mailbox
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from kumihimo.base.clock import Clock
from kumihimo.base.ports import Letter, MailRefused

SECONDS: Final = 30.0
"""For the whole of one letter: a server that hangs, or speaks one byte at a time, is given up."""
STEP_SECONDS: Final = 15.0
LEAVE_SECONDS: Final = 1.0
AT_ONCE: Final = 4
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters go. tls: from the first byte on (smtps); else STARTTLS is needed where starttls is set."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server(url: str, password_file: str = "") -> MailServer:
    """The server of "smtp://user:password@host:port" or "smtps://…"; a file that is named holds the password.

    ValueError for an address that is none, or a file that cannot be read; the message holds no password.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise ValueError("smtp_url has no port that is one") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("smtp_url is smtp://user:password@host:port or smtps://…, with nothing after the port")
    password = unquote(parts.password or "")
    if password_file:
        try:
            password = Path(password_file).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeError) as problem:
            raise ValueError(f"smtp_password_file {password_file} cannot be read: {type(problem).__name__}") from None
    tls = parts.scheme == "smtps"
    starttls = not tls and parts.hostname not in _LOOPBACK
    return MailServer(
        parts.hostname, port or (465 if tls else 587), tls, starttls, unquote(parts.username or ""), password
    )


class Mailer:
    """Implements base.ports.SendMail: a connection for each letter, a few at once. sender: an address, or
    "name <address>"; context: what a server's certificate is checked by, None for the machine's own authorities.
    """

    def __init__(
        self,
        server: MailServer,
        sender: str,
        clock: Clock,
        *,
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._clock = clock
        self._context = context
        self._seconds = seconds
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, letter: Letter) -> None:
        """As SendMail."""
        message = message_of(letter, self._sender, self._clock)
        async with self._turn:
            client = self._client()
            try:
                async with asyncio.timeout(self._seconds):
                    await client.connect()
                    if self._server.user:
                        await client.login(self._server.user, self._server.password)
                    await client.send_message(message)
            except TimeoutError as problem:
                raise OSError(f"{self._at} gave no answer within {self._seconds:g} s") from problem
            except aiosmtplib.SMTPException as problem:
                raise _said(problem, self._at) from None  # what the server says may hold the address
            finally:
                await _leave(client)

    @property
    def _at(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.starttls,
            tls_context=self._context,
            timeout=min(STEP_SECONDS, self._seconds),
        )


class LetterFolder:
    """Implements base.ports.SendMail: each letter is a file of a Maildir, which is on the disk when this returns."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def __call__(self, letter: Letter) -> None:
        """As SendMail."""
        message = message_of(letter, self._sender, self._clock)
        try:
            await asyncio.to_thread(self._put, message)
        except mailbox.Error as problem:
            raise OSError(f"{self._folder} is no Maildir: {type(problem).__name__}") from None

    def _put(self, message: EmailMessage) -> None:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        mailbox.Maildir(self._folder).add(message)


def message_of(letter: Letter, sender: str, clock: Clock) -> EmailMessage:
    """The letter as it goes out. MailRefused for good where an address or a header of it cannot be."""
    message = EmailMessage(policy=SMTP_LINES)
    try:
        message["From"] = sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(clock.now())
        for name, value in letter.headers.items():
            message[name] = value
        message.set_content(letter.text, cte="base64")
    except (ValueError, MessageError) as problem:
        raise MailRefused(553, is_final=True) from problem
    return message


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Says goodbye; whether the server answers changes nothing about the letter, which it has or has not."""
    try:
        with suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(LEAVE_SECONDS):
                if client.is_connected:
                    await client.quit()
    finally:
        client.close()


def _said(problem: aiosmtplib.SMTPException, at: str) -> MailRefused | OSError:
    """Whether this letter is refused, or no letter can be sent now."""
    if isinstance(problem, aiosmtplib.SMTPRecipientsRefused) and problem.recipients:
        problem = problem.recipients[0]
    about_letter = isinstance(problem, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
    code = problem.code if isinstance(problem, aiosmtplib.SMTPResponseException) else 0
    if about_letter and code != aiosmtplib.SMTPStatus.domain_unavailable:
        return MailRefused(code, is_final=code >= 500)
    return OSError(f"{at}: {type(problem).__name__}{f' {code}' if code else ''}")
