"""What is kept of a certificate and of a claim code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Seal = Callable[[bytes], bytes]
"""Makes unreadable what only its counterpart reads; the other way round it raises a Problem for what it cannot read."""


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """An issued certificate. fingerprint: SHA-256 of its DER, in hex; serial in hex; moments in microseconds."""

    fingerprint: str
    serial: str
    device: str
    not_before: int
    not_after: int
    made_at: int
    used_at: int | None = None
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim code as it is shown, once; expires_at in microseconds."""

    device: str
    code: str = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was just issued: its record, and the PEM of it and of the authority that signed it."""

    record: CertificateRecord
    pem: str


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a claim code gave: the device that it was for, and its new key, or a certificate (PEM with its chain)."""

    device: str
    key: str = field(default="", repr=False)
    certificate: str = ""
