"""What all clients of one tenant take together, so that none crowds out the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.pace import Pace


@dataclass(slots=True)
class Tenancy:
    """clients that are connected; kept: sessions that outlast their connection, by device; bytes that wait."""

    limits: MqttLimits
    clients: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    queued_bytes: int = 0
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        """The pace at which all of them together are read."""
        self.pace = Pace(self.limits.tenant_publish_rate, self.limits.tenant_publish_burst)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may wait."""
        return self.queued_bytes + size <= self.limits.max_tenant_queued_bytes

    def may_keep(self, device: str) -> bool:
        """Whether another session of the device may outlast its connection; "" is all that have no credential."""
        if device and self.kept[device] >= self.limits.max_device_sessions:
            return False
        return self.kept.total() < self.limits.max_tenant_sessions
