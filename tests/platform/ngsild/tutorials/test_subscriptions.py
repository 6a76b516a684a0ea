"""The tutorials on subscriptions: hoppers that run low, prices that change, and what their farmer and shop are told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.delivery.stand import FakeEndpoint
from tests.platform.ngsild.calls import LD, Client
from tests.platform.ngsild.tutorials.farm import FARM, done, n, point, seen

from kumihimo.platform.ngsild.api import Face

BARN = n("Building", "barn1")
ALL = "/subscriptions/"


def subscription(endpoint: str, kind: str, *watched: str, **members: Any) -> dict[str, Any]:
    notification = {
        "endpoint": {"uri": f"http://farmer.example/{endpoint}", "accept": "application/json"},
        **members.pop("notification", {}),
    }
    return {
        "type": "Subscription",
        "description": f"{kind} のことを知らせる",
        "entities": [{"type": kind}],
        "watchedAttributes": list(watched),
        "notification": notification,
        **members,
    }


async def subscribe(client: Client, body: dict[str, Any]) -> str:
    made = await done(client, "POST", ALL, {**body, "@context": FARM}, media=LD, headers={"link": ""})
    assert made.status == 201
    return (made.header("location") or "").rpartition("/")[2]


async def told(face: Face, endpoint: FakeEndpoint) -> list[tuple[str, Any]]:
    """What arrived since the last look: the end of the address, and the body."""
    before = len(endpoint.sent)
    await face.delivery.catch_up("default")
    return [(one.url.rpartition("/")[2], one.body) for one in endpoint.sent[before:]]


async def fill(client: Client, number: int, filling: float) -> None:
    await done(client, "PATCH", f"/entities/{n('Hopper', number)}/attrs", {"filling": {"value": filling}})


@pytest.fixture
async def hoppers(client: Client) -> Client:
    for number, where in ((1, BARN), (2, n("Building", "barn2"))):
        hopper = {"id": n("Hopper", number), "type": "Hopper", "filling": 0.99, "battery": 1}
        await done(client, "POST", "/entities", {**hopper, "controlledAsset": {"object": where}})
    return client


@pytest.mark.parametrize("quote", ['"', "%22"])
async def test_only_what_is_low_in_one_barn(hoppers: Client, face: Face, endpoint: FakeEndpoint, quote: str) -> None:
    where = f"controlledAsset=={quote}{BARN}{quote}"
    about: dict[str, Any] = {"attributes": ["filling", "controlledAsset"]}
    for name, form, asked in (("low", "keyValues", "filling>0.6;filling<0.8"), ("lower", "normalized", "filling<0.6")):
        body = subscription(name, "Hopper", "filling", q=f"{asked};{where}", notification={**about, "format": form})
        await subscribe(hoppers, body)
    await fill(hoppers, 1, 0.9)
    await fill(hoppers, 2, 0.7)
    assert await told(face, endpoint) == []
    await fill(hoppers, 1, 0.7)
    ((name, body),) = await told(face, endpoint)
    assert (name, body["data"]) == (
        "low",
        [{"id": n("Hopper", 1), "type": "Hopper", "filling": 0.7, "controlledAsset": BARN}],
    )
    assert body.keys() >= {"id", "type", "subscriptionId", "notifiedAt"}
    await fill(hoppers, 1, 0.3)
    ((name, body),) = await told(face, endpoint)
    assert name == "lower"
    assert body["data"][0]["filling"] == {"type": "Property", "value": 0.3}
    assert body["data"][0]["controlledAsset"] == {"type": "Relationship", "object": BARN}
    await done(hoppers, "PATCH", f"/entities/{n('Hopper', 1)}/attrs", {"battery": {"value": 0.5}})
    assert await told(face, endpoint) == [], "the battery is not watched"


async def test_the_format_of_another_api_is_refused(client: Client) -> None:
    body = subscription("low", "Hopper", "filling", notification={"format": "x-ngsiv2-normalized"})
    refused = await client("POST", ALL, body)
    assert refused.kind == "BadRequestData"
    assert "notification.format" in refused.json["detail"]


async def test_the_context_goes_along_in_json_ld(hoppers: Client, face: Face, endpoint: FakeEndpoint) -> None:
    notification = {"format": "normalized", "endpoint": {"uri": "http://farmer.example/ld", "accept": LD}}
    await subscribe(hoppers, subscription("ld", "Hopper", "filling", q="filling<0.5", notification=notification))
    await fill(hoppers, 2, 0.4)
    ((_, body),) = await told(face, endpoint)
    assert FARM in str(body["@context"])
    assert body["data"][0]["type"] == "Hopper"


async def test_a_subscription_is_changed_and_taken_away(client: Client, face: Face, endpoint: FakeEndpoint) -> None:
    rice = n("Product", 1)
    await done(client, "POST", "/entities", {"id": rice, "type": "Product", "name": "いちほまれ", "price": 2480})
    body = subscription("price", "Product", "price", notification={"format": "keyValues"})
    name = await subscribe(client, body)
    listed = await seen(client, ALL)
    assert [one["id"] for one in listed] == [name]
    one = await seen(client, f"{ALL}{name}")
    assert (
        one.items() >= {"status": "active", "watchedAttributes": ["price"], "entities": [{"type": "Product"}]}.items()
    )
    await done(client, "PATCH", f"/entities/{rice}/attrs", {"price": {"value": 2300}})
    ((_, said),) = await told(face, endpoint)
    assert said["data"] == [{"id": rice, "type": "Product", "name": "いちほまれ", "price": 2300}]
    changed = {"notification": {**body["notification"], "format": "normalized"}}
    await done(client, "PATCH", f"{ALL}{name}", changed)
    await done(client, "PATCH", f"/entities/{rice}/attrs", {"price": {"value": 2200}})
    ((_, said),) = await told(face, endpoint)
    assert said["data"][0]["price"] == {"type": "Property", "value": 2200}
    assert (await seen(client, f"{ALL}{name}"))["notification"]["timesSent"] == 2
    await done(client, "DELETE", f"{ALL}{name}")
    await done(client, "PATCH", f"/entities/{rice}/attrs", {"price": {"value": 2100}})
    assert await told(face, endpoint) == []
    assert await seen(client, ALL) == []


async def test_a_reader_of_series_is_named_and_not_flooded(
    client: Client, face: Face, endpoint: FakeEndpoint, fake_clock: FakeClock
) -> None:
    receiver = [{"key": "fiware-service", "value": "farm"}]
    address = {"uri": "http://series.example/notify", "accept": "application/json", "receiverInfo": receiver}
    notification = {"attributes": ["location", "heartRate"], "format": "normalized", "endpoint": address}
    await subscribe(client, subscription("-", "Cow", "location", "heartRate", throttling=10, notification=notification))
    cow = {"id": n("Cow", 1), "type": "Cow", "heartRate": 60, "location": point(136.2, 35.9)}
    await done(client, "POST", "/entities", cow)
    assert [body["data"][0]["heartRate"]["value"] for _, body in await told(face, endpoint)] == [60]
    assert endpoint.sent[0].headers.items() >= {("fiware-service", "farm")}
    fake_clock.advance(3)
    await done(client, "PATCH", f"/entities/{cow['id']}/attrs", {"heartRate": {"value": 61}})
    assert await told(face, endpoint) == [], "three seconds are less than ten"
    fake_clock.advance(8)
    await done(client, "PATCH", f"/entities/{cow['id']}/attrs", {"heartRate": {"value": 62}})
    assert [body["data"][0]["heartRate"]["value"] for _, body in await told(face, endpoint)] == [62]
