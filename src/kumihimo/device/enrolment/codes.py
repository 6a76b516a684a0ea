"""Claim codes: 50 random bits in ten characters that people read to each other and type without mistakes.

Crockford's base 32: digits and capital letters without I, L, O and U; what is typed for them (i, l, o) is understood.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 10
_TYPED: Final = str.maketrans("ILO", "110", " -‐‑–—ー\t\r\n")
_MOST_TYPED: Final = 40


def new_code() -> str:
    """A fresh code as it is shown: XXXXX-XXXXX."""
    found = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{found[:5]}-{found[5:]}"


def plain(typed: str) -> str:
    """The ten characters that were meant, "" where it cannot be a code: full-width letters, hyphens, spaces, case."""
    if len(typed) > _MOST_TYPED:
        return ""
    narrow = "".join(chr(ord(one) - 0xFEE0) if "！" <= one <= "～" else one for one in typed.replace("\u3000", ""))
    found = narrow.upper().translate(_TYPED)
    return found if len(found) == LENGTH and all(one in ALPHABET for one in found) else ""


def hash_code(code: str, secret: bytes) -> str:
    """What is kept of a code; without the secret 50 bits could be tried through."""
    return hmac.new(secret, plain(code).encode(), hashlib.sha256).hexdigest()
