from __future__ import annotations

import asyncio

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base import times
from kumihimo.base.errors import AlreadyExists, BadRequestData, NonexistentTenant, ResourceNotFound, StorageRefused
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import KEPT_REFUSALS, SCHEMA
from kumihimo.device.words import Words

GAUGE = Device(
    "g1", "river-gauge", "九十九橋", "urn:ngsi-ld:RiverGauge:1", "https://x/RiverGauge", {"max": 9}, (136.2, 36.0)
)
WHY = Words("壊れています。", "It is broken.")


@pytest.fixture
async def registry(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Registry:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("a")
    await database.add_tenant("b")
    return Registry(database, fake_clock)


async def test_a_device_is_known_by_its_key_alone(registry: Registry) -> None:
    key = await registry.add("a", GAUGE)
    assert len(key) == 64
    found = await registry.authenticate("a", "g1", key)
    assert found is not None
    assert (found.name, found.settings, found.location) == ("九十九橋", {"max": 9}, (136.2, 36.0))
    for tenant, device, wrong in (
        ("a", "g1", key[:-1]),
        ("a", "g1", ""),
        ("a", "g2", key),
        ("b", "g1", key),
        ("nowhere", "g1", key),
        ("A B", "g1", key),
        ("a", "../g1", key),
    ):
        assert await registry.authenticate(tenant, device, wrong) is None


async def test_what_cannot_be_registered(registry: Registry) -> None:
    await registry.add("a", GAUGE)
    with pytest.raises(AlreadyExists):
        await registry.add("a", GAUGE)
    with pytest.raises(BadRequestData):
        await registry.add("a", Device("a/b", "sign", "", "urn:x:y", "t"))
    with pytest.raises(BadRequestData):
        await registry.add("a", Device("short", "sign", "", "urn:x:y", "t"), key="guessable")
    with pytest.raises(BadRequestData, match="river-gauge"):
        await registry.add("a", Device("d", "river-guage", "", "urn:x:y", "t"))
    with pytest.raises(BadRequestData, match="number"):
        await registry.add("a", Device("d", "sign", "", "urn:x:y", "t", {"max": "9"}))
    with pytest.raises(NonexistentTenant):
        await registry.add("nowhere", GAUGE)
    with pytest.raises(ResourceNotFound):
        await registry.rotate("a", "g9")
    assert not await registry.remove("a", "g9")


async def test_a_rotated_and_a_removed_key_stop_at_once_and_cut_the_connection(registry: Registry) -> None:
    cut: list[tuple[str, str]] = []
    registry.on_revoked = lambda tenant, device: cut.append((tenant, device))
    old = await registry.add("a", GAUGE, key="k" * 64)
    assert await registry.authenticate("a", "g1", old)
    new = await registry.rotate("a", "g1")
    assert await registry.authenticate("a", "g1", old) is None
    assert await registry.authenticate("a", "g1", new)
    assert await registry.remove("a", "g1")
    assert await registry.authenticate("a", "g1", new) is None
    assert (await registry.get("a", "g1"), await registry.list("a")) == (None, [])
    assert cut == [("a", "g1")] * 2
    again = await registry.add("a", GAUGE)
    assert await registry.authenticate("a", "g1", again)


async def test_counters_show_at_once_and_are_written_in_one_step(registry: Registry, fake_clock: FakeClock) -> None:
    await registry.add("a", GAUGE)
    registry.accept("a", "g1", 3)
    fake_clock.advance(60)
    registry.refuse("a", "g1", "up", WHY)
    now = times.micros(fake_clock.now())
    for _ in range(2):
        found = await registry.get("a", "g1")
        assert found is not None
        assert (found.accepted, found.refused, found.last_refusal, found.last_refusal_at) == (3, 1, WHY.en, now)
        assert found.last_seen == now - 60_000_000
        assert [(one.device, one.way, one.ja) for one in await registry.refusals("a")] == [("g1", "up", WHY.ja)]
        await registry.flush()
    assert await registry.refusals("b") == []


async def test_unknown_devices_are_seen_by_the_tenant_they_named(registry: Registry) -> None:
    await registry.authenticate("a", "stranger", "x")
    await registry.authenticate("a", "../etc", "x")
    await registry.authenticate("nowhere", "g1", "x")
    assert [one.device for one in await registry.refusals("a")] == ["'../etc'", "stranger"]
    assert registry.refused_elsewhere == 1
    await registry.flush()
    assert await registry.refusals("b") == []


async def test_only_the_last_refusals_are_kept(registry: Registry) -> None:
    for number in range(KEPT_REFUSALS + 30):
        await registry.authenticate("a", f"d{number}", "x")
        if number % 70 == 0:
            await registry.flush()
    await registry.flush()
    found = await registry.refusals("a", 1000)
    assert len(found) == KEPT_REFUSALS
    assert found[0].device == f"d{KEPT_REFUSALS + 29}"


async def test_the_last_counts_are_written_when_the_registry_stops(registry: Registry) -> None:
    await registry.add("a", GAUGE)
    running = asyncio.create_task(registry.run())
    await asyncio.sleep(0)
    registry.accept("a", "g1", 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not registry._counts
    found = await registry.get("a", "g1")
    assert found is not None
    assert found.accepted == 1


async def test_counts_survive_a_store_that_refuses_for_a_while(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registry.add("a", GAUGE)
    registry.accept("a", "g1", 2)
    registry.refuse("a", "g1", "up", WHY)

    async def full(*_: object) -> None:
        raise StorageRefused("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(registry._database, "write", full)
        with pytest.raises(StorageRefused):
            await registry.flush()
    registry.accept("a", "g1", 1)
    await registry.flush()
    found = await registry.get("a", "g1")
    assert found is not None
    assert (found.accepted, found.refused, found.last_refusal) == (3, 1, WHY.en)
    assert len(await registry.refusals("a")) == 1
    assert not registry._counts


async def test_a_tenant_made_anew_knows_none_of_its_former_devices(registry: Registry) -> None:
    cut: list[tuple[str, str]] = []
    registry.on_revoked = lambda tenant, device: cut.append((tenant, device))
    key = await registry.add("a", GAUGE)
    assert await registry.authenticate("a", "g1", key)
    await registry._database.remove_tenant("a")
    await registry._database.add_tenant("a")
    assert await registry.authenticate("a", "g1", key) is None
    await registry.add("a", GAUGE, key=key)
    assert await registry.known("a", "g1")
    await registry._database.remove_tenant("a")
    registry.forget_tenant("a")
    assert await registry.known("a", "g1") is None
    assert cut == [("a", "g1")]


async def test_an_old_key_is_taken_for_a_while_beside_the_new_one(registry: Registry, fake_clock: FakeClock) -> None:
    cut: list[tuple[str, str]] = []
    registry.on_revoked = lambda tenant, device: cut.append((tenant, device))
    first = await registry.add("a", GAUGE)
    second = await registry.rotate("a", "g1", keep=3600)
    assert cut == []
    for key in (first, second):
        assert await registry.authenticate("a", "g1", key) is not None
    assert await registry.authenticate("a", "g1", first) is not None, "it comes back by the old one"
    fake_clock.advance(3599)
    registry.end_overdue()
    assert cut == []
    fake_clock.advance(1)
    registry.end_overdue()
    assert cut == [("a", "g1")], "who came by the old key is cut when its time is over"
    assert await registry.authenticate("a", "g1", first) is None
    assert await registry.authenticate("a", "g1", second) is not None
    registry.end_overdue()
    assert len(cut) == 1


async def test_who_moved_to_the_new_key_stays_connected(registry: Registry, fake_clock: FakeClock) -> None:
    cut: list[str] = []
    registry.on_revoked = lambda tenant, device: cut.append(device)
    await registry.add("a", GAUGE)
    second = await registry.rotate("a", "g1", keep=60)
    assert await registry.authenticate("a", "g1", second) is not None
    fake_clock.advance(61)
    registry.end_overdue()
    assert cut == []


async def test_there_are_two_keys_at_most_and_a_revoked_one_takes_the_old_along(registry: Registry) -> None:
    first = await registry.add("a", GAUGE)
    second = await registry.rotate("a", "g1", keep=60)
    third = await registry.rotate("a", "g1", keep=60)
    assert [await registry.authenticate("a", "g1", key) is not None for key in (first, second, third)] == [
        False, True, True,
    ]  # fmt: skip
    await registry.revoke_key("a", "g1")
    assert [await registry.authenticate("a", "g1", key) for key in (second, third, "")] == [None, None, None]
    assert await registry.known("a", "g1") is not None
    with pytest.raises(ResourceNotFound):
        await registry.revoke_key("a", "g9")
    for keep in (-1, 31 * 24 * 3600):
        with pytest.raises(BadRequestData, match="30 days"):
            await registry.rotate("a", "g1", keep=keep)


async def test_a_keys_last_use_is_kept_and_is_that_of_the_present_key(
    registry: Registry, fake_clock: FakeClock
) -> None:
    key = await registry.add("a", GAUGE)
    made = await registry.keys("a", "g1")
    assert made is not None
    assert (made.made_at, made.used_at, key in repr(made), made.hashed in repr(made)) == (
        times.micros(fake_clock.now()), None, False, False,
    )  # fmt: skip
    fake_clock.advance(5)
    await registry.authenticate("a", "g1", key)
    used = times.micros(fake_clock.now())
    for flushed in (False, True):
        if flushed:
            await registry.flush()
        found = await registry.keys("a", "g1")
        assert found is not None
        assert found.used_at == used
    fake_clock.advance(5)
    await registry.rotate("a", "g1", keep=60)
    await registry.authenticate("a", "g1", key)
    found = await registry.keys("a", "g1")
    assert found is not None
    assert found.used_at is None, "the old key was used, not this one"
    assert await registry.keys("a", "g9") is None
