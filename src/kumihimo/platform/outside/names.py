"""Pairwise names: what one service may write down of a person, so that no two can put theirs together."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from kumihimo.platform.outside import store
from kumihimo.platform.outside.models import Sealer
from kumihimo.storage.database import PLATFORM, Database

_PURPOSE = "outside-names"


class Names:
    """Names of accounts for services (OpenID Connect Core section 8.1), under a key that is sealed in the store."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._key = b""

    async def of(self, account: str, service: str) -> str:
        """The account's name for this service ("log" is the platform's own log): 32 hex digits, always the same."""
        if not self._key:
            fresh = self._sealer.seal(_PURPOSE, secrets.token_bytes(32))
            kept = await self._database.write(PLATFORM, lambda tx: store.names_key_tx(tx, fresh))
            self._key = self._sealer.unseal(_PURPOSE, kept)
        return hmac.digest(self._key, f"{service}\n{account}".encode(), hashlib.sha256).hex()[:32]
