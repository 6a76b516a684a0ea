"""The tutorials on relationships and linked data: a shop, its shelves, what stands on them, and who ordered it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, Client
from tests.platform.ngsild.tutorials.farm import FARM, done, n, seen

SHOP, HOUSE, BARN = n("Building", "shop1"), n("Building", "house1"), n("Building", "barn2")
UPSERT, UPDATE = "/entityOperations/upsert", "/entityOperations/update"
SIMPLE = "format=simplified"


def thing(kind: str, number: object, **members: Any) -> dict[str, Any]:
    return {"id": n(kind, number), "type": kind, **members}


def to(*targets: str, **more: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": targets[0] if len(targets) == 1 else list(targets), **more}


def value(given: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": given, **more}


@pytest.fixture
async def shop(any_client: Client) -> Client:
    shelves = [
        thing("Shelf", 1, name=value("米の棚"), count=value(50), stocks=to(n("Product", 1)), locatedIn=to(SHOP)),
        thing("Shelf", 2, name=value("豆の棚"), count=value(0), stocks=to(n("Product", 2)), locatedIn=to(SHOP)),
        thing("Shelf", 3, name=value("酒の棚"), count=value(7), stocks=to(n("Product", 1)), locatedIn=to(SHOP)),
    ]
    products = [
        thing("Product", 1, name=value("いちほまれ"), price=value(2480, unitCode="JPY")),
        thing("Product", 2, name=value("大豆"), price=value(640, unitCode="JPY")),
    ]
    building = {"id": SHOP, "type": "Building", "name": value("道の駅"), "shelves": to(n("Shelf", 1), n("Shelf", 2))}
    await done(any_client, "POST", UPSERT, [building, *shelves, *products])
    return any_client


async def test_sensors_are_put_into_buildings_by_a_batch(any_client: Client) -> None:
    client = any_client
    kinds = ("Thermometer", "Hopper")
    for kind in kinds:
        name = "temperature" if kind == "Thermometer" else "filling"
        sensors = [thing(kind, number, **{name: value(number / 4)}) for number in (1, 2, 3)]
        assert (await done(client, "POST", UPSERT, sensors)).json == [one["id"] for one in sensors]
    listed = await seen(
        client,
        "/entities/",
        "type=Thermometer,Hopper&options=keyValues",
    )
    assert [(one["type"], one.get("filling", one.get("temperature"))) for one in listed] == [
        (kind, number / 4) for kind in kinds for number in (1, 2, 3)
    ]
    places = [("Thermometer", 1, HOUSE), ("Thermometer", 2, BARN), ("Hopper", 1, HOUSE), ("Hopper", 3, BARN)]
    placed = [thing(kind, number, controlledAsset=to(where)) for kind, number, where in places]
    assert (await done(client, "POST", UPDATE, placed, query="options=update")).status == 204
    one = n("Thermometer", 1)
    assert await seen(client, f"/entities/{one}", SIMPLE) == thing(
        "Thermometer", 1, temperature=0.25, controlledAsset=HOUSE
    )
    assert await seen(client, f"/entities/{one}", f"{SIMPLE}&pick=id,type,controlledAsset") == thing(
        "Thermometer", 1, controlledAsset=HOUSE
    )
    asked = f'q=controlledAsset=="{HOUSE}"&pick=id,type,controlledAsset&{SIMPLE}'
    inside = await seen(client, "/entities", asked)
    assert [found["id"] for found in inside] == [one, n("Hopper", 1)]
    counted = await client("GET", "/entities", query=f"{asked}&count=true&limit=0")
    assert (counted.json, counted.header("ngsild-results-count")) == ([], "2")


async def test_a_relationship_has_properties_and_relationships(shop: Client) -> None:
    located = to(
        SHOP,
        installedBy=to(n("Person", "hana")),
        status=value("completed"),
        orderedFor=to(n("Person", "kenji")),
    )
    fragment = {"count": value(60), "locatedIn": located, "@context": FARM}
    path = f"/entities/{n('Shelf', 1)}"
    await done(shop, "POST", f"{path}/attrs", fragment, media=LD, headers={"link": ""})
    now = await seen(shop, path)
    assert (now["locatedIn"], now["count"]["value"]) == (located, 60)
    assert await seen(shop, f"{path}/", f"attrs=locatedIn&{SIMPLE}") == thing("Shelf", 1, locatedIn=SHOP)
    places = await seen(shop, "/entities/", f"type=Shelf&{SIMPLE}&attrs=locatedIn")
    assert [one["locatedIn"] for one in places] == [SHOP] * 3
    asked = {"type": "Shelf", "q": f'locatedIn.installedBy=="{n("Person", "hana")}"'}
    assert [one["id"] for one in await seen(shop, "/entities", asked)] == [n("Shelf", 1)]
    assert [
        one["id"] for one in await seen(shop, "/entities", {"type": "Shelf", "q": 'locatedIn.status=="completed"'})
    ] == [n("Shelf", 1)]


async def test_one_to_many_and_back(shop: Client) -> None:
    path = f"/entities/{SHOP}"
    await done(shop, "POST", f"{path}/attrs", {"shelves": to(*(n("Shelf", number) for number in (1, 2, 3)))})
    shelves = (await seen(shop, f"{path}/", f"{SIMPLE}&attrs=shelves"))["shelves"]
    assert shelves == [n("Shelf", number) for number in (1, 2, 3)]
    query = f"type=Shelf&{SIMPLE}&attrs=stocks,count&id={','.join(shelves)}"
    stocks = [(one["stocks"], one["count"]) for one in await seen(shop, "/entities/", query)]
    assert stocks == [(n("Product", 1), 50), (n("Product", 2), 0), (n("Product", 1), 7)]
    query = f"type=Product&{SIMPLE}&attrs=name,price&id={n('Product', 1)},{n('Product', 2)}"
    assert [one["price"] for one in await seen(shop, "/entities/", query)] == [2480, 640]
    asked = f'count>0;locatedIn=="{SHOP}";stocks=="{n("Product", 1)}"'
    found = await seen(shop, "/entities/", {"type": "Shelf", "options": "keyValues", "q": asked})
    assert [one["id"] for one in found] == [n("Shelf", 1), n("Shelf", 3)]
    await done(shop, "PATCH", f"/entities/{n('Shelf', 1)}/attrs", {"count": value(0)})
    found = await seen(shop, "/entities/", {"type": "Shelf", "options": "keyValues", "q": asked})
    assert [one["id"] for one in found] == [n("Shelf", 3)]


async def test_many_to_many_by_an_entity_between(shop: Client) -> None:
    order = thing(
        "Order",
        1,
        orderedFor=to(SHOP),
        runBy=to(n("Person", "kenji")),
        ordered=to(n("Product", 1)),
        count=value(10_000),
        status=value("scheduled"),
        dueDate=value({"@type": "DateTime", "@value": "2026-08-07T12:00:00Z"}),
    )
    await done(shop, "POST", "/entities/", {**order, "@context": FARM}, media=LD, headers={"link": ""})
    assert (await seen(shop, f"/entities/{n('Order', 1)}", "options=keyValues"))["dueDate"] == order["dueDate"]["value"]
    for asked, picked, expected in (
        (f'ordered=="{n("Product", 1)}"', "orderedFor", SHOP),
        (f'orderedFor=="{SHOP}"', "ordered", n("Product", 1)),
    ):
        query = {"type": "Order", "q": asked, "options": "keyValues", "pick": f"id,type,{picked}"}
        assert await seen(shop, "/entities", query) == [thing("Order", 1, **{picked: expected})]
    nothing = await shop("GET", f"/entities/{n('Building', 'none')}", query="pick=id,type,temperature")
    assert nothing.kind == "ResourceNotFound"


async def test_the_linked_entities_come_along(shop: Client) -> None:
    inline = await seen(shop, f"/entities/{n('Shelf', 1)}", f"join=inline&joinLevel=1&{SIMPLE}")
    assert inline["stocks"] == thing("Product", 1, name="いちほまれ", price=2480)
    flat = await seen(shop, f"/entities/{n('Shelf', 1)}", "join=flat")
    assert [one["id"] for one in flat] == [n("Shelf", 1), n("Product", 1), SHOP]
    asked = {"type": "Shelf", "q": "stocks{price}>1000", "join": "inline", "format": "simplified"}
    found = await seen(shop, "/entities", asked)
    assert [one["name"] for one in found] == ["米の棚", "酒の棚"]
