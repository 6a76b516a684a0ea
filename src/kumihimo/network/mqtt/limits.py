"""What a client may cost, in one place."""

from __future__ import annotations

from dataclasses import dataclass

NEVER = 0xFFFFFFFF
"""The session expiry interval of a session that never ends (MQTT 5.0 section 3.1.2.11.2)."""


@dataclass(frozen=True, slots=True)
class MqttLimits:
    """Limits of the listener; sizes in bytes, times in seconds, counts per connection unless said otherwise."""

    max_packet: int = 256 * 1024
    max_partial_bytes: int = 64 * 1024 * 1024  # of the listener, of packets that are not whole
    max_clients: int = 10_000  # of the listener, that were let in
    max_tenant_clients: int = 8000  # of a tenant, so that none takes all
    max_half_open: int = 500  # of the listener, that have not said CONNECT yet; the oldest goes for a new one
    connect_timeout: float = 10.0
    max_keep_alive: int = 3600  # a client that asks for more, or for none, is given this (MQTT 5 only)
    keep_alive_factor: float = 1.5  # MQTT 5.0 section 3.1.2.10
    write_timeout: float = 30.0  # a peer that takes nothing for so long is cut off
    linger: float = 1.0  # how long a client that was told why has to read it
    receive_maximum: int = 64  # publishes taken but not acknowledged; more are not read
    inflight: int = 64  # publishes sent but not acknowledged by the client
    topic_alias_maximum: int = 16  # in each direction
    max_subscriptions: int = 100
    max_filters: int = 1000  # in one packet; those over max_subscriptions are answered one by one, more end it all
    max_session_expiry: int = 7 * 24 * 3600  # a client that asks for more is given this
    max_device_sessions: int = 16  # of one device, that outlast their connection
    max_tenant_sessions: int = 10_000  # of a tenant, that outlast their connection
    max_queued: int = 1000  # messages waiting for a slow or absent consumer
    max_queued_bytes: int = 4 * 1024 * 1024
    max_tenant_queued_bytes: int = 64 * 1024 * 1024  # of a tenant, in memory and in the store
    packet_rate: float = (
        2000.0  # per second, of all but publishes and their answers; each filter counts; more are read later
    )
    packet_burst: int = 2000
    max_tenant_taking_bytes: int = 64 * 1024 * 1024  # of a tenant, read and not committed yet; more are read later
    publish_rate: float = 1000.0  # per second, of a device over all its connections; more are read later
    publish_burst: int = 2000
    tenant_publish_rate: float = 20_000.0  # per second, of all clients of a tenant; more are read later
    tenant_publish_burst: int = 40_000
    max_retained: int = 50_000  # of the listener
    max_retained_bytes: int = 128 * 1024 * 1024  # of the listener
    max_tenant_retained: int = 10_000  # of a tenant
    max_tenant_retained_bytes: int = 64 * 1024 * 1024  # of a tenant
    drain_timeout: float = 5.0  # how long stop waits for publishes under way
