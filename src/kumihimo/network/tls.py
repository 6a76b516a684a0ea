"""The certificate that a listener shows, read again when its files change; and what it thinks of a client's."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kumihimo.network.sockets import CannotListen

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 60.0
HANDSHAKE_SECONDS: Final = 10.0
"""A client that does not finish its handshake in time is cut off."""
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption alone; those of TLS 1.3 are all of this kind."""

HANDSHAKES: Final[Counter[str]] = Counter(handshakes=0, handshakes_failed=0, certificates_refused=0)
"""Of all listeners of this process, since its start; a handshake that failed never reaches a listener."""


def counters() -> Mapping[str, int]:
    """Numbers for /metrics."""
    return dict(HANDSHAKES)


class Certificate:
    """PEM files of a certificate with its chain, and of its key. CannotListen where they cannot be used.

    name is how the log calls the listener; protocols are offered by ALPN. `clients` asks each client for a
    certificate of its own: none is well, one that is not by an authority handed to `trust` ends the handshake.
    """

    def __init__(
        self,
        certificate: str,
        key: str,
        *,
        name: str = "MQTT",
        protocols: Sequence[str] = (),
        clients: bool = False,
    ) -> None:
        self._name = name
        self._files = (Path(certificate), Path(key))
        self._protocols = protocols
        self._authorities: dict[str, str] = {}
        self.asks = clients
        self.context = _Door(ssl.PROTOCOL_TLS_SERVER)
        self._timer: asyncio.TimerHandle | None = None
        try:
            self._seen = self._moments()
            self._load()
        except (OSError, ssl.SSLError) as problem:
            raise CannotListen(
                f"the certificate {certificate} or its key {key} cannot be used: {problem}; both are PEM files"
            ) from problem

    def trust(self, authorities: Mapping[str, str]) -> None:
        """Takes clients' certificates by these authorities (PEM, by whose they are) from now on, beside those of others
        that it took before; one that comes in place of another ends that.

        Each stands for itself, whoever signed it: what signed them all is not trusted, or one that is dropped would
        still come in by that.
        """
        replaced = [name for name, pem in authorities.items() if self._authorities.get(name, pem) != pem]
        self._authorities |= authorities
        if replaced:
            self._anew()
        elif authorities:
            self.context.now.load_verify_locations(cadata="".join(authorities.values()))

    def distrust(self, whose: str) -> None:
        """Takes no certificate by this authority any more: no new connection, and none that goes on with an old
        session; those that stand are for whoever knows their devices to cut.
        """
        if self._authorities.pop(whose, None) is not None:
            self._anew()

    def _anew(self) -> None:
        """A context of its own for all that comes: nothing is ever taken out of one."""
        try:
            self._load()
        except (OSError, ssl.SSLError):
            log.exception(
                "an authority is still taken by %s: its certificate cannot be read again just now", self._name
            )
            self._seen = []  # the next look tries again

    def _made(self) -> ssl.SSLContext:
        made = _context(self._protocols)
        if self.asks:
            made.verify_mode = ssl.CERT_OPTIONAL
            made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self._authorities:
            made.load_verify_locations(cadata="".join(self._authorities.values()))
        return made

    def watch(self) -> None:
        """From now on looks every minute; new connections get the new certificate, old ones keep theirs."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self.watch)
        self.refresh()

    def stop(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def refresh(self) -> None:
        """Reads the files where they changed; the old certificate stays where the new one cannot be used."""
        try:
            now = self._moments()
            if now == self._seen:
                return
            self._load()
        except (OSError, ssl.SSLError):
            log.exception("the new certificate of %s cannot be used; the one before stays", self._name)
            return
        self._seen = now
        log.info("the certificate of %s was renewed", self._name)

    def _load(self) -> None:
        # A context of its own: a pair that does not fit must not spoil the one in use.
        fresh = self._made()
        fresh.load_cert_chain(*self._files)
        self.context.now = fresh

    def _moments(self) -> list[tuple[int, int]]:
        return [(found.st_mtime_ns, found.st_size) for found in (one.stat() for one in self._files)]


def write_file(file: Path, content: bytes, mode: int) -> None:
    """Puts the content in the file's place whole, with this mode from the first moment."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def client_certificate(transport: asyncio.BaseTransport | None) -> bytes:
    """The certificate (DER) that the client showed and that was good; b"" for none, or a line without TLS."""
    found = None if transport is None else transport.get_extra_info("ssl_object")
    return b"" if found is None else found.getpeercert(binary_form=True) or b""


def _context(protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    context.sslobject_class = _Watched
    return context


class _Door(ssl.SSLContext):
    """What a listener is given for as long as it listens; each connection is made by the context of the moment."""

    now: ssl.SSLContext

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:
        """As ssl.SSLContext.wrap_bio, which is all that a loop asks of a server's context."""
        return self.now.wrap_bio(*args, **named)


class _Watched(ssl.SSLObject):
    """A TLS connection whose handshake is counted: the loop tells nobody of one that fails."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLCertVerificationError as problem:
            HANDSHAKES["certificates_refused"] += 1
            log.info("a client's certificate was refused", extra=_why(problem))
            raise
        except ssl.SSLError as problem:
            HANDSHAKES["handshakes_failed"] += 1
            log.debug("a TLS handshake failed", extra=_why(problem))
            raise
        HANDSHAKES["handshakes"] += 1


def _why(problem: ssl.SSLError) -> dict[str, Any]:
    return {"why": getattr(problem, "verify_message", "") or problem.reason or ""}
