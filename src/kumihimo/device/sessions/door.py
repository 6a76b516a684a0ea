"""Implements base.ports.SessionStore: a tenant's sessions in the tenant's own store, all others in the platform's."""

from __future__ import annotations

from collections.abc import Sequence

from kumihimo.base.ports import MqttChange, MqttRow
from kumihimo.device.sessions import store
from kumihimo.storage.database import PLATFORM, Database


class MqttSessions:
    """Sessions on the database; tenant "" is the platform's scope, where clients without a credential are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, tenant: str, changes: Sequence[MqttChange]) -> None:
        """All of the changes in their order, or none; durable on return. NonexistentTenant, StorageRefused."""
        await self._database.write(tenant, lambda tx: store.apply_tx(tx, changes))

    async def tenants(self) -> list[str]:
        """The platform's own scope, and every tenant."""
        return [PLATFORM, *await self._database.tenants()]

    async def load(self, tenant: str) -> list[MqttRow]:
        """All rows: sessions first, messages in the order of their numbers."""
        return await self._database.read(tenant, store.load_tx)
