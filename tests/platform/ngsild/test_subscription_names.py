"""A subscription's names come back under the @context of who reads it (clauses 5.5.7 and 5.8.3), q among them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, Client

ALL = "/subscriptions"
NAME = "urn:ngsi-ld:Subscription:1"
TOWN = "https://example.org/town#"
MINE = {
    "計": TOWN + "Gauge",
    "水位": TOWN + "level",
    "質": TOWN + "quality",
    "川": TOWN + "at",
    "長": "https://example.org/town.v2/length",
    "状": TOWN + "state",
    "乾": TOWN + "dry",
}


async def shown(client: Client, body: dict[str, Any], link: str = LINK) -> dict[str, Any]:
    """The subscription made under MINE, read under the town's context, which knows Gauge and level alone."""
    whole = {
        "id": NAME,
        "type": "Subscription",
        "entities": [{"type": "計"}],
        "notification": {"endpoint": {"uri": "https://example.org/hook"}},
        "@context": MINE,
        **body,
    }
    made = await client("POST", ALL, whole, media=LD)
    assert made.status == 201, made.body
    answer: dict[str, Any] = (await client("GET", f"{ALL}/{NAME}", headers={"link": link} if link else {})).json
    return answer


Q = [
    ("水位>3", "level>3"),
    (" 水位 > 3 ; ( !質 | 水位==1..2 )", f" level > 3 ; ( !{TOWN}quality | level==1..2 )"),
    ("水位.observedAt>2026-01-01T00:00:00Z", "level.observedAt>2026-01-01T00:00:00Z"),
    ('水位[ja]=="水位"', 'level[ja]=="水位"'),
    ("水位~=水位.*", "level~=水位.*"),
    ("水位==水位", "level==水位"),
    ("川{計:水位}>3", f"{TOWN}at{{Gauge:level}}>3"),
    ("川{計,計:水位}>3", f"{TOWN}at{{Gauge,Gauge:level}}>3"),
    ("長>100", "https://example.org/town.v2/length>100"),
    # A path through a name that is a whole IRI has no spelling: what was written stays.
    ("水位.質>1", "水位.質>1"),
    (f"{TOWN}level>3", "level>3"),
]


@pytest.mark.parametrize(("given", "expected"), Q)
async def test_names_in_q_are_those_of_the_readers_context(client: Client, given: str, expected: str) -> None:
    assert (await shown(client, {"q": given}))["q"] == expected


async def test_values_that_are_names_come_back_as_names(client: Client) -> None:
    body = {"q": '状=="乾",水位;水位==乾', "expandValues": "状"}
    found = await shown(client, body)
    assert found["q"] == f'{TOWN}state=="{TOWN}dry",level;level==乾'
    assert found["expandValues"] == f"{TOWN}state"


async def test_a_name_that_the_grammar_has_no_room_for_is_shown_in_full(client: Client) -> None:
    link = '<https://example.org/prefix.jsonld>; rel="http://www.w3.org/ns/json-ld#context"'
    prefix = {"@context": {"v": "https://example.org/", "town": TOWN}}
    hosted = await client("POST", "/jsonldContexts", prefix)
    assert hosted.status == 201
    link = f'<https://platform.example{hosted.header("location")}>; rel="http://www.w3.org/ns/json-ld#context"'
    # v:town.v2/length would be read as a path of two names; town:level is one.
    found = await shown(client, {"q": "長>1"}, link)
    assert found["q"] == "https://example.org/town.v2/length>1"
    await client("DELETE", f"{ALL}/{NAME}")
    assert (await shown(client, {"q": "水位>1"}, link))["q"] == "town:level>1"


async def test_without_a_context_of_its_own_a_reader_gets_full_names(client: Client) -> None:
    assert (await shown(client, {"q": "水位>3"}, ""))["q"] == f"{TOWN}level>3"


async def test_under_the_context_it_was_made_with_q_is_as_written(client: Client) -> None:
    await shown(client, {"q": " 水位  > 3"})
    made = (await client("GET", f"{ALL}/{NAME}")).json["jsonldContext"]
    link = f'<{made}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    found = (await client("GET", f"{ALL}/{NAME}", headers={"link": link})).json
    assert (found["q"], found["entities"]) == (" 水位  > 3", [{"type": "計"}])


async def test_every_other_name_follows_too(client: Client) -> None:
    body = {
        "entities": [{"type": "計|(計;計)"}],
        "watchedAttributes": ["水位", "質"],
        "csf": '水位=="x"',
        "geoQ": {"georel": "within", "geometry": "Point", "coordinates": [1, 2], "geoproperty": "水位"},
        "notification": {
            "pick": ["id", "水位", "川{水位,川{質}}"],
            "omit": ["長"],
            "join": "flat",
            "joinLevel": 2,
            "endpoint": {"uri": "https://example.org/hook"},
        },
    }
    found = await shown(client, body)
    assert found["entities"] == [{"type": "Gauge|(Gauge;Gauge)"}]
    assert found["watchedAttributes"] == ["level", f"{TOWN}quality"]
    assert found["csf"] == 'level=="x"'
    assert found["geoQ"]["geoproperty"] == "level"
    assert found["notification"]["pick"] == ["id", "level", f"{TOWN}at{{level,{TOWN}at{{{TOWN}quality}}}}"]
    assert found["notification"]["omit"] == ["https://example.org/town.v2/length"]
    (listed,) = (await client("GET", ALL, headers={"link": LINK})).json
    assert listed == found


async def test_a_change_under_another_context_keeps_what_the_rest_meant(client: Client) -> None:
    await shown(client, {"q": "水位>3", "watchedAttributes": ["水位"]})
    change = {"q": "level>4", "@context": {"level": TOWN + "quality"}}
    assert (await client("PATCH", f"{ALL}/{NAME}", change, media=LD)).status == 204
    found = (await client("GET", f"{ALL}/{NAME}", headers={"link": LINK})).json
    assert (found["q"], found["watchedAttributes"]) == (f"{TOWN}quality>4", ["level"])
