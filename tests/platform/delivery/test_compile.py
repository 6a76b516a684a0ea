from __future__ import annotations

from typing import Any

import pytest
from tests.platform.delivery.stand import subscription

from kumihimo.base.call import ANONYMOUS
from kumihimo.base.errors import BadRequestData
from kumihimo.base.ports import MqttServer
from kumihimo.platform.delivery.compile import clean, compile_subscription
from kumihimo.platform.delivery.models import Aim, StoredSubscription, Subscription
from kumihimo.platform.jsonld.contexts import Contexts

CORE = Contexts().core


def compiled(document: dict[str, Any]) -> Subscription:
    stored = StoredSubscription("urn:s:1", clean(document), None, {}, ANONYMOUS, 0, 0, 0)
    return compile_subscription(stored, CORE.expand)


def pairs(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in given.items()]


def mqtt(
    uri: str = "mqtt://broker/town",
    notifier: dict[str, str] | None = None,
    receiver: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    info = {"notifierInfo": pairs(notifier or {}), "receiverInfo": pairs(receiver or {})}
    return {"uri": uri, "endpoint": {**info, **more}}


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"type": "Sub"}, "type"),
        ({"id": "no uri"}, "id"),
        ({"entities": None}, "entities"),
        ({"entities": []}, "entities"),
        ({"entities": [{"id": "urn:x:1"}]}, "entities[0].type"),
        ({"entities": [{"type": "A", "id": "blank blank"}]}, "entities[0].id"),
        ({"entities": [{"type": "A", "nme": "x"}]}, "entities[0].nme"),
        ({"entities": [{"type": "A", "id": ["urn:x:1", "x"]}]}, "entities[0].id"),
        ({"entities": [{"type": "A", "id": []}]}, "entities[0].id"),
        ({"watchedAttributes": []}, "watchedAttributes"),
        ({"watchedAttributes": [1]}, "watchedAttributes[0]"),
        ({"notificationTrigger": ["sometimes"]}, "notificationTrigger"),
        ({"isActive": "yes"}, "isActive"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"expiresAt": "0000-01-01T00:00:00Z"}, "expiresAt"),
        ({"throttling": 0}, "throttling"),
        ({"throttling": True}, "throttling"),
        ({"geoQ": {"georel": "near;maxDistance==1", "geometry": "Point"}}, "geoQ.coordinates"),
        ({"jsonldContext": "my context"}, "jsonldContext"),
        ({"temporalQ": {"timerel": "before", "timeAt": "2026-01-01T00:00:00Z"}}, "temporalQ"),
        ({"ngsildConformance": 1.8}, "ngsildConformance"),
        ({"timeInterval": 60, "throttling": 1}, "timeInterval"),
        ({"timeInterval": 60, "watchedAttributes": ["level"]}, "timeInterval"),
        ({"timeInterval": 0}, "timeInterval"),
        ({"datasetId": "no uri"}, "datasetId"),
        ({"notification": {"showChanges": True, "format": "keyValues"}}, "notification.showChanges"),
        ({"endpoint": {"notifierInfo": [{"key": "a", "value": {}}]}}, "notification.endpoint.notifierInfo[0].value"),
        ({"notification": {"format": "pretty"}}, "notification.format"),
        ({"notification": {"join": "nested"}}, "notification.join"),
        ({"notification": {"join": "flat", "joinLevel": 0}}, "notification.joinLevel"),
        ({"notification": {"join": "flat", "joinLevel": 11}}, "notification.joinLevel"),
        ({"notification": {"join": "flat", "joinLevel": True}}, "notification.joinLevel"),
        ({"expandValues": 5}, "expandValues"),
        ({"notification": {"attributes": []}}, "notification.attributes"),
        ({"notification": {"attributes": ["a"], "pick": ["b"]}}, "notification.pick"),
        ({"notification": {"attributes": ["a"], "omit": ["b"]}}, "notification.omit"),
        ({"notification": {"pick": ["a", "b"], "omit": ["b"]}}, "notification.omit"),
        ({"notification": {"pick": ["a{b"], "join": "flat"}}, "notification.pick"),
        ({"notification": {"omit": ["a,,b"]}}, "notification.omit"),
        ({"notification": {"pick": ["a{b}"]}}, "notification.pick"),
        ({"notification": {"omit": ["a{b{c}}"], "join": "flat"}}, "notification.omit"),
        ({"csf": 5}, "csf"),
        ({"notification": {"sysAttrs": 1}}, "notification.sysAttrs"),
        ({"uri": None}, "notification.endpoint.uri"),
        ({"uri": "ftp://x/"}, "notification.endpoint.uri"),
        ({"uri": "http://"}, "notification.endpoint.uri"),
        ({"uri": "http://a:b@c/"}, "notification.endpoint.uri"),
        ({"uri": "http://x:99999/"}, "notification.endpoint.uri"),
        ({"uri": "http://x/ y"}, "notification.endpoint.uri"),
        ({"endpoint": {"accept": "text/html"}}, "notification.endpoint.accept"),
        ({"endpoint": {"timeout": -1}}, "notification.endpoint.timeout"),
        ({"endpoint": {"receiverInfo": [{"key": "a b", "value": "c"}]}}, "notification.endpoint.receiverInfo[0].key"),
        (
            {"endpoint": {"receiverInfo": [{"key": "X", "value": "a\r\nY: b"}]}},
            "notification.endpoint.receiverInfo[0].value",
        ),
        ({"endpoint": {"receiverInfo": [{"key": "Host", "value": "c"}]}}, "notification.endpoint.receiverInfo[0].key"),
        ({"endpoint": {"receiverInfo": {"X": "y"}}}, "notification.endpoint.receiverInfo"),
        ({"uri": "mqtt://broker"}, "notification.endpoint.uri"),
        ({"uri": "mqtt:///topic"}, "notification.endpoint.uri"),
        ({"uri": "mqtt://broker:0/topic"}, "notification.endpoint.uri"),
        ({"uri": "mqtt://broker/town/%23"}, "notification.endpoint.uri"),
        ({"uri": "mqtt://broker/town?x=1"}, "notification.endpoint.uri"),
        ({"uri": "mqtt://broker/" + "a" * 1025}, "notification.endpoint.uri"),
        ({"uri": "mqtt://a%00b@broker/town"}, "notification.endpoint.uri"),
        (mqtt(uri="mqtt://:key@broker/town", notifier={"MQTT-Version": "mqtt3.1.1"}), "notification.endpoint.uri"),
        (mqtt(notifier={"MQTT-QoS": "3"}), "notification.endpoint.notifierInfo MQTT-QoS"),
        (mqtt(notifier={"MQTT-Version": "mqtt4"}), "notification.endpoint.notifierInfo MQTT-Version"),
        (mqtt(accept="application/geo+json"), "notification.endpoint.accept"),
        (mqtt(receiver={"content-type": "x"}), "notification.endpoint.receiverInfo[0].key"),
        (mqtt(receiver={"X": "a\x00b"}), "notification.endpoint.receiverInfo[0].value"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], member: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        compiled(subscription(**members))
    assert raised.value.extra["member"] == member


@pytest.mark.parametrize("q", ["level>", "level~=(a", "((", "level==1;"])
@pytest.mark.parametrize("member", ["q", "csf"])
def test_an_expression_that_does_not_parse_is_refused(member: str, q: str) -> None:
    with pytest.raises(BadRequestData):
        compiled(subscription(**{member: q}))


def test_everything_at_once() -> None:
    one = compiled(
        subscription(
            id="urn:s:1",
            entities=[{"type": "Gauge,Sensor", "idPattern": "^urn:x:"}, {"type": "*", "id": "urn:x:1"}],
            watchedAttributes=["level"],
            notificationTrigger=["entityCreated", "attributeDeleted"],
            q="level>3",
            geoQ={"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [136.2, 36.0]},
            expiresAt="2026-02-01T00:00:00Z",
            throttling=5,
            isActive=False,
            lang="ja",
            notification={"format": "keyValues", "pick": ["id", "level"], "sysAttrs": True},
            uri="https://City.example:8443/hook?x=1",
            endpoint={"accept": "application/ld+json", "timeout": 500, "cooldown": 2000},
        )
    )
    level = CORE.expand("level")
    assert (one.watched, one.projection.pick, one.form) == (frozenset([level]), ("id", level), "simplified")
    assert one.triggers == {"entityCreated", "attributeDeleted"}
    assert (one.endpoint.timeout, one.endpoint.cooldown) == (0.5, 2.0)
    assert one.endpoint.key == "https://city.example:8443/hook"
    assert one.status(0) == "paused"
    assert one.status(one.expires_at) == "expired"
    # An id makes a pattern needless (clause 5.2.33), and * is every type.
    assert (one.selectors[1].types, one.selectors[1].pattern) == (None, "")


def test_what_only_the_platform_says_is_not_taken_over() -> None:
    given = subscription(notification={"timesSent": 99}, status="expired")
    given["@context"] = "http://x"
    kept = clean(given)
    assert "status" not in kept
    assert "@context" not in kept
    assert "timesSent" not in kept["notification"]


@pytest.mark.parametrize(
    ("uri", "notifier", "aim"),
    [
        ("mqtt://Broker/town/level", {}, Aim(MqttServer("broker", 1883), "town/level", 0)),
        (
            "mqtts://[2001:db8::1]/%E7%94%BA/a%3Fb",
            {"MQTT-QoS": "2", "Other": "kept"},
            Aim(MqttServer("2001:db8::1", 8883, secure=True), "町/a?b", 2),
        ),
        (
            "mqtt://us%40er:p%3Aw@broker:8085/a",
            {"MQTT-Version": "mqtt3.1.1", "MQTT-QoS": "1"},
            Aim(MqttServer("broker", 8085, version="mqtt3.1.1", username="us@er", password="p:w"), "a", 1),
        ),
        ("mqtt://user@broker//a/", {}, Aim(MqttServer("broker", 1883, username="user"), "/a/", 0)),
    ],
)
def test_an_mqtt_endpoint_is_read_from_its_uri_and_notifier_info(uri: str, notifier: dict[str, str], aim: Aim) -> None:
    one = compiled(subscription(**mqtt(uri, notifier, {"X-Wörd": "水位"})))
    assert one.endpoint.mqtt == aim
    assert one.endpoint.receiver_info == (("X-Wörd", "水位"),)
    assert "p:w" not in one.endpoint.key + repr(one.endpoint.mqtt)
