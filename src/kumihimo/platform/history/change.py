"""Writing into the past by request (clauses 5.6.11 to 5.6.16): what was is added, corrected and taken away.

The current state of an entity is not touched, and no log record is written. Readings and the broker's own writes
only ever add rows; here a client asks for an instance to be changed or gone, and then it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from kumihimo.base import jsontext, times
from kumihimo.base.errors import BadRequestData, PayloadTooLarge, ResourceNotFound
from kumihimo.platform.broker.instances import MAX_BYTES, MAX_TYPES, dataset_of, moment, stamped
from kumihimo.platform.broker.models import ANYTHING, Allowed, HistoryKind, HistoryRow
from kumihimo.platform.history.evolve import INSTANCE_ID
from kumihimo.platform.history.permit import erasable_tx, permitted_tx, unknown
from kumihimo.platform.history.store import INSTANCE, expiry_of, number_of, remember_tx
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.storage.database import Tx


async def upsert_tx(tx: Tx, doc: EntityDoc, now: datetime, allowed: Allowed = ANYTHING) -> bool:
    """Adds to the evolution of an entity (clause 5.6.11); True where it came to be by this.

    Types are added to those there are. PayloadTooLarge where they would be more than 100, or an instance has more than
    2 MiB.
    """
    at = times.micros(now)
    row = await tx.fetch_one("SELECT types FROM history_entity WHERE entity_id = $1", doc["id"])
    if row is None and not doc.get("type"):
        raise BadRequestData(f"entity {doc['id']} needs a type")
    await permitted_tx(tx, doc["id"], allowed, doc["attrs"], doc.get("type", ()))
    types = _joined(doc["id"], jsontext.parse(row[0]) if row is not None else [], doc)
    if row is None:
        await tx.execute(
            "INSERT INTO history_entity (entity_id, types, created_at, modified_at, apart) VALUES ($1, $2, $3, $3, 1)",
            doc["id"],
            types,
            at,
        )
    else:
        await _retype_tx(tx, doc["id"], types, at)
    await _add_tx(tx, doc["id"], doc["attrs"], now)
    return row is None


async def append_tx(tx: Tx, entity_id: str, doc: EntityDoc, now: datetime, allowed: Allowed = ANYTHING) -> None:
    """Adds instances, and types that are new, to the evolution of an entity (clause 5.6.12).

    ResourceNotFound where there is none; PayloadTooLarge as for upsert_tx.
    """
    row = await tx.fetch_one("SELECT types FROM history_entity WHERE entity_id = $1", entity_id)
    if row is None:
        raise unknown(entity_id)
    await permitted_tx(tx, entity_id, allowed, doc["attrs"])
    if doc.get("type"):
        await permitted_tx(tx, entity_id, allowed, (), doc["type"])
    await _retype_tx(tx, entity_id, _joined(entity_id, jsontext.parse(row[0]), doc), times.micros(now))
    await _add_tx(tx, entity_id, doc["attrs"], now)


def _joined(entity_id: str, held: Sequence[str], doc: EntityDoc) -> str:
    """The types there are and those that are new, as they are stored."""
    named = list(dict.fromkeys([*held, *doc.get("type", ())]))
    if len(named) > MAX_TYPES:
        raise PayloadTooLarge(f"{entity_id} would have {len(named)} types; at most {MAX_TYPES} are kept")
    return jsontext.text(named)


async def _retype_tx(tx: Tx, entity_id: str, types: str, at: int) -> None:
    await tx.execute(
        "UPDATE history_entity SET types = $1, modified_at = $2 WHERE entity_id = $3", types, at, entity_id
    )


async def _touch_tx(tx: Tx, entity_id: str, now: datetime) -> None:
    """What is taken away leaves no row that could say when."""
    await tx.execute("UPDATE history_entity SET modified_at = $1 WHERE entity_id = $2", times.micros(now), entity_id)


async def _add_tx(tx: Tx, entity_id: str, attrs: Mapping[str, Sequence[Instance]], now: datetime) -> None:
    at, stamp = times.micros(now), times.text(now)
    rows = []
    for name, instances in attrs.items():
        for given in instances:
            one = stamped(given, stamp, None)
            observed = one.get("observedAt")
            seen = None if observed is None else moment(observed)
            # Another instance of the same moment is a correction, the same one a repetition (decision 4).
            kind: HistoryKind = "instance" if seen is None else "reading"
            _text(name, one)
            rows.append(HistoryRow(kind, entity_id, at, 0, 0, name, dataset_of(one), seen, one))
    await remember_tx(tx, rows)


def _text(name: str, instance: Instance) -> str:
    """The instance as it is stored; PayloadTooLarge where no entity could have it now."""
    stored = jsontext.dumps(instance)
    if len(stored) > MAX_BYTES:
        raise PayloadTooLarge(
            f"an instance of {name} would have {len(stored)} bytes; at most {MAX_BYTES} are kept. Keep large data "
            "elsewhere and name its address here, or split the value over several instances"
        )
    return stored.decode()


async def _require_tx(tx: Tx, entity_id: str) -> None:
    if await tx.fetch_one("SELECT 1 FROM history_entity WHERE entity_id = $1", entity_id) is None:
        raise unknown(entity_id)


async def erase_tx(tx: Tx, entity_id: str, allowed: Allowed = ANYTHING) -> None:
    """Takes the whole evolution of an entity away (clause 5.6.16); ResourceNotFound where there is none."""
    await _require_tx(tx, entity_id)
    await erasable_tx(tx, entity_id, allowed)
    await tx.execute("DELETE FROM history WHERE entity_id = $1", entity_id)
    await tx.execute("DELETE FROM history_entity WHERE entity_id = $1", entity_id)


async def erase_attribute_tx(
    tx: Tx, entity_id: str, attribute: str, dataset: str, now: datetime, *, every: bool, allowed: Allowed = ANYTHING
) -> None:
    """Takes the instances of a datasetId ("" is none), or all, of an attribute away (clause 5.6.13).

    ResourceNotFound where there is no such entity or there are no such instances.
    """
    await _require_tx(tx, entity_id)
    await permitted_tx(tx, entity_id, allowed, (attribute,))
    await _touch_tx(tx, entity_id, now)
    where, bound = "entity_id = $1 AND attribute = $2", [entity_id, attribute]
    if not every:
        where, bound = where + " AND dataset = $3", [*bound, dataset]
    if await tx.execute(f"DELETE FROM history WHERE {where}", *bound) == 0:
        raise ResourceNotFound(f"entity {entity_id} never had this instance of the attribute {attribute}")


async def end_attribute_tx(
    tx: Tx, entity_id: str, attribute: str, dataset: str, now: datetime, *, every: bool, allowed: Allowed = ANYTHING
) -> bool:
    """Records that an attribute of an entity of the past alone was deleted now (clauses 4.5.7 and 5.6.5).

    Of the instances of a datasetId ("" is none), or of all. False where the entity is another, may not be known of, or
    has none that stands: what was deleted can begin anew, with an instance that was written since.
    """
    try:
        await permitted_tx(tx, entity_id, allowed, (attribute,))
    except ResourceNotFound:
        return False
    rows = await tx.fetch(
        "SELECT dataset, kind, instance FROM (SELECT h.dataset, h.kind, h.instance,"
        " row_number() OVER (PARTITION BY h.dataset ORDER BY h.seq DESC, h.ordinal DESC) AS place"
        " FROM history h JOIN history_entity e ON e.entity_id = h.entity_id"
        " WHERE e.entity_id = $1 AND e.apart = 1 AND h.attribute = $2) r WHERE place = 1",
        entity_id,
        attribute,
    )
    at = times.micros(now)
    ended = [
        HistoryRow("tombstone", entity_id, at, 0, 0, attribute, name, None, jsontext.parse(instance))
        for name, kind, instance in rows
        if kind == INSTANCE and (every or name == dataset)
    ]
    await remember_tx(tx, ended)
    return bool(ended)


async def modify_tx(
    tx: Tx,
    entity_id: str,
    attribute: str,
    instance_id: str,
    instance: Instance,
    now: datetime,
    allowed: Allowed = ANYTHING,
) -> None:
    """Puts another in the place of one instance; its id and createdAt stay (clause 5.6.14).

    ResourceNotFound where there is none, PayloadTooLarge where the new one has more than 2 MiB.
    """
    await permitted_tx(tx, entity_id, allowed, (attribute,))
    seq, ordinal, before = await _instance_tx(tx, entity_id, attribute, instance_id)
    new = stamped(instance, times.text(now), before)
    observed = new.get("observedAt")
    await tx.execute(
        "UPDATE history SET instance = $1, number = $2, observed_at = $3, dataset = $4, modified_at = $5,"
        " expires_at = $6 WHERE seq = $7 AND ordinal = $8",
        _text(attribute, new),
        number_of(new.get("value")),
        None if observed is None else moment(observed),
        dataset_of(new),
        times.micros(now),
        expiry_of(new),
        seq,
        ordinal,
    )


async def erase_instance_tx(
    tx: Tx, entity_id: str, attribute: str, instance_id: str, now: datetime, allowed: Allowed = ANYTHING
) -> None:
    """Takes one instance away, with what it corrected (clause 5.6.15); ResourceNotFound where it is none."""
    await permitted_tx(tx, entity_id, allowed, (attribute,))
    seq, ordinal, _ = await _instance_tx(tx, entity_id, attribute, instance_id)
    place: tuple[int, int] | None = (seq, ordinal)
    while place is not None:
        row = await tx.fetch_one(
            "SELECT target_seq, target_ordinal FROM history WHERE seq = $1 AND ordinal = $2", *place
        )
        await tx.execute("DELETE FROM history WHERE seq = $1 AND ordinal = $2", *place)
        place = (row[0], row[1]) if row is not None and row[0] is not None else None
    await _touch_tx(tx, entity_id, now)


async def _instance_tx(tx: Tx, entity_id: str, attribute: str, instance_id: str) -> tuple[int, int, Instance]:
    """Place and content of an instance by its id."""
    await _require_tx(tx, entity_id)
    seq, _, ordinal = instance_id.removeprefix(INSTANCE_ID).partition("-")
    numbers = [int(part) for part in (seq, ordinal) if part.isascii() and part.isdecimal() and len(part) < 19]
    row = None
    if len(numbers) == 2:
        row = await tx.fetch_one(
            "SELECT instance FROM history WHERE seq = $1 AND ordinal = $2 AND entity_id = $3 AND attribute = $4"
            " AND kind = 0",
            *numbers,
            entity_id,
            attribute,
        )
    if row is None:
        raise ResourceNotFound(f"entity {entity_id} has no instance {instance_id[:200]} of the attribute {attribute}")
    instance: Instance = jsontext.parse(row[0])
    return numbers[0], numbers[1], instance
