"""Keys by which tokens are signed (ES256), their change with overlap, and the secret behind pairwise names."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from joserfc.jwk import ECKey

from kumihimo.base import jsontext, times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import StorageRefused
from kumihimo.platform.provider.models import Nudge, Seal
from kumihimo.platform.provider.store import keys as store
from kumihimo.storage.database import PLATFORM, Database, Tx

ALGORITHM: Final = "ES256"
SECOND: Final = 1_000_000
REMEMBERED: Final = 60 * SECOND
"""Microseconds for which keys are used without a look at the store, where another process may have changed them."""
LEAD_SECONDS: Final = 600
"""A new key is shown so long before it signs, so that whoever keeps the key set has it by then."""
OVERLAP_SECONDS: Final = 7 * 24 * 3600
"""An old key is shown so long after it signed last."""
KEY_DAYS: Final = 90
"""A key that has signed for so long is followed by a new one."""
_LOOK_AGAIN: Final = SECOND
_PAIRWISE: Final = "pairwise names"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with both halves; starts_at in microseconds."""

    id: str
    key: ECKey
    starts_at: int

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"

    def public(self) -> dict[str, Any]:
        """The public half as it stands in the key set (RFC 7517)."""
        return dict(self.key.as_dict(private=False))


class Keys:
    """All keys of the provider; they lie sealed in the platform's store."""

    def __init__(self, database: Database, clock: Clock, seal: Seal, nudge: Nudge) -> None:
        self._database = database
        self._clock = clock
        self._seal = seal
        self._nudge = nudge
        self._known: list[SigningKey] = []
        self._opened: dict[str, ECKey] = {}
        self._read_at: int | None = None
        self._pairwise = b""

    async def signing(self) -> SigningKey:
        """The key that signs now; made where there is none, followed by a new one where it is old."""
        await self._fresh(REMEMBERED)
        now = self._now()
        current = _current(self._known, now)
        if current is None:
            await self._add(starts_at=now, unless_one=True)
        elif current is self._known[0] and now - current.starts_at > KEY_DAYS * 86_400 * SECOND:
            await self._add(starts_at=now + LEAD_SECONDS * SECOND, unless_one=False)
        else:
            return current
        found = _current(self._known, self._now())
        if found is None:
            raise StorageRefused("there is no key that signs; see the platform's clock")
        return found

    async def public(self) -> list[dict[str, Any]]:
        """The key set: what signs, what signed lately, what will sign."""
        await self.signing()
        return [one.public() for one in self._known]

    async def key(self, kid: str) -> ECKey | None:
        """The key of this id; one that is not known is looked for in the store, once in a second."""
        found = None if self._read_at is None else self._held(kid)
        if found is None:
            await self._fresh(_LOOK_AGAIN)
            found = self._held(kid)
        return found

    async def rotate(self, *, at_once: bool = False) -> None:
        """A new key, which signs after LEAD_SECONDS. at_once: it signs now, and what the old ones signed is refused."""
        now = self._now()
        if not at_once:
            await self.signing()
            await self._add(starts_at=now + LEAD_SECONDS * SECOND, unless_one=False)
            return
        until = now + OVERLAP_SECONDS * SECOND
        await self._database.write(PLATFORM, lambda tx: _drop_all_tx(tx, until))
        await self._add(starts_at=now, unless_one=True)
        self._nudge.wanted = True

    def forget(self) -> None:
        """Looks at the store before a key is used again: another process threw all of them away."""
        self._read_at = None

    async def pairwise(self, sector: str, account: str) -> str:
        """The name by which those of a sector know a person (OpenID Connect Core section 8.1)."""
        if not self._pairwise:
            self._pairwise = await self._kept_secret()
        digest = hmac.digest(self._pairwise, f"{sector}\0{account}".encode(), hashlib.sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    # --- the store ---------------------------------------------------------------------------------------

    def _held(self, kid: str) -> ECKey | None:
        return next((one.key for one in self._known if one.id == kid), None)

    async def _fresh(self, most: int) -> None:
        now = self._now()
        if self._read_at is None or not 0 <= now - self._read_at < most:
            await self._read()
            self._read_at = now

    async def _read(self) -> None:
        rows = await self._database.read(PLATFORM, store.keys_tx, quick=True)
        kept, aged = _split(rows, self._now())
        if aged:
            await self._database.write(PLATFORM, lambda tx: store.drop_keys_tx(tx, aged))
        self._opened = {row.id: self._opened.get(row.id) or self._open(row) for row in kept}
        self._known = [SigningKey(row.id, self._opened[row.id], row.starts_at) for row in kept]

    def _open(self, row: store.KeyRow) -> ECKey:
        private = jsontext.parse(self._seal.unseal(f"signing key {row.id}", row.sealed))
        return ECKey.import_key(private, _header(row.id))

    async def _add(self, *, starts_at: int, unless_one: bool) -> None:
        """Adds a key; with unless_one only where there is none, and else only where none waits for its start."""
        made = ECKey.generate_key("P-256", private=True)
        kid = made.thumbprint()
        private = jsontext.dumps(dict(made.as_dict(private=True)))
        public = jsontext.text(dict(made.as_dict(private=False)))
        row = store.KeyRow(kid, public, self._seal.seal(f"signing key {kid}", private), starts_at)
        now = self._now()

        async def work(tx: Tx) -> None:
            held = await store.keys_tx(tx)
            if not held or (not unless_one and held[0].starts_at <= now):
                await store.add_key_tx(tx, row)

        await self._database.write(PLATFORM, work)
        await self._read()

    async def _kept_secret(self) -> bytes:
        found = await self._database.read(PLATFORM, lambda tx: store.secret_tx(tx, _PAIRWISE), quick=True)
        if found is None:
            made = self._seal.seal(_PAIRWISE, secrets.token_bytes(32))
            found = await self._database.write(PLATFORM, lambda tx: store.keep_secret_tx(tx, _PAIRWISE, made))
        return self._seal.unseal(_PAIRWISE, found)

    def _now(self) -> int:
        return times.micros(self._clock.now())


async def _drop_all_tx(tx: Tx, until: int) -> None:
    await store.drop_keys_tx(tx, [row.id for row in await store.keys_tx(tx)])
    await store.revoke_tx(tx, "keys", "", until)


def _header(kid: str) -> Any:
    return {"kid": kid, "use": "sig", "alg": ALGORITHM}


def _current(keys: list[SigningKey], now: int) -> SigningKey | None:
    """The newest that has started; keys are sorted, the newest first."""
    return next((one for one in keys if one.starts_at <= now), None)


def _split(rows: list[store.KeyRow], now: int) -> tuple[list[store.KeyRow], list[str]]:
    """The keys to be known, and the ids of those whose successor has signed for the whole overlap."""
    aged = [older.id for newer, older in pairwise(rows) if newer.starts_at + OVERLAP_SECONDS * SECOND < now]
    return [row for row in rows if row.id not in aged], aged
