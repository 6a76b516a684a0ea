"""Keys of devices: 256 random bits, kept as SHA-256.

A password hash such as Argon2 slows down guessing where the secret was chosen by a person. A key of 256 random
bits cannot be guessed however fast the hash is, and a slow hash would let anybody burn our processor by connecting.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import new_token

MIN_KEY: Final = 32
MAX_KEY: Final = 256
_NOBODY: Final = hashlib.sha256(b"no device").hexdigest()


def new_key() -> str:
    """A fresh key, 64 hexadecimal digits."""
    return new_token(32)


def check_key(key: str) -> str:
    """The key itself where it was brought along and is long enough; BadRequestData otherwise."""
    if not MIN_KEY <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise BadRequestData(f"a device's key has {MIN_KEY} to {MAX_KEY} printable ASCII characters, at random")
    return key


def hash_key(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_key(key: str, kept: str) -> bool:
    """Whether this is the key, in a time that tells nothing; kept is "" where there is no device."""
    same = hmac.compare_digest(hash_key(key), kept or _NOBODY)
    return same and bool(kept)
