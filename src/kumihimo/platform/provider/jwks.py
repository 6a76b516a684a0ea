"""The public keys of an application that proves itself by one (RFC 7523): what is taken, and how it is read."""

from __future__ import annotations

from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, Problem

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "RS256", "Ed25519")
MAX_KEYS: Final = 10
MAX_JWKS: Final = 16 * 1024
LEAST_RSA: Final = 2048
Key = RSAKey | ECKey | OKPKey
_KIND_OF: Final[dict[str, type[Key]]] = {
    one: ECKey if one.startswith("ES") else OKPKey if one == "Ed25519" else RSAKey for one in ALGORITHMS
}
_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def check_jwks(text: str) -> str:
    """The key set as it is kept. BadRequestData where it is none, holds a private or symmetric key, or a weak one."""
    if len(text) > MAX_JWKS:
        raise BadRequestData(f"the key set has more than {MAX_JWKS} characters")
    try:
        found = jsontext.loads(text.encode(), max_depth=4)
    except (Problem, UnicodeError) as problem:
        raise BadRequestData("the key set is no JSON") from problem
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise BadRequestData(f'the key set is an object with 1 to {MAX_KEYS} "keys" (RFC 7517)')
    for key in keys:
        _check_key(key)
    return jsontext.text({"keys": keys})


def _check_key(key: Any) -> None:
    if not isinstance(key, dict):
        raise BadRequestData("a key of the set is no object")
    if any(name in key for name in _PRIVATE):
        raise BadRequestData("the key set holds a private or a symmetric key; give the public halves only")
    if key.get("kty") == "RSA" and len(str(key.get("n", ""))) * 6 < LEAST_RSA:
        raise BadRequestData(f"an RSA key of the set has fewer than {LEAST_RSA} bits")
    try:
        made = KeySet.import_key_set({"keys": [key]}).keys[0]
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise BadRequestData("a key of the set cannot be read") from problem
    if not isinstance(made, RSAKey | ECKey | OKPKey):
        raise BadRequestData("a key of the set is neither RSA nor EC nor OKP")


def candidates(text: str, kid: str, algorithm: str) -> list[Key]:
    """The keys of a checked set that may have signed: of this id, where one is named, and of the algorithm's kind."""
    kind = _KIND_OF[algorithm]
    keys = KeySet.import_key_set(jsontext.parse(text)).keys
    return [one for one in keys if isinstance(one, kind) and kid in ("", one.kid)]
