"""Public keys of providers (RFC 7517), remembered, and fetched anew when a token names one that is not known."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.ports import HttpFetch
from kumihimo.platform.outside.discovery import ask, object_of
from kumihimo.platform.outside.models import MAX_PROVIDERS, ProviderFailed

PublicKey = RSAKey | ECKey | OKPKey
MAX_KEYS: Final = 50
"""Keys of one provider that are looked at."""
AGE: Final = 3_600_000_000
"""Microseconds after which a set is fetched anew, so that a key which was taken back is no longer believed."""
PAUSE: Final = 30
"""Seconds between two fetches for keys that are not known, so that made-up names of keys cost it nothing."""
MIN_RSA_BITS: Final = 2048
_KIND = {"RS": "RSA", "PS": "RSA", "ES": "EC"}
_CURVE = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed25519": "Ed25519", "EdDSA": "Ed25519"}


@dataclass(slots=True)
class _Set:
    fetched_at: int = 0
    tried_at: int = 0
    keys: list[PublicKey] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Sets of keys by their address."""

    def __init__(self, fetch: HttpFetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sets: dict[str, _Set] = {}

    async def find(self, url: str, kid: str, alg: str) -> PublicKey | None:
        """The key of this id that can check a signature of this kind, or None.

        Without an id ("") the only key that can. ProviderFailed where the set cannot be had.
        """
        kept = self._kept(url)
        async with kept.lock:
            now = times.micros(self._clock.now())
            if not 0 <= now - kept.fetched_at < AGE or not kept.keys:
                await self._refresh(url, kept, now)
            found = _choose(kept.keys, kid, alg)
            if found is None and not 0 <= now - kept.tried_at < PAUSE * 1_000_000:
                await self._refresh(url, kept, now)
                found = _choose(kept.keys, kid, alg)
            return found

    def _kept(self, url: str) -> _Set:
        found = self._sets.get(url)
        if found is None:
            while len(self._sets) >= MAX_PROVIDERS:
                self._sets.pop(next(iter(self._sets)))
            found = self._sets[url] = _Set()
        return found

    async def _refresh(self, url: str, kept: _Set, now: int) -> None:
        kept.tried_at = now
        kept.keys = read_keys(object_of(await ask(self._fetch, "GET", url, {"accept": "application/json"}), "keys"))
        kept.fetched_at = now


def read_keys(document: Mapping[str, Any]) -> list[PublicKey]:
    """The keys of a set that can check signatures. Secret ones (oct) and short ones are never among them."""
    given = document.get("keys")
    if not isinstance(given, list):
        raise ProviderFailed("nonsense", "keys: the answer is no JSON Web Key Set")
    found = (_read_key(one) for one in given[:MAX_KEYS] if isinstance(one, dict))
    return [key for key in found if key is not None]


def _read_key(given: dict[str, Any]) -> PublicKey | None:
    if given.get("use", "sig") != "sig" or "d" in given:
        return None
    named: dict[str, Any] = {
        name: given[name] for name in ("kty", "n", "e", "crv", "x", "y", "kid", "alg", "use") if name in given
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            match given.get("kty"):
                case "RSA":
                    key = RSAKey.import_key(named)
                    return key if key.public_key.key_size >= MIN_RSA_BITS else None
                case "EC":
                    return ECKey.import_key(named)
                case "OKP":
                    return OKPKey.import_key(named)
                case _:
                    return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _choose(keys: list[PublicKey], kid: str, alg: str) -> PublicKey | None:
    fitting = [key for key in keys if key.key_type == _KIND.get(alg[:2], "OKP") and key.get("alg", alg) == alg]
    if alg in _CURVE:
        fitting = [key for key in fitting if key.get("crv") == _CURVE[alg]]
    if kid:
        fitting = [key for key in fitting if key.get("kid") == kid]
        return fitting[0] if fitting else None
    return fitting[0] if len(fitting) == 1 else None
