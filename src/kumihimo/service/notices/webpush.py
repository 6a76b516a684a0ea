"""Web push: the message as only the browser can read it, and by whom a push service knows us; pure.

RFC 8291 (encryption), RFC 8188 (its one record), RFC 8292 (VAPID), RFC 8030 (headers).
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from kumihimo.base.errors import BadRequestData

RECORD: Final = 4096
"""Bytes that every push service takes (RFC 8030 section 7.2)."""
MAX_TEXT: Final = RECORD - 86 - 17
"""Bytes of what is said: without the header of the record, its tag and its delimiter (RFC 8291 section 4)."""
TOKEN_SECONDS: Final = 12 * 3600
"""A token is good for a day at most (RFC 8292 section 2)."""
MAX_ENDPOINT: Final = 1024
_POINT, _AUTH = 65, 16


def text_of(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """The bytes of base64url. ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*={0,2}", text):
        raise ValueError("no base64url")
    bare = text.rstrip("=")
    return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_subscription(endpoint: str, p256dh: str, auth: str) -> None:
    """BadRequestData for what no browser would give: where a message goes is chosen outside, over https alone."""
    try:
        parts = urlsplit(endpoint)
        named = parts.username is None and parts.password is None and not parts.fragment
        is_address = named and parts.scheme == "https" and bool(parts.hostname) and parts.port in (None, 443)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(p256dh))
        fits = len(bytes_of(p256dh)) == _POINT and len(bytes_of(auth)) == _AUTH
    except ValueError:
        is_address = fits = False
    is_plain = len(endpoint) <= MAX_ENDPOINT and endpoint.isascii() and endpoint.isprintable()
    if not (is_address and fits and is_plain):
        raise BadRequestData("this is no subscription that a browser makes").worded("notices.refused.push")


def encrypt(
    text: bytes,
    p256dh: str,
    auth: str,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body for the browser with these keys (RFC 8291 section 3.4); key and salt are fresh where none are given.

    ValueError for a text over MAX_TEXT bytes, or keys that are none.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a push message holds {MAX_TEXT} bytes, not {len(text)}")
    key = key or ec.generate_private_key(ec.SECP256R1())
    salt = salt or secrets.token_bytes(16)
    theirs, ours = bytes_of(p256dh), point_of(key)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
    secret = _derived(shared, bytes_of(auth), b"WebPush: info\0" + theirs + ours, 32)
    cipher = AESGCM(_derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + cipher.encrypt(nonce, text + b"\x02", None)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def authorization(key: ec.EllipticCurvePrivateKey, endpoint: str, subject: str, now: int) -> str:
    """The Authorization header for this endpoint (RFC 8292 sections 2 and 3). subject: whom the push service may ask,
    "mailto:…" or "https://…", "" for nobody; now in seconds.
    """
    parts = urlsplit(endpoint)
    claims: dict[str, object] = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now + TOKEN_SECONDS}
    if subject:
        claims["sub"] = subject
    token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, ECKey.import_key(key))
    return f"vapid t={token}, k={text_of(point_of(key))}"
