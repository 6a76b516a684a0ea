"""How expiresAt comes to an entity or an attribute, and goes (clauses 4.22, 4.5.5 and 5.6)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import Client, gauge
from tests.platform.ngsild.writes import ATTRS, ID, NULL, ONE, RADAR, make, prop, shown, stamped, values

SOON, LATE = "2026-01-01T00:00:10.000Z", "2026-01-01T00:01:00.000Z"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/entities", 201),
        ("PUT", ONE, 204),
        ("PATCH", ONE, 204),
        ("POST", ATTRS, 204),
        ("PATCH", ATTRS, 204),
    ],
)
async def test_an_entity_becomes_transient(
    client: Client, fake_clock: FakeClock, method: str, path: str, status: int
) -> None:
    if path != "/entities":
        await make(client)
    body = {"id": ID, "type": "Gauge", "level": prop(1), "expiresAt": SOON}
    assert (await client(method, path, body)).status == status
    assert "expiresAt" not in await shown(client)
    assert (await stamped(client))["expiresAt"] == SOON
    fake_clock.advance(10)
    assert (await client("GET", ONE)).kind == "ResourceNotFound"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", ONE),
        ("PATCH", ONE),
        ("POST", ATTRS),
        ("PATCH", ATTRS),
        ("PATCH", f"{ATTRS}/rain"),
        ("PUT", f"{ATTRS}/rain"),
    ],
)
async def test_an_attribute_becomes_transient(client: Client, fake_clock: FakeClock, method: str, path: str) -> None:
    await make(client, rain=prop(0))
    rain = prop(1, expiresAt=SOON)
    assert (
        await client(method, path, rain if path.endswith("rain") else {"type": "Gauge", "rain": rain})
    ).status == 204
    assert (await shown(client))["rain"] == prop(1)
    assert (await stamped(client))["rain"]["expiresAt"] == SOON
    fake_clock.advance(10)
    assert "rain" not in await shown(client)
    assert (await client("PATCH", f"{ATTRS}/rain", {"value": 2})).kind == "ResourceNotFound"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", ONE, {"type": "Gauge", "rain": prop(2)}),
        ("PATCH", ONE, {"rain": {"expiresAt": NULL}}),
        ("POST", ATTRS, {"rain": prop(2)}),
        ("PATCH", ATTRS, {"rain": prop(2)}),
        ("PATCH", f"{ATTRS}/rain", {"expiresAt": NULL}),
        ("PUT", f"{ATTRS}/rain", prop(2)),
    ],
)
async def test_an_attribute_is_kept_after_all(
    client: Client, fake_clock: FakeClock, method: str, path: str, body: Any
) -> None:
    await make(client, rain=prop(2, expiresAt=SOON))
    assert (await client(method, path, body)).status == 204
    fake_clock.advance(100)
    assert (await shown(client))["rain"] == prop(2)


async def test_an_entity_that_is_replaced_is_kept_after_all(client: Client, fake_clock: FakeClock) -> None:
    await make(client, expiresAt=SOON)
    assert (await client("PUT", ONE, {"type": "Gauge", "level": prop(1)})).status == 204
    fake_clock.advance(100)
    assert "expiresAt" not in await stamped(client)


async def test_writing_attributes_leaves_the_entitys_expiry(client: Client, fake_clock: FakeClock) -> None:
    await make(client, expiresAt=SOON)
    for method, path in (("PATCH", ONE), ("POST", ATTRS), ("PATCH", ATTRS)):
        assert (await client(method, path, {"level": prop(1)})).status == 204
    assert (await stamped(client))["expiresAt"] == SOON
    fake_clock.advance(10)
    assert (await client("GET", ONE)).status == 404


async def test_a_partial_update_leaves_the_attributes_expiry(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=prop(1, expiresAt=SOON))
    assert (await client("PATCH", f"{ATTRS}/rain", {"value": 2})).status == 204
    assert (await client("PATCH", ONE, {"rain": {"value": 3}})).status == 204
    fake_clock.advance(10)
    assert "rain" not in await shown(client)


async def test_instances_go_each_at_its_own_moment(client: Client, fake_clock: FakeClock) -> None:
    await make(
        client, rain=[prop(1, expiresAt=LATE), prop(2, expiresAt=SOON, datasetId=RADAR), prop(3, datasetId="urn:d:3")]
    )
    fake_clock.advance(10)
    assert values((await shown(client))["rain"]) == {"": 1, "urn:d:3": 3}
    fake_clock.advance(50)
    assert values((await shown(client))["rain"]) == {"urn:d:3": 3}


async def test_an_attribute_that_has_expired_already_is_never_seen(client: Client) -> None:
    await make(client, rain=prop(1, expiresAt="2025-12-31T23:59:59Z"))
    assert await shown(client) == gauge()


@pytest.mark.parametrize("moment", ["soon", 5, "2030-01-01", "2030-01-01T09:00:00+09:00", None])
async def test_what_is_no_moment_is_refused(client: Client, moment: Any) -> None:
    for body in (gauge(expiresAt=moment), gauge(rain=prop(1, expiresAt=moment))):
        refused = await client("POST", "/entities", body)
        assert (refused.status, refused.kind) == (400, "BadRequestData")
