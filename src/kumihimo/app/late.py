"""Ways to what is made later than those who use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kumihimo.app.platform import Platform
from kumihimo.base.ports import HttpAnswer, MqttLink
from kumihimo.base.settings import LOOPBACK
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.network.mqtt.client import MqttConnector
from kumihimo.service.console.webhook import is_webhook


class Late:
    """Ways to what is made later than those who use them: the MQTT listener, and our own address."""

    platform: Platform

    def __init__(self, fetch: GuardedFetch) -> None:
        self._fetch = fetch

    def cut(self, tenant: str, device: str) -> None:
        """Ends the connections of a device whose key was taken away."""
        self.platform.mqtt.cut(tenant, device)

    def ended(self, login: str) -> None:
        """Cuts what is open under a log-in that ended."""
        self.platform.leashes.cut(login)

    def address(self) -> str:
        """Where others reach the platform; "" while a port that the system chooses is not known yet."""
        settings, port = self.platform.settings, self.platform.http_port or self.platform.settings.port
        secure = self.platform.https_ports.get("https", settings.https_port)
        found = f"https://{settings.host}:{secure}" if secure > 0 else f"http://{settings.host}:{port}"
        return settings.public_address.rstrip("/") or (found if secure > 0 or port > 0 else "")

    async def down(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        """As base.ports.MqttDown; also to the outside broker, which alone knows who listens there."""
        reached = await self.platform.mqtt.publish(topic, payload, qos=qos, retain=retain, expires=expires)
        if self.platform.outside is not None and not reached:
            reached = await self.platform.outside.publish(topic, payload, qos=qos, expires=expires)
        return reached

    async def outward(self, method: str, url: str, **options: Any) -> HttpAnswer:
        """As base.ports.HttpFetch, under the rules of what is reached outside."""
        return await self._fetch(method, url, **options)

    async def notify(self, method: str, url: str, **options: Any) -> HttpAnswer:
        """As base.ports.HttpFetch; our own webhook page is reached although it is on loopback, nothing else of us."""
        address = urlsplit(url)
        ours = address.hostname in LOOPBACK and address.port == self.platform.http_port
        way = self.platform.inward if ours and is_webhook(address.path) else self._fetch
        return await way(method, url, **options)


class MqttLate:
    """Connects to our own listener, whose port is known once it listens."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def __call__(
        self, *, client_id: str, username: str, password: str, subscribe: Sequence[str] = ()
    ) -> MqttLink:
        """As base.ports.MqttConnect."""
        connect = MqttConnector(self._platform.settings.host, self._platform.mqtt_port)
        return await connect(client_id=client_id, username=username, password=password, subscribe=subscribe)
