"""Seals what must not stand open in the store: AES-256-GCM under a key in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kumihimo.base.errors import StorageRefused

_NONCE: Final = 12
_KEY: Final = 32


class FileSeal:
    """Implements models.Seal. The key is made when it is first needed; without it what was sealed stays shut."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cipher: AESGCM | None = None

    def seal(self, purpose: str, secret: bytes) -> str:
        """As models.Seal."""
        nonce = secrets.token_bytes(_NONCE)
        return urlsafe_b64encode(nonce + self._opened().encrypt(nonce, secret, purpose.encode())).decode()

    def unseal(self, purpose: str, sealed: str) -> bytes:
        """As models.Seal."""
        try:
            raw = urlsafe_b64decode(sealed)
            return self._opened().decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError) as problem:
            raise StorageRefused(
                f"this was not sealed with the key in {self._path}; put that key file back"
            ) from problem

    def _opened(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(self._key())
        return self._cipher

    def _key(self) -> bytes:
        if not self._path.exists():
            with suppress(FileExistsError):
                self._make()
        try:
            if self._path.stat().st_mode & 0o077:
                raise StorageRefused(f"{self._path} may be read by others; say chmod 600 {self._path}")
            key = self._path.read_bytes()
        except OSError as problem:
            raise StorageRefused(f"the key file {self._path} cannot be read: {problem.strerror}") from problem
        if len(key) != _KEY:
            raise StorageRefused(f"{self._path} holds no key; put the file of the backup back")
        return key

    def _make(self) -> None:
        """Written whole beside its place and linked there, so that two processes that start at once have one key."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        file = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(file, secrets.token_bytes(_KEY))
            os.fsync(file)
            self._path.hardlink_to(fresh)
        finally:
            os.close(file)
            fresh.unlink()
