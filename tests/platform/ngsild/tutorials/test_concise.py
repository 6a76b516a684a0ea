"""The tutorial on the concise format (clause 4.5.1): what goes in short comes out whole, and the other way round."""

from __future__ import annotations

from typing import Any

from tests.platform.delivery.stand import FakeEndpoint
from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.tutorials.farm import FARM, done, n, point, seen

from kumihimo.platform.ngsild.api import Face

ONE, TWO, THREE, FOUR = (n("Thermometer", number) for number in range(1, 5))
SHORT: dict[str, Any] = {
    "id": ONE,
    "type": "Thermometer",
    "name": "育苗ハウス 1",
    "category": {"vocab": "sensor"},
    "temperature": {"value": 21.5, "unitCode": "CEL"},
}
WHOLE: dict[str, Any] = {
    "id": ONE,
    "type": "Thermometer",
    "name": {"type": "Property", "value": "育苗ハウス 1"},
    "category": {"type": "VocabProperty", "vocab": "sensor"},
    "temperature": {"type": "Property", "value": 21.5, "unitCode": "CEL"},
}
BATCH = [
    {"id": TWO, "type": "Thermometer", "category": {"vocab": ["sensor"]}, "temperature": {"value": 20}},
    {"id": THREE, "type": "Thermometer", "category": {"vocab": ["sensor", "actuator"]}, "temperature": {"value": 2}},
    {
        "id": FOUR,
        "type": "Thermometer",
        "category": {"type": "VocabProperty", "vocab": "sensor"},
        "temperature": {"type": "Property", "value": 99, "unitCode": "CEL"},
    },
]


async def test_an_entity_is_created_and_read(client: Client) -> None:
    made = await done(client, "POST", "/entities/", SHORT)
    assert (made.status, made.header("location")) == (201, f"/ngsi-ld/v1/entities/{ONE}")
    assert await seen(client, f"/entities/{ONE}") == WHOLE
    assert await seen(client, f"/entities/{ONE}", "format=concise") == SHORT


async def test_attributes_are_appended(client: Client) -> None:
    await done(client, "POST", "/entities", SHORT)
    more = {"battery": {"value": 0.9, "unitCode": "C62"}, "controlledAsset": {"object": n("Building", "barn2")}}
    await done(client, "POST", f"/entities/{ONE}/attrs", more)
    assert await seen(client, f"/entities/{ONE}") == {
        **WHOLE,
        "battery": {"type": "Property", "value": 0.9, "unitCode": "C62"},
        "controlledAsset": {"type": "Relationship", "object": n("Building", "barn2")},
    }
    assert await seen(client, f"/entities/{ONE}", "format=concise") == {**SHORT, **more}


async def test_a_batch_mixes_the_forms(client: Client) -> None:
    made = await done(client, "POST", "/entityOperations/create", BATCH)
    assert made.json == [TWO, THREE, FOUR]
    again = [
        {**BATCH[0], "temperature": {"value": 21, "unitCode": "CEL"}},
        {"id": THREE, "type": "Thermometer", "category": "sensor", "temperature": {"type": "Property", "value": 27}},
    ]
    assert (await done(client, "POST", "/entityOperations/upsert", again)).status == 204
    assert (await seen(client, f"/entities/{TWO}"))["temperature"] == {
        "type": "Property",
        "value": 21,
        "unitCode": "CEL",
    }
    third = await seen(client, f"/entities/{THREE}", "format=concise")
    assert third == {"id": THREE, "type": "Thermometer", "category": "sensor", "temperature": 27}


async def test_reads_in_the_concise_form(client: Client) -> None:
    await done(client, "POST", "/entities", SHORT)
    await done(client, "POST", "/entityOperations/create", BATCH)
    stamped = await seen(client, f"/entities/{ONE}", "options=sysAttrs&format=concise")
    assert stamped.keys() == {*SHORT, "createdAt", "modifiedAt"}
    assert stamped["name"]["value"] == "育苗ハウス 1", "with its moments it is no longer a bare value"
    assert stamped["temperature"].keys() == {"value", "unitCode", "createdAt", "modifiedAt"}
    picked = "pick=id,type,temperature&format=concise"
    warm = {"value": 21.5, "unitCode": "CEL"}
    assert await seen(client, f"/entities/{ONE}", picked) == {"id": ONE, "type": "Thermometer", "temperature": warm}
    both = await seen(client, f"/entities/{ONE}", "pick=id,type,category,temperature&format=concise")
    assert both["category"] == {"vocab": "sensor"}
    listed = await seen(client, "/entities/", "type=Thermometer&format=concise")
    assert [one["temperature"] for one in listed] == [warm, 20, 2, {"value": 99, "unitCode": "CEL"}]
    wide = await client("GET", "/entities/", query=f"id={ONE},{TWO}&{picked}")
    assert wide.kind == "BadRequestData", "clause 5.7.2.4: ids alone do not narrow a query that may be distributed"
    some = await seen(client, "/entities/", f"id={ONE},{TWO}&local=true&{picked}")
    assert [one.keys() for one in some] == [{"id", "type", "temperature"}] * 2


async def test_geojson_is_concise_too(client: Client) -> None:
    herd = [
        {"id": n("Cow", number), "type": "Cow", "name": name, "location": point(136.25 + number / 4, 35.9)}
        for number, name in ((1, "わかば"), (2, "こはる"))
    ]
    other = client.of("ranch")
    await done(other, "POST", "/entityOperations/create", herd)
    query = f"id={n('Cow', 1)},{n('Cow', 2)}&type=Cow&format=concise"
    found = await seen(other, "/entities/", query, headers={"accept": "application/geo+json"})
    assert found["type"] == "FeatureCollection"
    assert [feature["geometry"] for feature in found["features"]] == [one["location"] for one in herd]
    properties = {"type": "Cow", "name": "わかば", "location": point(136.5, 35.9)}
    assert found["features"][0]["properties"] == properties


async def test_updates_in_the_concise_form(client: Client) -> None:
    await done(client, "POST", "/entities", SHORT)
    await done(client, "PATCH", f"/entities/{ONE}/attrs/category", {"vocab": ["sensor", "actuator"]})
    category = (await seen(client, f"/entities/{ONE}"))["category"]
    assert category == {"type": "VocabProperty", "vocab": ["sensor", "actuator"]}
    both = {"category": {"vocab": ["actuator"]}, "controlledAsset": {"object": n("Building", "barn1")}}
    await done(client, "PATCH", f"/entities/{ONE}/attrs", both)
    now = await seen(client, f"/entities/{ONE}", "format=concise")
    assert {name: now[name] for name in both} == both
    assert now["temperature"] == SHORT["temperature"]


async def test_batches_update_and_overwrite(client: Client) -> None:
    await done(client, "POST", "/entityOperations/create", BATCH)
    kinds = [{"id": name, "type": "Thermometer", "category": {"vocab": "actuator"}} for name in (THREE, FOUR)]
    assert (await done(client, "POST", "/entityOperations/upsert", kinds, query="options=update")).status == 204
    third = await seen(client, f"/entities/{THREE}", "format=concise")
    assert third == {"id": THREE, "type": "Thermometer", "category": {"vocab": "actuator"}, "temperature": 2}
    moment = "2026-03-01T15:00:00.000Z"
    cold = [
        {"id": THREE, "type": "Thermometer", "category": {"vocab": ["sensor", "actuator"]}},
        {
            "id": FOUR,
            "type": "Thermometer",
            "temperature": {"value": 16, "unitCode": "CEL", "observedAt": moment},
        },
    ]
    assert (await done(client, "POST", "/entityOperations/update", cold, query="options=replace")).status == 204
    fourth = await seen(client, f"/entities/{FOUR}", "format=concise")
    assert fourth["temperature"] == {"value": 16, "unitCode": "CEL", "observedAt": moment}
    assert fourth["category"] == {"vocab": "actuator"}


async def test_notifications_in_the_concise_form(client: Client, face: Face, endpoint: FakeEndpoint) -> None:
    cow = {"id": n("Cow", 3), "type": "Cow", "name": "みのり", "location": point(136.17, 35.9), "heartRate": 60}
    await done(client, "POST", "/entities", cow)
    for accept in ("json", "geo+json"):
        whole = {
            "type": "Subscription",
            "description": f"みのりのことを {accept} で知らせる",
            "entities": [{"id": cow["id"], "type": "Cow"}],
            "notification": {
                "format": "concise",
                "endpoint": {"uri": f"http://farmer.example/{accept}", "accept": f"application/{accept}"},
            },
            "@context": FARM,
        }
        await done(client, "POST", "/subscriptions/", whole, media="application/ld+json", headers={"link": ""})
    await done(client, "PATCH", f"/entities/{cow['id']}/attrs", {"heartRate": {"value": 64, "unitCode": "5K"}})
    await face.delivery.catch_up("default")
    told = {one.url.rpartition("/")[2]: one.body for one in endpoint.sent}
    assert told["json"]["data"] == [{**cow, "heartRate": {"value": 64, "unitCode": "5K"}}]
    (feature,) = told["geo+json"]["data"]["features"]
    assert feature["geometry"] == cow["location"]
    assert feature["properties"]["heartRate"] == {"value": 64, "unitCode": "5K"}
    assert feature["properties"]["name"] == "みのり"
