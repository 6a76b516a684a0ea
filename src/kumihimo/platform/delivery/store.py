"""The subscriptions' rows: what was asked for, what is held back by throttling, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kumihimo.base import jsontext
from kumihimo.base.call import Actor
from kumihimo.platform.delivery.models import State, StoredSubscription, Tally
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("delivery", __package__)


class Revisions(NamedTuple):
    """Of the last change of any subscription, of the first ever, of the last that was deleted; 0 for none."""

    last: int
    first: int
    gone: int


_COLUMNS = "id, document, context, terms, actor_kind, actor_id, start_seq, created_at, modified_at, scopes, application"


def _subscription(row: Row) -> StoredSubscription:
    return StoredSubscription(
        id=row[0],
        document=jsontext.parse(row[1]),
        context=jsontext.parse(row[2]),
        terms=jsontext.parse(row[3]),
        actor=Actor(row[4], row[5]),
        start_seq=row[6],
        created_at=row[7],
        modified_at=row[8],
        scopes=frozenset(jsontext.parse(row[9])) if row[9] else None,
        application=row[10],
    )


async def insert_tx(tx: Tx, one: StoredSubscription) -> None:
    """Adds a subscription and its counters."""
    revision = await _bump_tx(tx, one.created_at)
    await tx.execute(
        f"INSERT INTO subscription ({_COLUMNS}, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        one.id,
        jsontext.text(one.document),
        jsontext.text(one.context),
        jsontext.text(dict(one.terms)),
        one.actor.kind,
        one.actor.id,
        one.start_seq,
        one.created_at,
        one.modified_at,
        "" if one.scopes is None else jsontext.text(sorted(one.scopes)),
        one.application,
        revision,
    )
    await tx.execute(
        "INSERT INTO subscription_state (id, times_sent, times_failed, last_notification, last_success, last_failure,"
        " last_queued) VALUES ($1, 0, 0, 0, 0, 0, 0)",
        one.id,
    )


async def replace_tx(tx: Tx, one: StoredSubscription, endpoint: str) -> None:
    """Stores the changed document; what waits for it goes to the endpoint (its key) that it names now."""
    revision = await _bump_tx(tx, one.modified_at)
    await tx.execute(
        "UPDATE subscription SET document = $1, context = $2, terms = $3, modified_at = $4, revision = $5"
        " WHERE id = $6",
        jsontext.text(one.document),
        jsontext.text(one.context),
        jsontext.text(dict(one.terms)),
        one.modified_at,
        revision,
        one.id,
    )
    await tx.execute("UPDATE outbox SET endpoint = $1 WHERE subscription = $2", endpoint, one.id)


async def delete_tx(tx: Tx, id_: str, now: int) -> bool:
    """Takes a subscription away with all that waits for it; False where there is none."""
    if await tx.execute("DELETE FROM subscription WHERE id = $1", id_) == 0:
        return False
    await tx.execute("DELETE FROM subscription_state WHERE id = $1", id_)
    await tx.execute("DELETE FROM subscription_held WHERE subscription = $1", id_)
    await tx.execute("DELETE FROM outbox WHERE subscription = $1", id_)
    await tx.execute("DELETE FROM dead_letter WHERE subscription = $1", id_)
    await tx.execute("DELETE FROM delivery_attempt WHERE subscription = $1", id_)
    await _mark_tx(tx, "gone", await _bump_tx(tx, now))
    return True


async def _bump_tx(tx: Tx, now: int) -> int:
    # It starts at the moment, so that a tenant that was removed and made anew never repeats a number.
    row = await tx.fetch_one(
        "INSERT INTO subscription_revision (name, revision) VALUES ('all', $1)"
        " ON CONFLICT (name) DO UPDATE SET revision = subscription_revision.revision + 1 RETURNING revision",
        now,
    )
    revision = int(row[0]) if row is not None else now
    if revision == now:
        await _mark_tx(tx, "first", revision)
    return revision


async def _mark_tx(tx: Tx, name: str, revision: int) -> None:
    await tx.execute(
        "INSERT INTO subscription_revision (name, revision) VALUES ($1, $2)"
        " ON CONFLICT (name) DO UPDATE SET revision = excluded.revision",
        name,
        revision,
    )


async def revision_tx(tx: Tx) -> int:
    """A number that grows with every change of any subscription; 0 where there was none yet."""
    row = await tx.fetch_one("SELECT revision FROM subscription_revision WHERE name = 'all'")
    return int(row[0]) if row is not None else 0


async def revisions_tx(tx: Tx) -> Revisions:
    """What of the subscriptions changed when."""
    rows = await tx.fetch("SELECT name, revision FROM subscription_revision WHERE name IN ('all', 'first', 'gone')")
    found = {row[0]: int(row[1]) for row in rows}
    return Revisions(found.get("all", 0), found.get("first", 0), found.get("gone", 0))


async def changed_tx(tx: Tx, since: int) -> list[StoredSubscription]:
    """The subscriptions that were made or changed after this revision."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM subscription WHERE revision > $1 ORDER BY created_at, id", since)
    return [_subscription(row) for row in rows]


async def ids_tx(tx: Tx) -> frozenset[str]:
    """The ids of all subscriptions."""
    return frozenset(row[0] for row in await tx.fetch("SELECT id FROM subscription"))


async def all_tx(tx: Tx) -> list[StoredSubscription]:
    """All subscriptions, in the order of their creation."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM subscription ORDER BY created_at, id")
    return [_subscription(row) for row in rows]


async def one_tx(tx: Tx, id_: str) -> StoredSubscription | None:
    """The subscription of this id."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM subscription WHERE id = $1", id_)
    return _subscription(row) if row is not None else None


async def page_tx(tx: Tx, limit: int, offset: int, whose: Actor | None = None) -> list[StoredSubscription]:
    """A page of subscriptions, in the order of their creation; whose: of this maker alone."""
    condition, maker = _of(whose, 3)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM subscription{condition} ORDER BY created_at, id LIMIT $1 OFFSET $2",
        limit,
        offset,
        *maker,
    )
    return [_subscription(row) for row in rows]


async def count_tx(tx: Tx, whose: Actor | None = None) -> int:
    """How many subscriptions there are; whose: of this maker alone."""
    condition, maker = _of(whose, 1)
    row = await tx.fetch_one(f"SELECT count(*) FROM subscription{condition}", *maker)
    return int(row[0]) if row is not None else 0


def _of(whose: Actor | None, first: int) -> tuple[str, tuple[str, ...]]:
    """A condition on the maker, with its parameters from number `first` on."""
    if whose is None:
        return "", ()
    return f" WHERE actor_kind = ${first} AND actor_id = ${first + 1}", (whose.kind, whose.id)


# --- counters ---------------------------------------------------------------------------------------------


async def states_tx(tx: Tx, ids: Sequence[str]) -> dict[str, State]:
    """Counters of those of the subscriptions that exist, by id."""
    rows = await tx.fetch(
        "SELECT id, times_sent, times_failed, last_notification, last_success, last_failure, last_queued"
        f" FROM subscription_state WHERE {tx.dialect.any_of('id', '$1')}",
        jsontext.text(list(ids)),
    )
    return {row[0]: State(*(int(one) for one in row[1:])) for row in rows}


async def count_attempts_tx(tx: Tx, tallies: Sequence[Tally]) -> None:
    """Adds what was tried since; a moment never moves back."""

    def later(column: str, parameter: str) -> str:
        return f"{column} = CASE WHEN {column} < {parameter} THEN {parameter} ELSE {column} END"

    await tx.execute_many(
        "UPDATE subscription_state SET times_sent = times_sent + $1, times_failed = times_failed + $2,"
        f" {later('last_notification', '$3')}, {later('last_success', '$4')}, {later('last_failure', '$5')}"
        " WHERE id = $6",
        [(one.sent, one.failed, max(one.success, one.failure), one.success, one.failure, one.id) for one in tallies],
    )


async def set_queued_tx(tx: Tx, moments: Sequence[tuple[int, str]]) -> None:
    """Notes when a throttled subscription last had something put into the outbox: moment, id."""
    await tx.execute_many("UPDATE subscription_state SET last_queued = $1 WHERE id = $2", moments)


# --- held back by throttling ------------------------------------------------------------------------------


async def hold_tx(tx: Tx, rows: Sequence[tuple[str, str, int, dict[str, Any]]]) -> None:
    """Keeps the latest suppressed state: subscription, entity, log seq, document in its stored form."""
    await tx.execute_many(
        "INSERT INTO subscription_held (subscription, entity, seq, document) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (subscription, entity) DO UPDATE SET seq = excluded.seq, document = excluded.document",
        [(subscription, entity, seq, jsontext.text(document)) for subscription, entity, seq, document in rows],
    )


async def queued_tx(tx: Tx) -> dict[str, int]:
    """When each throttled subscription last had something put into the outbox, by id."""
    rows = await tx.fetch("SELECT id, last_queued FROM subscription_state WHERE last_queued > 0")
    return {row[0]: int(row[1]) for row in rows}


async def holders_tx(tx: Tx) -> list[str]:
    """Subscriptions that hold something back."""
    rows = await tx.fetch("SELECT DISTINCT subscription FROM subscription_held ORDER BY subscription")
    return [row[0] for row in rows]


async def held_tx(tx: Tx, subscription: str, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """What is held back for a subscription: log seq and document, oldest first."""
    rows = await tx.fetch(
        "SELECT seq, document FROM subscription_held WHERE subscription = $1 ORDER BY seq LIMIT $2", subscription, limit
    )
    return [(int(row[0]), jsontext.parse(row[1])) for row in rows]


async def held_seq_tx(tx: Tx, subscription: str, entity: str) -> int:
    """Log seq of the state of this entity that is held back for a subscription, 0 where none is."""
    row = await tx.fetch_one(
        "SELECT seq FROM subscription_held WHERE subscription = $1 AND entity = $2", subscription, entity
    )
    return int(row[0]) if row is not None else 0


async def release_tx(tx: Tx, subscription: str, until: int) -> None:
    """Forgets what was held back, up to this log seq."""
    await tx.execute("DELETE FROM subscription_held WHERE subscription = $1 AND seq <= $2", subscription, until)
