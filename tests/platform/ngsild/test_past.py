"""Writing into the past: what was can be added, changed and taken away, and the present knows nothing of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.fakes import FakeClock
from tests.platform.ngsild.calls import Client, gauge

from kumihimo.base import times

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:9"
ONE = f"{PAST}/{NAME}"


def level(value: float, hour: int, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2020-01-01T{hour:02}:00:00Z", **more}


def evolution(**members: Any) -> dict[str, Any]:
    series = [level(1, 1), level(2, 2), level(7, 2, datasetId="urn:d:1")]
    return {"id": NAME, "type": "Gauge", "level": series, **members}


async def values(client: Client, query: str = "") -> list[Any]:
    found = await client("GET", ONE, query=query)
    assert found.status == 200, found.body
    return sorted(one["value"] for one in found.json.get("level", []))


async def test_it_comes_to_be_and_grows(any_client: Client) -> None:
    made = await any_client("POST", PAST, evolution(scope="/a"))
    assert (made.status, made.header("location")) == (201, f"/ngsi-ld/v1/temporal/entities/{NAME}")
    more = {"id": NAME, "type": ["Gauge", "Sensor"], "level": [level(3, 3)]}
    assert (await any_client("POST", PAST, more)).status == 204
    found = (await any_client("GET", ONE)).json
    assert (found["type"], [one["value"] for one in found["scope"]]) == (["Gauge", "Sensor"], ["/a"])
    assert await values(any_client) == [1, 2, 3, 7]
    assert await values(any_client, "timerel=before&timeAt=2020-01-01T02:00:00Z") == [1]
    assert (await any_client("GET", f"/entities/{NAME}")).status == 404
    assert (await any_client("GET", "/entities", query="type=Gauge")).json == []


async def test_pages_lose_nobody_whatever_the_ids_are(any_client: Client) -> None:
    names = [f"urn:ngsi-ld:Gauge:{one}" for one in ("B", "a", "Z", "_", "あ", "-", "b", "1")]
    for name in names:
        await any_client("POST", PAST, {"id": name, "type": "Gauge", "level": [level(1, 1)]})
    seen: list[str] = []
    query = "type=Gauge&limit=1&timerel=after&timeAt=2000-01-01T00:00:00Z"
    for _ in names:
        page = await any_client("GET", PAST, query=query)
        seen += [one["id"] for one in page.json]
        query = (page.header("link") or "").partition('>; rel="next"')[0].partition("?")[2]
    assert seen == sorted(names)


async def test_it_is_found_beside_what_stands(any_client: Client) -> None:
    await any_client("POST", "/entities", gauge(1))
    for number in (8, 9):
        name = f"urn:ngsi-ld:Gauge:{number}"
        await any_client("POST", PAST, {"id": name, "type": "Gauge", "level": [level(number, 1)]})
    await any_client("POST", PAST, {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "level": [level(1, 1)]})
    span = "timerel=after&timeAt=2000-01-01T00:00:00Z&attrs=level"
    seen: list[str] = []
    query = f"type=Gauge&limit=1&count=true&{span}"
    for _ in range(5):
        page = await any_client("GET", PAST, query=query)
        assert page.header("ngsild-results-count") == "3"
        seen += [one["id"][-1] for one in page.json]
        following = (page.header("link") or "").partition('>; rel="next"')[0]
        if 'rel="next"' not in (page.header("link") or ""):
            break
        query = following.partition("?")[2]
    assert seen == ["1", "8", "9"]
    for text, names in (("level==9", "9"), ("level>100", ""), ("level<9", "8")):
        found = await any_client("GET", PAST, query=f"type=Gauge&idPattern=:[89]$&q={text}&{span}")
        assert "".join(one["id"][-1] for one in found.json) == names, text
    assert (await any_client("GET", PAST, query="type=Gauge&q=level>", media="")).status == 400


async def test_instances_are_added_changed_and_taken_away(any_client: Client) -> None:
    await any_client("POST", PAST, evolution())
    assert (await any_client("POST", f"{ONE}/attrs", {"level": [level(4, 4)]})).status == 204
    held = {one["value"]: one["instanceId"] for one in (await any_client("GET", ONE)).json["level"]}
    assert (await any_client("PATCH", f"{ONE}/attrs/level/{held[4]}", level(5, 5))).status == 204
    assert (await any_client("DELETE", f"{ONE}/attrs/level/{held[1]}")).status == 204
    after = {one["value"]: one["instanceId"] for one in (await any_client("GET", ONE)).json["level"]}
    assert after == {2: held[2], 5: held[4], 7: held[7]}
    assert await values(any_client, "timerel=after&timeAt=2020-01-01T05:00:00Z") == [5]
    assert (await any_client("DELETE", f"{ONE}/attrs/level")).status == 204
    assert await values(any_client) == [7]
    assert (await any_client("DELETE", f"{ONE}/attrs/level", query="datasetId=urn:d:1")).status == 204
    assert await values(any_client) == []
    await any_client("POST", f"{ONE}/attrs", {"level": [level(4, 4), level(4, 4, datasetId="urn:d:1")]})
    assert (await any_client("DELETE", f"{ONE}/attrs/level", query="deleteAll=true")).status == 204
    assert await values(any_client) == []
    assert (await any_client("DELETE", ONE)).status == 204
    assert (await any_client("GET", ONE)).status == 404


async def test_a_replaced_instance_keeps_nothing_but_its_id_and_birth(
    any_client: Client, fake_clock: FakeClock
) -> None:
    await any_client("POST", PAST, evolution(level=[level(1, 1, unitCode="MTR")], scope=[{"value": "/a"}]))
    before = (await any_client("GET", ONE, query="options=sysAttrs")).json
    target = before["level"][0]["instanceId"]
    fake_clock.advance(60)
    for body in (level(2, 2), {"level": [level(2, 2)]}, {"type": "Gauge", "level": [level(2, 2)]}):
        assert (await any_client("PATCH", f"{ONE}/attrs/level/{target}", body)).status == 204
        after = (await any_client("GET", ONE, query="options=sysAttrs")).json["level"]
        assert [(one["value"], one["instanceId"], "unitCode" in one) for one in after] == [(2, target, False)]
        assert after[0]["createdAt"] == before["level"][0]["createdAt"] < after[0]["modifiedAt"]
    refused = await any_client("PATCH", f"{ONE}/attrs/level/{target}", {"level": [level(2, 2), level(3, 3)]})
    assert refused.kind == "BadRequestData"
    scope = before["scope"][0]["instanceId"]
    assert (await any_client("PATCH", f"{ONE}/attrs/scope/{scope}", {"value": "/b"})).status == 204
    assert [one["value"] for one in (await any_client("GET", ONE)).json["scope"]] == ["/b"]
    assert (await any_client("DELETE", f"{ONE}/attrs/scope/{scope}")).status == 204
    assert "scope" not in (await any_client("GET", ONE)).json


async def test_an_instance_that_has_expired_is_gone(any_client: Client, fake_clock: FakeClock) -> None:
    until = times.text(fake_clock.now() + timedelta(seconds=60))
    await any_client("POST", PAST, evolution(level=[level(1, 1, expiresAt=until), level(2, 2)]))
    assert await values(any_client) == [1, 2]
    assert await values(any_client, "timerel=before&timeAt=2020-01-01T01:30:00Z") == [1]
    fake_clock.advance(60)
    assert await values(any_client) == [2]
    span = "type=Gauge&timerel=after&timeAt=2020-01-01T00:00:00Z"
    assert (await any_client("GET", PAST, query=f"{span}&q=level==1")).json == []
    figures = (await any_client("GET", PAST, query=f"{span}&aggrMethods=totalCount")).json[0]["level"]
    assert [value for value, *_ in figures["totalCount"]] == [1]


async def test_pairs_of_value_and_time_are_taken(any_client: Client) -> None:
    moments = [f"2020-01-01T0{hour}:00:00Z" for hour in (1, 2)]
    series: dict[str, Any] = {
        "level": {"type": "Property", "values": [[1, moments[0]], [2, moments[1]]], "datasetId": "urn:d:1"},
        "owner": {"type": "Relationship", "objects": [["urn:p:1", moments[0]]]},
        "name": {"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"ja": "川"}}, moments[0]]]},
        "scope": {"type": "Property", "values": [[["/a", "/b"], moments[0]], ["/c", moments[1]]]},
    }
    assert (await any_client("POST", PAST, evolution(**series))).status == 201
    given = (await any_client("GET", ONE, query="format=temporalValues")).json
    assert {name: given[name] for name in series} == series
    wrong: list[Any] = [
        {"type": "Property", "values": [[1]]},
        {"type": "Property", "values": {"a": 1}},
        {"type": "Property", "objects": [["urn:p:1", moments[0]]]},
        {"type": "Property", "values": [[1, "yesterday"]]},
        {"type": "Colour", "values": []},
        {"type": "Property", "values": [[1, moments[0]]], "unitCode": "MTR"},
    ]
    for one in wrong:
        assert (await any_client("POST", PAST, evolution(level=one))).kind == "BadRequestData", one


async def test_what_is_not_there_is_not_found(any_client: Client) -> None:
    await any_client("POST", PAST, evolution())
    unknown = f"{PAST}/urn:ngsi-ld:Gauge:0"
    calls: list[tuple[str, str, Any]] = [
        ("DELETE", unknown, None),
        ("POST", f"{unknown}/attrs", {"level": [level(1, 1)]}),
        ("DELETE", f"{unknown}/attrs/level", None),
        ("DELETE", f"{ONE}/attrs/rain", None),
        ("DELETE", f"{ONE}/attrs/level/urn:ngsi-ld:Instance:99-99", None),
        ("DELETE", f"{ONE}/attrs/level/urn:ngsi-ld:Instance:none", None),
        ("PATCH", f"{ONE}/attrs/rain/urn:ngsi-ld:Instance:0-0", level(1, 1)),
    ]
    for method, path, body in calls:
        assert (await any_client(method, path, body)).kind == "ResourceNotFound", path


async def test_what_is_wrong_is_refused(any_client: Client) -> None:
    await any_client("POST", PAST, evolution())
    calls: list[tuple[str, str, Any]] = [
        ("POST", PAST, {"type": "Gauge", "level": [level(1, 1)]}),
        ("POST", PAST, {"id": "urn:ngsi-ld:Gauge:0", "level": [level(1, 1)]}),
        ("POST", PAST, evolution(expiresAt="urn:ngsi-ld:null")),
        ("POST", f"{ONE}/attrs", {}),
        ("PATCH", f"{ONE}/attrs/level/noUri", level(1, 1)),
        ("DELETE", f"{ONE}/attrs/no(name", None),
        ("DELETE", f"{PAST}/noUri", None),
    ]
    for method, path, body in calls:
        assert (await any_client(method, path, body)).kind == "BadRequestData", (path, body)


async def test_an_entity_that_comes_to_stand_is_found_once(any_client: Client) -> None:
    await any_client("POST", PAST, evolution())
    await any_client("POST", "/entities", gauge(9))
    span = "timerel=after&timeAt=2000-01-01T00:00:00Z&attrs=level"
    found = await any_client("GET", PAST, query=f"type=Gauge&{span}")
    assert [one["id"] for one in found.json] == [NAME]


async def test_it_is_found_by_a_query_in_a_body(any_client: Client) -> None:
    await any_client("POST", PAST, evolution())
    path = "/temporal/entityOperations/query"
    span = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
    query = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": {**span, "lastN": 1}}
    found = await any_client("POST", path, query)
    assert (found.status, [one["id"] for one in found.json]) == (200, [NAME])
    assert sorted(one["value"] for one in found.json[0]["level"]) == [2, 7]
    for wrong in ({"lastN": 0}, {"lastN": 1.5}, {"timerel": "while"}, {"timeproperty": "x"}, {"colour": 1}):
        refused = await any_client("POST", path, {**query, "temporalQ": {**span, **wrong}})
        assert refused.kind == "BadRequestData", wrong


async def test_an_attribute_that_only_the_past_knows_ends_there(any_client: Client, fake_clock: FakeClock) -> None:
    await any_client("POST", PAST, evolution(scope="/a", owner={"type": "Relationship", "object": "urn:p:1"}))
    fake_clock.advance(60)
    now = times.text(fake_clock.now())
    here, span = f"/entities/{NAME}/attrs", "timeproperty=deletedAt"
    assert (await any_client("DELETE", f"{here}/level")).status == 204
    gone = (await any_client("GET", ONE, query=span)).json
    level_gone = {"type": "Property", "value": "urn:ngsi-ld:null", "deletedAt": now}
    assert [{name: one[name] for name in one if name != "instanceId"} for one in gone["level"]] == [level_gone]
    assert "owner" not in gone
    assert await values(any_client, "timerel=after&timeAt=2000-01-01T00:00:00Z") == [1, 2, 7], "what was, was"
    assert (await any_client("DELETE", f"{here}/level")).kind == "ResourceNotFound", "it has ended"
    assert (await any_client("DELETE", f"{here}/level", query="deleteAll=true")).status == 204, "of urn:d:1"
    assert (await any_client("DELETE", f"{here}/level", query="datasetId=urn:d:1")).kind == "ResourceNotFound"
    for name in ("owner", "scope"):
        assert (await any_client("DELETE", f"{here}/{name}")).status == 204
        assert (await any_client("DELETE", f"{here}/{name}")).kind == "ResourceNotFound"
    owner = (await any_client("GET", ONE, query=f"{span}&format=temporalValues&attrs=owner")).json["owner"]
    assert owner == {"type": "Relationship", "objects": [["urn:ngsi-ld:null", now]]}
    await any_client("POST", f"{ONE}/attrs", {"level": [level(4, 4)]})
    fake_clock.advance(60)
    assert (await any_client("DELETE", f"{here}/level")).status == 204, "it began anew"


async def test_what_stood_once_is_not_ended_a_second_time(any_client: Client) -> None:
    await any_client("POST", "/entities", gauge(9))
    assert (await any_client("DELETE", f"/entities/{NAME}")).status == 204
    assert (await any_client("DELETE", f"/entities/{NAME}/attrs/level")).kind == "ResourceNotFound"
    assert (await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:0/attrs/level")).kind == "ResourceNotFound"
    await any_client("POST", PAST, {"id": "urn:ngsi-ld:Gauge:8", "type": "Gauge", "level": [level(1, 1)]})
    other = await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:8/attrs/level", query="type=Pump")
    assert other.kind == "ResourceNotFound"
