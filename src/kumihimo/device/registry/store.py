"""The tables of devices and their refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from kumihimo.base.jsontext import parse, text
from kumihimo.device.registry.models import Counts, Device, Keys, Refusal
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("registry", __package__)
KEPT_REFUSALS: Final = 200
_COLUMNS = (
    "id, family, name, entity_id, entity_type, settings, lon, lat, created_at, last_seen_at, accepted, refused, "
    "refusal_en, refusal_ja, refusal_at, "
    "(SELECT content FROM device_family WHERE device_family.name = device.family)"
)
_KEYS = "key_hash, key_made_at, key_used_at, old_key_hash, old_key_until"


def _device(row: Row) -> Device:
    location = None if row[6] is None or row[7] is None else (float(row[6]), float(row[7]))
    settings, (created_at, last_seen, accepted, refused, refusal_en, refusal_ja, refusal_at) = parse(row[5]), row[8:15]
    return Device(
        id=row[0],
        family=row[1],
        name=row[2],
        entity_id=row[3],
        entity_type=row[4],
        settings=settings,
        location=location,
        created_at=created_at,
        last_seen=last_seen,
        accepted=accepted,
        refused=refused,
        last_refusal=refusal_en,
        last_refusal_ja=refusal_ja,
        last_refusal_at=refusal_at,
        table=row[15] or "",
    )


async def add_device_tx(tx: Tx, device: Device, key_hash: str, now: int) -> bool:
    """Keeps a new device, also in place of a removed one; False where one of this id lives."""
    if await find_device_tx(tx, device.id) is not None:
        return False
    await tx.execute("DELETE FROM device WHERE id = $1", device.id)
    lon, lat = device.location or (None, None)
    await tx.execute(
        "INSERT INTO device (id, family, name, entity_id, entity_type, settings, lon, lat, key_hash, created_at,"
        " last_seen_at, accepted, refused, refusal_ja, refusal_en, refusal_at, removed_at, key_made_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, 0, 0, '', '', NULL, NULL, $10)",
        device.id,
        device.family,
        device.name,
        device.entity_id,
        device.entity_type,
        text(dict(device.settings)),
        lon,
        lat,
        key_hash,
        now,
    )
    return True


async def find_device_tx(tx: Tx, device: str) -> tuple[Device, Keys] | None:
    """The device and what is kept of its key; None where there is none, or it was removed."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS}, {_KEYS} FROM device WHERE id = $1 AND removed_at IS NULL", device)
    return None if row is None else (_device(row), Keys(*row[16:]))


async def list_devices_tx(tx: Tx) -> list[Device]:
    """All devices that were not removed, by id."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM device WHERE removed_at IS NULL ORDER BY id")
    return [_device(row) for row in rows]


async def family_tx(tx: Tx, name: str) -> str | None:
    """The table of a family that a pack declares, None where there is none."""
    row = await tx.fetch_one("SELECT content FROM device_family WHERE name = $1", name)
    return None if row is None else str(row[0])


async def families_tx(tx: Tx) -> list[str]:
    """The names of the families that packs declare."""
    return [str(row[0]) for row in await tx.fetch("SELECT name FROM device_family ORDER BY name")]


async def put_family_tx(tx: Tx, name: str, table: str) -> None:
    """Keeps a family's table, also in place of another."""
    await tx.execute("DELETE FROM device_family WHERE name = $1", name)
    await tx.execute("INSERT INTO device_family (name, content) VALUES ($1, $2)", name, table)


async def remove_family_tx(tx: Tx, name: str) -> None:
    """Forgets a family; devices that are of it stay, and are not understood any more."""
    await tx.execute("DELETE FROM device_family WHERE name = $1", name)


async def remove_device_tx(tx: Tx, device: str, now: int) -> bool:
    """Takes the device out of use and forgets its key; False where there is none."""
    sql = "UPDATE device SET removed_at = $2, key_hash = '', old_key_hash = '' WHERE id = $1 AND removed_at IS NULL"
    return bool(await tx.execute(sql, device, now))


async def set_key_tx(tx: Tx, device: str, key_hash: str, now: int, old_until: int = 0) -> bool:
    """Puts a new key ("" for none) in place of the old one, which is taken until then; False without such a device.

    Where the key before the old one was still taken, it is not any more: there are two at most.
    """
    return bool(
        await tx.execute(
            "UPDATE device SET old_key_until = $4,"
            " old_key_hash = CASE WHEN CAST($4 AS BIGINT) > CAST($3 AS BIGINT) THEN key_hash ELSE '' END,"
            " key_hash = $2, key_made_at = $3, key_used_at = NULL WHERE id = $1 AND removed_at IS NULL",
            device,
            key_hash,
            now,
            old_until,
        )
    )


async def add_counts_tx(tx: Tx, counts: Mapping[str, Counts]) -> None:
    """Adds what happened to the devices' counters; devices that are gone are passed over."""
    await tx.execute_many(
        "UPDATE device SET accepted = accepted + $2, refused = refused + $3, last_seen_at = COALESCE($4, last_seen_at),"
        " key_used_at = CASE WHEN $5 >= key_made_at THEN $5 ELSE key_used_at END WHERE id = $1",
        [(device, one.accepted, one.refused, one.last_seen, one.key_used) for device, one in counts.items()],
    )
    await tx.execute_many(
        "UPDATE device SET refusal_ja = $2, refusal_en = $3, refusal_at = $4 WHERE id = $1",
        [
            (device, one.refusal.ja, one.refusal.en, one.refusal.at)
            for device, one in counts.items()
            if one.refusal is not None
        ],
    )


async def add_refusals_tx(tx: Tx, refusals: Sequence[Refusal]) -> None:
    """Keeps the refusals and forgets all but the last 200."""
    row = await tx.fetch_one("SELECT MAX(seq) FROM device_refusal")
    last = int(row[0]) if row is not None and row[0] is not None else 0
    await tx.execute_many(
        "INSERT INTO device_refusal (seq, at, device, way, ja, en) VALUES ($1, $2, $3, $4, $5, $6)",
        [(last + n, one.at, one.device, one.way, one.ja, one.en) for n, one in enumerate(refusals, 1)],
    )
    await tx.execute("DELETE FROM device_refusal WHERE seq <= $1", last + len(refusals) - KEPT_REFUSALS)


async def list_refusals_tx(tx: Tx, limit: int) -> list[Refusal]:
    """The newest first."""
    rows = await tx.fetch("SELECT at, device, way, ja, en FROM device_refusal ORDER BY seq DESC LIMIT $1", limit)
    return [Refusal(*row) for row in rows]


def with_counts(device: Device, counts: Counts | None) -> Device:
    """The device as it stands once the counters in memory are written."""
    if counts is None:
        return device
    device = replace(
        device,
        accepted=device.accepted + counts.accepted,
        refused=device.refused + counts.refused,
        last_seen=device.last_seen if counts.last_seen is None else counts.last_seen,
    )
    if counts.refusal is None:
        return device
    said = counts.refusal
    return replace(device, last_refusal=said.en, last_refusal_ja=said.ja, last_refusal_at=said.at)
