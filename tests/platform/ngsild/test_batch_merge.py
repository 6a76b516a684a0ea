"""Batch merge: each item is merged as one entity alone would be, to any depth (clauses 5.6.20, 5.6.17 and 6.31)."""

from __future__ import annotations

from typing import Any

from tests.fakes import FakeClock
from tests.platform.ngsild.batches import MERGE, ids, one, parts
from tests.platform.ngsild.calls import LD, LINK, Client, gauge, place

NULL = "urn:ngsi-ld:null"
OWNER = {"type": "Relationship", "object": "urn:x:1"}
MANY: list[dict[str, Any]] = [
    {"type": "Property", "value": 1, "unitCode": "MTR"},
    {"type": "Property", "value": 2, "unitCode": "MTR", "datasetId": "urn:d:1"},
]
NAME: dict[str, Any] = {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}}
ADDRESS: dict[str, Any] = {"type": "Property", "value": {"city": "鯖江", "at": {"no": 1, "floor": 2}}}
MADE: dict[str, Any] = {
    **gauge(1),
    "owner": OWNER,
    "many": MANY,
    "name": NAME,
    "address": ADDRESS,
    "where": place(1, 2),
}


def item(number: int = 1, **members: Any) -> dict[str, Any]:
    return {"id": ids(number)[0], "type": "Gauge", **members}


MERGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a new Property", {"depth": {"type": "Property", "value": 1}}, {"depth": {"type": "Property", "value": 1}}),
    (
        "a new Relationship",
        {"on": {"type": "Relationship", "object": "urn:r:1"}},
        {"on": {"type": "Relationship", "object": "urn:r:1"}},
    ),
    ("a new GeoProperty", {"location": place(3, 4)}, {"location": place(3, 4)}),
    ("a value", {"level": {"value": 2.5}}, {"level": {**gauge(1)["level"], "value": 2.5}}),
    ("a value alone", {"level": 2.5}, {"level": {**gauge(1)["level"], "value": 2.5}}),
    ("a member", {"level": {"unitCode": "CMT"}}, {"level": {**gauge(1)["level"], "unitCode": "CMT"}}),
    ("an object of a Relationship", {"owner": {"object": "urn:x:2"}}, {"owner": {**OWNER, "object": "urn:x:2"}}),
    (
        "a new sub-attribute",
        {"owner": {"type": "Relationship", "since": {"type": "Property", "value": 2020}}},
        {"owner": {**OWNER, "since": {"type": "Property", "value": 2020}}},
    ),
    ("a geometry", {"where": place(5, 6)}, {"where": place(5, 6)}),
    (
        "one language",
        {"name": {"type": "LanguageProperty", "languageMap": {"fr": "fleuve"}}},
        {"name": {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river", "fr": "fleuve"}}},
    ),
    (
        "a member of an object",
        {"address": {"value": {"at": {"no": 5}}}},
        {"address": {"type": "Property", "value": {"city": "鯖江", "at": {"no": 5, "floor": 2}}}},
    ),
    (
        "a member of an object that goes",
        {"address": {"value": {"at": {"floor": NULL}, "city": "福井"}}},
        {"address": {"type": "Property", "value": {"city": "福井", "at": {"no": 1}}}},
    ),
    ("the default instance", {"many": {"value": 5}}, {"many": [{**MANY[0], "value": 5}, MANY[1]]}),
    (
        "the instance of a dataset",
        {"many": {"value": 6, "datasetId": "urn:d:1"}},
        {"many": [MANY[0], {**MANY[1], "value": 6}]},
    ),
    (
        "an instance of a new dataset",
        {"many": {"type": "Property", "value": 7, "datasetId": "urn:d:2"}},
        {"many": [*MANY, {"type": "Property", "value": 7, "datasetId": "urn:d:2"}]},
    ),
    (
        "the instance of a dataset that goes",
        {"many": {"type": "Property", "value": NULL, "datasetId": "urn:d:1"}},
        {"many": MANY[0]},
    ),
    ("the default instance that goes", {"many": NULL}, {"many": MANY[1]}),
    (
        "a member that goes",
        {"level": {"unitCode": NULL, "observedAt": NULL}},
        {"level": {"type": "Property", "value": 1.5}},
    ),
    ("a Relationship that goes", {"owner": {"type": "Relationship", "object": NULL}}, {"owner": None}),
    ("languages that go", {"name": {"type": "LanguageProperty", "languageMap": {"@none": NULL}}}, {"name": None}),
    ("what was not there to go", {"nothing": NULL}, {}),
    ("a type that is added", {"type": ["Sign"]}, {"type": ["Gauge", "Sign"]}),
    ("a scope", {"scope": "/new"}, {"scope": "/new"}),
]


async def test_what_is_named_is_merged_and_the_rest_stays_as_in_a_merge_of_one(client: Client) -> None:
    numbered = list(enumerate(MERGES))
    for number, _ in numbered:
        for each in ids(number, 100 + number):
            assert (await client("POST", "/entities", {**MADE, "id": each})).status == 201
    answer = await client("POST", MERGE, [{**item(number), **fragment} for number, (_, fragment, _) in numbered])
    assert (answer.status, answer.body) == (204, b"")
    for number, (what, fragment, changed) in numbered:
        after = {name: value for name, value in {**MADE, **changed}.items() if value is not None}
        assert (await client("GET", one(number))).json == {**after, "id": ids(number)[0]}, what
        assert (await client("PATCH", one(100 + number), fragment)).status == 204
        assert (await client("GET", one(100 + number))).json == {**after, "id": ids(100 + number)[0]}, what


async def test_a_scope_is_overwritten_and_goes(client: Client) -> None:
    await client("POST", "/entities", {**gauge(1), "scope": ["/old", "/older"]})
    assert (await client("POST", MERGE, [item(scope="/new")])).status == 204
    assert (await client("GET", one(1))).json["scope"] == "/new"
    assert (await client("POST", MERGE, [item(scope=NULL)])).status == 204
    assert (await client("GET", one(1))).json == gauge(1)


async def test_a_sub_attribute_is_merged_and_goes(client: Client) -> None:
    quality = {"type": "Property", "value": 5, "unitCode": "P1"}
    await client("POST", "/entities", {**gauge(1), "level": {**gauge(1)["level"], "quality": quality}})
    assert (await client("POST", MERGE, [item(level={"type": "Property", "quality": {"value": 6}})])).status == 204
    told = (await client("GET", one(1))).json["level"]
    assert told == {**gauge(1)["level"], "quality": {**quality, "value": 6}}
    assert (await client("POST", MERGE, [item(level={"type": "Property", "quality": NULL})])).status == 204
    assert (await client("GET", one(1))).json == gauge(1)


async def test_short_names_and_full_ones_are_the_same_attribute(client: Client) -> None:
    await client("POST", "/entities", gauge(1), headers={"link": LINK})
    full = "https://example.org/town#"
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"level": {"value": 2}}, {"headers": {"link": LINK}}),
        ({full + "level": {"value": 3}}, {}),
        ({"stage": {"value": 4}, "@context": {"stage": full + "level", "Gauge": full + "Gauge"}}, {"media": LD}),
    ]
    for value, (fragment, how) in enumerate(steps, start=2):
        assert (await client("POST", MERGE, [{**item(), "type": full + "Gauge", **fragment}], **how)).status == 204
        told = (await client("GET", one(1), headers={"link": LINK})).json
        assert told == {**gauge(1), "level": {**gauge(1)["level"], "value": value}}
    assert (await client("POST", MERGE, [item(level=9)])).status == 204
    told = (await client("GET", one(1), query="options=keyValues")).json
    assert (told["level"], told[full + "level"]) == (9, 4), "a short name by another @context is another attribute"


async def test_some_are_merged_and_some_are_not(client: Client) -> None:
    for number in (1, 2):
        await client("POST", "/entities", gauge(number))
    batch = [
        item(level={"value": 9}),
        {"id": ids(9)[0], "type": "Gauge", "level": 1},
        {"id": ids(2)[0], "type": "Gauge", "level": {"type": "Relationship", "object": "urn:x:1"}},
        {"id": ids(2)[0], "type": "Gauge", "depth": {"unitCode": "CMT"}},
        {"type": "Gauge", "level": 1},
        {"id": "no uri", "type": "Gauge", "level": 1},
    ]
    success, errors = parts(await client("POST", MERGE, batch))
    assert success == ids(1)
    assert sorted(errors) == sorted(
        [
            (ids(9)[0], "ResourceNotFound"),
            (ids(2)[0], "BadRequestData"),
            (ids(2)[0], "BadRequestData"),
            ("", "BadRequestData"),
            ("no uri", "BadRequestData"),
        ]
    )
    assert (await client("GET", one(1))).json["level"]["value"] == 9
    assert (await client("GET", one(2))).json == gauge(2)
    assert (await client("GET", one(9))).kind == "ResourceNotFound"


async def test_items_of_one_id_are_merged_one_after_the_other(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    batch = [item(level={"value": 2}), item(level=NULL), item(level={"type": "Property", "value": 3})]
    assert (await client("POST", MERGE, batch)).status == 204
    assert (await client("GET", one(1))).json["level"] == {"type": "Property", "value": 3}


async def test_merging_on_both_engines_is_in_the_past(any_client: Client, fake_clock: FakeClock) -> None:
    await any_client("POST", "/entities", MADE)
    fake_clock.advance(5)
    assert (await any_client("POST", MERGE, [item(level={"value": 2.5}, owner=NULL, where=place(5, 6))])).status == 204
    told = (await any_client("GET", one(1), query="options=sysAttrs")).json
    assert (told["createdAt"], told["modifiedAt"]) == ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:05.000Z")
    assert (told["level"]["createdAt"], told["level"]["modifiedAt"]) == (told["createdAt"], told["modifiedAt"])
    near = "type=Gauge&georel=near;maxDistance==10&geoproperty=where&geometry=Point&coordinates=[5,6]"
    assert [each["id"] for each in (await any_client("GET", "/entities", query=near)).json] == ids(1)
    assert (await any_client("GET", "/entities", query="type=Gauge&q=owner")).json == []
    past = (await any_client("GET", f"/temporal/entities/{ids(1)[0]}", query="timeproperty=modifiedAt")).json
    assert sorted(each["value"] for each in past["level"]) == [1.5, 2.5]


async def test_in_the_simplified_form_attributes_keep_their_kinds(client: Client) -> None:
    for each in ids(1, 2):
        await client("POST", "/entities", {**MADE, "id": each})
    values = {
        "level": 9,
        "owner": "urn:x:2",
        "address": {"city": "福井"},
        "depth": 1,
        "many": {"dataset": {"urn:d:1": 7}},
    }
    for query in ("options=keyValues", "format=simplified"):
        assert (await client("POST", MERGE, [item(1, **values), item(2, **values)], query=query)).status == 204
        for number in (1, 2):
            told = (await client("GET", one(number))).json
            assert told["level"] == {**gauge(1)["level"], "value": 9}
            assert told["owner"] == {**OWNER, "object": "urn:x:2"}
            assert told["address"]["value"] == {**ADDRESS["value"], "city": "福井"}
            assert told["depth"] == {"type": "Property", "value": 1}
            assert told["many"] == [MANY[0], {**MANY[1], "value": 7}]
    wrong = item(1, owner="no uri")
    refused = parts(await client("POST", MERGE, [wrong, item(2, level=NULL)], query="options=keyValues"))
    assert refused == (ids(2), [(ids(1)[0], "BadRequestData")])
    assert "level" not in (await client("GET", one(2))).json


async def test_one_moment_is_for_all_that_have_one_and_say_none(client: Client) -> None:
    for number in (1, 2):
        await client("POST", "/entities", gauge(number, name={"type": "Property", "value": "a"}))
    own = {"value": 3, "observedAt": "2026-03-03T00:00:00Z"}
    batch = [item(1, level={"value": 2}, name={"value": "b"}), item(2, level=own)]
    moment = "2026-02-02T00:00:00Z"
    assert (await client("POST", MERGE, batch, query=f"observedAt={moment}")).status == 204
    first, second = [(await client("GET", one(number))).json for number in (1, 2)]
    assert (first["level"]["value"], first["level"]["observedAt"]) == (2, moment)
    assert first["name"] == {"type": "Property", "value": "b"}, "what is not observed is not observed now either"
    assert second["level"]["observedAt"] == own["observedAt"]
    assert (await client("POST", MERGE, [item(1, level=9)])).status == 204
    assert (await client("GET", one(1))).json["level"]["observedAt"] == moment
    for wrong in ("observedAt=yesterday", "observedAt=2026-02-02", "lang=日本", "options=pretty", "format=xml"):
        answer = await client("POST", MERGE, [item(1, level=5)], query=wrong)
        assert answer.kind in ("BadRequestData", "InvalidRequest"), wrong
    assert (await client("GET", one(1))).json["level"]["value"] == 9


async def test_one_language_is_for_all_texts(client: Client) -> None:
    for number in (1, 2):
        await client("POST", "/entities", gauge(number, name=NAME))
    batch = [item(1, name="fleuve"), item(2, name=["rivière", "fleuve"])]
    assert (await client("POST", MERGE, batch, query="options=keyValues&lang=fr")).status == 204
    maps = [(await client("GET", one(number))).json["name"]["languageMap"] for number in (1, 2)]
    assert maps == [{**NAME["languageMap"], "fr": "fleuve"}, {**NAME["languageMap"], "fr": ["rivière", "fleuve"]}]
    assert parts(await client("POST", MERGE, batch[:1], query="options=keyValues"))[0] == []
