"""Rows of applications, their addresses and their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from kumihimo.base import jsontext
from kumihimo.platform.provider.models import Act, ActKind, Application, Secret, new_name
from kumihimo.storage.database import Row, Tx

_COLUMNS = (
    "id, tenant, name, kind, sector, scopes, grants, logout_uris, jwks, is_own, is_resource, made_by, created_at,"
    " disabled_at, last_used_at, narrowed_at, enabled_at"
)
_SECRET = "id, application, hash, made_by, created_at, expires_at, last_used_at"  # noqa: S105 - columns


async def _application(tx: Tx, row: Row) -> Application:
    uris = await tx.fetch("SELECT uri FROM application_redirect WHERE application = $1 ORDER BY uri", row[0])
    return Application(
        id=row[0],
        tenant=row[1],
        name=row[2],
        kind=row[3],
        sector=row[4],
        scopes=frozenset(jsontext.parse(row[5])),
        grants=frozenset(jsontext.parse(row[6])),
        logout_uris=tuple(jsontext.parse(row[7])),
        jwks=row[8],
        is_own=bool(row[9]),
        is_resource=bool(row[10]),
        made_by=row[11],
        created_at=int(row[12]),
        disabled_at=int(row[13]),
        last_used_at=int(row[14]),
        narrowed_at=int(row[15]),
        enabled_at=int(row[16]),
        redirect_uris=tuple(str(uri) for (uri,) in uris),
    )


async def add_tx(tx: Tx, one: Application, origins: Sequence[tuple[str, str]]) -> None:
    """Adds an application; origins are its redirect URIs, each with its origin ("" for one that is no web page's)."""
    await tx.execute(
        f"INSERT INTO application ({_COLUMNS})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        one.id,
        one.tenant,
        one.name,
        one.kind,
        one.sector,
        jsontext.text(sorted(one.scopes)),
        jsontext.text(sorted(one.grants)),
        jsontext.text(list(one.logout_uris)),
        one.jwks,
        int(one.is_own),
        int(one.is_resource),
        one.made_by,
        one.created_at,
        one.disabled_at,
        one.last_used_at,
        one.narrowed_at,
        one.enabled_at,
    )
    await _add_redirects_tx(tx, one, origins)


async def change_tx(tx: Tx, one: Application, origins: Sequence[tuple[str, str]]) -> None:
    """Keeps an application as it is now; what never changes of it is left."""
    await tx.execute(
        "UPDATE application SET name = $2, sector = $3, scopes = $4, grants = $5, logout_uris = $6, jwks = $7,"
        " is_own = $8, is_resource = $9, narrowed_at = $10 WHERE id = $1",
        one.id,
        one.name,
        one.sector,
        jsontext.text(sorted(one.scopes)),
        jsontext.text(sorted(one.grants)),
        jsontext.text(list(one.logout_uris)),
        one.jwks,
        int(one.is_own),
        int(one.is_resource),
        one.narrowed_at,
    )
    await tx.execute("DELETE FROM application_redirect WHERE application = $1", one.id)
    await _add_redirects_tx(tx, one, origins)


async def _add_redirects_tx(tx: Tx, one: Application, origins: Sequence[tuple[str, str]]) -> None:
    await tx.execute_many(
        "INSERT INTO application_redirect (application, uri, origin) VALUES ($1, $2, $3)",
        [(one.id, uri, origin) for uri, origin in origins],
    )


async def application_tx(tx: Tx, name: str) -> Application | None:
    """The application of this id, disabled or not."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM application WHERE id = $1", name)
    return None if row is None else await _application(tx, row)


async def of_tenant_tx(tx: Tx, tenant: str) -> list[Application]:
    """A tenant's applications, the oldest first."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM application WHERE tenant = $1 ORDER BY created_at, id", tenant)
    return [await _application(tx, row) for row in rows]


async def count_tx(tx: Tx, tenant: str) -> int:
    """How many applications a tenant has."""
    row = await tx.fetch_one("SELECT count(*) FROM application WHERE tenant = $1", tenant)
    return int(row[0]) if row is not None else 0


async def disable_tx(tx: Tx, name: str, now: int) -> bool:
    """Takes an application out of use; False where it is so already."""
    return await tx.execute("UPDATE application SET disabled_at = $2 WHERE id = $1 AND disabled_at = 0", name, now) > 0


async def enable_tx(tx: Tx, name: str, now: int) -> bool:
    """Takes an application into use again; False where it is in use."""
    back = "UPDATE application SET disabled_at = 0, enabled_at = $2, narrowed_at = $2 WHERE id = $1 AND disabled_at > 0"
    return await tx.execute(back, name, now) > 0


async def add_act_tx(tx: Tx, tenant: str, one: Act) -> None:
    """Notes what somebody did to an application."""
    await tx.execute(
        "INSERT INTO application_act (id, application, tenant, act, at, made_by) VALUES ($1, $2, $3, $4, $5, $6)",
        new_name("x-"),
        one.application,
        tenant,
        one.kind,
        one.at,
        one.by,
    )


async def acts_tx(tx: Tx, tenant: str, since: int, until: int, by: str, limit: int) -> list[Act]:
    """What was done (by somebody, or with "" by anybody) from a moment to before another, the newest first."""
    rows = await tx.fetch(
        "SELECT application, act, at, made_by FROM application_act WHERE tenant = $1 AND at >= $2 AND at < $3"
        " AND (made_by = $4 OR CAST($4 AS TEXT) = '') ORDER BY at DESC, id DESC LIMIT $5",
        tenant,
        since,
        until,
        by,
        limit,
    )
    return [Act(row[0], cast("ActKind", row[1]), int(row[2]), row[3]) for row in rows]


async def is_registered_origin_tx(tx: Tx, origin: str) -> bool:
    """Whether an application in use has a page at this origin."""
    row = await tx.fetch_one(
        "SELECT r.uri FROM application_redirect r JOIN application a ON a.id = r.application"
        " WHERE r.origin = $1 AND a.disabled_at = 0 LIMIT 1",
        origin,
    )
    return row is not None


# --- secrets ---------------------------------------------------------------------------------------------


async def add_secret_tx(tx: Tx, one: Secret) -> None:
    """Adds a secret."""
    await tx.execute(
        f"INSERT INTO application_secret ({_SECRET}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        one.id,
        one.application,
        one.hash,
        one.made_by,
        one.created_at,
        one.expires_at,
        one.last_used_at,
    )


async def secrets_tx(tx: Tx, application: str) -> list[Secret]:
    """An application's secrets, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_SECRET} FROM application_secret WHERE application = $1 ORDER BY created_at DESC, id", application
    )
    return [Secret(*row) for row in rows]


async def secret_of_tx(tx: Tx, digest: str) -> Secret | None:
    """The secret of which SHA-256 makes this."""
    row = await tx.fetch_one(f"SELECT {_SECRET} FROM application_secret WHERE hash = $1", digest)
    return None if row is None else Secret(*row)


async def secret_tx(tx: Tx, name: str) -> Secret | None:
    """The secret of this id."""
    row = await tx.fetch_one(f"SELECT {_SECRET} FROM application_secret WHERE id = $1", name)
    return None if row is None else Secret(*row)


async def end_secret_tx(tx: Tx, name: str, at: int) -> None:
    """Lets a secret be taken until a moment; one that ends earlier already ends then."""
    await tx.execute(
        "UPDATE application_secret SET expires_at = $2 WHERE id = $1 AND (expires_at = 0 OR expires_at > $2)", name, at
    )


async def drop_secrets_tx(tx: Tx, names: Sequence[str]) -> None:
    """Forgets secrets."""
    await tx.execute_many("DELETE FROM application_secret WHERE id = $1", [(one,) for one in names])


async def used_tx(tx: Tx, applications: Sequence[tuple[str, int]], secrets: Sequence[tuple[str, int]]) -> None:
    """Notes when applications and secrets were last used; pairs of id and moment."""
    for table, rows in (("application", applications), ("application_secret", secrets)):
        await tx.execute_many(
            f"UPDATE {table} SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2", [tuple(one) for one in rows]
        )
