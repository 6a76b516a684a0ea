"""The certificate that the MQTT listeners show, read again when its files change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

from kumihimo.network.sockets import CannotListen

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 60.0


class Certificate:
    """PEM files of a certificate with its chain, and of its key. CannotListen where they cannot be used."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (Path(certificate), Path(key))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._timer: asyncio.TimerHandle | None = None
        try:
            self._seen = self._moments()
            self._load()
        except (OSError, ssl.SSLError) as problem:
            raise CannotListen(
                f"the certificate {certificate} or its key {key} cannot be used: {problem}; both are PEM files"
            ) from problem

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
            log.exception("the new MQTT certificate cannot be used; the one before stays")
            return
        self._seen = now
        log.info("the MQTT certificate was renewed")

    def _load(self) -> None:
        # Loaded into a context of its own first: a pair that does not fit must not spoil the one in use.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
        self.context.load_cert_chain(*self._files)

    def _moments(self) -> list[tuple[int, int]]:
        return [(found.st_mtime_ns, found.st_size) for found in (one.stat() for one in self._files)]
