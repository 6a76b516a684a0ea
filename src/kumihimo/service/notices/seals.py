"""What is personal of a recipient, sealed for the store: who it is, where, and how they are reached."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from kumihimo.base import jsontext
from kumihimo.service.notices import store
from kumihimo.service.notices.models import Area, Browser, Recipient
from kumihimo.service.notices.store import Kept
from kumihimo.storage.database import PLATFORM, Database

_OUTSIDE: Final = ("id", "account", "list")
"""What stands beside the sealed part, so that it can be found."""


class Sealing(Protocol):
    """Seals secrets for the store (platform.identity.seal)."""

    def seal(self, purpose: str, secret: bytes) -> str: ...

    def unseal(self, purpose: str, sealed: str) -> bytes: ...


class Seals:
    """Seals recipients of a tenant, and keeps the two keys of the platform that this room needs."""

    def __init__(self, database: Database, seal: Sealing) -> None:
        self._database = database
        self._seal = seal
        self._push: ec.EllipticCurvePrivateKey | None = None
        self._marks = b""

    def close(self, tenant: str, one: Recipient) -> Kept:
        """The recipient as a row."""
        inside = {name: value for name, value in asdict(one).items() if name not in _OUTSIDE}
        return Kept(one.id, one.account, one.list, self._seal.seal(_purpose(tenant, one.id), jsontext.dumps(inside)))

    def open(self, tenant: str, kept: Kept) -> Recipient:
        """The recipient of a row. StorageRefused where it was sealed for another place, or under another key."""
        inside: dict[str, Any] = jsontext.parse(self._seal.unseal(_purpose(tenant, kept.id), kept.sealed))
        quiet = inside.pop("quiet")
        return Recipient(
            kept.id,
            kept.account,
            kept.list,
            topics=tuple(inside.pop("topics")),
            areas=tuple(Area(**area) for area in inside.pop("areas")),
            browsers=tuple(Browser(**browser) for browser in inside.pop("browsers")),
            asked=tuple(inside.pop("asked")),
            quiet=None if quiet is None else (quiet[0], quiet[1]),
            **inside,
        )

    async def push_key(self) -> ec.EllipticCurvePrivateKey:
        """The key by which push services know this platform; made when it is first needed."""
        if self._push is None:
            made = ec.generate_private_key(ec.SECP256R1())
            raw = await self._key("push", made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
            found = load_der_private_key(raw, None)
            assert isinstance(found, ec.EllipticCurvePrivateKey)  # noqa: S101 - we made it
            self._push = found
        return self._push

    async def mark(self, tenant: str, list_id: str, email: str) -> str:
        """The mark of an address on a list: the same for the same one, and of no use without the key."""
        if not self._marks:
            self._marks = await self._key("marks", secrets.token_bytes(32))
        said = f"{tenant}\0{list_id}\0{email.casefold()}".encode()
        return hmac.new(self._marks, said, hashlib.sha256).hexdigest()

    async def _key(self, name: str, fresh: bytes) -> bytes:
        purpose = f"notices key {name}"
        sealed = await self._database.read(PLATFORM, lambda tx: store.key_tx(tx, name), quick=True)
        if sealed is None:
            made = self._seal.seal(purpose, fresh)
            sealed = await self._database.write(PLATFORM, lambda tx: store.key_or_new_tx(tx, name, made))
        return self._seal.unseal(purpose, sealed)


def _purpose(tenant: str, recipient: str) -> str:
    return f"notices {tenant} {recipient}"
