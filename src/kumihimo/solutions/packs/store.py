"""The rows of packs in a tenant: what is installed, what that made, the town's own values, what was done."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, cast

from kumihimo.base import jsontext
from kumihimo.solutions.packs.models import Event, Install, InstallState, Item, ItemKind, Origin, Town, Trust
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("packs", __package__)
PLATFORM_SCHEMA = Schema("packs", __package__, "platform")
KEPT_EVENTS: Final = 1000
_SHORT: Final = "id, version, state, origin, trust, signer, sample, at, made_by, revision"


def _install(row: Row) -> Install:
    return Install(
        str(row[0]),
        str(row[1]),
        cast("InstallState", row[2]),
        cast("Origin", row[3]),
        cast("Trust", row[4]),
        str(row[5]),
        bool(row[6]),
        int(row[7]),
        str(row[8]),
        int(row[9]),
        bytes(row[10]) if len(row) > 10 else b"",
    )


async def installs_tx(tx: Tx) -> list[Install]:
    """All packs of the tenant by id, without their archives."""
    return [_install(row) for row in await tx.fetch(f"SELECT {_SHORT} FROM pack_install ORDER BY id")]


async def install_tx(tx: Tx, id_: str) -> Install | None:
    """One pack with its archive."""
    row = await tx.fetch_one(f"SELECT {_SHORT}, archive FROM pack_install WHERE id = $1", id_)
    return None if row is None else _install(row)


async def put_install_tx(tx: Tx, one: Install) -> None:
    """Notes a pack in place of what was noted of it."""
    await tx.execute(
        f"INSERT INTO pack_install ({_SHORT}, archive) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,"
        " origin = excluded.origin, trust = excluded.trust, signer = excluded.signer, sample = excluded.sample,"
        " at = excluded.at, made_by = excluded.made_by, revision = excluded.revision, archive = excluded.archive",
        one.id,
        one.version,
        one.state,
        one.origin,
        one.trust,
        one.signer,
        int(one.sample),
        one.at,
        one.by,
        one.revision,
        one.archive,
    )


async def revise_tx(tx: Tx, id_: str, revision: int) -> bool:
    """Counts a change of the pack's values; False where it is not at this revision any more."""
    changed = await tx.execute(
        "UPDATE pack_install SET revision = revision + 1 WHERE id = $1 AND revision = $2", id_, revision
    )
    return changed > 0


async def remove_install_tx(tx: Tx, id_: str) -> None:
    """Forgets the pack and what it made; the town's values stay."""
    await tx.execute("DELETE FROM pack_item WHERE pack = $1", id_)
    await tx.execute("DELETE FROM pack_install WHERE id = $1", id_)


# --- what it made -------------------------------------------------------------------------------------------


async def items_tx(tx: Tx, pack: str) -> list[Item]:
    """What a pack made, as it was made."""
    rows = await tx.fetch("SELECT kind, name, shipped, ref FROM pack_item WHERE pack = $1 ORDER BY kind, name", pack)
    return [Item(cast("ItemKind", row[0]), str(row[1]), str(row[2]), str(row[3])) for row in rows]


async def owner_tx(tx: Tx, kind: str, name: str) -> str:
    """Which pack made this, "" for none."""
    row = await tx.fetch_one("SELECT pack FROM pack_item WHERE kind = $1 AND name = $2", kind, name)
    return "" if row is None else str(row[0])


async def put_item_tx(tx: Tx, pack: str, one: Item) -> None:
    """Notes that the pack makes this."""
    await tx.execute(
        "INSERT INTO pack_item (pack, kind, name, ref, shipped) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (kind, name) DO UPDATE SET ref = excluded.ref, shipped = excluded.shipped",
        pack,
        one.kind,
        one.name,
        one.ref,
        one.text,
    )


async def remove_item_tx(tx: Tx, kind: str, name: str) -> None:
    """Forgets that a pack made this."""
    await tx.execute("DELETE FROM pack_item WHERE kind = $1 AND name = $2", kind, name)


# --- the town's own values ----------------------------------------------------------------------------------


async def values_tx(tx: Tx, pack: str) -> dict[str, Any]:
    """The values that the town gave, by parameter."""
    rows = await tx.fetch("SELECT name, value FROM pack_parameter WHERE pack = $1 ORDER BY name", pack)
    return {str(name): jsontext.parse(value) for name, value in rows}


async def put_value_tx(tx: Tx, pack: str, name: str, value: Any, at: int, by: str) -> None:
    """Keeps a value; None takes the town's away, so that the pack's counts."""
    if value is None:
        await tx.execute("DELETE FROM pack_parameter WHERE pack = $1 AND name = $2", pack, name)
        return
    await tx.execute(
        "INSERT INTO pack_parameter (pack, name, value, at, made_by) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (pack, name) DO UPDATE SET value = excluded.value, at = excluded.at, made_by = excluded.made_by",
        pack,
        name,
        jsontext.text(value),
        at,
        by,
    )


async def remove_values_tx(tx: Tx, pack: str) -> None:
    """Forgets the town's values."""
    await tx.execute("DELETE FROM pack_parameter WHERE pack = $1", pack)


# --- what was done, and what the town is ----------------------------------------------------------------------


async def add_event_tx(tx: Tx, one: Event) -> None:
    """Notes what was done; the oldest are let go."""
    row = await tx.fetch_one("SELECT MAX(seq) FROM pack_event")
    seq = 1 if row is None or row[0] is None else int(row[0]) + 1
    await tx.execute(
        "INSERT INTO pack_event (seq, at, pack, version, what, made_by) VALUES ($1, $2, $3, $4, $5, $6)",
        seq,
        one.at,
        one.pack,
        one.version,
        one.what,
        one.by,
    )
    await tx.execute("DELETE FROM pack_event WHERE seq <= $1", seq - KEPT_EVENTS)


async def events_tx(tx: Tx, pack: str, limit: int) -> list[Event]:
    """What was done with a pack, the newest first."""
    rows = await tx.fetch(
        "SELECT at, pack, version, what, made_by FROM pack_event WHERE pack = $1 ORDER BY seq DESC LIMIT $2",
        pack,
        limit,
    )
    return [Event(int(row[0]), *map(str, row[1:])) for row in rows]


async def town_tx(tx: Tx, tenant: str) -> Town:
    """What the town says of itself."""
    row = await tx.fetch_one("SELECT population, traits, listed FROM pack_town WHERE id = 0")
    if row is None:
        return Town(tenant)
    return Town(tenant, int(row[0]), frozenset(jsontext.parse(row[1])), bool(row[2]))


async def put_town_tx(tx: Tx, town: Town) -> None:
    """Keeps what the town says of itself."""
    await tx.execute(
        "INSERT INTO pack_town (id, population, traits, listed) VALUES (0, $1, $2, $3)"
        " ON CONFLICT (id) DO UPDATE SET population = excluded.population, traits = excluded.traits,"
        " listed = excluded.listed",
        town.population,
        jsontext.text(sorted(town.traits)),
        int(town.listed),
    )


# --- towns that are older than what tells where a wing runs: in the platform's scope -------------------------------


async def before_tx(tx: Tx) -> set[str] | None:
    """Those still to be looked at; None where they were not noted yet."""
    found = {str(row[0]) for row in await tx.fetch("SELECT tenant FROM pack_before")}
    return found - {""} if "" in found else None


async def note_before_tx(tx: Tx, tenants: Collection[str]) -> None:
    """Notes them, once for all time."""
    for tenant in ("", *tenants):
        await tx.execute("INSERT INTO pack_before (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant)


async def forget_before_tx(tx: Tx, tenant: str) -> None:
    """It was looked at."""
    await tx.execute("DELETE FROM pack_before WHERE tenant = $1", tenant)
