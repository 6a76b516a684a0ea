"""The rows of members, policies, agreements and emergencies; the same tables in a tenant's scope and the platform's."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from kumihimo.base.call import Actor, ActorKind
from kumihimo.platform.access.records import Agreement, Emergency, Member, Version
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("access", __package__)
PLATFORM_SCHEMA = Schema("access", __package__, "platform")

_MEMBER = "id, kind, actor, role, since, until, made_by, why, ended_at, ended_by, ended_why"
_VERSION = "name, number, text, at, made_by, why"
_AGREEMENT = (
    "id, giver, taker, role, purpose, text, starts_at, ends_at, offered_at, offered_by, accepted_at, accepted_by,"
    " ended_at, ended_by, ended_why"
)
_EMERGENCY = "id, reason, hours, asked_at, asked_by, opened_at, opened_by, ends_at, ended_at, ended_by"


async def revision_tx(tx: Tx) -> int:
    """A number that grows with every change, 0 before the first."""
    row = await tx.fetch_one("SELECT revision FROM access_revision WHERE id = 0")
    return 0 if row is None else int(row[0])


async def touch_tx(tx: Tx, now: int) -> None:
    """Counts a change. The count begins at the moment, so that a tenant made anew has no number of the one before."""
    await tx.execute(
        "INSERT INTO access_revision (id, revision) VALUES (0, $1)"
        " ON CONFLICT (id) DO UPDATE SET revision = access_revision.revision + 1",
        now,
    )


# --- members ----------------------------------------------------------------------------------------------


async def add_member_tx(tx: Tx, one: Member) -> None:
    """Notes that somebody holds a role."""
    await tx.execute(
        f"INSERT INTO access_member ({_MEMBER}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, '', '')",
        one.id,
        one.actor.kind,
        one.actor.id,
        one.role,
        one.since,
        one.until,
        one.by,
        one.why,
    )


async def end_member_tx(tx: Tx, id_: str, now: int, by: str, why: str) -> bool:
    """Ends a role that is held; whether there was one."""
    ended = "UPDATE access_member SET ended_at = $2, ended_by = $3, ended_why = $4 WHERE id = $1 AND ended_at IS NULL"
    return await tx.execute(ended, id_, now, by, why) > 0


async def member_tx(tx: Tx, id_: str) -> Member | None:
    """The member of this id."""
    row = await tx.fetch_one(f"SELECT {_MEMBER} FROM access_member WHERE id = $1", id_)
    return None if row is None else _member(row)


async def held_tx(tx: Tx, actor: Actor, now: int) -> list[Member]:
    """The roles that somebody holds at this moment."""
    rows = await tx.fetch(
        f"SELECT {_MEMBER} FROM access_member WHERE actor = $1 AND kind = $2 AND ended_at IS NULL"
        " AND (until IS NULL OR until > $3) ORDER BY role",
        actor.id,
        actor.kind,
        now,
    )
    return [_member(row) for row in rows]


async def members_tx(tx: Tx, now: int, limit: int, offset: int) -> list[Member]:
    """Those who hold a role at this moment, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_MEMBER} FROM access_member WHERE ended_at IS NULL AND (until IS NULL OR until > $1)"
        " ORDER BY since DESC, id LIMIT $2 OFFSET $3",
        now,
        limit,
        offset,
    )
    return [_member(row) for row in rows]


async def past_members_tx(tx: Tx, now: int, limit: int) -> list[Member]:
    """Those who held a role, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_MEMBER} FROM access_member WHERE ended_at IS NOT NULL OR until <= $1"
        " ORDER BY since DESC, id LIMIT $2",
        now,
        limit,
    )
    return [_member(row) for row in rows]


async def holders_tx(tx: Tx, role: str, now: int) -> int:
    """How many people hold the role at this moment."""
    row = await tx.fetch_one(
        "SELECT COUNT(DISTINCT actor) FROM access_member WHERE role = $1 AND kind = 'person' AND ended_at IS NULL"
        " AND (until IS NULL OR until > $2)",
        role,
        now,
    )
    return 0 if row is None else int(row[0])


def _member(row: Row) -> Member:
    return Member(row[0], Actor(cast("ActorKind", row[1]), row[2]), *row[3:])


# --- policies ---------------------------------------------------------------------------------------------


async def add_version_tx(tx: Tx, one: Version) -> None:
    """Puts a version above all others of its document."""
    await tx.execute(
        f"INSERT INTO access_policy ({_VERSION}) VALUES ($1, $2, $3, $4, $5, $6)",
        one.name,
        one.number,
        one.text,
        one.at,
        one.by,
        one.why,
    )


async def standing_tx(tx: Tx) -> list[Version]:
    """Of every document the version that stands, by name."""
    rows = await tx.fetch(
        f"SELECT {_VERSION} FROM access_policy AS one WHERE number ="
        " (SELECT MAX(number) FROM access_policy AS other WHERE other.name = one.name) ORDER BY name"
    )
    return [Version(*row) for row in rows]


async def versions_tx(tx: Tx, name: str, limit: int) -> list[Version]:
    """The versions of a document, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_VERSION} FROM access_policy WHERE name = $1 ORDER BY number DESC LIMIT $2", name, limit
    )
    return [Version(*row) for row in rows]


async def version_tx(tx: Tx, name: str, number: int) -> Version | None:
    """One version of a document."""
    row = await tx.fetch_one(f"SELECT {_VERSION} FROM access_policy WHERE name = $1 AND number = $2", name, number)
    return None if row is None else Version(*row)


# --- agreements -------------------------------------------------------------------------------------------


async def add_agreement_tx(tx: Tx, one: Agreement) -> None:
    """Notes an offer."""
    await tx.execute(
        f"INSERT INTO access_agreement ({_AGREEMENT}) VALUES"
        " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, '', NULL, '', '')",
        one.id,
        one.giver,
        one.taker,
        one.role,
        one.purpose,
        one.text,
        one.starts_at,
        one.ends_at,
        one.offered_at,
        one.offered_by,
    )


async def accept_agreement_tx(tx: Tx, id_: str, now: int, by: str) -> bool:
    """Notes that the taker accepts; whether it was open to be accepted."""
    accepted = (
        "UPDATE access_agreement SET accepted_at = $2, accepted_by = $3"
        " WHERE id = $1 AND accepted_at IS NULL AND ended_at IS NULL AND ends_at > $2"
    )
    return await tx.execute(accepted, id_, now, by) > 0


async def end_agreement_tx(tx: Tx, id_: str, now: int, by: str, why: str) -> bool:
    """Ends an agreement or an offer; whether it had not ended."""
    ended = (
        "UPDATE access_agreement SET ended_at = $2, ended_by = $3, ended_why = $4"
        " WHERE id = $1 AND ended_at IS NULL AND ends_at > $2"
    )
    return await tx.execute(ended, id_, now, by, why) > 0


async def end_agreements_of_tx(tx: Tx, tenant: str, now: int, by: str) -> int:
    """Ends all agreements and offers of which a tenant is a side; how many had not ended."""
    ended = (
        "UPDATE access_agreement SET ended_at = $2, ended_by = $3"
        " WHERE (giver = $1 OR taker = $1) AND ended_at IS NULL AND ends_at > $2"
    )
    return await tx.execute(ended, tenant, now, by)


async def agreement_tx(tx: Tx, id_: str) -> Agreement | None:
    """The agreement of this id."""
    row = await tx.fetch_one(f"SELECT {_AGREEMENT} FROM access_agreement WHERE id = $1", id_)
    return None if row is None else Agreement(*row)


async def agreements_tx(tx: Tx, limit: int) -> list[Agreement]:
    """Agreements and offers of all tenants, the newest first; those that nobody ended before all others."""
    rows = await tx.fetch(
        f"SELECT {_AGREEMENT} FROM access_agreement"
        " ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, ends_at DESC, id LIMIT $1",
        limit,
    )
    return [Agreement(*row) for row in rows]


async def open_agreements_tx(tx: Tx, giver: str, now: int) -> int:
    """How many agreements and offers of a giver have not ended."""
    row = await tx.fetch_one(
        "SELECT COUNT(*) FROM access_agreement WHERE giver = $1 AND ended_at IS NULL AND ends_at > $2", giver, now
    )
    return 0 if row is None else int(row[0])


# --- emergencies ------------------------------------------------------------------------------------------


async def add_emergency_tx(tx: Tx, one: Emergency) -> None:
    """Notes that somebody asks for an emergency."""
    await tx.execute(
        f"INSERT INTO access_emergency ({_EMERGENCY}) VALUES ($1, $2, $3, $4, $5, NULL, '', NULL, NULL, '')",
        one.id,
        one.reason,
        one.hours,
        one.asked_at,
        one.asked_by,
    )


async def open_emergency_tx(tx: Tx, id_: str, now: int, by: str, ends_at: int) -> bool:
    """Opens an emergency that was asked for; whether it was open to be opened."""
    opened = (
        "UPDATE access_emergency SET opened_at = $2, opened_by = $3, ends_at = $4"
        " WHERE id = $1 AND opened_at IS NULL AND ended_at IS NULL AND asked_by <> $3"
    )
    return await tx.execute(opened, id_, now, by, ends_at) > 0


async def end_emergency_tx(tx: Tx, id_: str, now: int, by: str) -> bool:
    """Ends an emergency, or takes the asking for it back; whether it had not ended."""
    ended = "UPDATE access_emergency SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL"
    return await tx.execute(ended, id_, now, by) > 0


async def emergency_tx(tx: Tx, id_: str) -> Emergency | None:
    """The emergency of this id."""
    row = await tx.fetch_one(f"SELECT {_EMERGENCY} FROM access_emergency WHERE id = $1", id_)
    return None if row is None else Emergency(*row)


async def emergencies_tx(tx: Tx, limit: int) -> list[Emergency]:
    """Emergencies, the newest first."""
    rows = await tx.fetch(f"SELECT {_EMERGENCY} FROM access_emergency ORDER BY asked_at DESC, id LIMIT $1", limit)
    return [Emergency(*row) for row in rows]


# --- in which tenants somebody has anything to do -----------------------------------------------------------


async def add_places_tx(tx: Tx, tenant: str, actors: Collection[Actor]) -> None:
    """Notes in the platform's scope that these have something to do in the tenant; what is noted stays so."""
    await tx.execute_many(
        "INSERT INTO access_place (kind, actor, tenant) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(actor.kind, actor.id, tenant) for actor in actors],
    )


async def places_tx(tx: Tx, actor: Actor) -> list[str]:
    """The tenants that are noted of somebody."""
    rows = await tx.fetch(
        "SELECT tenant FROM access_place WHERE kind = $1 AND actor = $2 ORDER BY tenant", actor.kind, actor.id
    )
    return [row[0] for row in rows]


async def actors_tx(tx: Tx) -> list[Actor]:
    """All who hold or held a role in this tenant."""
    rows = await tx.fetch("SELECT DISTINCT kind, actor FROM access_member")
    return [Actor(cast("ActorKind", row[0]), row[1]) for row in rows]


async def all_places_tx(tx: Tx) -> dict[str, set[Actor]]:
    """All that is noted, by tenant."""
    found: dict[str, set[Actor]] = {}
    for kind, actor, tenant in await tx.fetch("SELECT kind, actor, tenant FROM access_place"):
        found.setdefault(tenant, set()).add(Actor(cast("ActorKind", kind), actor))
    return found
