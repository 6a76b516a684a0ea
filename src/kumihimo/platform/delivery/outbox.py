"""The rows of notifications: waiting, given up, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kumihimo.base import jsontext
from kumihimo.platform.delivery.models import Attempt, DeadLetter, Outgoing
from kumihimo.storage.database import Row, Tx

_COLUMNS = "id, seq, subscription, entity, endpoint, at, body, headers, attempts, entities"
_ATTEMPT = "subscription, notification, entity, at, took, status, detail, entities"
_DEAD = "id, subscription, entity, at, attempts, buried_at, reason, body"
_BURY = (
    "INSERT INTO dead_letter (id, seq, subscription, entity, at, body, headers, attempts, entities, buried_at, reason)"
    " SELECT id, seq, subscription, entity, at, body, headers, attempts, entities, $1, $2 FROM outbox WHERE "
)
_OF_ENTITY = (
    "subscription = $1 AND (entity = $2 OR replace(entities, $3, '') <> entities OR (entity = '' AND entities = ''))"
)
"""What tells of an entity; $3 is its id as it stands in a JSON array. Of some that are old it is not known."""
_LOOSE = (
    "WITH RECURSIVE each(one) AS (SELECT min(subscription) FROM outbox UNION ALL SELECT"
    " (SELECT min(subscription) FROM outbox WHERE subscription > each.one) FROM each WHERE each.one IS NOT NULL)"
    " SELECT one FROM each WHERE one IS NOT NULL"
)
"""The subscriptions in the outbox, found by leaps in the index: a long queue costs no more than a short one."""


def _outgoing(row: Row) -> Outgoing:
    return Outgoing(
        id=row[0],
        seq=int(row[1]),
        subscription=row[2],
        entity=row[3],
        endpoint=row[4],
        at=int(row[5]),
        body=row[6],
        headers=jsontext.parse(row[7]),
        attempts=int(row[8]),
        entities=_entities(row[9]),
    )


def _entities(text: str) -> tuple[str, ...]:
    return tuple(jsontext.parse(text)) if text else ()


def _text(entities: Sequence[str]) -> str:
    return jsontext.text(list(entities)) if entities else ""


async def append_tx(tx: Tx, rows: Sequence[Outgoing]) -> list[Outgoing]:
    """Puts notifications at the end of the outbox, in the order given; as they stand there."""
    newest = await tx.fetch_one(
        "UPDATE subscription_revision SET revision = revision + $1 WHERE name = 'outbox' RETURNING revision", len(rows)
    )
    start = int(newest[0]) - len(rows) + 1 if newest is not None else 1
    placed = [replace(one, seq=start + place) for place, one in enumerate(rows)]
    await tx.execute_many(
        f"INSERT INTO outbox ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            (
                one.id,
                one.seq,
                one.subscription,
                one.entity,
                one.endpoint,
                one.at,
                one.body,
                jsontext.text(dict(one.headers)),
                one.attempts,
                _text(one.entities),
            )
            for one in placed
        ],
    )
    return placed


async def count_tx(tx: Tx, endpoint: str) -> int:
    """How many notifications wait for an endpoint."""
    row = await tx.fetch_one("SELECT count(*) FROM outbox WHERE endpoint = $1", endpoint)
    return int(row[0]) if row is not None else 0


async def cap_tx(tx: Tx, endpoint: str, most: int, now: int) -> int:
    """Buries the oldest of an endpoint's notifications where more than `most` wait; the number buried."""
    row = await tx.fetch_one(
        "SELECT seq FROM outbox WHERE endpoint = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2", endpoint, most
    )
    if row is None:
        return 0
    reason = f"more than {most} notifications wait for this endpoint"
    await tx.execute(f"{_BURY} endpoint = $3 AND seq <= $4", now, reason, endpoint, row[0])
    return await tx.execute("DELETE FROM outbox WHERE endpoint = $1 AND seq <= $2", endpoint, row[0])


async def waiting_tx(tx: Tx) -> list[str]:
    """Subscriptions of which something waits."""
    return [row[0] for row in await tx.fetch(_LOOSE)]


async def behind_tx(tx: Tx, subscription: str, after: int, limit: int) -> list[Outgoing]:
    """What waits of a subscription behind a place in the outbox, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM outbox WHERE subscription = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        subscription,
        after,
        limit,
    )
    return [_outgoing(row) for row in rows]


async def sent_tx(tx: Tx, ids: Sequence[str]) -> None:
    """The endpoints took them: they wait no more, even where one was buried for want of room meanwhile."""
    if not ids:
        return
    those = tx.dialect.any_of("id", "$1")
    if await tx.execute(f"DELETE FROM outbox WHERE {those}", jsontext.text(list(ids))) < len(ids):
        await tx.execute(f"DELETE FROM dead_letter WHERE {those}", jsontext.text(list(ids)))


async def failed_tx(tx: Tx, id_: str, most: int, now: int, reason: str) -> bool:
    """The endpoint did not take it; True where it was given up with this attempt and buried."""
    await tx.execute("UPDATE outbox SET attempts = attempts + 1 WHERE id = $1", id_)
    buried = await tx.execute(f"{_BURY} id = $3 AND attempts >= $4", now, reason, id_, most)
    if buried:
        await tx.execute("DELETE FROM outbox WHERE id = $1", id_)
    return buried > 0


async def backlog_tx(tx: Tx) -> tuple[int, int]:
    """How many notifications wait, and how many were given up."""
    waiting = await tx.fetch_one("SELECT count(*) FROM outbox")
    buried = await tx.fetch_one("SELECT count(*) FROM dead_letter")
    return (int(waiting[0]) if waiting else 0, int(buried[0]) if buried else 0)


async def waiting_of_tx(tx: Tx, subscription: str, entity: str, limit: int) -> list[Outgoing]:
    """What waits of a subscription and tells of an entity, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM outbox WHERE {_OF_ENTITY} ORDER BY seq LIMIT $4",
        subscription,
        entity,
        jsontext.text(entity),
        limit,
    )
    return [_outgoing(row) for row in rows]


# --- dead letters -----------------------------------------------------------------------------------------


async def dead_letters_tx(tx: Tx, subscription: str, limit: int) -> list[DeadLetter]:
    """Notifications of a subscription that were given up, newest first."""
    rows = await tx.fetch(
        f"SELECT {_DEAD} FROM dead_letter WHERE subscription = $1 ORDER BY buried_at DESC, seq DESC LIMIT $2",
        subscription,
        limit,
    )
    return [DeadLetter(*row) for row in rows]


async def dead_letters_of_tx(tx: Tx, subscription: str, entity: str, limit: int) -> list[DeadLetter]:
    """Of a subscription's notifications that were given up those that tell of an entity, newest first."""
    rows = await tx.fetch(
        f"SELECT {_DEAD} FROM dead_letter WHERE {_OF_ENTITY} ORDER BY buried_at DESC, seq DESC LIMIT $4",
        subscription,
        entity,
        jsontext.text(entity),
        limit,
    )
    return [DeadLetter(*row) for row in rows]


async def trim_dead_letters_tx(tx: Tx, most: int) -> int:
    """Forgets the oldest dead letters where there are more than `most`; the number forgotten."""
    row = await tx.fetch_one(
        "SELECT buried_at, id FROM dead_letter ORDER BY buried_at DESC, id DESC LIMIT 1 OFFSET $1", most
    )
    if row is None:
        return 0
    return await tx.execute(
        "DELETE FROM dead_letter WHERE buried_at < $1 OR (buried_at = $1 AND id <= $2)", row[0], row[1]
    )


async def revive_tx(tx: Tx, id_: str, endpoint: str) -> bool:
    """Puts a dead letter at the end of the outbox, to this endpoint, under the same id; False where there is none."""
    row = await tx.fetch_one(
        "SELECT subscription, entity, at, body, headers, entities FROM dead_letter WHERE id = $1", id_
    )
    if row is None:
        return False
    again = Outgoing(
        id_, row[0], row[1], endpoint, int(row[2]), row[3], jsontext.parse(row[4]), entities=_entities(row[5])
    )
    await append_tx(tx, [again])
    await tx.execute("DELETE FROM dead_letter WHERE id = $1", id_)
    return True


async def dead_letter_owner_tx(tx: Tx, id_: str) -> str:
    """The subscription of a dead letter, "" where there is none of this id."""
    row = await tx.fetch_one("SELECT subscription FROM dead_letter WHERE id = $1", id_)
    return str(row[0]) if row is not None else ""


# --- attempts ---------------------------------------------------------------------------------------------


async def note_attempts_tx(tx: Tx, many: Sequence[Attempt]) -> None:
    """Writes attempts down, in the order given."""
    newest = await tx.fetch_one("SELECT max(number) FROM delivery_attempt")
    number = int(newest[0] or 0) + 1 if newest is not None else 1
    await tx.execute_many(
        f"INSERT INTO delivery_attempt (number, {_ATTEMPT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                number + place,
                one.subscription,
                one.notification,
                one.entity,
                one.at,
                one.took,
                one.status,
                one.detail,
                _text(one.entities),
            )
            for place, one in enumerate(many)
        ],
    )


async def trim_attempts_tx(tx: Tx, subscriptions: Sequence[str], keep: int) -> None:
    """Of each of the subscriptions the newest `keep` attempts stay."""
    await tx.execute_many(
        "DELETE FROM delivery_attempt WHERE subscription = $1 AND number <= (SELECT number FROM delivery_attempt"
        " WHERE subscription = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)",
        [(one, keep) for one in subscriptions],
    )


async def attempts_tx(tx: Tx, subscription: str, limit: int) -> list[Attempt]:
    """The newest attempts of a subscription, newest first."""
    rows = await tx.fetch(
        f"SELECT {_ATTEMPT} FROM delivery_attempt WHERE subscription = $1 ORDER BY number DESC LIMIT $2",
        subscription,
        limit,
    )
    return [_attempt(row) for row in rows]


async def attempts_of_tx(tx: Tx, subscription: str, entity: str, limit: int) -> list[Attempt]:
    """Of a subscription's attempts those that told of an entity, newest first."""
    rows = await tx.fetch(
        f"SELECT {_ATTEMPT} FROM delivery_attempt WHERE {_OF_ENTITY} ORDER BY number DESC LIMIT $4",
        subscription,
        entity,
        jsontext.text(entity),
        limit,
    )
    return [_attempt(row) for row in rows]


def _attempt(row: Row) -> Attempt:
    subscription, notification, entity, at, took, status, detail, entities = row
    return Attempt(subscription, notification, entity, at, took, status, detail, _entities(entities))
