"""Subscriptions that are kept, feeds that last over a restart, and devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import islice
from pathlib import Path

import pytest
from tests.flows.test_process import kumihimo
from tests.processes import Served

from kumihimo.client import AsyncClient, Change, Client, KumihimoError, NotFound, Refused, Unreachable

pytestmark = pytest.mark.enable_socket


def test_a_subscription_is_made_listed_changed_and_ended(town: Client) -> None:
    endpoint = {"endpoint": {"uri": "http://203.0.113.1/notify"}}
    made = [town.subscriptions.create({"entities": [{"type": "Gauge"}], "notification": endpoint}) for _ in range(3)]
    assert [one["id"] for one in town.subscriptions.list()] == made
    town.subscriptions.update(made[0], {"isActive": False})
    assert town.subscriptions.get(made[0])["status"] == "paused"
    town.subscriptions.delete(made[0])
    with pytest.raises(NotFound):
        town.subscriptions.get(made[0])
    with pytest.raises(Refused, match="BadRequestData"):
        town.subscriptions.create({"entities": [{"type": "Gauge"}]})


async def next_of(changes: AsyncGenerator[Change, None]) -> Change:
    async with asyncio.timeout(30):
        return await anext(changes)


async def test_changes_are_heard_also_over_a_restart(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        async with AsyncClient(f"http://127.0.0.1:{served.port}", "town") as city:
            await city.entities.create({"id": "urn:a:1", "type": "Gauge", "level": 1})
            changes = city.subscriptions.listen(type="Gauge", q="level>0", standing=True)
            first = await next_of(changes)
            assert (first.kind, first.entity["level"], first.at) == ("current", 1, None)
            await city.entities.update("urn:a:1", {"level": 2})
            second = await next_of(changes)
            assert (second.kind, second.entity["level"]) == ("entityUpdated", 2)
            assert second.at is not None
            served.kill()
            served.start()
            await city.entities.update("urn:a:1", {"level": 3})
            found = [await next_of(changes)]
            while found[-1].entity["level"] != 3:
                found.append(await next_of(changes))
            assert {one.entity["level"] for one in found} <= {1, 2, 3}
            await changes.aclose()


def test_a_program_without_a_loop_listens_too(town: Client) -> None:
    changes = town.subscriptions.listen(type="Town", standing=True)
    assert [one.entity["name"] for one in islice(changes, 1)] == ["鯖江市"]
    changes.close()


async def test_what_a_feed_refuses_is_raised_at_once(city: AsyncClient, address: str) -> None:
    with pytest.raises(Refused, match="BadRequestData"):
        await next_of(city.subscriptions.listen(q="level>"))
    async with AsyncClient(address, "nobody") as nobody:
        with pytest.raises(NotFound):
            await next_of(nobody.subscriptions.listen())
    async with AsyncClient("http://127.0.0.1:9") as far:
        with pytest.raises((Unreachable, KumihimoError)):
            await next_of(far.subscriptions.listen())


def test_a_device_sends_however_many_readings(served: Served, town: Client, tenant: str) -> None:
    gauge = ("--family", "river-gauge", "--entity", "urn:ngsi-ld:RiverGauge:1", "--type", "RiverGauge")
    added = kumihimo("device", "add", "g1", *gauge, "--tenant", tenant, data=served.data)
    key = added.stdout.split("key")[1].split()[0]
    readings = [{"level": n / 10, "observedAt": f"2024-06-23T{n // 60:02}:{n % 60:02}:00+09:00"} for n in range(250)]
    assert town.devices.send("g1", key, readings) == 250
    assert town.devices.send("g1", key, {"level": 9, "observedAt": "2024-06-24T00:00:00+09:00"}) == 1
    assert len(list(town.past.readings("urn:ngsi-ld:RiverGauge:1", timeproperty="observedAt"))) >= 251
    with pytest.raises(Refused) as refused:
        town.devices.send("g1", "wrong", {"level": 1})
    assert refused.value.status == 401
    with pytest.raises(Refused):
        town.devices.send("g1", key, [{"level": 1, "observedAt": "2024-06-25T00:00:00Z"}, {"level": "high"}])
