"""What all clients of one tenant take together, so that none crowds out the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.pace import Pace
from kumihimo.network.mqtt.room import Room


@dataclass(slots=True)
class Tenancy:
    """clients that are connected; kept: sessions that outlast their connection, by device; bytes that wait.

    room: for what was read of clients and is not committed yet.
    """

    limits: MqttLimits
    clients: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    queued_bytes: int = 0
    pace: Pace = field(init=False)
    room: Room = field(init=False)
    _devices: WeakValueDictionary[str, Pace] = field(default_factory=WeakValueDictionary)

    def __post_init__(self) -> None:
        """The pace at which all of them together are read."""
        self.pace = Pace(self.limits.tenant_publish_rate, self.limits.tenant_publish_burst)
        self.room = Room(self.limits.max_tenant_taking_bytes)

    def pace_of(self, device: str) -> Pace:
        """The pace at which a device is read, over all its connections; each client without a key has its own."""
        found = self._devices.get(device) if device else None
        if found is None:
            found = Pace(self.limits.publish_rate, self.limits.publish_burst)
            if device:
                self._devices[device] = found
        return found

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may wait."""
        return self.queued_bytes + size <= self.limits.max_tenant_queued_bytes

    def may_keep(self, device: str) -> bool:
        """Whether another session of the device may outlast its connection; "" is all that have no credential."""
        if device and self.kept[device] >= self.limits.max_device_sessions:
            return False
        return self.kept.total() < self.limits.max_tenant_sessions
