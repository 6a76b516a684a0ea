"""Seals private keys that lie in the store, under a key in a file of the data folder (AES-256-GCM)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kumihimo.base.errors import StorageRefused

_SIZE: Final = 32
_NONCE: Final = 12
_MARK: Final = b"\x01"
"""Which way this was sealed, so that another may follow."""


class FileSeal:
    """The key is made when it is first needed; only this user may read its file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._cipher: AESGCM | None = None

    def seal(self, plain: bytes) -> bytes:
        """Unreadable without the file, and told from what anybody else made."""
        nonce = secrets.token_bytes(_NONCE)
        return _MARK + nonce + self._opened().encrypt(nonce, plain, _MARK)

    def unseal(self, sealed: bytes) -> bytes:
        """What was sealed. StorageRefused where it was sealed under another key, or changed."""
        try:
            return self._opened().decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], sealed[:1])
        except (InvalidTag, ValueError) as problem:
            raise StorageRefused(
                f"a private key in the store does not open with {self._file}; bring back that file as it was "
                "when the store was written"
            ) from problem

    def _opened(self) -> AESGCM:
        if self._cipher is None:
            try:
                self._cipher = AESGCM(self._key())
            except (OSError, ValueError) as problem:
                raise StorageRefused(f"the key file {self._file} cannot be used: {problem}") from problem
        return self._cipher

    def _key(self) -> bytes:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._file.with_name(f".{self._file.name}.{secrets.token_hex(8)}")
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SIZE))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where another process was quicker: its key is the one that is used.
            os.link(made, self._file)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return self._file.read_bytes()
