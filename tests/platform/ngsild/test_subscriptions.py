from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
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
        {"entities": None, "watchedAttributes": None, "timeInterval": 60},
        {"entities": [{"type": "*"}], "localOnly": False},
        {"localOnly": "yes"},
        {"ngsildConformance": "one"},
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


async def test_what_is_shown_is_what_was_given_and_what_follows_from_it(client: Client) -> None:
    await client("POST", ALL, {**subscription(), "@context": TOWN}, media=LD)
    shown = (await client("GET", f"{ALL}/{NAME}", headers={"link": LINK})).json
    triggers = ["attributeCreated", "attributeUpdated"]
    assert shown == {**subscription(), "status": "active", "jsonldContext": TOWN, "notificationTrigger": triggers}
    for path in (f"{ALL}/{NAME}", ALL):
        stamped = (await client("GET", path, query="options=sysAttrs")).json
        one = stamped[0] if isinstance(stamped, list) else stamped
        assert one["createdAt"] == one["modifiedAt"] == "2026-01-01T00:00:00.000Z"
    assert (await client("GET", ALL, query="options=pretty")).kind == "InvalidRequest"


@pytest.mark.parametrize("local", [{}, {"entities": [{"type": "*"}]}, {"timeInterval": 60}])
async def test_what_is_local_needs_no_choice_of_entities(client: Client, local: dict[str, Any]) -> None:
    body = {key: value for key, value in subscription(localOnly=True).items() if key not in ("entities", "q")}
    del body["watchedAttributes"]
    assert (await client("POST", ALL, {**body, **local})).status == 201


async def test_a_fragments_notification_takes_the_place_of_the_one_there_was(client: Client) -> None:
    await client("POST", ALL, subscription())
    assert (await client("PATCH", f"{ALL}/{NAME}", {"notification": {"format": "concise"}})).kind == "BadRequestData"
    other = {"format": "concise", "endpoint": {"uri": "https://example.org/other"}}
    assert (await client("PATCH", f"{ALL}/{NAME}", {"notification": other})).status == 204
    assert (await client("GET", f"{ALL}/{NAME}")).json["notification"] == other


PAST, FUTURE = "2026-01-01T00:01:00Z", "2026-01-01T01:00:00Z"
STATUSES: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({"isActive": False}, {"isActive": True}, 0, "active"),
    ({}, {"isActive": False}, 0, "paused"),
    ({"expiresAt": PAST}, {"isActive": True}, 120, "expired"),
    ({"expiresAt": PAST}, {"isActive": False}, 120, "expired"),
    ({"expiresAt": PAST}, {"isActive": True, "expiresAt": FUTURE}, 120, "active"),
    ({"expiresAt": PAST, "isActive": False}, {"expiresAt": FUTURE}, 120, "active"),
    ({"expiresAt": PAST, "isActive": False}, {"expiresAt": FUTURE}, 0, "paused"),
    ({"expiresAt": PAST}, {"expiresAt": "urn:ngsi-ld:null"}, 120, "active"),
]


@pytest.mark.parametrize(("given", "change", "later", "status"), STATUSES)
async def test_what_a_change_makes_of_the_status(
    client: Client, fake_clock: FakeClock, given: dict[str, Any], change: dict[str, Any], later: int, status: str
) -> None:
    await client("POST", ALL, subscription(**given))
    fake_clock.advance(later)
    assert (await client("PATCH", f"{ALL}/{NAME}", change)).status == 204
    assert (await client("GET", f"{ALL}/{NAME}")).json["status"] == status
    for more in ({}, {"isActive": True}, {"isActive": False}):
        late = await client("PATCH", f"{ALL}/{NAME}", {"expiresAt": "2025-12-31T00:00:00Z", **more})
        assert late.kind == "BadRequestData"


async def test_fragments_that_are_none(client: Client) -> None:
    await client("POST", ALL, subscription())
    assert (await client("PATCH", f"{ALL}/", {"q": "level>1"})).status == 405
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


@pytest.mark.parametrize(
    ("prefer", "said"),
    [
        ("ngsi-ld=1.0", "ngsi-ld=1.0"),
        ('NGSI-LD="1.4"', "ngsi-ld=1.4"),
        ('wait=10, respond-async; a="b, c", ngsi-ld=1.8;q=0.1', "ngsi-ld=1.8"),
        ("ngsi-ld=2.0", "ngsi-ld=1.9"),
        ("respond-async", None),
        ("ngsi-ld", None),
        ("ngsi-ld=new", None),
        ("", None),
    ],
)
async def test_a_version_that_is_preferred_is_acknowledged(client: Client, prefer: str, said: str | None) -> None:
    await client("POST", ALL, subscription())
    for path in (ALL, f"{ALL}/{NAME}"):
        answer = await client("GET", path, headers={"prefer": prefer})
        assert (answer.status, answer.header("preference-applied")) == (200, said)
