"""Signatures of HTTP requests (RFC 9421) with a digest of the body (RFC 9530); pure.

The components are always the same, so that no parser of structured fields is needed: method, target URI, the headers
that describe the body, and its digest.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping

from kumihimo.platform.signing.models import Key

LABEL = "kumihimo"
TAG = "ngsi-ld-notification"
"""What the signature is for, so that it cannot be shown as one of something else (RFC 9421 section 2.3)."""


def signature(key: Key, method: str, uri: str, headers: Mapping[str, str], body: bytes, created: int) -> dict[str, str]:
    """The headers to add to a request: Content-Digest, Signature-Input and Signature.

    uri is absolute, as it is requested; headers are those to be covered; created is in seconds since 1970.
    """
    digest = f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"
    covered = {
        "@method": method,
        "@target-uri": uri,
        **{name.lower(): value.strip() for name, value in headers.items()},
        "content-digest": digest,
    }
    names = " ".join(f'"{name}"' for name in covered)
    parameters = f'({names});created={created};keyid="{key.id}";alg="ed25519";tag="{TAG}"'
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    signed = b64encode(key.private.sign(base.encode())).decode()
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{signed}:",
    }
