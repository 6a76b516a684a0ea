"""A receiver that checks signatures with a library that is not ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import InvalidSignature

from kumihimo.platform.signing.models import Key, raw


@dataclass
class Request:
    """What the verifier reads of a request."""

    method: str
    url: str
    headers: dict[str, str]


class Keys(HTTPSignatureKeyResolver):
    """A receiver that holds the public half of one key, as the key set gives it."""

    def __init__(self, key: Key) -> None:
        self._id, self._key = key.id, Ed25519PublicKey.from_public_bytes(raw(key.public))

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        if key_id != self._id:
            raise InvalidSignature(f"no key {key_id}")
        return self._key


def verify(key: Key, request: Request, body: bytes) -> list[str]:
    """The components that the signature covers; InvalidSignature where it is not of this request."""
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Keys(key))
    (found,) = verifier.verify(request, body=body, max_age=timedelta(days=100_000), expect_tag="ngsi-ld-notification")
    return [name.strip('"') for name in found.covered_components if name != '"@signature-params"']
