"""What a q means for values of every shape (clause 4.9), on both engines."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import Client

CREATE = "/entityOperations/create"


def link(*targets: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": targets[0] if len(targets) == 1 else list(targets)}


THINGS: dict[int, dict[str, Any]] = {
    1: {
        "a": 5,
        "on": link("urn:x:1"),
        "flag": True,
        "city": {"value": {"name": "福井", "code": 18, "in": {"pref": "a"}}},
    },
    2: {"a": "5", "on": link("urn:x:1", "urn:x:2"), "flag": "true", "city": {"value": {"name": "鯖江"}}},
    3: {"a": [1, 5, "red"], "on": link("https://example.org/a?b=c#d"), "flag": False},
    4: {"a": {"value": {"b": 5}}, "stops": {"type": "ListRelationship", "objectList": ["urn:x:2", "urn:x:3"]}},
    5: {"a": [{"value": 7}, {"value": 5, "datasetId": "urn:d:1"}], "city": [{"name": "福井"}, {"name": "勝山"}]},
    6: {"raw": {"type": "JsonProperty", "json": {"kind": "fast", "in": {"pref": "a"}}}, "b": 1},
    7: {"kind": {"type": "VocabProperty", "vocab": "fast"}, "b": 2, "c": 1},
    8: {"many": {"type": "ListProperty", "valueList": [5, "x"]}, "b": 3, "c": 2, "d": {"value": 1, "e": 9}},
}


@pytest.fixture
async def things(any_client: Client) -> Client:
    batch = [{"id": f"urn:t:{number}", "type": "Thing", **attrs} for number, attrs in THINGS.items()]
    assert (await any_client("POST", CREATE, batch)).status == 201
    return any_client


FOUND: list[tuple[str, str]] = [
    # Data types that differ are never equal, and so always unequal.
    ("a==5", "135"),
    ('a=="5"', "2"),
    ("a!=5", "24"),
    ('a!="5"', "1345"),
    ("flag==true", "1"),
    ('flag=="true"', "2"),
    ("flag!=true", "23"),
    ("flag>true", ""),
    ('a>"4"', "23"),
    ("a>4", "135"),
    ("a<2", "3"),
    # A value of an array, a value of any instance.
    ('a=="red"', "3"),
    ('a=="red","blue"', "3"),
    ("a==7", "5"),
    ("a==1..4", "3"),
    ("a==6..8,1", "35"),
    ("a!=7", "1234"),
    ("many==5", "8"),
    ('many=="x","y"', "8"),
    ('many!="x"', ""),
    # Relationships are equal to one of their targets, and are in no order.
    ('on=="urn:x:1"', "12"),
    ("on==urn:x:1", "12"),
    ('on=="urn:x:9","urn:x:2"', "2"),
    ('on!="urn:x:2"', "13"),
    ('on=="https://example.org/a?b=c#d"', "3"),
    ('stops=="urn:x:3"', "4"),
    ('stops=="urn:x:9","urn:x:2"', "4"),
    ('stops!="urn:x:3"', ""),
    ("stops>urn:a", ""),
    ("stops~=urn", ""),
    ("on<=urn:z", ""),
    # Whether something is there at all.
    ("on", "123"),
    ("stops", "4"),
    ("raw", "6"),
    ("kind", "7"),
    ("many", "8"),
    ("!on", "45678"),
    ("d.e", "8"),
    ("d.f", ""),
    ("nothing", ""),
    # Members of what a value holds; what is not there is no value, neither equal nor unequal.
    ('city[name]=="福井"', "15"),
    ('city[name]=="鯖江","勝山"', "25"),
    ("city[code]==18", "1"),
    ("city[code]>17", "1"),
    ('city[in.pref]=="a"', "1"),
    ('city[in.pref]~="^a$"', "1"),
    ("city[nope]", ""),
    ("city[nope]==1", ""),
    ("city[nope]!=1", ""),
    ("city[name.x]==1", ""),
    ("a[b]==5", "4"),
    # Of a JsonProperty the keys are what they are, also where they look like names (clause 4.5.24).
    ('raw[kind]=="fast"', "6"),
    ('raw[in.pref]=="a"', "6"),
    ('raw[kind]=="slow"', ""),
    # And goes before or; parentheses go before both.
    ("b==1;c==9|b==3", "8"),
    ("b==3|b==1;c==9", "8"),
    ("(b==3|b==2);c==1", "7"),
    ("b==3|b==2;c==1", "78"),
    ("((b));(c==2)", "8"),
    # Sub-attributes, and members of attributes.
    ("d.e==9", "8"),
    ("d.e>9", ""),
    ("d.e!=1", "8"),
    # Members of the entity itself, and of an attribute that has them.
    ("createdAt<=2026-01-01T09:00:00+09:00", "12345678"),
    ("createdAt>2026-01-01T00:00:00Z", ""),
    ("modifiedAt>=2026-01-01T00:00:00.000Z;on", "123"),
    ("a.createdAt<2026-01-01T00:00:01Z", "12345"),
    ("a.datasetId==urn:d:1", "5"),
    ("a.datasetId", "5"),
    # Patterns are of texts.
    ('a~="^5$"', "2"),
    ("a~=re", "3"),
    ('a!~="^5$"', "1345"),
]


async def test_what_a_q_finds(things: Client) -> None:
    for q, numbers in FOUND:
        found = await things("GET", "/entities", query=f"type=Thing&q={quote(q)}")
        assert found.status == 200, (q, found.body)
        assert "".join(one["id"][-1] for one in found.json) == numbers, q
        body = {"type": "Query", "entities": [{"type": "Thing"}], "q": q}
        assert (await things("POST", "/entityOperations/query", body)).json == found.json, q


async def test_keys_of_json_are_no_names(things: Client) -> None:
    """With jsonKeys the values compared are left alone; an @context changes the keys neither way."""
    for more in ("", "&jsonKeys=raw", "&expandValues=raw&jsonKeys=raw"):
        found = await things("GET", "/entities", query="type=Thing&q=raw[kind]==%22fast%22" + more)
        assert [one["id"] for one in found.json] == ["urn:t:6"], more
    expanded = await things("GET", "/entities", query="type=Thing&q=raw[kind]==%22fast%22&expandValues=raw")
    assert expanded.json == []


@pytest.mark.parametrize("word", ["type", "id"])
async def test_system_attributes_alone_do_not_narrow_a_query(things: Client, word: str) -> None:
    """Clause 5.7.2.4: a query names a type, an attribute of the user's or a place, unless it is local."""
    q = quote('modifiedAt>"2020-01-01T00:00:00Z"')
    for query in (f"q={q}", f"q={q};{q}", f"q=({q}|{q})", "attrs=createdAt", "attrs=modifiedAt,scope", f"attrs={word}"):
        assert (await things("GET", "/entities", query=query)).kind == "BadRequestData", query
    for query in (f"q={q}&type=Thing", f"q={q};b", f"q={q}&local=true", f"q={q}&attrs=b"):
        assert (await things("GET", "/entities", query=query)).status == 200, query


TYPES: list[tuple[str, str]] = [
    ("A", "14"),
    ("A,B", "1234"),
    ("A|B", "1234"),
    ("A;B", "4"),
    ("(A,B);C", "34"),
    ("(A;B)|C", "345"),
    ("(A|B);(B|C)", "234"),
    ("D", ""),
    ("*", "12345"),
    ("https%3A%2F%2Furi.etsi.org%2Fngsi-ld%2Fdefault-context%2FA", "14"),
]


async def test_entities_of_several_types_are_selected_by_an_expression(any_client: Client) -> None:
    """Clause 4.17: "," and "|" are or, ";" is and; "*" is any type of this broker."""
    kinds = {1: ["A"], 2: ["B"], 3: ["B", "C"], 4: ["C", "B", "A"], 5: ["C"]}
    batch = [{"id": f"urn:t:{number}", "type": types} for number, types in kinds.items()]
    assert (await any_client("POST", CREATE, batch)).status == 201
    for types, numbers in TYPES:
        found = await any_client("GET", "/entities", query=f"type={types}")
        assert "".join(one["id"][-1] for one in found.json) == numbers, types
        for number in kinds:
            one = await any_client("GET", f"/entities/urn:t:{number}", query=f"type={types}")
            assert one.status == (200 if str(number) in numbers else 404), (types, number)
    for wrong in ("A,", "(A", "A)", "A;;B", "A B", ",A"):
        for path in ("/entities", "/entities/urn:t:1"):
            assert (await any_client("GET", path, query={"type": wrong})).kind == "BadRequestData", (path, wrong)


async def test_what_is_given_beside_one_another_must_all_hold(things: Client) -> None:
    """Clause 5.7.2.4: types, ids, attributes, q and scopes narrow together; of ids and a pattern, both hold."""
    for query, numbers in (
        ("type=Thing&id=urn:t:6,urn:t:7", "67"),
        ("type=Thing&id=urn:t:6,urn:t:7&q=b>1", "7"),
        ("type=Thing&id=urn:t:6,urn:t:7&attrs=c", "7"),
        ("type=Thing&idPattern=t:[678]$&q=b!=2", "68"),
        ("type=Thing&id=urn:t:6,urn:t:7&idPattern=7$", "7"),
        ("type=Other&id=urn:t:6", ""),
        ("attrs=b&q=c", "78"),
        ("type=Thing&attrs=b&scopeQ=/a", ""),
    ):
        found = await things("GET", "/entities", query=query.replace(">", "%3E"))
        assert "".join(one["id"][-1] for one in found.json) == numbers, query
