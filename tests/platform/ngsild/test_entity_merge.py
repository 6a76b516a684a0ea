"""Merging a fragment into an entity (clauses 5.6.17, 5.5.12 and 6.5.3.4)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import LINK, Client, gauge
from tests.platform.ngsild.writes import (
    FIRST,
    LATER,
    NULL,
    ONE,
    RADAR,
    SECOND,
    SONAR,
    START,
    VOCAB,
    link,
    make,
    prop,
    shown,
    stamped,
    values,
    words,
)

MOMENT = "2026-05-01T00:00:00Z"


async def merge(client: Client, fragment: Any, **query: str) -> None:
    done = await client("PATCH", ONE, fragment, query=query)
    assert (done.status, done.body) == (204, b""), done.body


async def test_what_the_fragment_does_not_name_stays(client: Client) -> None:
    await make(client, rain=prop(1, accuracy=prop(5), unitCode="MMT"), scope="/Fukui")
    await merge(client, {"rain": {"value": 2}})
    assert await shown(client) == gauge(rain=prop(2, accuracy=prop(5), unitCode="MMT"), scope="/Fukui")


async def test_what_is_not_there_is_added(client: Client) -> None:
    await make(client)
    await merge(client, {"rain": prop(1, accuracy=prop(5)), "owner": link("urn:ngsi-ld:Town:1")})
    assert await shown(client) == gauge(rain=prop(1, accuracy=prop(5)), owner=link("urn:ngsi-ld:Town:1"))


async def test_an_empty_fragment_changes_nothing(client: Client, fake_clock: FakeClock) -> None:
    await make(client)
    fake_clock.advance(60)
    await merge(client, {})
    assert (await stamped(client))["modifiedAt"] == START


async def test_every_kind_of_attribute_is_merged(client: Client) -> None:
    await make(client, **FIRST)
    await merge(client, SECOND)
    told = await shown(client)
    # Objects are merged member by member, all else is replaced.
    expected = {**SECOND, "words": words(ja="河", en="river")}
    assert {name: told[name] for name in SECOND} == expected


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": 1, "b": 2}, {"a": NULL}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": NULL}}, {"a": {"c": 2}}),
        ({"a": 1}, {"b": {"c": NULL, "d": 1}}, {"a": 1, "b": {"d": 1}}),
        ([1, 2, 3], [4], [4]),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        (5, {"a": 1}, {"a": 1}),
        ({"a": 1}, 5, 5),
    ],
    ids=str,
)
async def test_a_value_is_merged_as_rfc_7396_has_it(client: Client, before: Any, given: Any, after: Any) -> None:
    await make(client, rain=prop(before), raw={"type": "JsonProperty", "json": {"v": before}})
    await merge(client, {"rain": {"value": given}, "raw": {"json": {"v": given}}})
    told = await shown(client)
    assert told["rain"]["value"] == after
    assert told["raw"]["json"]["v"] == after


async def test_the_ngsi_ld_null_takes_an_attribute_of_any_kind_away(client: Client) -> None:
    nulls: dict[str, Any] = {
        "property": prop(NULL),
        "place": {"type": "GeoProperty", "value": NULL},
        "relationship": {"type": "Relationship", "object": NULL},
        "words": {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
        "kind": {"type": "VocabProperty", "vocab": NULL},
        "raw": {"type": "JsonProperty", "json": NULL},
        "list": {"type": "ListProperty", "valueList": NULL},
        "links": {"type": "ListRelationship", "objectList": NULL},
    }
    await make(client, **FIRST)
    for name, null in nulls.items():
        await merge(client, {name: null})
        assert name not in await shown(client), name
    assert await shown(client) == gauge()


async def test_the_ngsi_ld_null_alone_stands_for_any_attribute(client: Client) -> None:
    await make(client, **FIRST)
    await merge(client, dict.fromkeys(FIRST, NULL))
    assert await shown(client) == gauge()


async def test_taking_away_what_is_not_there_does_nothing(client: Client, fake_clock: FakeClock) -> None:
    await make(client)
    fake_clock.advance(60)
    await merge(client, {"rain": NULL, "level": {"accuracy": NULL}})
    told = await stamped(client)
    assert "rain" not in told
    assert "accuracy" not in told["level"]


async def test_one_language_goes_and_the_others_stay(client: Client) -> None:
    await make(client, name=words(ja="川", en="river", fr="rivière"))
    await merge(client, {"name": {"languageMap": {"en": NULL, "de": "Fluss"}}})
    assert (await shown(client))["name"] == words(ja="川", fr="rivière", de="Fluss")


@pytest.mark.parametrize("member", ["unitCode", "observedAt", "accuracy"])
async def test_a_member_of_an_attribute_goes_alone(client: Client, member: str) -> None:
    level = prop(1, unitCode="MTR", observedAt="2026-01-01T00:00:00Z", accuracy=prop(5))
    await make(client, rain=level)
    await merge(client, {"rain": {"type": "Property", member: NULL}})
    assert (await shown(client))["rain"] == {name: value for name, value in level.items() if name != member}


async def test_an_object_without_an_attributes_members_is_a_value(client: Client) -> None:
    """Clause 4.5.2.3, in a merge too: to name sub-attributes alone, their attribute's type is given."""
    await make(client, address=prop({"city": "鯖江", "street": "本町"}))
    await merge(client, {"address": {"street": NULL, "block": 5}})
    assert (await shown(client))["address"] == prop({"city": "鯖江", "block": 5})


async def test_sub_attributes_are_merged_at_any_depth(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=prop(1, by=link("urn:x:1", since=prop({"year": 2020, "month": 5}, note=prop("a")))))
    fake_clock.advance(60)
    change = {"value": {"month": 6}, "note": NULL, "more": prop(1)}
    await merge(client, {"rain": {"type": "Property", "by": {"type": "Relationship", "since": change}}})
    told = await stamped(client)
    since = told["rain"]["by"]["since"]
    assert (since["value"], since["more"]["value"]) == ({"year": 2020, "month": 6}, 1)
    assert "note" not in since
    assert (since["createdAt"], since["modifiedAt"], since["more"]["createdAt"]) == (START, LATER, LATER)
    assert told["rain"]["by"]["object"] == "urn:x:1"


async def test_each_instance_is_merged_with_the_one_of_its_dataset(client: Client) -> None:
    await make(client, rain=[prop({"a": 1}), prop({"a": 2}, datasetId=RADAR)])
    await merge(client, {"rain": {"value": {"b": 3}, "datasetId": RADAR}})
    assert values((await shown(client))["rain"]) == {"": {"a": 1}, RADAR: {"a": 2, "b": 3}}
    await merge(client, {"rain": {"value": {"b": 4}}})
    assert values((await shown(client))["rain"]) == {"": {"a": 1, "b": 4}, RADAR: {"a": 2, "b": 3}}
    await merge(client, {"rain": [prop({"c": 5}), prop({"c": 6}, datasetId=RADAR)]})
    assert values((await shown(client))["rain"]) == {"": {"a": 1, "b": 4, "c": 5}, RADAR: {"a": 2, "b": 3, "c": 6}}


async def test_an_instance_of_another_dataset_is_added(client: Client) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    await merge(client, {"rain": prop(3, datasetId=SONAR)})
    assert values((await shown(client))["rain"]) == {"": 1, RADAR: 2, SONAR: 3}


async def test_a_default_instance_is_added_where_there_is_none(client: Client) -> None:
    await make(client, rain=prop(2, datasetId=RADAR))
    await merge(client, {"rain": prop(1)})
    assert values((await shown(client))["rain"]) == {"": 1, RADAR: 2}


@pytest.mark.parametrize(("dataset", "left"), [("", {RADAR: 2, SONAR: 3}), (RADAR, {"": 1, SONAR: 3})])
async def test_the_ngsi_ld_null_takes_one_instance_away(client: Client, dataset: str, left: Any) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR), prop(3, datasetId=SONAR)])
    await merge(client, {"rain": prop(NULL, **({"datasetId": dataset} if dataset else {}))})
    assert values((await shown(client))["rain"]) == left


async def test_a_dataset_cannot_be_taken_from_its_instance(client: Client) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    refused = await client("PATCH", ONE, {"rain": prop(5, datasetId=NULL)})
    assert refused.kind == "BadRequestData"
    assert values((await shown(client))["rain"]) == {"": 1, RADAR: 2}


async def test_types_are_added_and_never_taken_away(client: Client) -> None:
    await make(client)
    await merge(client, {"type": "Gauge"})
    assert (await shown(client))["type"] == "Gauge"
    await merge(client, {"type": ["Sensor", "Gauge"]})
    assert (await shown(client))["type"] == ["Gauge", "Sensor"]
    assert (await client("PATCH", ONE, {"type": NULL})).kind == "BadRequestData"
    assert (await shown(client))["type"] == ["Gauge", "Sensor"]


async def test_a_scope_is_set_replaced_and_taken_away(client: Client) -> None:
    await make(client)
    await merge(client, {"scope": ["/Fukui", "/Sabae"]})
    assert (await shown(client))["scope"] == ["/Fukui", "/Sabae"]
    await merge(client, {"scope": "/Echizen"})
    assert (await shown(client))["scope"] == "/Echizen"
    await merge(client, {"scope": NULL})
    assert "scope" not in await shown(client)


async def test_an_attribute_does_not_change_its_kind(client: Client) -> None:
    await make(client, owner=link("urn:x:1"))
    for change in ({"level": link("urn:x:1")}, {"owner": prop(1)}, {"level": words(ja="川")}, {"owner": "urn:x:2"}):
        assert (await client("PATCH", ONE, change)).kind == "BadRequestData", change
    assert await shown(client) == gauge(owner=link("urn:x:1"))


async def test_terms_of_a_vocabulary_are_read_with_the_requests_context(client: Client) -> None:
    await make(client, kind={"type": "VocabProperty", "vocab": "river"})
    await client("PATCH", ONE, {VOCAB + "kind": {"vocab": "Gauge"}}, headers={"link": LINK})
    assert (await shown(client))["kind"]["vocab"] == "https://example.org/town#Gauge"


# --- the simplified form, a moment and a language -----------------------------------------------------------


async def test_in_the_simplified_form_attributes_keep_their_kind(any_client: Client) -> None:
    client = any_client
    await make(client, owner=link("urn:x:1", since=prop(2020)), name=words(ja="川"), area=prop(1))
    change = {"owner": "urn:x:2", "name": {"languageMap": {"en": "river"}}, "area": [1, 2], "new": "urn:x:3"}
    await merge(client, change, format="simplified")
    told = await shown(client)
    assert told["owner"] == link("urn:x:2", since=prop(2020))
    assert told["name"] == words(ja="川", en="river")
    assert (told["area"], told["new"]) == (prop([1, 2]), prop("urn:x:3"))
    await merge(
        client, {"owner": ["urn:x:4", "urn:x:5"], "area": {"type": "Point", "coordinates": [1, 2]}}, options="keyValues"
    )
    told = await shown(client)
    assert told["owner"]["object"] == ["urn:x:4", "urn:x:5"]
    assert told["area"] == prop({"type": "Point", "coordinates": [1, 2]})
    await merge(client, {"owner": NULL}, format="simplified")
    assert "owner" not in await shown(client)


@pytest.mark.parametrize(
    ("change", "query"),
    [
        ({"owner": 5}, {"format": "simplified"}),
        ({"owner": "no uri"}, {"format": "simplified"}),
        ({"name": "hola"}, {"format": "simplified"}),
        ({"name": 5}, {"format": "simplified", "lang": "es"}),
        ({"place": "here"}, {"format": "simplified"}),
        ({"owner": "urn:x:2"}, {}),
        ({"name": "hola"}, {"lang": "es"}),
        ({"level": 2}, {"observedAt": "yesterday"}),
        ({"level": 2}, {"observedAt": "2026-01-01T09:00:00+09:00"}),
        ({"name": "hola"}, {"format": "simplified", "lang": "es,en;q=0.5"}),
        ({"level": 2}, {"lang": "*"}),
    ],
)
async def test_what_does_not_fit_the_kind_that_stands_is_refused(client: Client, change: Any, query: Any) -> None:
    members: Any = {"owner": link("urn:x:1"), "name": words(ja="川"), "place": FIRST["place"]}
    await make(client, **members)
    refused = await client("PATCH", ONE, change, query=query)
    assert (refused.status, refused.kind) == (400, "BadRequestData")
    assert await shown(client) == gauge(**members)


async def test_a_text_is_in_the_language_that_is_asked_for(client: Client) -> None:
    await make(client, name=words(ja="川", en="river"))
    await merge(client, {"name": "río"}, format="simplified", lang="es")
    assert (await shown(client))["name"] == words(ja="川", en="river", es="río")
    await merge(client, {"name": ["stream", "river"]}, format="simplified", lang="en")
    assert (await shown(client))["name"] == words(ja="川", en=["stream", "river"], es="río")


async def test_a_common_moment_is_for_attributes_that_have_one(client: Client) -> None:
    """Clause 6.5.3.4: what had an observedAt and is given none gets that of the request."""
    await make(client, rain=prop(1), wind=prop(1, observedAt="2026-01-01T00:00:00Z"))
    await merge(
        client,
        {"level": {"value": 2}, "rain": {"value": 2}, "wind": prop(2, observedAt="2026-04-01T00:00:00Z"), "new": 1},
        observedAt=MOMENT,
    )
    told = await shown(client)
    assert told["level"] == {**gauge()["level"], "value": 2, "observedAt": MOMENT}
    assert told["wind"]["observedAt"] == "2026-04-01T00:00:00Z"
    assert (told["rain"], told["new"]) == (prop(2), prop(1))


async def test_without_a_common_moment_the_old_one_stays(client: Client) -> None:
    await make(client)
    await merge(client, {"level": 2}, format="simplified")
    assert (await shown(client))["level"] == {**gauge()["level"], "value": 2}
