"""Making, changing and deleting a subscription, rule by rule (clauses 5.8.1, 5.8.2, 5.8.5; tables 5.2.12 to 5.2.15)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client

ALL = "/subscriptions"
NAME = "urn:ngsi-ld:Subscription:1"
HOOK: dict[str, Any] = {"uri": "https://example.org/hook"}
FULL = "https://example.org/town#"


def subscription(**more: Any) -> dict[str, Any]:
    """A subscription with no more than it must have; None takes a member away."""
    whole = {
        "id": NAME,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": HOOK},
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


async def made(client: Client, **more: Any) -> None:
    answer = await client("POST", ALL, subscription(**more))
    assert answer.status == 201, answer.body


async def read(client: Client, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client("GET", f"{ALL}/{NAME}", headers=headers)).json
    return found


async def test_without_an_id_one_is_made_and_told(client: Client) -> None:
    answer = await client("POST", ALL, subscription(id=None))
    assert answer.status == 201
    location = answer.header("location") or ""
    assert location.startswith("/ngsi-ld/v1/subscriptions/urn:ngsi-ld:Subscription:")
    assert answer.body == b""
    found = (await client("GET", location)).json
    assert found["id"] == location.rpartition("/")[2]
    second = await client("POST", ALL, subscription(id=None))
    assert second.header("location") != location


GIVEN: list[dict[str, Any]] = [
    {"entities": [{"type": "Gauge", "id": "urn:ngsi-ld:Gauge:1"}]},
    {"entities": [{"type": "Gauge", "idPattern": "^urn:.*:1"}, {"type": "Pump", "id": ["urn:a:1", "urn:a:2"]}]},
    {"entities": None, "watchedAttributes": ["level"]},
    {"subscriptionName": "水位の見張り", "description": "川"},
    {"q": 'name=="福井"'},
    {"scopeQ": "/fukui/#"},
    {"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [136.2, 36.0]}},
    {"geoQ": {"georel": "within", "geometry": "Point", "coordinates": "[136.2,36.0]", "geoproperty": "place"}},
    {"csf": "operator==somebody"},
    {"datasetId": ["urn:d:1", "@none"]},
    {"lang": "ja"},
    {"timeInterval": 60},
    {"throttling": 0.5},
    {"expiresAt": "2026-06-01T00:00:00Z"},
    {"isActive": False},
    {"splitEntities": True},
    {"localOnly": True},
    {"ngsildConformance": "1.6"},
    {"expandValues": "kind", "jsonKeys": "raw"},
    {"notificationTrigger": ["entityCreated", "entityDeleted"]},
    {"notification": {"endpoint": HOOK, "format": "concise", "sysAttrs": True, "showChanges": True}},
    {"notification": {"endpoint": HOOK, "format": "keyValues", "attributes": ["level"]}},
    {"notification": {"endpoint": HOOK, "pick": ["id", "at{level}"], "omit": ["rain"], "join": "flat", "joinLevel": 2}},
    {
        "notification": {
            "endpoint": {
                **HOOK,
                "accept": "application/ld+json",
                "receiverInfo": [{"key": "Authorization", "value": "Bearer x"}],
                "notifierInfo": [{"key": "a", "value": "b"}],
                "timeout": 5000,
                "cooldown": 1000,
            }
        }
    },
]


@pytest.mark.parametrize("given", GIVEN, ids=",".join)
async def test_every_member_comes_back_as_it_was_given(client: Client, given: dict[str, Any]) -> None:
    await made(client, **given)
    found = await read(client)
    assert {key: found[key] for key, value in given.items() if value is not None} == {
        key: value for key, value in given.items() if value is not None
    }
    assert "entities" in found or given["entities"] is None


async def test_what_only_the_platform_says_is_ignored_where_it_is_given(client: Client) -> None:
    forged = {"endpoint": HOOK, "status": "ok", "timesSent": 9, "lastNotification": "2020-01-01T00:00:00Z"}
    await made(client, status="expired", createdAt="2020-01-01T00:00:00Z", notification=forged)
    for _ in range(2):
        found = (await client("GET", f"{ALL}/{NAME}", query="options=sysAttrs")).json
        assert (found["status"], found["notification"]) == ("active", {"endpoint": HOOK})
        assert found["createdAt"] == "2026-01-01T00:00:00.000Z"
        change = {"status": "paused", "createdAt": "2020-01-01T00:00:00Z", "notification": forged}
        assert (await client("PATCH", f"{ALL}/{NAME}", change)).status == 204


@pytest.mark.parametrize("body", [b'{"type": "Subscription",', b"[", b"", b"[]", b'"text"'])
async def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    assert (await client("POST", ALL, body)).kind in ("InvalidRequest", "BadRequestData")
    await made(client)
    assert (await client("PATCH", f"{ALL}/{NAME}", body)).kind in ("InvalidRequest", "BadRequestData")


async def test_broken_json_is_an_invalid_request(client: Client) -> None:
    assert (await client("POST", ALL, b'{"type": ')).kind == "InvalidRequest"
    await made(client)
    assert (await client("PATCH", f"{ALL}/{NAME}", b'{"q": ')).kind == "InvalidRequest"


WRONG: list[dict[str, Any]] = [
    {"type": "Other"},
    {"entities": [{"id": "urn:a:1"}]},
    {"entities": [{"type": "Gauge", "id": "no uri"}]},
    {"entities": [{"type": "Gauge", "idPattern": "["}]},
    {"watchedAttributes": []},
    {"watchedAttributes": "level"},
    {"notificationTrigger": ["never"]},
    {"timeInterval": 10, "watchedAttributes": ["level"]},
    {"timeInterval": 10, "throttling": 5},
    {"timeInterval": 0},
    {"timeInterval": "10"},
    {"throttling": 0},
    {"throttling": "5"},
    {"q": "level>"},
    {"q": 5},
    {"csf": "operator=="},
    {"csf": 5},
    {"geoQ": {"georel": "near", "geometry": "Point", "coordinates": [1, 2]}},
    {"geoQ": {"georel": "within", "geometry": "Blob", "coordinates": [1, 2]}},
    {"scopeQ": "/a/("},
    {"datasetId": ["no uri"]},
    {"isActive": "yes"},
    {"lang": 5},
    {"localOnly": "yes"},
    {"splitEntities": "yes"},
    {"ngsildConformance": "new"},
    {"temporalQ": {"timerel": "before", "timeAt": "2026-01-01T00:00:00Z"}},
    {"expiresAt": "tomorrow"},
    {"expiresAt": "2025-12-31T00:00:00Z"},
    {"jsonldContext": "mine"},
    {"notification": {}},
    {"notification": {"endpoint": HOOK, "format": "pretty"}},
    {"notification": {"endpoint": HOOK, "format": "keyValues", "showChanges": True}},
    {"notification": {"endpoint": HOOK, "attributes": []}},
    {"notification": {"endpoint": HOOK, "pick": []}},
    {"notification": {"endpoint": HOOK, "omit": []}},
    {"notification": {"endpoint": HOOK, "attributes": ["a"], "pick": ["b"]}},
    {"notification": {"endpoint": HOOK, "pick": ["at{level}"]}},
    {"notification": {"endpoint": HOOK, "join": "nested"}},
    {"notification": {"endpoint": HOOK, "join": "flat", "joinLevel": 0}},
    {"notification": {"endpoint": {**HOOK, "accept": "text/html"}}},
    {"notification": {"endpoint": {**HOOK, "timeout": 0}}},
    {"notification": {"endpoint": {**HOOK, "cooldown": -1}}},
    {"notification": {"endpoint": {**HOOK, "receiverInfo": [{"key": "a"}]}}},
    {"notification": {"endpoint": {"uri": "hook"}}},
    {"notification": {"endpoint": {"accept": "application/json"}}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_what_breaks_a_rule_is_refused_when_made_and_when_changed(client: Client, wrong: dict[str, Any]) -> None:
    assert (await client("POST", ALL, subscription(**wrong))).kind == "BadRequestData"
    await made(client)
    before = await read(client)
    assert (await client("PATCH", f"{ALL}/{NAME}", wrong)).kind == "BadRequestData"
    assert await read(client) == before


async def test_a_fragment_adds_replaces_and_takes_away(client: Client) -> None:
    await made(client, description="old", q="level>1", throttling=5)
    change = {"description": "new", "q": "urn:ngsi-ld:null", "throttling": None, "lang": "ja"}
    assert (await client("PATCH", f"{ALL}/{NAME}", change)).status == 204
    found = await read(client)
    assert (found["description"], found["lang"]) == ("new", "ja")
    assert not {"q", "throttling"} & found.keys()


@pytest.mark.parametrize("gone", ["notification", "type", "entities"])
async def test_what_a_subscription_must_have_is_not_taken_away(client: Client, gone: str) -> None:
    await made(client)
    assert (await client("PATCH", f"{ALL}/{NAME}", {gone: "urn:ngsi-ld:null"})).kind == "BadRequestData"
    assert gone in await read(client)


async def test_an_unknown_subscription_is_not_changed(client: Client) -> None:
    for method, body in (("PATCH", {"q": "level>1"}), ("DELETE", None), ("GET", None)):
        assert (await client(method, f"{ALL}/urn:ngsi-ld:Subscription:none", body)).kind == "ResourceNotFound"


@pytest.mark.parametrize("way", ["link", "inside"])
async def test_names_of_a_fragment_are_read_by_the_requests_context(client: Client, way: str) -> None:
    await made(client)
    names = {"watchedAttributes": ["level"], "q": "level>2", "entities": [{"type": "Gauge"}]}
    if way == "link":
        answer = await client("PATCH", f"{ALL}/{NAME}", names, headers={"link": LINK})
    else:
        answer = await client("PATCH", f"{ALL}/{NAME}", {**names, "@context": TOWN}, media=LD)
    assert answer.status == 204
    found = await read(client)
    assert found["watchedAttributes"] == [FULL + "level"]
    assert found["q"] == f"{FULL}level>2"
    assert found["entities"] == [{"type": FULL + "Gauge"}]


async def test_a_context_for_notifications_that_cannot_be_had_is_told(client: Client) -> None:
    away = {"jsonldContext": "https://nobody.example/context.jsonld"}
    assert (await client("POST", ALL, subscription(**away))).kind == "LdContextNotAvailable"
    await made(client)
    answer = await client("PATCH", f"{ALL}/{NAME}", away)
    assert (answer.status, answer.kind) == (504, "LdContextNotAvailable")
    assert (await read(client))["jsonldContext"] != away["jsonldContext"]


async def test_a_deleted_subscription_is_gone(client: Client) -> None:
    await made(client)
    answer = await client("DELETE", f"{ALL}/{NAME}")
    assert (answer.status, answer.body) == (204, b"")
    assert (await client("GET", ALL)).json == []
    await made(client)


async def test_a_path_without_an_id_changes_and_deletes_nothing(client: Client) -> None:
    await made(client)
    assert (await client("PATCH", f"{ALL}/", {"q": "level>1"})).status == 405
    assert (await client("DELETE", f"{ALL}/")).status == 405
    assert "q" not in await read(client)


@pytest.mark.parametrize("identifier", ["mine", "no%20uri", "%20"])
async def test_an_id_that_is_no_uri_is_wrong(client: Client, identifier: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"q": "level>1"}), ("DELETE", None)):
        assert (await client(method, f"{ALL}/{identifier}", body)).kind == "BadRequestData"
