"""The rows of rule sets and their versions, of what rules know and cost, and of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kumihimo.base import jsontext
from kumihimo.base.call import Actor
from kumihimo.service.rules.models import Cost, Memories, Memory, RuleSet, Stop, Task, Version
from kumihimo.service.rules.refusal import Words
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("rules", __package__)
_SET: Final = "name, version, revision, is_on, owner_kind, owner_id, text, changed_at, changed_by, stopped"
_TASK: Final = "id, rule_set, rule, entity_id, whom, text, made_at, due_at, done_at, done_by, note"


# --- sets ------------------------------------------------------------------------------------------------


def _rule_set(row: Row) -> RuleSet:
    stopped = {rule: Stop(at, Words(ja, en)) for rule, (at, ja, en) in jsontext.parse(row[9]).items()}
    return RuleSet(row[0], row[1], row[2], bool(row[3]), Actor(row[4], row[5]), row[6], row[7], row[8], stopped)


async def sets_tx(tx: Tx) -> list[RuleSet]:
    """All of the tenant, by name."""
    return [_rule_set(row) for row in await tx.fetch(f"SELECT {_SET} FROM rule_set ORDER BY name")]


async def set_tx(tx: Tx, name: str) -> RuleSet | None:
    """The set of this name."""
    row = await tx.fetch_one(f"SELECT {_SET} FROM rule_set WHERE name = $1", name)
    return None if row is None else _rule_set(row)


async def revisions_tx(tx: Tx) -> dict[str, int]:
    """The revision of each set that is on."""
    rows = await tx.fetch("SELECT name, revision FROM rule_set WHERE is_on = 1")
    return {row[0]: row[1] for row in rows}


async def put_set_tx(tx: Tx, one: RuleSet) -> None:
    """Adds the set, or keeps it as it is now."""
    stopped = {rule: [stop.at, stop.words.ja, stop.words.en] for rule, stop in one.stopped.items()}
    await tx.execute(
        f"INSERT INTO rule_set ({_SET}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " ON CONFLICT (name) DO UPDATE SET version = excluded.version, revision = excluded.revision,"
        " is_on = excluded.is_on, owner_kind = excluded.owner_kind, owner_id = excluded.owner_id,"
        " text = excluded.text, changed_at = excluded.changed_at, changed_by = excluded.changed_by,"
        " stopped = excluded.stopped",
        one.name,
        one.version,
        one.revision,
        int(one.is_on),
        one.owner.kind,
        one.owner.id,
        one.text,
        one.changed_at,
        one.changed_by,
        jsontext.text(stopped),
    )


async def remove_set_tx(tx: Tx, name: str) -> bool:
    """Forgets a set and what its rules know; what it did stays, and its texts, by whose numbers decisions name them.
    Whether there was one.
    """
    await forget_tx(tx, name)
    return await tx.execute("DELETE FROM rule_set WHERE name = $1", name) > 0


async def forget_tx(tx: Tx, name: str) -> None:
    """Forgets what the rules of a set know and cost."""
    for table in ("rule_memory", "rule_cost"):
        await tx.execute(f"DELETE FROM {table} WHERE rule_set = $1", name)


async def add_version_tx(tx: Tx, name: str, one: Version) -> None:
    """Keeps a text."""
    await tx.execute(
        "INSERT INTO rule_set_version (name, number, text, made_at, made_by, why) VALUES ($1, $2, $3, $4, $5, $6)",
        name,
        one.number,
        one.text,
        one.made_at,
        one.made_by,
        one.why,
    )


async def last_number_tx(tx: Tx, name: str) -> int:
    """The number of the newest version, 0 where there is none."""
    row = await tx.fetch_one("SELECT MAX(number) FROM rule_set_version WHERE name = $1", name)
    return int(row[0] or 0) if row is not None else 0


async def versions_tx(tx: Tx, name: str, limit: int) -> list[Version]:
    """The texts of a set, the newest first."""
    rows = await tx.fetch(
        "SELECT number, text, made_at, made_by, why FROM rule_set_version WHERE name = $1"
        " ORDER BY number DESC LIMIT $2",
        name,
        limit,
    )
    return [Version(*row) for row in rows]


async def trim_versions_tx(tx: Tx, name: str, before: int) -> None:
    """Forgets the texts below a number."""
    await tx.execute("DELETE FROM rule_set_version WHERE name = $1 AND number < $2", name, before)


# --- what rules know and cost ------------------------------------------------------------------------------


async def memories_tx(tx: Tx, rule_set: str) -> Memories:
    """What the rules of a set know."""
    rows = await tx.fetch(
        "SELECT rule, entity_id, holds, fired_at, heard_at, told FROM rule_memory WHERE rule_set = $1", rule_set
    )
    return {(row[0], row[1]): Memory(bool(row[2]), row[3], row[4], bool(row[5])) for row in rows}


async def put_memories_tx(tx: Tx, rule_set: str, many: Mapping[tuple[str, str], Memory | None]) -> None:
    """Keeps what changed of it; None is forgotten."""
    gone = [(rule_set, *key) for key, one in many.items() if one is None]
    kept = [
        (rule_set, *key, int(one.holds), one.fired_at, one.heard_at, int(one.told))
        for key, one in many.items()
        if one is not None
    ]
    if gone:
        await tx.execute_many("DELETE FROM rule_memory WHERE rule_set = $1 AND rule = $2 AND entity_id = $3", gone)
    if kept:
        await tx.execute_many(
            "INSERT INTO rule_memory (rule_set, rule, entity_id, holds, fired_at, heard_at, told)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (rule_set, rule, entity_id) DO UPDATE SET"
            " holds = excluded.holds, fired_at = excluded.fired_at, heard_at = excluded.heard_at, told = excluded.told",
            kept,
        )


async def costs_tx(tx: Tx, rule_set: str) -> dict[str, Cost]:
    """What the rules of a set have cost, by rule."""
    rows = await tx.fetch(
        "SELECT rule, judged, fired, unanswered, micros, slowest, fired_at, said FROM rule_cost WHERE rule_set = $1",
        rule_set,
    )
    return {row[0]: Cost(*row[1:]) for row in rows}


async def add_costs_tx(tx: Tx, rule_set: str, many: Mapping[str, Cost]) -> None:
    """Adds to what they have cost."""
    held = await costs_tx(tx, rule_set)
    rows = []
    for rule, more in many.items():
        one = held.get(rule, Cost()).plus(more)
        rows.append(
            (rule_set, rule, one.judged, one.fired, one.unanswered, one.micros, one.slowest, one.fired_at, one.said)
        )
    await tx.execute_many(
        "INSERT INTO rule_cost (rule_set, rule, judged, fired, unanswered, micros, slowest, fired_at, said)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (rule_set, rule) DO UPDATE SET"
        " judged = excluded.judged, fired = excluded.fired, unanswered = excluded.unanswered,"
        " micros = excluded.micros, slowest = excluded.slowest, fired_at = excluded.fired_at, said = excluded.said",
        rows,
    )


# --- tasks -------------------------------------------------------------------------------------------------


def _task(row: Row) -> Task:
    return Task(*row)


async def add_task_tx(tx: Tx, one: Task) -> None:
    """Keeps a task; one that is there already stays as it is."""
    await tx.execute(
        f"INSERT INTO rule_task ({_TASK}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (id) DO NOTHING",
        one.id,
        one.rule_set,
        one.rule,
        one.entity_id,
        one.whom,
        one.text,
        one.made_at,
        one.due_at,
        one.done_at,
        one.done_by,
        one.note,
    )


async def task_tx(tx: Tx, task_id: str) -> Task | None:
    """One task."""
    row = await tx.fetch_one(f"SELECT {_TASK} FROM rule_task WHERE id = $1", task_id)
    return None if row is None else _task(row)


async def tasks_tx(tx: Tx, whom: Sequence[str] | None, limit: int) -> list[Task]:
    """Open ones first, the soonest due before; then those that were done, the last first. whom: None for all."""
    where, given = "$2 = ''", ""
    if whom is not None:
        where, given = tx.dialect.any_of("whom", "$2"), jsontext.text(list(whom))
    rows = await tx.fetch(
        f"SELECT {_TASK} FROM rule_task WHERE {where}"
        " ORDER BY CASE WHEN done_at IS NULL THEN 0 ELSE 1 END,"
        " CASE WHEN done_at IS NULL THEN due_at ELSE -done_at END, id LIMIT $1",
        limit,
        given,
    )
    return [_task(row) for row in rows]


async def end_task_tx(tx: Tx, task_id: str, at: int, by: str, note: str) -> bool:
    """Notes that a task was done; False where it was done before."""
    sql = "UPDATE rule_task SET done_at = $2, done_by = $3, note = $4 WHERE id = $1 AND done_at IS NULL"
    return await tx.execute(sql, task_id, at, by, note) > 0
