from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client

ALL = "/subscriptions"
NAME = "urn:ngsi-ld:Subscription:1"


def subscription(**more: Any) -> dict[str, Any]:
    return {
        "id": NAME,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "watchedAttributes": ["level"],
        "q": "level>3",
        "notification": {"attributes": ["level"], "endpoint": {"uri": "https://example.org/hook"}},
        **more,
    }


async def test_a_subscription_goes_through_its_life_on_both_engines(any_client: Client) -> None:
    client = any_client
    made = await client("POST", ALL, subscription())
    assert (made.status, made.header("location")) == (201, f"/ngsi-ld/v1/subscriptions/{NAME}")
    assert (await client("POST", ALL, subscription())).kind == "AlreadyExists"
    got = await client("GET", f"{ALL}/{NAME}")
    assert got.status == 200
    assert got.json["status"] == "active"
    assert {key: got.json[key] for key in ("id", "type", "q")} == {
        key: subscription()[key] for key in ("id", "type", "q")
    }
    assert got.header("link")
    assert (await client("PATCH", f"{ALL}/{NAME}", {"isActive": False})).status == 204
    assert (await client("GET", f"{ALL}/{NAME}")).json["status"] == "paused"
    assert (await client("DELETE", f"{ALL}/{NAME}")).status == 204
    assert (await client("GET", f"{ALL}/{NAME}")).kind == "ResourceNotFound"
    assert (await client("PATCH", f"{ALL}/{NAME}", {"isActive": False})).kind == "ResourceNotFound"
    assert (await client("DELETE", f"{ALL}/{NAME}")).kind == "ResourceNotFound"


async def test_the_list_is_given_in_pages(client: Client) -> None:
    for number in range(3):
        assert (await client("POST", ALL, subscription(id=f"urn:ngsi-ld:Subscription:{number}"))).status == 201
    first = await client("GET", ALL, query="limit=2&count=true")
    assert len(first.json) == 2
    assert first.header("ngsild-results-count") == "3"
    assert "offset=2" in (first.header("link") or "")
    last = await client("GET", ALL, query="limit=2&offset=2")
    assert [one["id"][-1] for one in last.json] == ["2"]
    assert 'rel="prev"' in (last.header("link") or "")
    assert 'rel="next"' not in (last.header("link") or "")
    assert (await client("GET", ALL, query="limit=2&state=active")).kind == "InvalidRequest"


async def test_contexts_and_media(client: Client) -> None:
    assert (await client("POST", ALL, {**subscription(), "@context": TOWN}, media=LD)).status == 201
    geo = {"accept": "application/geo+json, application/json"}
    assert (await client("GET", f"{ALL}/{NAME}", headers=geo)).header("content-type") == "application/json"
    assert (await client("GET", f"{ALL}/{NAME}", headers={"accept": "application/geo+json"})).kind == "NotAcceptable"
    linked = await client("GET", f"{ALL}/{NAME}", headers={"accept": LD, "link": LINK})
    assert linked.json["@context"][0] == TOWN
    merge = await client("PATCH", f"{ALL}/{NAME}", {"q": "level>4"}, media="application/merge-patch+json")
    assert merge.status == 204


@pytest.mark.parametrize(
    "change",
    [
        {"id": "no uri"},
        {"type": "Notification"},
        {"entities": [], "watchedAttributes": []},
        {"entities": None, "watchedAttributes": None},
        {"entities": "Gauge"},
        {"notification": None},
        {"notification": "https://example.org/hook"},
        {"notification": {"attributes": ["level"]}},
        {"notification": {"endpoint": {"uri": "no uri"}}},
        {"throttling": -1},
        {"q": "level>"},
        {"geoQ": {"georel": "within"}},
        {"expiresAt": "24:00"},
        {"expiresAt": "2025-12-31T00:00:00Z"},
        {"notification": {"pick": ["a"], "omit": ["a"], "endpoint": {"uri": "https://example.org/hook"}}},
        {"notification": {"attributes": ["a"], "omit": ["b"], "endpoint": {"uri": "https://example.org/hook"}}},
        {"notification": {"attributes": "a", "endpoint": {"uri": "https://example.org/hook"}}},
    ],
)
async def test_what_is_no_subscription(client: Client, change: dict[str, Any]) -> None:
    body = {key: value for key, value in (subscription() | change).items() if value is not None}
    assert (await client("POST", ALL, body)).kind == "BadRequestData"
    assert (await client("GET", ALL)).json == []


async def test_fragments_that_are_none(client: Client) -> None:
    await client("POST", ALL, subscription())
    assert (await client("PATCH", f"{ALL}/", {"q": "level>1"})).kind == "BadRequestData"
    wrong: list[dict[str, Any]] = [
        {},
        {"id": "urn:ngsi-ld:Subscription:2"},
        {"type": "Other"},
        {"entities": []},
        {"notification": 5},
        {"expiresAt": "2025-12-31T00:00:00Z"},
    ]
    for fragment in wrong:
        assert (await client("PATCH", f"{ALL}/{NAME}", fragment)).kind == "BadRequestData", fragment
    assert (await client("PATCH", f"{ALL}/mine", {"q": "level>1"})).kind == "BadRequestData"
    assert (await client("GET", f"{ALL}/mine")).kind == "BadRequestData"
    assert (await client("DELETE", f"{ALL}/mine")).kind == "BadRequestData"
