"""A push service and the browsers that subscribe there: it checks by whose token it is asked, they read what comes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from kumihimo.base import jsontext
from kumihimo.base.ports import HttpAnswer
from kumihimo.service.notices.models import Browser
from kumihimo.service.notices.webpush import bytes_of, text_of

HOST = "https://push.example.net"


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


class Phone:
    """A browser with a subscription; the keys are its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._auth = secrets.token_bytes(16)
        self.p256dh, self.auth = text_of(self._public), text_of(self._auth)
        self.endpoint = f"{HOST}/{secrets.token_hex(8)}"

    def browser(self) -> Browser:
        return Browser("", self.endpoint, self.p256dh, self.auth, "Firefox, Android")

    def read(self, body: bytes) -> bytes:
        """The message, as RFC 8291 section 3.4 has the receiver read it."""
        salt, size, theirs = body[:16], int.from_bytes(body[16:20], "big"), body[21 : 21 + body[20]]
        assert (size, body[20]) == (4096, 65)
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        secret = _derived(shared, self._auth, b"WebPush: info\0" + self._public + theirs, 32)
        cipher = AESGCM(_derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16))
        text = cipher.decrypt(_derived(secret, salt, b"Content-Encoding: nonce\0", 12), body[86:], None)
        assert text[-1:] == b"\x02"
        return text[:-1]


class PushService:
    """Implements HttpFetch; answers holds what it answers by endpoint, 201 where nothing is said."""

    def __init__(self, *phones: Phone) -> None:
        self._phones = {phone.endpoint: phone for phone in phones}
        self.answers: dict[str, HttpAnswer | Exception] = {}
        self.came: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []

    async def __call__(self, method: str, url: str, *, headers: Any = None, body: bytes = b"", **_: Any) -> HttpAnswer:
        token, public = headers["Authorization"].removeprefix("vapid t=").split(", k=")
        point = bytes_of(public)
        key: dict[str, str | list[str]] = {
            "kty": "EC",
            "crv": "P-256",
            "x": text_of(point[1:33]),
            "y": text_of(point[33:]),
        }
        assert jwt.decode(token, ECKey.import_key(key), ["ES256"]).claims["aud"] == HOST
        assert (method, headers["Content-Encoding"]) == ("POST", "aes128gcm")
        self.came.append((url, jsontext.parse(self._phones[url].read(body)), headers))
        answer = self.answers.get(url, HttpAnswer(201, {}, b""))
        if isinstance(answer, Exception):
            raise answer
        return answer
