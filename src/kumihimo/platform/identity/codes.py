"""One-time codes by time (TOTP, RFC 6238) and recovery codes."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from base64 import b32encode
from datetime import datetime
from typing import Final

import pyotp

from kumihimo.platform.identity.models import RECOVERY_CODES, digest_of

ISSUER: Final = "Kumihimo"
STEP_SECONDS: Final = 30
_SIX: Final = re.compile(r"\d{6}\Z", re.ASCII)
_RECOVERY_BYTES: Final = 10


def new_totp() -> str:
    """A fresh secret (160 bits, base32)."""
    return pyotp.random_base32()


def totp_address(secret: str, sign_in: str) -> str:
    """The otpauth: address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=sign_in, issuer_name=ISSUER)


def tidy(code: str) -> str:
    """A code as it was typed, without blanks and hyphens, in the letters that codes have."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", code[:64])).upper()


def is_totp(code: str) -> bool:
    """Whether a tidy code looks like one of an app, rather than a recovery code."""
    return _SIX.match(code) is not None


def step_of(secret: str, code: str, now: datetime, used: int) -> int | None:
    """The step whose code this is, among the one now and its neighbours (RFC 6238 section 5.2); None where it is none.

    A step at or before the last `used` is refused: a code is good once.
    """
    here = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    found = None
    for step in (here - 1, here, here + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and step > used:
            found = step
    return found


def new_recovery() -> list[str]:
    """Fresh recovery codes of 80 bits each, as they are shown: four groups of four letters."""
    made = [b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    return ["-".join(one[at : at + 4] for at in range(0, 16, 4)) for one in made]


def recovery_digest(code: str) -> str:
    """Under which a recovery code is kept."""
    return digest_of(tidy(code))
