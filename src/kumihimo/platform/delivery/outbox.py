"""The rows of notifications: waiting, given up, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence

from kumihimo.base import jsontext
from kumihimo.platform.delivery.models import Attempt, DeadLetter, Outgoing
from kumihimo.storage.database import Row, Tx

_COLUMNS = "id, seq, subscription, entity, endpoint, at, body, headers, attempts"
_BURY = (
    "INSERT INTO dead_letter (id, seq, subscription, entity, at, body, headers, attempts, buried_at, reason)"
    " SELECT id, seq, subscription, entity, at, body, headers, attempts, $1, $2 FROM outbox WHERE "
)


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
    )


async def append_tx(tx: Tx, rows: Sequence[Outgoing]) -> None:
    """Puts notifications at the end of the outbox, in the order given."""
    newest = await tx.fetch_one("SELECT max(seq) FROM outbox")
    start = int(newest[0] or 0) + 1 if newest is not None else 1
    await tx.execute_many(
        f"INSERT INTO outbox ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                one.id,
                start + place,
                one.subscription,
                one.entity,
                one.endpoint,
                one.at,
                one.body,
                jsontext.text(dict(one.headers)),
                one.attempts,
            )
            for place, one in enumerate(rows)
        ],
    )


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


async def waiting_tx(tx: Tx) -> list[tuple[str, str]]:
    """Endpoint and subscription of whatever waits."""
    rows = await tx.fetch("SELECT DISTINCT endpoint, subscription FROM outbox ORDER BY endpoint, subscription")
    return [(row[0], row[1]) for row in rows]


async def heads_tx(tx: Tx, subscription: str, limit: int) -> list[Outgoing]:
    """The oldest waiting notification of each entity, oldest first: those behind them must wait for them."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM outbox WHERE subscription = $1 AND seq IN"
        " (SELECT min(seq) FROM outbox WHERE subscription = $1 GROUP BY entity ORDER BY min(seq) LIMIT $2)"
        " ORDER BY seq",
        subscription,
        limit,
    )
    return [_outgoing(row) for row in rows]


async def sent_tx(tx: Tx, id_: str) -> None:
    """The endpoint took it: it waits no more, even where it was buried for want of room meanwhile."""
    if await tx.execute("DELETE FROM outbox WHERE id = $1", id_) == 0:
        await tx.execute("DELETE FROM dead_letter WHERE id = $1", id_)


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


async def waiting_of_tx(tx: Tx, subscription: str, lane: str, limit: int) -> list[Outgoing]:
    """What waits to be sent in a lane of a subscription, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM outbox WHERE subscription = $1 AND entity = $2 ORDER BY seq LIMIT $3",
        subscription,
        lane,
        limit,
    )
    return [_outgoing(row) for row in rows]


# --- dead letters -----------------------------------------------------------------------------------------


async def dead_letters_tx(tx: Tx, subscription: str, limit: int) -> list[DeadLetter]:
    """Notifications of a subscription that were given up, newest first."""
    rows = await tx.fetch(
        "SELECT id, subscription, entity, at, attempts, buried_at, reason, body FROM dead_letter"
        " WHERE subscription = $1 ORDER BY buried_at DESC, seq DESC LIMIT $2",
        subscription,
        limit,
    )
    return [DeadLetter(*row) for row in rows]


async def dead_letters_of_tx(tx: Tx, subscription: str, lane: str, limit: int) -> list[DeadLetter]:
    """Of a subscription's notifications that were given up those of one lane, newest first."""
    rows = await tx.fetch(
        "SELECT id, subscription, entity, at, attempts, buried_at, reason, body FROM dead_letter"
        " WHERE subscription = $1 AND entity = $2 ORDER BY buried_at DESC, seq DESC LIMIT $3",
        subscription,
        lane,
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
    row = await tx.fetch_one("SELECT subscription, entity, at, body, headers FROM dead_letter WHERE id = $1", id_)
    if row is None:
        return False
    again = Outgoing(id_, row[0], row[1], endpoint, int(row[2]), row[3], jsontext.parse(row[4]))
    await append_tx(tx, [again])
    await tx.execute("DELETE FROM dead_letter WHERE id = $1", id_)
    return True


async def dead_letter_owner_tx(tx: Tx, id_: str) -> str:
    """The subscription of a dead letter, "" where there is none of this id."""
    row = await tx.fetch_one("SELECT subscription FROM dead_letter WHERE id = $1", id_)
    return str(row[0]) if row is not None else ""


# --- attempts ---------------------------------------------------------------------------------------------


async def note_attempt_tx(tx: Tx, one: Attempt, keep: int) -> None:
    """Writes an attempt down; of each subscription the newest `keep` stay."""
    newest = await tx.fetch_one("SELECT max(number) FROM delivery_attempt")
    number = int(newest[0] or 0) + 1 if newest is not None else 1
    await tx.execute(
        "INSERT INTO delivery_attempt (number, subscription, notification, entity, at, took, status, detail)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        number,
        one.subscription,
        one.notification,
        one.entity,
        one.at,
        one.took,
        one.status,
        one.detail,
    )
    await tx.execute(
        "DELETE FROM delivery_attempt WHERE subscription = $1 AND number <= (SELECT number FROM delivery_attempt"
        " WHERE subscription = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)",
        one.subscription,
        keep,
    )


async def attempts_tx(tx: Tx, subscription: str, limit: int) -> list[Attempt]:
    """The newest attempts of a subscription, newest first."""
    rows = await tx.fetch(
        "SELECT subscription, notification, entity, at, took, status, detail FROM delivery_attempt"
        " WHERE subscription = $1 ORDER BY number DESC LIMIT $2",
        subscription,
        limit,
    )
    return [Attempt(*row) for row in rows]


async def attempts_of_tx(tx: Tx, subscription: str, lane: str, limit: int) -> list[Attempt]:
    """Of a subscription's attempts those of one lane, newest first."""
    rows = await tx.fetch(
        "SELECT subscription, notification, entity, at, took, status, detail FROM delivery_attempt"
        " WHERE subscription = $1 AND entity = $2 ORDER BY number DESC LIMIT $3",
        subscription,
        lane,
        limit,
    )
    return [Attempt(*row) for row in rows]
