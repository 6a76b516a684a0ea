"""What is notified, when, and in what form, rule by rule (clauses 5.2.12 to 5.2.15, 5.3.1, 5.8.2 and 5.8.6)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.platform.delivery.stand import Stand

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import Op
from kumihimo.platform.jsonld.contexts import Contexts

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
JA = "https://example.org/ja.jsonld"
HOOK = "http://endpoint.example/notify"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def to(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


def point(longitude: float, **more: Any) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, 36.0]}, **more}


async def change(stand: Stand, id_: str, **members: Any) -> None:
    await stand.delivery.update(stand.call, id_, members, stand.contexts.core)


async def test_a_notification_says_what_it_is(stand: Stand) -> None:
    id_ = await stand.subscribe()
    await stand.put(level=1)
    (one,) = await stand.catch_up()
    assert one.url == HOOK
    assert one.body.keys() == {"id", "type", "subscriptionId", "notifiedAt", "data"}
    assert one.body["id"].startswith("urn:ngsi-ld:Notification:")
    assert (one.body["type"], one.body["subscriptionId"]) == ("Notification", id_)
    assert times.parse(one.body["notifiedAt"]) == stand.clock.now()
    assert one.body["data"] == [{"id": "urn:x:1", "type": "Gauge", "level": prop(1)}]
    assert one.headers["Content-Type"] == "application/json"


NEW: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"notification": {"attributes": ["rain"]}}, {"id": "urn:x:1", "type": "Gauge", "rain": prop(2)}),
    ({"notification": {"pick": ["id", "level"]}}, {"id": "urn:x:1", "level": prop(5)}),
    ({"notification": {"omit": ["level"]}}, {"id": "urn:x:1", "type": "Gauge", "rain": prop(2)}),
    ({"notification": {"format": "keyValues"}}, {"id": "urn:x:1", "type": "Gauge", "level": 5, "rain": 2}),
    ({"notification": {"format": "simplified"}}, {"id": "urn:x:1", "type": "Gauge", "level": 5, "rain": 2}),
    ({"notification": {"format": "concise"}}, {"id": "urn:x:1", "type": "Gauge", "level": 5, "rain": 2}),
    (
        {"notification": {"showChanges": True}},
        {"id": "urn:x:1", "type": "Gauge", "level": prop(5, previousValue=1), "rain": prop(2)},
    ),
]


@pytest.mark.parametrize(("members", "told"), NEW)
async def test_what_is_told_follows_a_change_of_the_subscription(
    stand: Stand, members: dict[str, Any], told: dict[str, Any]
) -> None:
    id_ = await stand.subscribe()
    await stand.put(level=1, rain=2)
    assert len(await stand.catch_up()) == 1
    notification = {"endpoint": {"uri": HOOK}, **members["notification"]}
    await change(stand, id_, notification=notification)
    await stand.put(level=5)
    assert [one.entity for one in await stand.catch_up()] == [told]


CHOICE: list[tuple[dict[str, Any], bool]] = [
    ({"q": "level>10"}, False),
    ({"q": "level>3"}, True),
    ({"watchedAttributes": ["rain"]}, False),
    ({"watchedAttributes": ["level"]}, True),
    ({"entities": [{"type": "Pump"}]}, False),
    ({"entities": [{"type": "Gauge", "idPattern": "2$"}]}, False),
    ({"entities": [{"type": "Gauge", "idPattern": "1$"}]}, True),
    ({"notificationTrigger": ["entityDeleted"]}, False),
    ({"isActive": False}, False),
    ({"scopeQ": "/sabae/#"}, False),
    ({"scopeQ": "/fukui"}, True),
    ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 1]}}, False),
    ({"datasetId": ["urn:d:1"]}, False),
    ({"csf": "anything==1"}, True),
]


@pytest.mark.parametrize(("members", "notified"), CHOICE, ids=str)
async def test_what_notifies_follows_a_change_of_the_subscription(
    stand: Stand, members: dict[str, Any], notified: bool
) -> None:
    id_ = await stand.subscribe(q="level<0")
    await stand.put(level=1, scope="/fukui", location={"type": "Point", "coordinates": [136.2, 36.0]})
    assert await stand.catch_up() == []
    await change(stand, id_, q=None)
    await change(stand, id_, **members)
    await stand.patch("urn:x:1", level=5)
    assert bool(await stand.catch_up()) is notified


async def test_an_endpoint_that_is_changed_gets_what_comes(stand: Stand) -> None:
    id_ = await stand.subscribe()
    info = [{"key": "X-Town", "value": "Fukui"}]
    endpoint = {"uri": "http://other.example/", "accept": "application/ld+json", "receiverInfo": info}
    await change(stand, id_, notification={"endpoint": endpoint})
    await stand.put(level=1)
    (one,) = await stand.catch_up()
    assert (one.url, one.headers["X-Town"]) == ("http://other.example/", "Fukui")
    assert one.headers["Content-Type"] == "application/ld+json"


@pytest.mark.parametrize("form", ["normalized", "concise"])
async def test_stamps_are_told_where_they_are_asked_for(stand: Stand, form: str) -> None:
    await stand.put(level=1)
    await stand.subscribe(notification={"sysAttrs": True, "format": form}, uri="http://stamped.example/")
    await stand.subscribe(notification={"format": form}, uri="http://plain.example/")
    stand.clock.advance(60)
    await stand.patch("urn:x:1", level=2)
    sent = {one.url: one.entity for one in await stand.catch_up()}
    stamps = {"createdAt": "2026-01-01T00:00:00.000Z", "modifiedAt": "2026-01-01T00:01:00.000Z"}
    stamped = sent["http://stamped.example/"]
    assert {key: stamped[key] for key in stamps} == stamps
    assert {key: stamped["level"][key] for key in stamps} == stamps
    assert not stamps.keys() & sent["http://plain.example/"].keys()


async def test_jsonld_context_is_the_one_of_notifications(stand: Stand) -> None:
    names = {"@context": {"水位": DEFAULT + "level", "水位計": DEFAULT + "Gauge"}}
    stand.contexts = Contexts(preload={JA: json.dumps(names).encode()})
    stand.restart()
    for accept in ("application/json", "application/ld+json"):
        await stand.subscribe(jsonldContext=JA, watchedAttributes=["level"], endpoint={"accept": accept})
    await stand.put(level=1)
    plain, linked = sorted(await stand.catch_up(), key=lambda one: one.headers["Content-Type"])
    assert plain.headers["Link"].startswith(f"<{JA}>; rel=")
    assert plain.entity == {"id": "urn:x:1", "type": "水位計", "水位": prop(1)}
    assert "Link" not in linked.headers
    assert linked.body["@context"][0] == linked.entity["@context"][0] == JA
    assert linked.entity["水位"] == prop(1)


async def test_a_context_for_notifications_that_is_none_is_wrong(stand: Stand) -> None:
    stand.contexts = Contexts(preload={JA: b'{"@context": {"level": 5}}'})
    stand.restart()
    with pytest.raises(BadRequestData):
        await stand.subscribe(jsonldContext=JA)
    id_ = await stand.subscribe()
    with pytest.raises(BadRequestData):
        await change(stand, id_, jsonldContext=JA)
    assert (await stand.delivery.get(stand.call, id_))["jsonldContext"] != JA


KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (to("urn:river:1"), to("urn:river:2")),
    (prop(1), prop(2)),
    (prop(1), to("urn:river:1")),
    (point(136.0), point(137.0)),
    (
        {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
        {"type": "LanguageProperty", "languageMap": {"ja": "湖"}},
    ),
    ({"type": "VocabProperty", "vocab": "wet"}, {"type": "VocabProperty", "vocab": "dry"}),
    ({"type": "JsonProperty", "json": {"a": 1}}, {"type": "JsonProperty", "json": {"a": 2}}),
    ({"type": "ListProperty", "valueList": [1, 2]}, {"type": "ListProperty", "valueList": [2, 1]}),
    (prop(1, accuracy=prop(1)), prop(1, accuracy=prop(2))),
    (prop(1, unitCode="MTR"), prop(1, unitCode="CMT")),
]


@pytest.mark.parametrize(("before", "after"), KINDS, ids=str)
async def test_every_kind_of_watched_attribute_notifies_when_it_changes(
    stand: Stand, before: dict[str, Any], after: dict[str, Any]
) -> None:
    await stand.write_entity(it=before)
    await stand.subscribe(watchedAttributes=["it"])
    await stand.write_entity(it=before)
    assert await stand.catch_up() == []
    await stand.write_entity(it=after)
    assert [one.entity["it"] for one in await stand.catch_up()] == [after]


Q: list[tuple[str, list[int]]] = [
    ("at==urn:river:1", [1]),
    ("at!=urn:river:1", [2]),
    ("at", [1, 2]),
    ("!at", [3]),
    ("level==2..3", [2, 3]),
    ("level>1;level<3", [2]),
    ("(level==1|level==3);level", [1, 3]),
    ('name~="^福"', [1]),
    ("level.accuracy>1", [3]),
    ("level.observedAt>2026-01-01T12:00:00Z", [2]),
    ("name[ja]==福井", [1]),
]


@pytest.mark.parametrize(("q", "told"), Q)
async def test_q_chooses_among_the_changed(stand: Stand, q: str, told: list[int]) -> None:
    await stand.subscribe(q=q)
    name = {"type": "LanguageProperty", "languageMap": {"ja": "福井", "en": "Fukui"}}
    await stand.write_entity(
        "urn:x:1", level=prop(1, observedAt="2026-01-01T00:00:00Z"), at=to("urn:river:1"), name=name
    )
    await stand.write_entity("urn:x:2", level=prop(2, observedAt="2026-01-02T00:00:00Z"), at=to("urn:river:2"))
    await stand.write_entity("urn:x:3", level=prop(3, accuracy=prop(2)))
    await stand.catch_up()
    assert [int(id_[-1]) for id_ in stand.endpoint.ids()] == told


async def test_one_place_of_several_is_enough_for_a_geoquery(stand: Stand) -> None:
    near = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [136.2, 36.0]}
    await stand.subscribe(geoQ=near)
    await stand.write_entity("urn:x:1", location=[point(140.0), point(136.2, datasetId="urn:d:1")])
    await stand.write_entity("urn:x:2", location=[point(140.0), point(141.0, datasetId="urn:d:1")])
    await stand.write_entity("urn:x:3", place=point(136.2))
    await stand.catch_up()
    assert stand.endpoint.ids() == ["urn:x:1"]


async def test_all_conditions_hold_together(stand: Stand) -> None:
    near = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [136.2, 36.0]}
    await stand.subscribe(q="level>1", geoQ=near, scopeQ="/fukui", watchedAttributes=["level"])
    here = {"type": "Point", "coordinates": [136.2, 36.0]}
    away = {"type": "Point", "coordinates": [140.0, 36.0]}
    await stand.put("urn:x:1", level=2, scope="/fukui", location=here)
    await stand.put("urn:x:2", level=1, scope="/fukui", location=here)
    await stand.put("urn:x:3", level=2, scope="/sabae", location=here)
    await stand.put("urn:x:4", level=2, scope="/fukui", location=away)
    await stand.put("urn:x:5", rain=2, scope="/fukui", location=here)
    await stand.catch_up()
    assert stand.endpoint.ids() == ["urn:x:1"]


async def test_the_default_instance_is_asked_for_by_its_name(stand: Stand) -> None:
    await stand.subscribe(datasetId=["@none"])
    await stand.write_entity("urn:x:1", level=[prop(1), prop(2, datasetId="urn:d:1")])
    assert [one.entity["level"] for one in await stand.catch_up()] == [prop(1)]


async def test_within_the_throttling_period_nothing_is_sent(stand: Stand) -> None:
    await stand.subscribe(throttling=10)
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 1
    for level in (2, 3):
        stand.clock.advance(4)
        await stand.put(level=level)
        assert await stand.catch_up() == []
    stand.clock.advance(2)
    assert [one.entity["level"] for one in await stand.catch_up()] == [prop(3)]


async def test_what_comes_of_a_notification_is_counted(stand: Stand) -> None:
    id_ = await stand.subscribe()
    await stand.put(level=1)
    await stand.catch_up()
    good = (await stand.delivery.get(stand.call, id_))["notification"]
    moment = "2026-01-01T00:00:00.000Z"
    assert (good["timesSent"], good["status"]) == (1, "ok")
    assert good["lastNotification"] == good["lastSuccess"] == moment
    assert not {"timesFailed", "lastFailure"} & good.keys()

    async def broken(url: str, body: bytes) -> int:
        del url, body
        return 500

    stand.endpoint.answer = broken
    stand.clock.advance(60)
    await stand.put(level=2)
    await stand.catch_up()
    bad = (await stand.delivery.get(stand.call, id_))["notification"]
    assert (bad["timesSent"], bad["timesFailed"], bad["status"]) == (2, 1, "failed")
    assert bad["lastNotification"] == bad["lastFailure"] == "2026-01-01T00:01:00.000Z"
    assert bad["lastSuccess"] == moment


async def test_after_a_failure_the_cooldown_is_waited_out(stand: Stand) -> None:
    await stand.subscribe(endpoint={"cooldown": 3_600_000})

    async def broken(url: str, body: bytes) -> int:
        del url, body
        return 503

    stand.endpoint.answer = broken
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 1
    stand.endpoint.answer = None
    stand.clock.advance(3599)
    await stand.put("urn:x:2", level=2)
    assert await stand.catch_up() == []
    stand.clock.advance(1)
    assert sorted(one.entity["id"] for one in await stand.catch_up()) == ["urn:x:1", "urn:x:2"]


@pytest.mark.parametrize("op", [Op.APPEND, Op.UPDATE, Op.MERGE])
async def test_each_way_of_writing_notifies(stand: Stand, op: Op) -> None:
    await stand.put(level=1)
    await stand.subscribe()
    await stand.write("urn:x:1", op, level=prop(2))
    assert [one.entity["level"] for one in await stand.catch_up()] == [prop(2)]


async def test_a_local_subscription_hears_of_any_entity_here(stand: Stand) -> None:
    await stand.subscribe(entities=None, localOnly=True)
    await stand.put("urn:a:1", "Anything", level=1)
    await stand.put("urn:b:1", "Other", rain=1)
    await stand.catch_up()
    assert stand.endpoint.ids() == ["urn:a:1", "urn:b:1"]


async def test_several_subscriptions_hear_of_one_change_each_in_its_way(stand: Stand) -> None:
    for number, form in enumerate(("normalized", "concise", "simplified")):
        await stand.subscribe(notification={"format": form}, uri=f"http://{number}.example/")
    await stand.put(level=1)
    sent = {one.url: one.entity["level"] for one in await stand.catch_up()}
    assert sent == {"http://0.example/": prop(1), "http://1.example/": 1, "http://2.example/": 1}
