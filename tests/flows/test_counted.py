"""What is refused before any tenant is known is counted, and shown where the whole platform is."""

import aiohttp
import aiomqtt
import pytest

from kumihimo.app.platform import Platform

pytestmark = pytest.mark.enable_socket


async def test_refusals_that_belong_to_no_tenant_are_in_the_metrics(platform: Platform) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", platform.mqtt_port, username="nowhere/g1", password="x"):
            pass
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{platform.http_port}/metrics") as answer,
    ):
        numbers = (await answer.text()).splitlines()
    assert "kumihimo_devices_refused_elsewhere_total 1.0" in numbers
    assert "kumihimo_devices_refused_anonymous_total 0.0" in numbers
