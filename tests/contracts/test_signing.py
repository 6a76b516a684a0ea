"""A tenant's signing keys, on both engines."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.errors import NonexistentTenant
from kumihimo.platform.signing.door import KEPT, Signing
from kumihimo.platform.signing.store import SCHEMA
from kumihimo.storage.database import Database, Tx


@pytest.fixture
async def database(any_database_factory: DatabaseFactory) -> Database:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("a")
    await database.add_tenant("b")
    return database


@pytest.fixture
async def signing(database: Database, fake_clock: FakeClock) -> Signing:
    return Signing(database, fake_clock)


async def test_a_key_is_made_once_and_is_the_tenants_own(
    signing: Signing, database: Database, fake_clock: FakeClock
) -> None:
    key = await signing.key("a")
    assert (await signing.key("a")).id == key.id
    assert (await Signing(database, fake_clock).key("a")).id == key.id
    assert (await signing.key("b")).id != key.id
    (shown,) = await signing.public("a")
    assert (shown.id, shown.public, shown.retired_at) == (key.id, key.public, 0)


async def test_a_new_key_signs_at_once_and_the_old_ones_public_half_stays(
    signing: Signing, database: Database, fake_clock: FakeClock
) -> None:
    old = await signing.key("a")
    fake_clock.advance(1)
    new = await signing.rotate("a")
    assert (await signing.key("a")).id == new.id
    shown = await signing.public("a")
    assert [(one.id, one.retired_at > 0) for one in shown] == [(new.id, False), (old.id, True)]

    async def secrets(tx: Tx) -> list[str]:
        return [row[0] for row in await tx.fetch("SELECT private FROM signing_key ORDER BY created_at")]

    assert await database.read("a", secrets) == ["", new.text()]


async def test_another_process_signs_with_the_new_key_after_a_minute(
    signing: Signing, database: Database, fake_clock: FakeClock
) -> None:
    other = Signing(database, fake_clock)
    old = await other.key("a")
    new = await signing.rotate("a")
    assert (await other.key("a")).id == old.id
    fake_clock.advance(60)
    assert (await other.key("a")).id == new.id


async def test_so_many_keys_are_kept_and_no_more(signing: Signing, fake_clock: FakeClock) -> None:
    await signing.key("a")
    made = []
    for _ in range(KEPT + 3):
        fake_clock.advance(1)
        made.append((await signing.rotate("a")).id)
    assert [one.id for one in await signing.public("a")] == made[::-1][:KEPT]


async def test_a_tenant_that_is_not_there_has_no_key(signing: Signing) -> None:
    with pytest.raises(NonexistentTenant):
        await signing.key("nobody")
