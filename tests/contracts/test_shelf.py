"""What a tenant keeps of @contexts, on both engines."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base import times
from kumihimo.base.errors import NonexistentTenant, PayloadTooLarge, TooManyResults
from kumihimo.platform.shelf import door
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.platform.shelf.store import SCHEMA
from kumihimo.storage.database import Database

URL = "https://contexts.example/town.jsonld"
TERMS = {"水位": "https://example.org/level", "b": None}
IMPLICIT = "urn:ngsi-ld:Context:0123"


@pytest.fixture
async def database(any_database_factory: DatabaseFactory) -> Database:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("a")
    await database.add_tenant("b")
    return database


@pytest.fixture
async def shelf(database: Database, fake_clock: FakeClock) -> TenantShelf:
    return TenantShelf(database, fake_clock)


async def test_all_kinds_are_there_after_a_restart(
    shelf: TenantShelf, database: Database, fake_clock: FakeClock
) -> None:
    hosted = await shelf.add("a", TERMS)
    fake_clock.advance(1)
    cached = await shelf.keep("a", URL, TERMS, 7)
    fake_clock.advance(1)
    await shelf.give("a", IMPLICIT, [TERMS, URL], lasting=True)
    shelf.used("a", [hosted, hosted])
    await shelf.flush("a")
    again = TenantShelf(database, fake_clock)
    found = await again.list("a", None)
    assert [(one.id, one.kind, one.url, one.hits) for one in found] == [
        (hosted, "Hosted", "", 2),
        (cached, "Cached", URL, 0),
        (IMPLICIT, "ImplicitlyCreated", "", 0),
    ]
    assert found[0].last_usage == times.micros(fake_clock.now())
    copy = await again.cached("a", URL)
    assert copy is not None
    assert (copy.document, copy.expires_at) == (TERMS, 7)
    made = await again.local("a", IMPLICIT)
    assert made is not None
    assert made.document == [TERMS, URL]


async def test_tenants_see_nothing_of_each_other(shelf: TenantShelf) -> None:
    hosted = await shelf.add("a", TERMS)
    await shelf.keep("a", URL, TERMS, 7)
    for tenant in ("b", "nowhere", ""):
        assert await shelf.local(tenant, hosted) is None
        assert await shelf.cached(tenant, URL) is None
    assert await shelf.list("b", None) == []
    assert await shelf.find("b", URL, counted=True) is None
    assert not await shelf.delete("b", hosted)
    assert await shelf.local("a", hosted) is not None


async def test_where_there_is_no_tenant_nothing_is_kept(shelf: TenantShelf) -> None:
    assert await shelf.keep("nowhere", URL, TERMS, 7) == ""
    assert await shelf.keep("", URL, TERMS, 7) == ""
    for call in (shelf.add("nowhere", TERMS), shelf.give("nowhere", IMPLICIT, TERMS, lasting=False)):
        with pytest.raises(NonexistentTenant):
            await call
    shelf.used("nowhere", ["x"])
    await shelf.flush("nowhere")


async def test_a_copy_is_no_local_context(shelf: TenantShelf) -> None:
    cached = await shelf.keep("a", URL, TERMS, 7)
    assert await shelf.local("a", cached) is None
    for name in (cached, URL):
        found = await shelf.find("a", name, counted=False)
        assert found is not None
        assert found.id == cached
    hosted = await shelf.add("a", TERMS)
    assert await shelf.cached("a", "") is None
    assert await shelf.find("a", hosted, counted=False) is not None


async def test_a_newer_copy_takes_the_place_of_the_old_one(shelf: TenantShelf) -> None:
    first = await shelf.keep("a", URL, TERMS, 7)
    shelf.used("a", [first])
    assert await shelf.keep("a", URL, {"c": "https://example.org/c"}, 9) == first
    [one] = await shelf.list("a", "Cached")
    assert (one.expires_at, one.hits) == (9, 1)
    copy = await shelf.cached("a", URL)
    assert copy is not None
    assert copy.document == {"c": "https://example.org/c"}


async def test_uses_are_counted_once_however_often_they_are_written(shelf: TenantShelf) -> None:
    hosted = await shelf.add("a", TERMS)
    for _ in range(3):
        shelf.used("a", [hosted])
        await shelf.flush("a")
    shelf.used("a", [hosted])
    found = await shelf.find("a", hosted, counted=True)
    assert found is not None
    assert found.hits == 4


async def test_numbers_and_sizes_have_limits(shelf: TenantShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_HOSTED", 2)
    monkeypatch.setattr(door, "MAX_DOCUMENT", 100)
    with pytest.raises(PayloadTooLarge):
        await shelf.add("a", {"x": "y" * 100})
    for _ in range(2):
        await shelf.add("a", TERMS)
    with pytest.raises(TooManyResults):
        await shelf.add("a", TERMS)
    await shelf.add("b", TERMS)


async def test_the_copy_that_was_unused_for_longest_makes_room(
    shelf: TenantShelf, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_CACHED", 2)
    first = await shelf.keep("a", URL, TERMS, 7)
    await shelf.keep("a", URL + "2", TERMS, 7)
    fake_clock.advance(1)
    shelf.used("a", [first])
    await shelf.flush("a")
    await shelf.keep("a", URL + "3", TERMS, 7)
    assert sorted(one.url for one in await shelf.list("a", "Cached")) == [URL, URL + "3"]


async def test_what_lasts_is_not_pushed_out(shelf: TenantShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_IMPLICIT", 2)
    await shelf.give("a", "urn:ngsi-ld:Context:1", 1, lasting=False)
    await shelf.give("a", "urn:ngsi-ld:Context:1", 1, lasting=True)
    await shelf.give("a", "urn:ngsi-ld:Context:2", 2, lasting=False)
    await shelf.give("a", "urn:ngsi-ld:Context:3", 3, lasting=True)
    assert [one.id[-1] for one in await shelf.list("a", "ImplicitlyCreated")] == ["1", "3"]
    with pytest.raises(TooManyResults):
        await shelf.give("a", "urn:ngsi-ld:Context:4", 4, lasting=False)


async def test_what_is_deleted_is_gone_with_its_uses(shelf: TenantShelf) -> None:
    hosted = await shelf.add("a", TERMS)
    shelf.used("a", [hosted])
    assert await shelf.delete("a", hosted)
    assert not await shelf.delete("a", hosted)
    assert await shelf.list("a", None) == []
