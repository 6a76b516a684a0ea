"""An application message between two connections."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from kumihimo.network.mqtt.packets import Publish

FORWARDED: Final = (
    "payload_format_indicator",
    "content_type",
    "response_topic",
    "correlation_data",
    "user_property",
)
"""Properties that travel unaltered (MQTT 5.0 section 3.3.2.3)."""


@dataclass(frozen=True, slots=True)
class Message:
    """tenant is the publisher's ("" for a client without a credential), None where the platform itself publishes.

    sender is the publisher's session key, for "no local"; expires_at comes from the message expiry interval.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    tenant: str | None
    sender: object = None
    expires_at: datetime | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        size = len(self.topic) + len(self.payload) + 64
        for key, value in self.properties.get("user_property", ()):
            size += len(key) + len(value)
        return size + len(self.properties.get("correlation_data", b""))

    def is_expired(self, now: datetime) -> bool:
        """Whether its message expiry interval has passed."""
        return self.expires_at is not None and now >= self.expires_at

    def seconds_left(self, now: datetime) -> int | None:
        """What is left of the interval, for forwarding (3.3.2.3.3); None where it never expires."""
        if self.expires_at is None:
            return None
        return max(1, math.ceil((self.expires_at - now).total_seconds()))


def from_publish(packet: Publish, tenant: str | None, sender: object, now: datetime) -> Message:
    """The message of a PUBLISH whose alias is resolved."""
    interval = packet.properties.get("message_expiry_interval")
    return Message(
        packet.topic,
        packet.payload,
        packet.qos,
        packet.retain,
        tenant,
        sender,
        None if interval is None else now + timedelta(seconds=interval),
        {name: packet.properties[name] for name in FORWARDED if name in packet.properties},
    )
