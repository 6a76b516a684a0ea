"""Secrets that must be read again are kept sealed: AES-256-GCM under a key that lies beside the store, not in it."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kumihimo.base.errors import StorageRefused

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal:
    """Seals and unseals under the key in a file, which is made (mode 0600) when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cipher: AESGCM | None = None

    def seal(self, purpose: str, secret: bytes) -> str:
        """The secret as a text for the store. purpose says what it is and whose; only with it, it is unsealed."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._key().encrypt(nonce, secret, purpose.encode())).decode()

    def unseal(self, purpose: str, sealed: str) -> bytes:
        """The secret. StorageRefused where it was sealed for another purpose, under another key, or was changed."""
        try:
            raw = urlsafe_b64decode(sealed)
            return self._key().decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError) as problem:
            raise StorageRefused(
                f"a sealed secret does not fit the key in {self._path}; put back the key file that belongs to this data"
            ) from problem

    def _key(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(_read_or_make(self._path))
        return self._cipher


def _read_or_make(path: Path) -> bytes:
    """The key in the file. StorageRefused where it holds none, or others of this machine may read it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise StorageRefused(f"{path} may be read by others; say chmod 600 {path}")
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as problem:
        raise StorageRefused(f"the key in {path} cannot be read: {problem}") from problem
    if len(key) != _KEY_BYTES:
        raise StorageRefused(f"{path} holds no key of {_KEY_BYTES} bytes")
    return key


def _make(path: Path) -> None:
    """Writes a whole file and links it into place, so that of two processes both read the key of one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
