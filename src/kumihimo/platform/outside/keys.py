"""Our own keys at a provider, by which we prove that we are the client (private_key_jwt, OpenID Connect Core 9)."""

from __future__ import annotations

import secrets
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from kumihimo.base import jsontext
from kumihimo.platform.outside.models import KeyAlg, Provider, Sealer

PrivateKey = ECKey | RSAKey
KEPT_KEYS = 3
"""Keys of one provider whose public halves are given out, retired ones among them."""
ASSERTION_SECONDS = 60


def made(alg: KeyAlg) -> PrivateKey:
    """A new key of 2048 bits (RS256) or on P-256 (ES256)."""
    parameters: Any = {"use": "sig", "alg": alg}
    if alg == "RS256":
        return RSAKey.generate_key(2048, parameters, auto_kid=True)
    return ECKey.generate_key("P-256", parameters, auto_kid=True)


def public_text(key: PrivateKey) -> str:
    """The public half as a JSON Web Key."""
    return jsontext.text(key.as_dict(private=False))


def sealed(sealer: Sealer, provider: str, key: PrivateKey) -> str:
    """The whole key, for the store."""
    return sealer.seal(_purpose(provider), jsontext.text(key.as_dict(private=True)).encode())


def unsealed(sealer: Sealer, provider: str, text: str) -> PrivateKey:
    """The key that `sealed` gave; StorageRefused where it does not fit."""
    given = jsontext.parse(sealer.unseal(_purpose(provider), text).decode())
    return RSAKey.import_key(given) if given["kty"] == "RSA" else ECKey.import_key(given)


def _purpose(provider: str) -> str:
    return f"outside-key:{provider}"


def assertion(key: PrivateKey, provider: Provider, audience: str, now: int) -> str:
    """Who we are, for the token endpoint `audience` alone, once, for a minute from now (seconds since 1970)."""
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    return jwt.encode({"alg": provider.key_alg, "kid": key.kid}, claims, key, algorithms=[provider.key_alg])
