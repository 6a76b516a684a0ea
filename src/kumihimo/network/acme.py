"""A certificate by ACME (RFC 8555): had, and renewed in time; the authority asks at our own listener (http-01).

The library that speaks the protocol is an extra (`kumihimo[acme]`), and blocks; it runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping, Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp, Receive, Scope, Send

from kumihimo.base.clock import Clock
from kumihimo.base.settings import SettingsError
from kumihimo.network.tls import write_file

log = logging.getLogger(__name__)
PREFIX: Final = "/.well-known/acme-challenge/"
LOOK_SECONDS: Final = 12 * 3600.0
AGAIN_SECONDS: Final = 3600.0
"""After a failure: authorities take only a few failures an hour."""
PATIENCE_SECONDS: Final = 60
_STAND_IN: Final = timedelta(days=30)
Answers = MutableMapping[str, str]
"""What is answered to an authority's questions, by their tokens."""


class Challenges:
    """ASGI middleware that answers an authority's questions; all else goes on.

    It stands before the check of the host: nobody can make up a token.
    """

    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is no question of an order under way."""
        answer = self._answers.get(scope["path"].removeprefix(PREFIX)) if scope["type"] == "http" else None
        if answer is None or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.encode()})


class AcmeCertificate:
    """The certificate for some hosts, in a folder of its own: account.key, certificate.pem, key.pem.

    answers: where the questions' answers are put. renewed() is called with each new certificate. SettingsError where
    the library is missing.
    """

    def __init__(
        self, folder: Path, directory: str, hosts: Sequence[str], email: str, answers: Answers, clock: Clock
    ) -> None:
        if find_spec("acme") is None:
            raise SettingsError("acme_hosts needs a library that is not installed: pip install 'kumihimo[acme]'")
        self._folder = folder
        self._directory = directory
        self._hosts = list(hosts)
        self._email = email
        self._answers = answers
        self._clock = clock
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"
        self.renewed: Callable[[], object] = lambda: None

    def prepare(self) -> None:
        """A certificate that signed itself where there is none yet, so that the listeners can start."""
        if self.certificate.exists() and self.key.exists():
            return
        key, now = ec.generate_private_key(ec.SECP256R1()), self._clock.now()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
        names = x509.SubjectAlternativeName([x509.DNSName(one) for one in self._hosts])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).add_extension(names, critical=False)
        made = builder.not_valid_before(now).not_valid_after(now + _STAND_IN).sign(key, hashes.SHA256())
        self._keep(key, made.public_bytes(serialization.Encoding.PEM))

    def is_due(self) -> bool:
        """Whether it is a stand-in, is for other hosts, or has less than a third of its time left."""
        try:
            found = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, x509.ExtensionNotFound):
            return True
        if found.issuer == found.subject or set(names.get_values_for_type(x509.DNSName)) != set(self._hosts):
            return True
        whole = found.not_valid_after_utc - found.not_valid_before_utc
        return found.not_valid_after_utc - self._clock.now() < whole / 3

    async def run(self) -> None:
        """Looks twice a day, and an hour after a failure, until cancelled."""
        while True:
            seconds = LOOK_SECONDS if await self.look() else AGAIN_SECONDS
            await asyncio.sleep(seconds)

    async def look(self) -> bool:
        """Gets a new certificate where it is time; False where that failed, and the one before stays."""
        if not self.is_due():
            return True
        try:
            await asyncio.to_thread(self._obtain)
        except Exception:
            log.exception("no certificate came from %s; it is tried again in an hour", self._directory)
            return False
        self.renewed()
        log.info("a certificate came by ACME", extra={"hosts": self._hosts})
        return True

    # --- in a thread ------------------------------------------------------------------------------------------

    def _obtain(self) -> None:
        from acme import crypto_util  # noqa: PLC0415 - an extra, and slow to import

        client = self._client()
        key = ec.generate_private_key(ec.SECP256R1())
        order = client.new_order(crypto_util.make_csr(_pem(key), self._hosts))
        asked: list[str] = []
        try:
            for one in order.authorizations:
                asked += self._answer(client, one.body)
            # The library compares with the machine's local time.
            until = datetime.now() + timedelta(seconds=PATIENCE_SECONDS)  # noqa: DTZ005
            self._keep(key, client.poll_and_finalize(order, until).fullchain_pem.encode())
        finally:
            for token in asked:
                self._answers.pop(token, None)

    def _client(self) -> Any:
        """A client with an account, which is made at the first time."""
        import josepy.jwk  # noqa: PLC0415 - comes with acme
        from acme import client, errors, messages  # noqa: PLC0415 - an extra

        net = client.ClientNetwork(josepy.jwk.JWKRSA(key=self._account_key()), user_agent="kumihimo", timeout=30)
        found = client.ClientV2(client.ClientV2.get_directory(self._directory, net), net)
        wanted = messages.NewRegistration.from_data(email=self._email or None, terms_of_service_agreed=True)
        try:
            found.new_account(wanted)
        except errors.ConflictError as known:
            found.query_registration(messages.RegistrationResource(uri=known.location, body=messages.Registration()))
        return found

    def _answer(self, client: Any, authorization: Any) -> list[str]:
        """Puts the answer in its place, then says that it is there; the token, none where nothing is asked."""
        from acme import challenges, messages  # noqa: PLC0415 - an extra

        if authorization.status == messages.STATUS_VALID:
            return []
        for one in authorization.challenges:
            if isinstance(one.chall, challenges.HTTP01):
                token = one.chall.encode("token")
                response, self._answers[token] = one.response_and_validation(client.net.key)
                client.answer_challenge(one, response)
                return [token]
        raise ValueError("the authority offers no http-01 for this host")

    def _account_key(self) -> Any:
        file = self._folder / "account.key"
        if not file.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(file, _pem(rsa.generate_private_key(65537, 2048)), 0o600)
        return serialization.load_pem_private_key(file.read_bytes(), None)

    def _keep(self, key: ec.EllipticCurvePrivateKey, chain: bytes) -> None:
        """A reader that comes between the two sees a pair that does not fit, and stays with what it has."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self.key, _pem(key), 0o600)
        write_file(self.certificate, chain, 0o644)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    form, nothing = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, nothing)
