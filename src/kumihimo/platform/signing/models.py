"""A tenant's signing key (Ed25519, RFC 8032) and its public half as a JSON Web Key (RFC 8037)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def letters(data: bytes) -> str:
    """base64url without padding (RFC 7515)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    """The bytes of a base64url text."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_id(public: str) -> str:
    """The thumbprint (RFC 7638, SHA-256) of an Ed25519 key whose x is this."""
    return letters(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}'.encode()).digest())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a receiver needs; moments in microseconds, retired_at is 0 for the key that signs now."""

    id: str
    public: str
    created_at: int
    retired_at: int

    def jwk(self) -> dict[str, Any]:
        """The key as RFC 8037 writes it."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self.public, "kid": self.id, "use": "sig", "alg": "EdDSA"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key that signs. Its private half is never shown."""

    id: str
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Key({self.id})"

    @staticmethod
    def made() -> Key:
        """A new key."""
        private = Ed25519PrivateKey.generate()
        return Key(key_id(letters(private.public_key().public_bytes_raw())), private)

    @staticmethod
    def from_text(text: str) -> Key:
        """The key that `text()` gave."""
        private = Ed25519PrivateKey.from_private_bytes(raw(text))
        return Key(key_id(letters(private.public_key().public_bytes_raw())), private)

    def text(self) -> str:
        """The private half, for the store."""
        return letters(self.private.private_bytes_raw())

    @property
    def public(self) -> str:
        """The public half, base64url."""
        return letters(self.private.public_key().public_bytes_raw())
