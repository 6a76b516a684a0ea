"""Attributes with several instances, told apart by datasetId (clauses 4.5.5 and 5.2.4)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client, gauge
from tests.platform.ngsild.writes import (
    ATTRS,
    FIRST,
    ID,
    NULL,
    ONE,
    RADAR,
    SECOND,
    SONAR,
    link,
    make,
    point,
    prop,
    shown,
    values,
    words,
)

TEMPORAL = f"/temporal{ONE}"


async def test_an_attribute_of_every_kind_may_have_several_instances(any_client: Client) -> None:
    several: dict[str, Any] = {name: [one, {**SECOND[name], "datasetId": RADAR}] for name, one in FIRST.items()}
    await make(any_client, **several)
    assert await shown(any_client) == gauge(**several)


async def test_an_attribute_may_have_no_default_instance(client: Client) -> None:
    await make(client, rain=[prop(1, datasetId=RADAR), prop(2, datasetId=SONAR)])
    assert (await shown(client))["rain"] == [prop(1, datasetId=RADAR), prop(2, datasetId=SONAR)]


async def test_one_instance_is_no_array_also_with_a_dataset(client: Client) -> None:
    await make(client, rain=[prop(1, datasetId=RADAR)])
    assert (await shown(client))["rain"] == prop(1, datasetId=RADAR)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/entities"), ("PUT", ONE), ("PATCH", ONE), ("POST", ATTRS), ("PATCH", ATTRS)]
)
async def test_none_names_the_default_instance_and_is_never_shown(client: Client, method: str, path: str) -> None:
    if method != "POST" or path != "/entities":
        await make(client, rain=prop(0))
    body = {"id": ID, "type": "Gauge", "rain": [prop(1, datasetId="@none"), prop(2, datasetId=RADAR)]}
    assert (await client(method, path, body)).status in (201, 204)
    assert (await shown(client))["rain"] == [prop(1), prop(2, datasetId=RADAR)]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/entities"), ("PUT", ONE), ("PATCH", ONE), ("POST", ATTRS), ("PATCH", ATTRS)]
)
async def test_two_instances_of_one_dataset_are_refused(client: Client, method: str, path: str) -> None:
    await make(client)
    entity_id = "urn:ngsi-ld:Gauge:2" if path == "/entities" else ID
    for rain in (
        [prop(1), prop(2)],
        [prop(1), prop(2, datasetId="@none")],
        [prop(1, datasetId=RADAR), prop(2, datasetId=RADAR)],
        [prop(1), prop(2, accuracy=[prop(1), prop(2)], datasetId=RADAR)],
    ):
        refused = await client(method, path, {"id": entity_id, "type": "Gauge", "rain": rain})
        assert (refused.status, refused.kind) == (400, "BadRequestData"), rain
    assert await shown(client) == gauge()


async def test_a_dataset_is_named_by_a_uri(client: Client) -> None:
    for dataset in ("radar", 5, None, "", {"id": RADAR}, [RADAR], NULL):
        refused = await client("POST", "/entities", gauge(rain=prop(1, datasetId=dataset)))
        assert (refused.status, refused.kind) == (400, "BadRequestData"), dataset
    await make(client, rain=prop(1, datasetId="https://example.org/datasets/川"))
    assert (await shown(client))["rain"]["datasetId"] == "https://example.org/datasets/川"


@pytest.mark.parametrize("member", ["observedAt", "unitCode", "expiresAt", "datasetId"])
async def test_members_of_an_attribute_have_no_instances(client: Client, member: str) -> None:
    """Clause 4.5.5: only what is reified can be there several times."""
    value: Any = "2030-01-01T00:00:00Z"
    for wrong in ([value, value], [prop(value), prop(value, datasetId=RADAR)], prop(value, datasetId=RADAR)):
        refused = await client("POST", "/entities", gauge(rain=prop(1, **{member: wrong})))
        assert (refused.status, refused.kind) == (400, "BadRequestData"), wrong


async def test_members_of_an_entity_have_no_instances(client: Client) -> None:
    wrong: dict[str, Any] = {
        "expiresAt": [prop("2030-01-01T00:00:00Z"), prop("2031-01-01T00:00:00Z", datasetId=RADAR)],
        "scope": [prop("/Fukui"), prop("/Sabae", datasetId=RADAR)],
        "type": [prop("Gauge"), prop("Sensor", datasetId=RADAR)],
        "id": [prop(ID), prop("urn:x:2", datasetId=RADAR)],
    }
    for member, value in wrong.items():
        assert (await client("POST", "/entities", {**gauge(), member: value})).kind == "BadRequestData", member
    ignored = [prop("2001-01-01T00:00:00Z"), prop("2002-01-01T00:00:00Z", datasetId=RADAR)]
    await make(client, createdAt=ignored, modifiedAt=ignored)
    assert (await shown(client, options="sysAttrs"))["createdAt"] == "2026-01-01T00:00:00.000Z"


async def test_sub_attributes_may_have_several_instances(client: Client) -> None:
    accuracy = [prop(5), prop(6, datasetId=RADAR)]
    await make(client, rain=prop(1, accuracy=accuracy))
    assert (await shown(client))["rain"] == prop(1, accuracy=accuracy)


async def test_relationships_of_several_datasets_are_followed(client: Client) -> None:
    for number in (2, 3):
        await client("POST", "/entities", gauge(number))
    await make(client, near=[link(gauge(2)["id"]), link(gauge(3)["id"], datasetId=RADAR)])
    near = (await shown(client, join="inline"))["near"]
    assert [one["entity"]["id"] for one in near] == [gauge(2)["id"], gauge(3)["id"]]


# --- how they are shown ------------------------------------------------------------------------------------


async def test_in_the_simplified_form_datasets_are_keys(client: Client) -> None:
    await make(
        client, rain=[prop(1), prop(2, datasetId=RADAR)], wind=[prop(3, datasetId=RADAR), prop(4, datasetId=SONAR)]
    )
    told = await shown(client, format="simplified")
    assert told["rain"] == {"dataset": {"@none": 1, RADAR: 2}}
    assert told["wind"] == {"dataset": {RADAR: 3, SONAR: 4}}


async def test_in_the_concise_form_they_are_an_array(client: Client) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    assert (await shown(client, format="concise"))["rain"] == [{"value": 1}, {"value": 2, "datasetId": RADAR}]


async def test_what_was_shown_simplified_can_be_written_back(client: Client) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    told = await shown(client, format="simplified")
    assert (await client("PUT", ONE, told, query="format=simplified")).status == 204
    assert (await shown(client))["rain"] == [prop(1), prop(2, datasetId=RADAR)]


@pytest.mark.parametrize(
    ("datasets", "left"),
    [
        ("@none", {"": 1}),
        (RADAR, {RADAR: 2}),
        (f"{RADAR},{SONAR}", {RADAR: 2, SONAR: 3}),
        (f"@none,{SONAR}", {"": 1, SONAR: 3}),
        (f"{RADAR},urn:x:none", {RADAR: 2}),
    ],
)
async def test_only_instances_that_are_asked_for_are_shown(any_client: Client, datasets: str, left: Any) -> None:
    await make(any_client, rain=[prop(1), prop(2, datasetId=RADAR), prop(3, datasetId=SONAR)])
    assert values((await shown(any_client, datasetId=datasets))["rain"]) == left
    (found,) = (await any_client("GET", "/entities", query={"type": "Gauge", "datasetId": datasets})).json
    assert values(found["rain"]) == left


async def test_an_attribute_without_the_dataset_that_is_asked_for_is_not_shown(client: Client) -> None:
    await make(client, rain=prop(1, datasetId=RADAR))
    assert set(await shown(client, datasetId=SONAR)) == {"id", "type"}
    assert set(await shown(client, datasetId=RADAR)) == {"id", "type", "rain"}
    assert (await client("GET", ONE, query="datasetId=sonar")).kind == "BadRequestData"


# --- how they are asked ------------------------------------------------------------------------------------


async def test_a_query_is_answered_by_any_instance(any_client: Client) -> None:
    await make(
        any_client,
        rain=[prop(1), prop(20, datasetId=RADAR, accuracy=prop(5))],
        owner=[link("urn:x:1"), link("urn:x:2", datasetId=RADAR)],
    )
    for q, count in (
        ("rain==1", 1),
        ("rain==20", 1),
        ("rain>15", 1),
        ("rain>25", 0),
        ("rain.accuracy==5", 1),
        ('owner=="urn:x:2"', 1),
        ('owner=="urn:x:3"', 0),
    ):
        assert len((await any_client("GET", "/entities", query={"q": q})).json) == count, q


async def test_a_geo_query_is_answered_by_any_instance(any_client: Client) -> None:
    await make(any_client, location=[point(136.0), {**point(140.0), "datasetId": RADAR}])
    for longitude, count in ((136.0, 1), (140.0, 1), (138.0, 0)):
        query = {
            "type": "Gauge",
            "georel": "near;maxDistance==1000",
            "geometry": "Point",
            "coordinates": f"[{longitude},36.0]",
        }
        assert len((await any_client("GET", "/entities", query=query)).json) == count, longitude


async def test_the_default_instance_is_the_features_geometry(client: Client) -> None:
    await make(client, location=[{**point(140.0), "datasetId": RADAR}, point(136.0)])
    feature = await client("GET", ONE, headers={"accept": "application/geo+json"})
    assert feature.json["geometry"]["coordinates"] == [136.0, 36.0]


async def test_one_language_is_chosen_in_each_instance(client: Client) -> None:
    await make(client, name=[words(ja="川", en="river"), {**words(ja="池", en="pond"), "datasetId": RADAR}])
    told = (await shown(client, lang="en"))["name"]
    assert [(one["value"], one["lang"]) for one in told] == [("river", "en"), ("pond", "en")]


# --- what becomes of them ----------------------------------------------------------------------------------


async def test_each_instance_has_a_past_of_its_own(any_client: Client) -> None:
    await make(any_client, rain=[prop(1), prop(2, datasetId=RADAR)])
    for fragment in ({"value": 3}, {"value": 4, "datasetId": RADAR}, {"value": 5, "datasetId": RADAR}):
        assert (await any_client("PATCH", f"{ATTRS}/rain", fragment)).status == 204
    rain = (await any_client("GET", TEMPORAL, query="attrs=rain")).json["rain"]
    assert [one["value"] for one in rain if "datasetId" not in one] == [1, 3]
    assert [one["value"] for one in rain if one.get("datasetId") == RADAR] == [2, 4, 5]


async def test_the_attribute_goes_with_its_last_instance(client: Client) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    for query in ("", f"datasetId={RADAR}"):
        assert "rain" in await shown(client)
        assert (await client("DELETE", f"{ATTRS}/rain", query=query)).status == 204
    assert await shown(client) == gauge()
    assert (await client("GET", "/entities", query="attrs=rain")).json == []
