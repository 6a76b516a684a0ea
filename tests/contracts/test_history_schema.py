"""What the second version of history's tables held is there in the third."""

from __future__ import annotations

from typing import Any

from tests.fakes import DatabaseFactory

from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.models import SCOPE, TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.storage.migrate import parts_of


def statements(sql: str) -> list[str]:
    lines = [line for line in sql.splitlines() if not line.startswith("--")]
    return [one.strip() for one in "\n".join(lines).split(";") if one.strip()]


async def test_scopes_become_instances(any_database_factory: DatabaseFactory) -> None:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("town")
    parts = parts_of(HISTORY, database.dialect.name)

    async def apply(tx: Any, version: int) -> None:
        for one in statements(parts[version - 1].sql):
            await tx.execute(one)

    async def work(tx: Any) -> None:
        await apply(tx, 1)
        await apply(tx, 2)
        await tx.execute(
            "INSERT INTO history (seq, ordinal, kind, entity_id, attribute, dataset, created_at, modified_at, instance)"
            " VALUES (0, 4, 0, 'urn:e:1', 'a', '', 5, 5, '{\"type\":\"Property\",\"value\":1}')"
        )
        for number, scope in ((1, '["/a","/b"]'), (2, '["/c"]'), (3, "[]")):
            await tx.execute(
                "INSERT INTO history_entity (entity_id, types, created_at, modified_at, scope)"
                " VALUES ($1, '[]', 5, 6, $2)",
                f"urn:e:{number}",
                scope,
            )
        await apply(tx, 3)

    await database.write("town", work)
    history = History(database)
    found = [
        await history.entity("town", f"urn:e:{number}", TemporalQuery(""), ALL_ROWS, ALL_ATTRIBUTES)
        for number in (1, 2, 3)
    ]
    scopes = [one.doc["attrs"].get(SCOPE, []) if one is not None else None for one in found]
    assert [[each["value"] for each in many or ()] for many in scopes] == [[["/a", "/b"]], [["/c"]], []]
    ids = [each["instanceId"] for many in scopes for each in many or ()]
    assert ids == ["urn:ngsi-ld:Instance:0-5", "urn:ngsi-ld:Instance:0-6"]
