"""Which tenant of which platform this is: a name that no other tenant anywhere has, the same over restarts."""

from __future__ import annotations

import hashlib

from kumihimo.base.errors import NonexistentTenant
from kumihimo.storage.database import PLATFORM, Database, Row, Tx


async def tenant_identity(database: Database, tenant: str) -> str:
    """32 characters made of the tenant's registry id, which was drawn by lot when it was made.

    NonexistentTenant where there is no such tenant.
    """

    async def work(tx: Tx) -> Row | None:
        return await tx.fetch_one("SELECT id FROM tenant WHERE name = $1", tenant)

    row = await database.read(PLATFORM, work, quick=True)
    if row is None:
        raise NonexistentTenant(f"there is no tenant {tenant!r}")
    return hashlib.sha256(f"identity {row[0]}".encode()).hexdigest()[:32]
