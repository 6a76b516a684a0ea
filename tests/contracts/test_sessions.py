from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory

from kumihimo.base.errors import NonexistentTenant
from kumihimo.base.ports import (
    MqttChange,
    MqttMessageRow,
    MqttReceivedRow,
    MqttRetainedRow,
    MqttRow,
    MqttSessionRow,
    MqttSubscriptionRow,
)
from kumihimo.device.sessions.door import MqttSessions
from kumihimo.device.sessions.store import PLATFORM_SCHEMA, SCHEMA

FOREVER = 0xFFFFFFFF
SESSION = MqttSessionRow("g1", "川", FOREVER, None, b"\x30\x00\xff", 5)
ROWS: list[MqttRow] = [
    SESSION,
    MqttSubscriptionRow("g1", "川", "kumihimo/a/g1/down/#", 0x2D, 268_435_455),
    MqttMessageRow("g1", "川", 1, 65535, b"\x00\x01", 1_800_000_000_000_000),
    MqttMessageRow("g1", "川", 2, 7),
    MqttReceivedRow("g1", "川", 9),
    MqttRetainedRow("a/川", False, b"\x31", None),
    MqttRetainedRow("a/川", True, b"\x32", 1_800_000_000_000_000),
]


@pytest.fixture
async def sessions(any_database_factory: DatabaseFactory) -> MqttSessions:
    database = await any_database_factory([SCHEMA, PLATFORM_SCHEMA])
    await database.add_tenant("a")
    await database.add_tenant("b")
    return MqttSessions(database)


def put(*rows: MqttRow) -> list[MqttChange]:
    return [MqttChange(row) for row in rows]


def drop(*rows: MqttRow) -> list[MqttChange]:
    return [MqttChange(row, is_gone=True) for row in rows]


@pytest.mark.parametrize("tenant", ["", "a"])
async def test_what_is_put_is_loaded_in_its_own_tenant_alone(sessions: MqttSessions, tenant: str) -> None:
    await sessions.apply(tenant, put(*ROWS))
    assert await sessions.tenants() == ["", "a", "b"]
    found = {name: await sessions.load(name) for name in await sessions.tenants()}
    assert sorted(map(repr, found.pop(tenant))) == sorted(map(repr, ROWS))
    assert list(found.values()) == [[], []]


async def test_sessions_come_first_and_messages_in_the_order_of_their_numbers(sessions: MqttSessions) -> None:
    messages = [MqttMessageRow("g1", "c", number, number) for number in (10, 9, 2, 11)]
    await sessions.apply("a", put(*messages, SESSION))
    found = await sessions.load("a")
    assert found[0] == SESSION
    assert [row.number for row in found if isinstance(row, MqttMessageRow)] == [2, 9, 10, 11]


async def test_a_row_takes_the_place_of_the_one_with_its_key(sessions: MqttSessions) -> None:
    await sessions.apply("a", put(*ROWS))
    new: list[MqttRow] = [
        MqttSessionRow("g1", "川", 60, 1_700_000_000_000_000),
        MqttSubscriptionRow("g1", "川", "kumihimo/a/g1/down/#", 1),
        MqttMessageRow("g1", "川", 1, 65535),
        MqttReceivedRow("g1", "川", 9),
        MqttRetainedRow("a/川", False, b"\x33", None),
    ]
    await sessions.apply("a", put(*new))
    found = await sessions.load("a")
    assert len(found) == len(ROWS)
    assert all(row in found for row in new)


async def test_changes_are_applied_in_their_order(sessions: MqttSessions) -> None:
    row = MqttReceivedRow("g1", "c", 1)
    await sessions.apply("a", [*put(row), *drop(row), *put(row), *drop(row)])
    assert await sessions.load("a") == []
    await sessions.apply("a", [*drop(row), *put(row)])
    assert await sessions.load("a") == [row]


async def test_a_session_that_goes_takes_all_of_its_own_along_and_nothing_else(sessions: MqttSessions) -> None:
    other: list[MqttRow] = [
        MqttSessionRow("g1", "other", 5),
        MqttMessageRow("g2", "川", 1, 1, b"x"),
        MqttReceivedRow("g2", "川", 1),
    ]
    await sessions.apply("a", put(*ROWS, *other))
    await sessions.apply("a", drop(MqttSessionRow("g1", "川", 0)))
    retained = [row for row in ROWS if isinstance(row, MqttRetainedRow)]
    assert sorted(map(repr, await sessions.load("a"))) == sorted(map(repr, [*other, *retained]))


async def test_each_part_is_taken_away_by_its_key_alone(sessions: MqttSessions) -> None:
    await sessions.apply("a", put(*ROWS))
    gone: list[MqttRow] = [
        MqttSubscriptionRow("g1", "川", "kumihimo/a/g1/down/#", 0),
        MqttMessageRow("g1", "川", 2, 0),
        MqttReceivedRow("g1", "川", 9),
        MqttRetainedRow("a/川", True),
    ]
    await sessions.apply("a", drop(*gone))
    assert sorted(map(repr, await sessions.load("a"))) == sorted(map(repr, [ROWS[0], ROWS[2], ROWS[5]]))


async def test_a_tenant_that_there_is_not_is_said(sessions: MqttSessions) -> None:
    with pytest.raises(NonexistentTenant):
        await sessions.apply("nobody", put(SESSION))
