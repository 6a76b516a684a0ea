"""The door to the providers: added, listed, switched, removed; their secrets and our keys, sealed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from kumihimo.base import jsontext, times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AlreadyExists, BadRequestData, Forbidden, ResourceNotFound
from kumihimo.platform.outside import keys, store
from kumihimo.platform.outside.checks import check_provider, check_provider_name
from kumihimo.platform.outside.keys import KEPT_KEYS, PrivateKey
from kumihimo.platform.outside.models import MAX_PROVIDERS, NoProvider, Provider, Sealer
from kumihimo.storage.database import PLATFORM, Database, Tx

MAX_SECRET = 500


class Providers:
    """The providers of this platform; they stand in its own scope, not in a tenant's."""

    def __init__(self, database: Database, clock: Clock, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer

    async def add(self, one: Provider, secret: str = "") -> Provider:
        """Adds a provider. BadRequestData names what cannot be, AlreadyExists where the name is taken."""
        check_provider(one)
        if (one.auth == "private_key_jwt") == bool(secret):
            raise BadRequestData(
                "a client secret goes with client_secret_basic and client_secret_post, and they need one"
            )
        if len(secret) > MAX_SECRET or not secret.isprintable():
            raise BadRequestData(f"a client secret has at most {MAX_SECRET} letters that can be seen")
        now = times.micros(self._clock.now())
        sealed = self._sealer.seal(_purpose(one.name), secret.encode()) if secret else ""
        made = replace(one, secret=sealed, made_at=now, updated_at=now)
        key = await asyncio.to_thread(keys.made, made.key_alg) if made.auth == "private_key_jwt" else None

        async def work(tx: Tx) -> None:
            known = await store.providers_tx(tx)
            if any(each.name == one.name for each in known):
                raise AlreadyExists(f"there is a provider {one.name!r}; remove it first, or take another name")
            if len(known) >= MAX_PROVIDERS:
                raise BadRequestData(f"there are {MAX_PROVIDERS} providers, and no more are kept")
            await store.put_provider_tx(tx, made)
            if key is not None:
                await self._put_key_tx(tx, made, key, now)

        await self._database.write(PLATFORM, work)
        return made

    async def all(self) -> list[Provider]:
        """All providers, by name, also those that are switched off."""
        return await self._database.read(PLATFORM, store.providers_tx, quick=True)

    async def get(self, name: str) -> Provider:
        """A provider, also one that is switched off; ResourceNotFound where there is none."""
        check_provider_name(name)
        found = await self._database.read(PLATFORM, lambda tx: store.provider_tx(tx, name), quick=True)
        if found is None:
            raise ResourceNotFound(f"there is no provider {name!r}")
        return found

    async def active(self, name: str) -> Provider:
        """A provider by which people log in now; NoProvider where there is none, or it is switched off."""
        try:
            found = await self.get(name)
        except (ResourceNotFound, BadRequestData) as problem:
            raise NoProvider from problem
        if not found.active:
            raise NoProvider
        return found

    async def switch(self, name: str, *, active: bool) -> Provider:
        """Switches a provider on or off; identities stay linked. ResourceNotFound where there is none."""
        found = replace(await self.get(name), active=active, updated_at=times.micros(self._clock.now()))
        await self._database.write(PLATFORM, lambda tx: store.put_provider_tx(tx, found))
        return found

    async def linked(self, name: str) -> int:
        """How many people enter by the provider."""
        return await self._database.read(PLATFORM, lambda tx: store.linked_tx(tx, name))

    async def remove(self, name: str, *, force: bool = False) -> int:
        """Removes a provider with its links, kept claims and keys; how many people were linked.

        Forbidden where people are and force is not said: some of them may have no other way in. ResourceNotFound where
        there is none.
        """
        check_provider_name(name)

        async def work(tx: Tx) -> int:
            linked = await store.linked_tx(tx, name)
            if linked and not force:
                raise Forbidden(f"{linked} people enter by {name!r}; say --force to take that way from them")
            if not await store.remove_provider_tx(tx, name):
                raise ResourceNotFound(f"there is no provider {name!r}")
            return linked

        return await self._database.write(PLATFORM, work)

    # --- secrets and keys ----------------------------------------------------------------------------------

    def secret(self, one: Provider) -> str:
        """The client secret; "" where the provider has none."""
        return self._sealer.unseal(_purpose(one.name), one.secret).decode() if one.secret else ""

    async def key(self, one: Provider) -> PrivateKey:
        """The key that signs for us at this provider. ResourceNotFound where it has none."""
        found = await self._database.read(PLATFORM, lambda tx: store.keys_tx(tx, one.name), quick=True)
        for _, _, private, retired_at in found:
            if not retired_at:
                return keys.unsealed(self._sealer, one.name, private)
        raise ResourceNotFound(f"provider {one.name!r} has no key")

    async def rotate(self, name: str) -> str:
        """Gives us a new key at a provider; the id of it. The old one's public half is still given out."""
        one = await self.get(name)
        if one.auth != "private_key_jwt":
            raise BadRequestData(f"{name!r} knows us by a client secret, not by a key")
        now = times.micros(self._clock.now())
        key = await asyncio.to_thread(keys.made, one.key_alg)
        await self._database.write(PLATFORM, lambda tx: self._put_key_tx(tx, one, key, now))
        return str(key.kid)

    async def public_keys(self, name: str) -> list[dict[str, Any]]:
        """The public halves of our keys at a provider as JSON Web Keys, the one that signs first."""
        one = await self.active(name)
        found = await self._database.read(PLATFORM, lambda tx: store.keys_tx(tx, one.name), quick=True)
        return [jsontext.parse(public) for _, public, _, _ in found]

    async def _put_key_tx(self, tx: Tx, one: Provider, key: PrivateKey, now: int) -> None:
        sealed = keys.sealed(self._sealer, one.name, key)
        await store.put_key_tx(tx, one.name, str(key.kid), keys.public_text(key), sealed, now)
        await store.trim_keys_tx(tx, one.name, KEPT_KEYS)


def _purpose(name: str) -> str:
    return f"outside-secret:{name}"
