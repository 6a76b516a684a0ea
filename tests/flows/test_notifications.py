"""What subscribers of other brokers complained of, told on a platform of its own process: headers, restarts, MQTT."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from tests.processes import Served, free_port

pytestmark = pytest.mark.enable_socket

SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
NAME = "urn:ngsi-ld:Subscription:mqtt"
ENTITIES = "/ngsi-ld/v1/entities"


def subscription(port: int, **members: Any) -> dict[str, Any]:
    endpoint = {
        "uri": f"mqtt://127.0.0.1:{port}/town/%E6%B0%B4%E4%BD%8D",
        "receiverInfo": [{"key": "Authorization", "value": "Bearer 福井"}],
        "notifierInfo": [{"key": "MQTT-QoS", "value": "1"}],
    }
    return {
        "id": NAME,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "watchedAttributes": ["level"],
        "notification": {"endpoint": endpoint},
        **members,
    }


def gauge(**values: Any) -> dict[str, Any]:
    attrs = {name: {"type": "Property", "value": value} for name, value in values.items()}
    return {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", **attrs}


def write(served: Served, method: str, path: str, body: Any) -> None:
    status, _, answer = served.ask(method, path, body)
    assert status in (201, 204), answer


async def heard(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(10):
        return await anext(aiter(client.messages))


async def test_a_notification_over_mqtt_keeps_its_headers_over_a_restart(tmp_path: Path) -> None:
    served = Served(tmp_path / "data", mqtt_port=free_port())
    served.start()
    try:
        write(served, "POST", SUBSCRIPTIONS, subscription(served.mqtt_port))
        write(served, "POST", ENTITIES, gauge(level=1, rain=1))
        assert served.stop() == 0
        served.start()
        async with aiomqtt.Client("127.0.0.1", served.mqtt_port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe("town/#", qos=1)
            # What nobody watches tells nobody, and neither does a value that stood already.
            write(served, "PATCH", f"{ENTITIES}/{gauge()['id']}/attrs", {"rain": {"type": "Property", "value": 2}})
            write(served, "PATCH", f"{ENTITIES}/{gauge()['id']}/attrs", {"level": {"type": "Property", "value": 1}})
            write(served, "PATCH", f"{ENTITIES}/{gauge()['id']}/attrs", {"level": {"type": "Property", "value": 2}})
            message = await heard(client)
    finally:
        if served.process is not None and served.process.poll() is None:
            served.stop()
    assert str(message.topic) == "town/水位"
    payload = message.payload
    assert isinstance(payload, bytes)
    told = json.loads(payload)
    assert told["metadata"]["Authorization"] == "Bearer 福井"
    assert told["metadata"]["Content-Type"] == "application/json"
    assert told["metadata"]["Link"].startswith("<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")
    assert told["body"]["data"][0]["level"]["value"] == 2
    properties: Any = message.properties
    assert dict(properties.UserProperty)["Authorization"] == "Bearer 福井"
    assert properties.ContentType == "application/json"


def test_an_mqtt_endpoint_at_a_private_address_is_refused_unless_allowed(tmp_path: Path) -> None:
    served = Served(tmp_path / "data", mqtt_port=free_port())
    served.environ = {}
    with served:
        write(served, "POST", SUBSCRIPTIONS, subscription(served.mqtt_port))
        write(served, "POST", ENTITIES, gauge(level=1))
        until = time.monotonic() + 10
        while "timesFailed" not in (account := notification(served)):
            assert time.monotonic() < until, account
            time.sleep(0.05)
    assert account["status"] == "failed"
    assert "lastSuccess" not in account


def notification(served: Served) -> dict[str, Any]:
    account: dict[str, Any] = json.loads(served.ask("GET", f"{SUBSCRIPTIONS}/{NAME}")[2])["notification"]
    return account
