from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import LINK, Client, gauge, place

CREATE = "/entityOperations/create"
QUERY = "/entityOperations/query"


@pytest.fixture
async def river(any_client: Client) -> Client:
    batch = [
        gauge(number, float(number), location=place(136.0 + number / 100, 36.0), scope=f"/Fukui/S{number % 2}")
        for number in range(1, 6)
    ]
    sign = {"id": "urn:ngsi-ld:Sign:1", "type": "Sign", "text": {"type": "Property", "value": "避難"}}
    assert (await any_client("POST", CREATE, [*batch, sign])).status == 201
    return any_client


NEAR = "georel=near;maxDistance==1500&geometry=Point&coordinates=[136.02,36.0]"


SELECTION: list[Any] = [
    ("type=Gauge", "12345"),
    ("type=Gauge|Sign&attrs=level", "12345"),
    ("type=*", "123451"),
    ("local=true&idPattern=.*:Sign:.*", "1"),
    ("type=Gauge&id=urn:ngsi-ld:Gauge:2,urn:ngsi-ld:Gauge:4,urn:ngsi-ld:Sign:1", "24"),
    ("type=Gauge&idPattern=^urn:ngsi-ld:Gauge:[34]$", "34"),
    ("q=level>=4", "45"),
    ("q=level==1..2", "12"),
    ("q=text==%22避難%22", "1"),
    (NEAR, "123"),
    (
        "georel=within&geometry=Polygon&coordinates=[[[136.025,35.9],[137,35.9],[137,36.1],[136.025,36.1],[136.025,35.9]]]",
        "345",
    ),
    ("type=Gauge&scopeQ=/Fukui/S1", "135"),
    ("type=Gauge&limit=2&offset=1", "23"),
    ("type=Nothing", ""),
]


async def test_a_moment_is_found_by_its_own_text(any_client: Client) -> None:
    """Moments are kept to the microsecond; a comma is a decimal point (clause 4.6.3)."""
    for number, moment in enumerate(("00.123456789Z", "00.1234567Z", "00,123456Z", "00.123457Z", "00Z")):
        level = {"type": "Property", "value": 1, "observedAt": f"2026-01-01T00:00:{moment}"}
        made = await any_client(
            "POST", "/entities", {**gauge(number), "expiresAt": f"2036-01-01T00:00:{moment}", "level": level}
        )
        assert made.status == 201
    for member in ("level.observedAt==2026", "expiresAt==2036"):
        for moment in ("00.123456789Z", "00.123456Z", "00.1234560Z"):
            found = await any_client("GET", "/entities", query={"type": "Gauge", "q": f"{member}-01-01T00:00:{moment}"})
            assert [one["id"][-1] for one in found.json] == ["0", "1", "2"], (member, moment)
    told = (await any_client("GET", "/entities/urn:ngsi-ld:Gauge:2")).json["level"]["observedAt"]
    assert told == "2026-01-01T00:00:00.123456Z"


async def test_selection(river: Client) -> None:
    for query, numbers in SELECTION:
        found = await river("GET", "/entities", query=query)
        assert found.status == 200, found.body
        assert "".join(one["id"][-1] for one in found.json) == numbers, query


QUERIES_THAT_CANNOT_BE_RUN: list[Any] = [
    "",
    "id=urn:ngsi-ld:Gauge:2",
    "idPattern=.*",
    "limit=2",
    "local=false",
    "type=*&local=false",
    "type=Gauge&local=perhaps",
    "type=Gauge&id=not-a-uri",
    "type=Gauge&idPattern=**",
    "attrs=id",
    "q=level>",
    "q=((((",
    "q=level~=(a%2B)%2B$)",
    "type=Gauge&limit=-1",
    "type=Gauge&limit=abc",
    "type=Gauge&limit=1.5",
    "type=Gauge&limit=0",
    "type=Gauge&offset=-1",
    "type=Gauge&after=nonsense",
    "type=Gauge&count=yes",
    "type=Gauge&geoproperty=location",
    "georel=near;maxDistance==10&geometry=Point",
    "georel=near;maxDistance==ten&geometry=Point&coordinates=[1,2]",
    "georel=near&geometry=Circle&coordinates=[1,2]",
    "georel=beside&geometry=Point&coordinates=[1,2]",
    "georel=within&geometry=Point&coordinates=[1,",
    "georel=within&geometry=Point&coordinates=[NaN,1]",
    "georel=near;maxDistance==0&geometry=Point&coordinates=[1,2]",
    "georel=near;maxDistance==1e999&geometry=Point&coordinates=[1,2]",
    "type=Gauge&csf=))",
    "type=Gauge&splitEntities=perhaps",
    "type=Gauge&expandValues=a b",
    "type=Gauge&jsonKeys=,",
    "type=Gauge&q=at{name}",
    "type=Gauge&q=at{in{name}}&join=flat",
    "type=Gauge&q=at{name&join=flat",
    "type=Gauge&q=at{A,name}&join=flat",
    "type=Gauge&q=at{:name}&join=flat",
    "type=Gauge&pick=at{name}",
    "type=Gauge&pick=at{in{name}}&join=inline",
    "type=Gauge&omit=at{in{name}}&join=inline&joinLevel=1",
    "type=Gauge&pick=at{name&join=inline",
    "type=Gauge&pick=at{}&join=inline",
    "type=Gauge&pick=at}&join=inline",
    "type=Gauge&pick=level,,text",
    "type=Gauge&join=sideways",
    "type=Gauge&join=flat&joinLevel=0",
    "type=Gauge&join=flat&joinLevel=11",
    "type=Gauge&join=flat&joinLevel=1.5",
    "type=Gauge&join=flat&containedBy=here",
    "type=Gauge&orderBy=level;up",
    "type=Gauge&orderBy=level;",
    "type=Gauge&orderBy=a..b",
    "type=Gauge&orderBy=level,",
    "type=Gauge&orderBy=text[*]",
    "type=Gauge&orderBy=location;dist-asc",
    "type=Gauge&orderBy=id;dist-asc&orderFrom=[1,2]",
    "type=Gauge&orderBy=location;dist-asc&orderFrom=1,2",
    "type=Gauge&orderBy=location;dist-asc&orderFrom=[1,2]&orderGeometry=Circle",
    "type=Gauge&orderBy=location;dist-asc&orderFrom=[]&orderGeometry=MultiPoint",
    "type=Gauge&orderBy=level&collation=!!nope",
    "type=Gauge&orderBy=level&collation=en-u-ks-level9",
    "type=Gauge&orderBy=level&after=MToxMA",
    "type=Gauge&orderBy=a,b,c,d,e,f,g,h,i,j,k",
    "type=Gauge&scopeQ=((",
]


async def test_queries_that_cannot_be_run(client: Client) -> None:
    for query in QUERIES_THAT_CANNOT_BE_RUN:
        assert (await client("GET", "/entities", query=query)).kind == "BadRequestData", query


PARAMETERS_THAT_CANNOT_BE_TAKEN: list[Any] = [
    ("type=Gauge&limit=1000000000", "TooManyResults"),
    ("type=Gauge&limit=1001", "TooManyResults"),
    ("type=Gauge&type=Sign", "InvalidRequest"),
    ("type=Gauge&colour=red", "InvalidRequest"),
    ("type=Gauge&options=pretty", "InvalidRequest"),
    ("type=Gauge&format=xml", "InvalidRequest"),
    ("type=Gauge&options=keyValues,pretty", "InvalidRequest"),
    ("type=%ff", "InvalidRequest"),
    ("type=a%00b", "InvalidRequest"),
    ("type=Gauge&orderBy=text&collation=zh", "OperationNotSupported"),
    ("&".join(f"a{number}=1" for number in range(80)), "InvalidRequest"),
]


async def test_parameters_that_cannot_be_taken(client: Client) -> None:
    for query, kind in PARAMETERS_THAT_CANNOT_BE_TAKEN:
        assert (await client("GET", "/entities", query=query)).kind == kind, query


async def test_the_next_page_is_a_link_and_nothing_is_lost_on_the_way(river: Client) -> None:
    seen: list[str] = []
    query = "type=Gauge&limit=2&count=true"
    backs = []
    for _ in range(5):
        page = await river("GET", "/entities", query=query)
        assert page.header("ngsild-results-count") is not None
        seen += [one["id"][-1] for one in page.json]
        links = dict(re.findall(r'</ngsi-ld/v1/entities\?([^>]*)>; rel="(next|prev)"', page.header("link") or ""))
        found = {rel: target for target, rel in links.items()}
        backs.append(found.get("prev", ""))
        if len(seen) == 2:
            await river("DELETE", "/entities/urn:ngsi-ld:Gauge:1")
        if "next" not in found:
            break
        query = found["next"]
    assert "".join(seen) == "12345"
    assert backs[0] == ""
    assert "offset=0" in backs[1]
    assert "after" not in backs[1]


async def test_entities_of_which_nothing_is_left_are_left_out(river: Client) -> None:
    found = await river("GET", "/entities", query="type=*&pick=text&options=keyValues")
    assert found.json == [{"text": "避難"}]
    paged = await river("GET", "/entities", query="type=*&pick=text&limit=1&count=true")
    assert (len(paged.json), paged.header("ngsild-results-count")) == (1, "1")
    without = await river("GET", "/entities", query="type=Sign&omit=id,type,text")
    assert without.json == []


async def test_the_count_alone(river: Client) -> None:
    page = await river("GET", "/entities", query="type=Gauge&limit=0&count=true")
    assert (page.json, page.header("ngsild-results-count")) == ([], "5")
    assert (await river("GET", "/entities", query="type=Gauge&options=count")).header("ngsild-results-count") == "5"


QUERY_BY_BODY: list[Any] = [
    ({"entities": [{"type": "Gauge"}], "q": "level>3"}, "45"),
    ({"entities": [{"type": "Gauge"}, {"type": "Sign"}]}, "123451"),
    (
        {
            "entities": [
                {"type": "Gauge", "id": "urn:ngsi-ld:Gauge:1"},
                {"type": "Gauge", "id": ["urn:ngsi-ld:Gauge:3"]},
            ]
        },
        "13",
    ),
    ({"attrs": ["text"]}, "1"),
    ({"entities": [{"type": "Gauge", "id": "urn:ngsi-ld:Gauge:2", "idPattern": ".*5$"}]}, "2"),
    ({"geoQ": {"georel": "near;maxDistance==1500", "geometry": "Point", "coordinates": [136.02, 36.0]}}, "123"),
    ({"entities": [{"type": "Gauge", "idPattern": ".*[12]$"}], "pick": ["id"]}, "12"),
    ({"entities": [{"type": "Gauge"}], "scopeQ": "/Fukui/S0"}, "24"),
]


async def test_query_by_body(river: Client) -> None:
    for body, numbers in QUERY_BY_BODY:
        found = await river("POST", QUERY, {"type": "Query", **body})
        assert found.status == 200, found.body
        assert "".join(one["id"][-1] for one in found.json) == numbers, body


MEMBERS_THAT_CANNOT_BE_TAKEN: list[dict[str, Any]] = [
    {"join": "sideways"},
    {"join": 1},
    {"join": "inline", "joinLevel": 0},
    {"join": "inline", "joinLevel": True},
    {"join": "inline", "joinLevel": "1"},
    {"join": "inline", "containedBy": []},
    {"join": "inline", "containedBy": [5]},
    {"join": "inline", "containedBy": ["here"]},
    {"pick": ["at{name}"]},
    {"q": "at{name}"},
    {"csf": "))bad(("},
    {"csf": 5},
    {"expandValues": [5]},
    {"jsonKeys": "a b"},
    {"splitEntities": "yes"},
    {"lang": 5},
    {"ordering": []},
    {"ordering": {}},
    {"ordering": {"orderBy": []}},
    {"ordering": {"orderBy": "level"}},
    {"ordering": {"orderBy": [5]}},
    {"ordering": {"orderBy": ["level"], "collation": "not a tag!"}},
    {"ordering": {"orderBy": ["level"], "collation": 5}},
    {"ordering": {"orderBy": ["id"], "geometry": 5}},
    {"ordering": {"orderBy": ["location;dist-asc"]}},
    {"ordering": {"orderBy": ["location;dist-asc"], "coordinates": "1,2"}},
]
BODIES_THAT_ARE_NO_QUERY: list[Any] = [
    {"type": "NotQuery", "entities": [{"type": "Gauge"}]},
    {"type": "Query"},
    {"type": "Query", "entities": []},
    {"type": "Query", "entities": [{"id": "urn:ngsi-ld:Gauge:1"}]},
    {"type": "Query", "entities": [{"type": "Gauge", "id": "no uri"}]},
    {"type": "Query", "entities": ["Gauge"]},
    {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": []},
    {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": [5]},
    {"type": "Query", "entities": [{"type": "Gauge"}], "q": 42},
    {"type": "Query", "entities": [{"type": "Gauge"}], "geoQ": {"georel": "within"}},
    {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": {"timerel": "after"}},
    *({"type": "Query", "entities": [{"type": "Gauge"}], **more} for more in MEMBERS_THAT_CANNOT_BE_TAKEN),
    {"type": "Query", "entities": [{"type": "Gauge", "id": []}]},
    {"type": "Query", "entities": [{"type": "Gauge", "id": ["urn:a:b", 5]}]},
    {"type": "Query", "entities": [{"type": "Gauge", "idPattern": 5}]},
    {"type": "Query", "q": 'modifiedAt>"2020-01-01T00:00:00Z"'},
]


async def test_bodies_that_are_no_query(client: Client) -> None:
    for body in BODIES_THAT_ARE_NO_QUERY:
        assert (await client("POST", QUERY, body)).kind == "BadRequestData", body


async def test_what_a_query_in_a_body_cannot_do_yet_is_said(client: Client) -> None:
    one = {"type": "Query", "entities": [{"type": "Gauge"}]}
    assert (await client("POST", QUERY, {**one, "entityMap": True})).kind == "OperationNotSupported"


SELECTORS: list[Any] = [
    ([{"type": "Gauge", "id": "urn:ngsi-ld:Gauge:2"}, {"type": "Sign", "id": "urn:ngsi-ld:Sign:1"}], "21"),
    ([{"type": "Gauge", "idPattern": "[12]$"}, {"type": "Gauge", "idPattern": "5$"}], "125"),
    ([{"type": "Gauge", "idPattern": "[12]$"}, {"type": "Sign"}], "121"),
    ([{"type": "Gauge", "id": "urn:ngsi-ld:Gauge:1"}, {"type": "Gauge", "idPattern": "^urn.*1$"}], "1"),
    ([{"type": "Sign", "id": "urn:ngsi-ld:Gauge:1"}, {"type": "Gauge", "id": "urn:ngsi-ld:Sign:1"}], ""),
    ([{"type": "Gauge|Sign", "id": ["urn:ngsi-ld:Gauge:4", "urn:ngsi-ld:Sign:1"]}, {"type": "Nothing"}], "41"),
    ([{"type": "*"}, {"type": "Sign", "id": "urn:ngsi-ld:Gauge:1"}], "123451"),
    ([{"type": "*", "idPattern": "1$"}, {"type": "Gauge", "id": "urn:ngsi-ld:Gauge:3"}], "131"),
]


async def test_an_entity_satisfies_one_of_several_selectors(river: Client) -> None:
    for entities, numbers in SELECTORS:
        found = await river("POST", QUERY, {"type": "Query", "entities": entities}, query="count=true")
        assert "".join(one["id"][-1] for one in found.json) == numbers, entities
        assert found.header("ngsild-results-count") == str(len(numbers))


async def test_pages_by_offset_are_linked_by_offset_where_the_client_gives_one(river: Client) -> None:
    page = await river("GET", "/entities", query="type=Gauge&limit=2&offset=2")
    links = re.findall(r'</ngsi-ld/v1/entities\?([^>]*)>; rel="(next|prev)"', page.header("link") or "")
    assert sorted(links) == [("limit=2&offset=0&type=Gauge", "prev"), ("limit=2&offset=4&type=Gauge", "next")]
    last = await river("GET", "/entities", query="type=Gauge&limit=2&offset=4")
    assert 'rel="next"' not in (last.header("link") or "")


async def test_the_language_of_a_query_in_a_body_is_heard(any_client: Client) -> None:
    name = {"type": "LanguageProperty", "languageMap": {"ja": "日野川", "en": "Hino"}}
    assert (await any_client("POST", "/entities", {**gauge(1), "name": name})).status == 201
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "pick": ["name"], "lang": "ja"}
    found = await any_client("POST", QUERY, body, query="format=simplified")
    assert found.json == [{"name": "日野川"}]


WORDS: list[Any] = [
    ('text=="<>\\"\'=;()|,&"', "1"),
    ("text~=[<>=;()]{4}", "1"),
    ('text=="<>"', ""),
    ('名前=="福井;市(北)|"', "2"),
    ('名前~="福井;市[(]北"', "2"),
    ('名前!="福井;市(北)|"', "3"),
    ('名前=="福","井"', "3"),
    ('(名前=="福"|text);level>=1', "13"),
    ('many=="b"', "1"),
    ('many=="a"', "1"),
    ('many=="c"', ""),
    ('many!="b"', ""),
    ('many[*]=="b"', "1"),
    ('many[*]~="^b$"', "1"),
    ('many[*]!="c"', "1"),
    ('many[*]!="b"', ""),
    ("many[*]", "1"),
    ("level[*]", ""),
    ('many[ja]=="b"', "1"),
    ('many[en]=="b"', ""),
    ('kind=="https://uri.etsi.org/ngsi-ld/default-context/fast"', "2"),
    ('kind=="fast"', ""),
    ('kind=="fast"&expandValues=kind', "2"),
    ("kind==fast,slow&expandValues=level,kind", "2"),
    ("kind!=fast&expandValues=kind", ""),
    ("kind==fast&expandValues=kind&jsonKeys=kind", ""),
    ('ticket[value]=="x"', "3"),
    ('ticket[value]=="x"&jsonKeys=ticket', "3"),
    ("level==1&csf=name==%22a%22&splitEntities=true", "1"),
]


async def test_words_of_q(any_client: Client) -> None:
    """Values of every kind, in every language, and names as values (clause 4.9, examples 9 to 12)."""
    many = {"type": "LanguageProperty", "languageMap": {"en": "a", "ja": ["b", "a"]}}
    batch = [
        {**gauge(1, 1.0), "text": "<>\"'=;()|,&", "many": many},
        {**gauge(2, 2.0), "名前": "福井;市(北)|", "kind": {"type": "VocabProperty", "vocab": "fast"}},
        {**gauge(3, 3.0), "名前": "福", "ticket": {"type": "JsonProperty", "json": {"value": "x"}}},
    ]
    assert (await any_client("POST", CREATE, batch)).status == 201
    for q, numbers in WORDS:
        text, *more = re.split("&(?=[a-z])", q)
        found = await any_client("GET", "/entities", query="&".join(["type=Gauge", f"q={quote(text)}", *more]))
        assert found.status == 200, (q, found.body)
        assert "".join(one["id"][-1] for one in found.json) == numbers, q


async def test_types(river: Client) -> None:
    listed = (await river("GET", "/types")).json
    assert (listed["type"], sorted(listed["typeList"])) == ("EntityTypeList", ["Gauge", "Sign"])
    detailed = {one["typeName"]: one for one in (await river("GET", "/types", query="details=true")).json}
    assert detailed["Sign"]["attributeNames"] == ["text"]
    assert detailed["Gauge"]["id"].endswith("/Gauge")
    other = await river("GET", "/types", headers={"link": LINK})
    assert all(":" in name for name in other.json["typeList"] if "Gauge" in name)


async def test_relationships_have_no_order_and_match_no_pattern(river: Client) -> None:
    body = {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "of": {"type": "Relationship", "object": "urn:ngsi-ld:Gauge:1"}}
    assert (await river("POST", "/entities", body)).status == 201
    for q, count in (
        ('of=="urn:ngsi-ld:Gauge:1"', 1),
        ('of!="urn:ngsi-ld:Gauge:1"', 0),
        ('of>"urn:a"', 0),
        ("of~=urn", 0),
        ("of!~=nothing", 0),
    ):
        found = await river("GET", "/entities", query=f"type=Pump&q={quote(q)}")
        assert len(found.json) == count, q


@pytest.mark.parametrize("query", ["q=owner{name}==1", "georel=near;maxDistance==0&geometry=Point&coordinates=[1,2]"])
async def test_what_cannot_be_asked(river: Client, query: str) -> None:
    found = await river("GET", "/entities", query="type=Gauge&" + quote(query, safe="=&"))
    assert (found.status, found.kind) == (400, "BadRequestData")


async def test_instances_are_chosen_by_their_dataset(river: Client) -> None:
    level = [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}, {"value": 3, "datasetId": "urn:d:2"}]
    body = {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "level": level, "name": "a"}
    assert (await river("POST", "/entities", body)).status == 201
    for datasets, values, named in (("@none", [1], True), ("urn:d:1,urn:d:2", [2, 3], False), ("urn:d:9", [], False)):
        for path in ("/entities/urn:ngsi-ld:Pump:1", "/temporal/entities/urn:ngsi-ld:Pump:1"):
            found = (await river("GET", path, query=f"datasetId={datasets}")).json
            many = found.get("level", [])
            assert [one["value"] for one in (many if isinstance(many, list) else [many])] == values, (path, datasets)
            assert ("name" in found) == named
        listed = await river(
            "POST", QUERY, {"type": "Query", "entities": [{"type": "Pump"}], "datasetId": datasets.split(",")}
        )
        assert ("level" in listed.json[0]) == bool(values)
    assert (await river("GET", "/entities", query="type=Pump&datasetId=none")).kind == "BadRequestData"
