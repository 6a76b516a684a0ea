"""A passkey's authenticator in software, for tests without a browser: P-256, attestation "none"."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def letters(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """Holds one passkey; every answer counts up by one, unless the test sets the counter."""

    def __init__(self, origin: str = "http://localhost:8080") -> None:
        self.origin = origin
        self.id = secrets.token_bytes(16)
        self.counter = 0
        self.handle = b""
        self.flags = PRESENT | VERIFIED
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: str) -> str:
        """The answer to navigator.credentials.create."""
        given = json.loads(options)
        self.handle = raw(given["user"]["id"])
        numbers = self._key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        held = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(public)
        data = self._data(given["rp"]["id"], ATTESTED) + held
        whole = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", given["challenge"])
        return self._answer({"clientDataJSON": letters(client), "attestationObject": letters(whole)})

    def sign(self, options: str) -> str:
        """The answer to navigator.credentials.get."""
        given = json.loads(options)
        self.counter += 1
        data = self._data(given["rpId"], 0)
        client = self._client("webauthn.get", given["challenge"])
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": letters(client),
                "authenticatorData": letters(data),
                "signature": letters(signature),
                "userHandle": letters(self.handle),
            }
        )

    def _data(self, site: str, more: int) -> bytes:
        return hashlib.sha256(site.encode()).digest() + bytes([self.flags | more]) + struct.pack(">I", self.counter)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        name = letters(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
