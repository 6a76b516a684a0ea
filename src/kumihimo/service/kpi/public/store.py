"""The rows of what towns show everybody."""

from __future__ import annotations

from datetime import date
from typing import cast

from kumihimo.base import jsontext
from kumihimo.service.kpi.public.models import Kind, Shown
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("kpi-public", __package__, "platform")


async def shown_tx(tx: Tx, tenant: str) -> list[Shown]:
    """What a tenant shows, in order of kind and id."""
    rows = await tx.fetch(
        "SELECT kind, ref, since, made_at, made_by, rests, revision FROM kpi_public WHERE tenant = $1"
        " ORDER BY kind, ref",
        tenant,
    )
    return [_shown(row) for row in rows]


def _shown(row: Row) -> Shown:
    kind, ref, since, made_at, made_by, rests, revision = row
    day = date.fromisoformat(since) if since else None
    return Shown(cast("Kind", kind), ref, day, made_at, made_by, frozenset(jsontext.parse(rests)), revision)


async def put_tx(tx: Tx, tenant: str, one: Shown) -> None:
    """Shows it, or changes from which day on it is compared."""
    await tx.execute(
        "INSERT INTO kpi_public (tenant, kind, ref, since, made_at, made_by, rests, revision)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, kind, ref) DO UPDATE SET since = excluded.since,"
        " made_at = excluded.made_at, made_by = excluded.made_by, rests = excluded.rests,"
        " revision = excluded.revision",
        tenant,
        one.kind,
        one.ref,
        one.since.isoformat() if one.since else "",
        one.made_at,
        one.made_by,
        jsontext.text(sorted(one.rests)),
        one.revision,
    )


async def take_tx(tx: Tx, tenant: str, kind: str, ref: str) -> None:
    """Shows it no more."""
    await tx.execute("DELETE FROM kpi_public WHERE tenant = $1 AND kind = $2 AND ref = $3", tenant, kind, ref)


async def removed_tx(tx: Tx, tenant: str) -> None:
    """A tenant that is gone shows nothing; one that is made later with its name begins with nothing."""
    await tx.execute("DELETE FROM kpi_public WHERE tenant = $1", tenant)
