"""The tutorials on extended properties and on working with @context: languages, vocabularies, names of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, Client
from tests.platform.ngsild.tutorials.farm import FARM, JAPANESE, V, done, link, n, point, seen

HOUSE, BARN = n("Building", "house1"), n("Building", "barn2")
BUILDINGS: list[dict[str, Any]] = [
    {
        "id": HOUSE,
        "type": "Building",
        "category": {"type": "VocabProperty", "vocab": ["greenhouse"]},
        "address": {
            "type": "Property",
            "value": {"streetAddress": "味真野町 3-1", "addressRegion": "福井県", "addressLocality": "越前市"},
            "verified": {"type": "Property", "value": True},
        },
        "location": {"type": "GeoProperty", "value": point(136.2175, 35.8832)},
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "味真野の温室", "en": "Ajimano Greenhouse"}},
    },
    {
        "id": BARN,
        "type": "Building",
        "category": {"type": "VocabProperty", "vocab": ["barn"]},
        "address": {
            "type": "Property",
            "value": {"streetAddress": "北府 1-8", "addressRegion": "福井県", "addressLocality": "越前市"},
            "verified": {"type": "Property", "value": False},
        },
        "location": {"type": "GeoProperty", "value": point(136.1637, 35.9128)},
        "name": {
            "type": "LanguageProperty",
            "languageMap": {"@none": "おおきな納屋", "ja": "北府の納屋", "en": "Kitago Barn"},
        },
    },
]


@pytest.fixture
async def farm(any_client: Client) -> Client:
    """One building came with its @context inside, the other with a Link header."""
    first = {**BUILDINGS[0], "@context": FARM}
    await done(any_client, "POST", "/entities/", first, media=LD, headers={"link": ""})
    await done(any_client, "POST", "/entities/", BUILDINGS[1])
    return any_client


async def ids(client: Client, query: Any, **how: Any) -> list[str]:
    return [one["id"] for one in await seen(client, "/entities/", query, **how)]


async def test_a_name_in_its_languages(farm: Client) -> None:
    path, name = f"/entities/{HOUSE}", "pick=id,type,name"
    assert await seen(farm, path, name) == {
        "id": HOUSE,
        "type": "Building",
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "味真野の温室", "en": "Ajimano Greenhouse"}},
    }
    english = {"type": "Property", "value": "Ajimano Greenhouse", "lang": "en"}
    assert (await seen(farm, path, f"{name}&lang=en"))["name"] == english
    simple = await seen(farm, path, f"{name}&format=simplified")
    assert simple["name"] == {"languageMap": {"ja": "味真野の温室", "en": "Ajimano Greenhouse"}}
    assert (await seen(farm, path, f"{name}&format=simplified&lang=ja"))["name"] == "味真野の温室"


async def test_a_language_that_is_not_there(farm: Client) -> None:
    query = "type=Building&pick=id,type,name&lang=fr"
    default = (await seen(farm, f"/entities/{BARN}", query))["name"]
    assert default == {"type": "Property", "value": "おおきな納屋", "lang": "@none"}
    some = (await seen(farm, f"/entities/{HOUSE}", query))["name"]
    assert some["value"] in ("味真野の温室", "Ajimano Greenhouse"), "one of those there are, and it says which"
    assert some["lang"] in ("ja", "en")


async def test_queries_by_language(farm: Client) -> None:
    base = {"type": "Building", "pick": "id,type,name"}
    assert await ids(farm, {**base, "q": 'name[en]=="Kitago Barn"'}) == [BARN]
    assert await ids(farm, {**base, "q": 'name[ja]=="Kitago Barn"'}) == []
    assert await ids(farm, {**base, "q": 'name[*]=="Kitago Barn"'}) == [BARN]


async def test_names_are_short_by_the_context_of_the_asker(farm: Client) -> None:
    bare = {"link": ""}
    query = {"type": f"{V}Building", "pick": f"id,type,{V}category"}
    whole = await seen(farm, "/entities/", query, headers=bare)
    assert whole[0] == {
        "id": HOUSE,
        "type": f"{V}Building",
        f"{V}category": {"type": "VocabProperty", "vocab": [f"{V}greenhouse"]},
    }
    short = await seen(farm, "/entities/", "type=Building&pick=id,type,category")
    assert [one["category"]["vocab"] for one in short] == [["greenhouse"], ["barn"]]
    ours = await seen(farm, "/entities/", {"type": "建物", "pick": "id,type,分類"}, headers=link(JAPANESE))
    assert ours[1] == {"id": BARN, "type": "建物", "分類": {"type": "VocabProperty", "vocab": ["納屋"]}}
    simple = await seen(farm, f"/entities/{BARN}", "pick=id,type,category&format=simplified")
    assert simple["category"] == {"vocab": ["barn"]}


async def test_a_query_whose_values_are_names(farm: Client) -> None:
    base = {"type": "Building", "pick": "id,type,category"}
    assert await ids(farm, {**base, "q": 'category=="barn"', "expandValues": "category"}) == [BARN]
    both = {**base, "q": 'category=="barn","greenhouse"', "expandValues": "category"}
    assert await ids(farm, both) == [HOUSE, BARN]
    ours = {"type": "建物", "q": '分類=="納屋"', "expandValues": "分類"}
    assert await ids(farm, ours, headers=link(JAPANESE)) == [BARN]


async def test_queries_of_a_type_and_of_what_is_inside_a_value(farm: Client) -> None:
    simple = "format=simplified"
    assert await ids(farm, {"type": f"{V}Building"}, headers={"link": ""}) == [HOUSE, BARN]
    assert await ids(farm, f"type=Building&{simple}") == [HOUSE, BARN]
    for asked in ('address[addressLocality]=="越前市"', 'address[streetAddress]=="北府 1-8";address.verified==false'):
        assert BARN in await ids(farm, {"type": "Building", "q": asked})
    verified = await seen(farm, "/entities", f"type=Building&q=address.verified==true&{simple}")
    assert [one["id"] for one in verified] == [HOUSE]
    assert verified[0]["address"] == BUILDINGS[0]["address"]["value"], "the sub-attribute is left out here"


async def test_what_is_near(farm: Client) -> None:
    near = {"type": "Building", "geometry": "Point", "coordinates": "[136.165,35.91]", "format": "simplified"}
    assert await ids(farm, {**near, "georel": "near;maxDistance==800"}) == [BARN]
    assert await ids(farm, {**near, "georel": "near;minDistance==800"}) == [HOUSE]
    assert await ids(farm, {**near, "georel": "near;maxDistance==8000"}) == [HOUSE, BARN]


async def test_japanese_goes_in_and_whole_names_come_out(client: Client) -> None:
    shop = {
        "id": n("Building", "shop5"),
        "type": "建物",
        "分類": {"type": "VocabProperty", "vocab": ["店"]},
        "住所": {"type": "Property", "value": {"addressLocality": "鯖江市"}},
        "場所": {"type": "GeoProperty", "value": point(136.18, 35.95)},
        "名称": {"type": "Property", "value": "道の駅"},
    }
    await done(client, "POST", "/entities/", {**shop, "@context": JAPANESE}, media=LD, headers={"link": ""})
    path = f"/entities/{shop['id']}"
    assert await seen(client, path, headers=link(JAPANESE)) == shop
    english = await seen(client, path)
    assert english["category"] == {"type": "VocabProperty", "vocab": ["shop"]}
    assert english["name"]["value"] == "道の駅"
    assert (await seen(client, path, headers={"link": ""}))[f"{V}name"]["value"] == "道の駅"
