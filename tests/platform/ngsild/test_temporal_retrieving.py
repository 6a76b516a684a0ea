"""Retrieving the temporal evolution of an entity (clause 5.7.3): which instances, which members, by which names."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import JSON, LD, LINK, TOWN_CONTEXT, Client

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
TOWN = "https://example.org/town#"


def at(hour: int) -> str:
    return f"2026-01-01T{hour:02}:00:00Z"


def one(value: Any, hour: int, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at(hour), **more}


EVOLUTION: dict[str, Any] = {
    "id": NAME,
    "type": ["Gauge", "Station"],
    "scope": [{"type": "Property", "value": "/fukui", "observedAt": at(0)}],
    "level": [one(hour, hour, quality={"type": "Property", "value": 1}) for hour in range(1, 6)],
    "rain": [one(10 * hour, hour) for hour in range(3, 9)],
    "wind": [one(7, 2), one(8, 4, datasetId="urn:d:1"), one(9, 6, datasetId="urn:d:2")],
    "location": [
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [hour, 36]}, "observedAt": at(hour)}
        for hour in (1, 5)
    ],
    "name": [{"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}, "observedAt": at(1)}],
    "note": [{"type": "Property", "value": "without a time"}],
}
ATTRS = {"level", "rain", "wind", "location", "name", "note"}


@pytest.fixture
async def river(client: Client) -> Client:
    assert (await client("POST", PAST, EVOLUTION)).status == 201
    return client


async def was(client: Client, query: str = "", **more: Any) -> Any:
    found = await client("GET", ONE, query=query, **more)
    assert found.status == 200, (query, found.body)
    return found.json


def values(evolution: Any, *names: str) -> list[list[Any]]:
    return [[each["value"] for each in evolution.get(name, ())] for name in names]


SPANS: list[Any] = [
    # before excludes its moment, after includes it, between includes its beginning only (clause 4.11).
    (f"timerel=before&timeAt={at(3)}", [1, 2], []),
    (f"timerel=after&timeAt={at(4)}", [4, 5], [40, 50, 60, 70, 80]),
    (f"timerel=between&timeAt={at(2)}&endTimeAt={at(4)}", [2, 3], [30]),
    (f"timerel=between&timeAt={at(3)}&endTimeAt={at(3)}", [], []),
    # The newest instances of each attribute, in the order of time.
    ("lastN=2", [4, 5], [70, 80]),
    ("lastN=100", [1, 2, 3, 4, 5], [30, 40, 50, 60, 70, 80]),
    (f"timerel=before&timeAt={at(5)}&lastN=3", [2, 3, 4], [30, 40]),
    (f"timerel=between&timeAt={at(1)}&endTimeAt={at(5)}&lastN=1", [4], [40]),
]


async def test_only_instances_in_the_span_are_given(river: Client) -> None:
    for query, level, rain in SPANS:
        assert values(await was(river, query), "level", "rain") == [level, rain], query


async def test_what_has_nothing_in_the_span_is_left_out(river: Client) -> None:
    found = await was(river, f"timerel=after&timeAt={at(7)}")
    assert ATTRS & found.keys() == {"rain"}
    for more in ("", "&attrs=level", "&attrs=level,unknown&lastN=1", "&pick=id,type,scope,level"):
        assert set(await was(river, f"timerel=after&timeAt={at(20)}{more}")) == {"id", "type", "scope"}, more
    figures = await was(river, f"timerel=after&timeAt={at(20)}&attrs=level&aggrMethods=sum")
    assert set(figures) == {"id", "type"}


async def test_an_instance_without_the_time_asked_for_is_not_meant(river: Client) -> None:
    """Clause 4.11: `note` has no observedAt; it is there where nothing is asked of the time, or of another one."""
    assert "note" in await was(river)
    for query, there in (
        ("timerel=after&timeAt=1970-01-01T00:00:00Z", False),
        ("timerel=after&timeAt=1970-01-01T00:00:00Z&timeproperty=createdAt", True),
        ("timerel=after&timeAt=1970-01-01T00:00:00Z&timeproperty=modifiedAt", True),
    ):
        assert ("note" in await was(river, query)) is there, query


MEMBERS: list[Any] = [
    ("attrs=level", {"id", "type", "scope", "level"}),
    ("attrs=level,rain", {"id", "type", "scope", "level", "rain"}),
    ("attrs=level,unknown", {"id", "type", "scope", "level"}),
    ("pick=level,rain", {"level", "rain"}),
    ("pick=id,level", {"id", "level"}),
    ("pick=type", {"type"}),
    ("pick=id,type,scope", {"id", "type", "scope"}),
    ("pick=scope|wind", {"scope", "wind"}),
    ("omit=level,rain,wind", {"id", "type", "scope", "location", "name", "note"}),
    ("omit=id,type,scope", ATTRS),
    ("pick=level&omit=rain", {"level"}),
]


async def test_the_members_that_are_asked_for(river: Client) -> None:
    for query, members in MEMBERS:
        assert set(await was(river, query)) == members, query


async def test_members_and_a_span_go_together(river: Client) -> None:
    found = await was(river, f"pick=level&timerel=after&timeAt={at(4)}&lastN=1")
    assert (set(found), values(found, "level")) == ({"level"}, [[5]])


REFUSED: list[Any] = [
    ("attrs=unknown", "ResourceNotFound"),
    (f"attrs=unknown&timerel=after&timeAt={at(20)}", "ResourceNotFound"),
    (f"pick=level&timerel=after&timeAt={at(20)}", "ResourceNotFound"),
    ("pick=unknown", "ResourceNotFound"),
    ("omit=id,type,scope,level,rain,wind,location,name,note", "ResourceNotFound"),
    ("type=Pump", "ResourceNotFound"),
    ("attrs=level&pick=level", "BadRequestData"),
    ("attrs=level&omit=rain", "BadRequestData"),
    ("pick=level&omit=level", "BadRequestData"),
    ("pick=owner{name}", "BadRequestData"),
    ("attrs=no(name", "BadRequestData"),
    ("datasetId=noUri", "BadRequestData"),
    ("timerel=after", "BadRequestData"),
    ("timerel=sometime&timeAt=2026-01-01T00:00:00Z", "BadRequestData"),
    (f"timerel=between&timeAt={at(1)}", "BadRequestData"),
    (f"timerel=between&timeAt={at(3)}&endTimeAt={at(1)}", "BadRequestData"),
    (f"timeAt={at(1)}", "BadRequestData"),
    ("timerel=after&timeAt=yesterday", "BadRequestData"),
    (f"timerel=before&timeAt={at(1)}&timeproperty=bornAt", "BadRequestData"),
    ("lastN=0", "BadRequestData"),
    ("lastN=many", "BadRequestData"),
    ("format=csv", "InvalidRequest"),
    ("options=csv", "InvalidRequest"),
    ("q=level==1", "InvalidRequest"),
    ("local=maybe", "BadRequestData"),
]


async def test_what_is_refused(river: Client) -> None:
    for query, kind in REFUSED:
        assert (await river("GET", ONE, query=query)).kind == kind, query
    for path, kind in ((f"{PAST}/urn:ngsi-ld:Gauge:9", "ResourceNotFound"), (f"{PAST}/noUri", "BadRequestData")):
        assert (await river("GET", path)).kind == kind, path
    assert (await river.of("nowhere")("GET", ONE)).kind == "NonexistentTenant"


async def test_a_type_that_the_entity_has_finds_it(river: Client) -> None:
    for query in ("type=Gauge", "type=Station", "type=Gauge,Pump", "type=Gauge;Station", "local=true"):
        assert (await was(river, query))["id"] == NAME, query


async def test_datasets_that_are_asked_for(river: Client) -> None:
    for query, wind, level in (
        ("datasetId=urn:d:1", [8], []),
        ("datasetId=@none", [7], [1, 2, 3, 4, 5]),
        ("datasetId=urn:d:1,urn:d:2", [8, 9], []),
        ("datasetId=@none,urn:d:2", [7, 9], [1, 2, 3, 4, 5]),
    ):
        assert values(await was(river, query), "wind", "level") == [wind, level], query
    found = (await was(river, "datasetId=urn:d:1"))["wind"][0]
    assert (found["datasetId"], found["value"]) == ("urn:d:1", 8)


async def test_last_n_counts_moments_of_each_attribute(river: Client) -> None:
    """Clause 5.7.3.4: of one moment all instances are given, whatever their datasets."""
    await river("POST", f"{ONE}/attrs", {"level": [one(50, 5, datasetId="urn:d:1"), one(30, 3, datasetId="urn:d:1")]})
    found = await was(river, "lastN=2")
    assert sorted(values(found, "level")[0]) == [4, 5, 50]
    assert values(found, "rain", "wind") == [[70, 80], [8, 9]]


async def test_places_and_scopes_are_instances(river: Client) -> None:
    found = await was(river)
    assert [(each["type"], each["value"], each["observedAt"]) for each in found["location"]] == [
        ("GeoProperty", {"type": "Point", "coordinates": [hour, 36]}, at(hour)) for hour in (1, 5)
    ]
    assert [(each["type"], each["value"]) for each in found["scope"]] == [("Property", "/fukui")]
    assert all(isinstance(found[name], list) for name in ATTRS)


async def test_sub_attributes_stay_with_their_instance(river: Client) -> None:
    found = await was(river, "lastN=1&pick=level")
    assert found["level"][0]["quality"] == {"type": "Property", "value": 1}


async def test_a_language_is_chosen(river: Client) -> None:
    for lang, words in (("ja", "川"), ("en", "river"), ("de", "川")):
        name = (await was(river, f"lang={lang}&pick=name"))["name"][0]
        assert (name["type"], "languageMap" in name) == ("Property", False)
        assert name["value"] in ({words} if lang != "de" else {"川", "river"}), lang
    assert (await was(river, "pick=name"))["name"][0]["languageMap"] == {"ja": "川", "en": "river"}
    simple = await was(river, "lang=en&pick=name&format=temporalValues")
    assert simple["name"]["values"] == [["river", at(1)]]


async def test_times_of_writing_are_given_where_they_are_asked_for(river: Client) -> None:
    found = await was(river, "options=sysAttrs")
    for each in (found, *found["level"], *found["wind"]):
        assert each["createdAt"] <= each["modifiedAt"]
    plain = await was(river)
    assert not any("createdAt" in each or "modifiedAt" in each for each in (plain, *plain["level"]))


async def test_names_are_those_of_the_link_headers_context(client: Client) -> None:
    await client("POST", PAST, {**EVOLUTION, "type": "Gauge", **TOWN_CONTEXT}, media=LD)
    link = {"link": LINK}
    for query, there in (("attrs=level", True), ("pick=level", True), ("omit=level", False)):
        found = await client("GET", ONE, query=query, headers=link)
        assert ("level" in found.json) is there, query
        assert LINK.partition(";")[0] in (found.header("link") or "")
    assert (await was(client, "", headers=link))["type"] == "Gauge"
    plain = await was(client)
    assert (plain["type"], len(plain[TOWN + "level"]), "level" in plain) == (TOWN + "Gauge", 5, False)
    assert (await client("GET", ONE, query="attrs=level")).kind == "ResourceNotFound"
    assert (await client("GET", ONE, query="type=Gauge", headers=link)).status == 200
    assert (await client("GET", ONE, query="type=Gauge")).kind == "ResourceNotFound"


async def test_the_context_stands_inside_or_in_the_link(river: Client) -> None:
    inside = await river("GET", ONE, headers={"accept": LD, "link": LINK})
    assert (inside.header("content-type"), inside.header("link")) == (LD, None)
    assert "https://example.org/town.jsonld" in inside.json["@context"]
    beside = await river("GET", ONE, headers={"accept": JSON})
    assert (beside.header("content-type"), "@context" in beside.json) == (JSON, False)
    assert "ngsi-ld-core-context" in (beside.header("link") or "")
    for accept in ("application/geo+json", "text/html"):
        assert (await river("GET", ONE, headers={"accept": accept})).kind == "NotAcceptable", accept


async def test_an_entity_was_modified_when_anything_of_it_was(any_client: Client, fake_clock: FakeClock) -> None:
    await any_client("POST", "/entities", {"id": NAME, "type": "Gauge", "level": one(1, 1), "rain": 1})
    first = (await any_client("GET", ONE)).json["level"][0]["instanceId"]
    steps: list[Any] = [
        ("PATCH", f"/entities/{NAME}/attrs/level", one(2, 2)),
        ("DELETE", f"/entities/{NAME}/attrs/rain", None),
        ("POST", f"{ONE}/attrs", {"level": one(3, 3)}),
        ("PATCH", f"{ONE}/attrs/level/{first}", one(4, 1)),
        ("DELETE", f"{ONE}/attrs/level/{first}", None),
        ("DELETE", f"{ONE}/attrs/level", None),
        ("POST", PAST, {"id": NAME, "type": "Pump", "level": one(5, 5)}),
        ("DELETE", f"/entities/{NAME}", None),
    ]
    for method, path, body in steps:
        fake_clock.advance(60)
        assert (await any_client(method, path, body)).status == 204, path
        now = fake_clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = (await any_client("GET", ONE, query="options=sysAttrs")).json
        assert (head["createdAt"], head["modifiedAt"]) == ("2026-01-01T00:00:00.000Z", now), path
        span = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "createdAt"}
        for q, found in ((f"modifiedAt=={now}", 1), (f"modifiedAt<{now}", 0)):
            many = await any_client("GET", PAST, query={"type": "Gauge", **span, "q": q})
            assert len(many.json) == found, (path, q)


async def test_what_was_is_there_when_the_entity_is_gone(any_client: Client) -> None:
    body = {"id": NAME, "type": "Gauge", "level": one(1, 1), "rain": one(2, 1)}
    await any_client("POST", "/entities", body)
    await any_client("PATCH", f"/entities/{NAME}/attrs/level", one(3, 3))
    await any_client("DELETE", f"/entities/{NAME}/attrs/rain")
    await any_client("DELETE", f"/entities/{NAME}")
    found = (await any_client("GET", ONE)).json
    assert (found["type"], values(found, "level", "rain")) == ("Gauge", [[1, 3], [2]])
