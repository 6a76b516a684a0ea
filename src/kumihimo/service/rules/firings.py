"""The rows of firings and of what is to be done for them, and what became of it: the room's outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kumihimo.base import jsontext
from kumihimo.base.call import Actor
from kumihimo.service.rules.models import ActionRow, ActionState, Firing, Order
from kumihimo.service.rules.refusal import Words
from kumihimo.storage.database import Row, Tx

KEPT: Final = 10_000
"""Firings of a tenant that are kept, with what was done; older ones are forgotten once nothing of them waits."""
_FIRING: Final = "number, key, rule_set, rule, version, kind, entity_id, seq, hop, at, made_at, facts"
_ACTION: Final = (
    "key, firing, place, rule_set, rule, kind, content, owner_kind, owner_id, hop, at, made_at, tries, state, words_ja,"
    " words_en, next_at, ended_at"
)
Planned = tuple[Order, ActionState, Words]
"""An action of a firing, and how it begins: waiting, or failed where it could not even be filled in."""


async def add_tx(tx: Tx, many: Sequence[tuple[Firing, Sequence[Planned]]]) -> int:
    """Keeps firings with their actions; one whose key is there already is left out. How many are new."""
    row = await tx.fetch_one("SELECT MAX(number) FROM rule_firing")
    number = first = int(row[0] or 0) if row is not None else 0
    for firing, actions in many:
        if await tx.fetch_one("SELECT 1 FROM rule_firing WHERE key = $1", firing.key) is not None:
            continue
        number += 1
        await _add_one_tx(tx, firing, number, actions)
    if number > first and number % 100 < number - first:
        await _trim_tx(tx, number - KEPT)
    return number - first


async def _add_one_tx(tx: Tx, one: Firing, number: int, actions: Sequence[Planned]) -> None:
    await tx.execute(
        f"INSERT INTO rule_firing ({_FIRING}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        number,
        one.key,
        one.rule_set,
        one.rule,
        one.version,
        one.kind,
        one.entity_id,
        one.seq,
        one.hop,
        one.at,
        one.made_at,
        jsontext.text(dict(one.facts)),
    )
    await tx.execute_many(
        f"INSERT INTO rule_action ({_ACTION})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        [_row(number, place, *planned) for place, planned in enumerate(actions)],
    )


def _row(number: int, place: int, one: Order, state: ActionState, words: Words) -> tuple[Any, ...]:
    return (
        one.key,
        number,
        place,
        one.rule_set,
        one.rule,
        one.kind,
        jsontext.text(dict(one.content)),
        one.owner.kind,
        one.owner.id,
        one.hop,
        one.at,
        one.made_at,
        one.tries,
        state,
        words.ja,
        words.en,
        one.made_at,
        None if state == "waiting" else one.made_at,
    )


async def _trim_tx(tx: Tx, before: int) -> None:
    waiting = "SELECT firing FROM rule_action WHERE state = 'waiting'"
    await tx.execute(f"DELETE FROM rule_firing WHERE number <= $1 AND number NOT IN ({waiting})", before)
    await tx.execute("DELETE FROM rule_action WHERE firing NOT IN (SELECT number FROM rule_firing)")


async def firings_tx(tx: Tx, rule_set: str, limit: int, entity_id: str = "") -> list[Firing]:
    """The newest first; of one entity, or of all."""
    rows = await tx.fetch(
        f"SELECT {_FIRING} FROM rule_firing WHERE rule_set = $1 AND ($3 = '' OR entity_id = $3)"
        " ORDER BY number DESC LIMIT $2",
        rule_set,
        limit,
        entity_id,
    )
    return [_firing(row) for row in rows]


def _firing(row: Row) -> Firing:
    facts = jsontext.parse(row[11])
    return Firing(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10], facts, row[0])


async def actions_of_tx(tx: Tx, firing: int) -> list[ActionRow]:
    """What is to be done, or was, for one firing, in its order."""
    rows = await tx.fetch(f"SELECT {_ACTION} FROM rule_action WHERE firing = $1 ORDER BY place", firing)
    return [_action(row) for row in rows]


async def claim_tx(tx: Tx, now: int, until: int, limit: int, *, notify: bool) -> list[ActionRow]:
    """What waits and may be tried now, in the order of the firings: notifications, or all others. Nobody else gets it
    until the moment given, by when it is done, or whoever claimed it is gone.
    """
    sign = "=" if notify else "<>"
    rows = await tx.fetch(
        f"SELECT {_ACTION} FROM rule_action WHERE state = 'waiting' AND next_at <= $1 AND kind {sign} 'notify'"
        " ORDER BY firing, place LIMIT $2",
        now,
        limit,
    )
    claim = "UPDATE rule_action SET next_at = $3 WHERE key = $1 AND state = 'waiting' AND next_at = $2"
    found = [_action(row) for row in rows]
    return [one for one in found if await tx.execute(claim, one.order.key, one.next_at, until)]


async def release_tx(tx: Tx, now: int, until: int) -> int:
    """Frees what was claimed, or put off, until a moment in between, as by a process that is gone; how many."""
    return await tx.execute(
        "UPDATE rule_action SET next_at = $1 WHERE state = 'waiting' AND next_at > $1 AND next_at <= $2", now, until
    )


async def next_tx(tx: Tx) -> int | None:
    """The moment at which something that waits may be tried; None where nothing waits."""
    row = await tx.fetch_one("SELECT MIN(next_at) FROM rule_action WHERE state = 'waiting'")
    return None if row is None or row[0] is None else int(row[0])


def _action(row: Row) -> ActionRow:
    order = Order(
        key=row[0],
        rule_set=row[3],
        rule=row[4],
        kind=row[5],
        content=jsontext.parse(row[6]),
        owner=Actor(row[7], row[8]),
        hop=row[9],
        at=row[10],
        made_at=row[11],
        tries=row[12],
    )
    return ActionRow(order, row[13], Words(row[14], row[15]), row[16], row[17])


async def end_tx(tx: Tx, key: str, state: ActionState, words: Words, now: int) -> None:
    """Notes what became of an action."""
    await tx.execute(
        "UPDATE rule_action SET state = $2, words_ja = $3, words_en = $4, ended_at = $5, tries = tries + 1"
        " WHERE key = $1 AND state = 'waiting'",
        key,
        state,
        words.ja,
        words.en,
        now,
    )


async def put_off_tx(tx: Tx, key: str, words: Words, next_at: int) -> None:
    """Notes that an action could not be done and when it is tried again."""
    await tx.execute(
        "UPDATE rule_action SET words_ja = $2, words_en = $3, next_at = $4, tries = tries + 1"
        " WHERE key = $1 AND state = 'waiting'",
        key,
        words.ja,
        words.en,
        next_at,
    )


async def give_up_tx(tx: Tx, rule_set: str, words: Words, now: int) -> int:
    """Nothing that waits for a set is done any more; how many actions these were."""
    return await tx.execute(
        "UPDATE rule_action SET state = 'refused', words_ja = $2, words_en = $3, ended_at = $4"
        " WHERE rule_set = $1 AND state = 'waiting'",
        rule_set,
        words.ja,
        words.en,
        now,
    )
