"""The tables of MQTT sessions, alike for every tenant and for clients without a credential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from kumihimo.base.ports import (
    MqttChange,
    MqttMessageRow,
    MqttReceivedRow,
    MqttRetainedRow,
    MqttRow,
    MqttSessionRow,
    MqttSubscriptionRow,
)
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("sessions", __package__)
PLATFORM_SCHEMA = Schema("sessions", __package__, "platform")


class _Kind(NamedTuple):
    """How one kind of row is put, taken away and read."""

    put: str
    drop: tuple[str, ...]
    key: Callable[[Any], tuple[Any, ...]]
    values: Callable[[Any], tuple[Any, ...]]


_OF_CLIENT: Final = "device = $1 AND client_id = $2"
_KINDS: Final[dict[type, _Kind]] = {
    MqttSessionRow: _Kind(
        "INSERT INTO mqtt_session (device, client_id, expiry, left_at, will, will_delay)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (device, client_id)"
        " DO UPDATE SET expiry = excluded.expiry, left_at = excluded.left_at,"
        " will = excluded.will, will_delay = excluded.will_delay",
        (
            f"DELETE FROM mqtt_session WHERE {_OF_CLIENT}",
            f"DELETE FROM mqtt_subscription WHERE {_OF_CLIENT}",
            f"DELETE FROM mqtt_message WHERE {_OF_CLIENT}",
            f"DELETE FROM mqtt_received WHERE {_OF_CLIENT}",
        ),
        lambda row: (row.device, row.client_id),
        lambda row: (row.device, row.client_id, row.expiry, row.left_at, row.will, row.will_delay),
    ),
    MqttSubscriptionRow: _Kind(
        "INSERT INTO mqtt_subscription (device, client_id, topic_filter, options, identifier)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (device, client_id, topic_filter)"
        " DO UPDATE SET options = excluded.options, identifier = excluded.identifier",
        (f"DELETE FROM mqtt_subscription WHERE {_OF_CLIENT} AND topic_filter = $3",),
        lambda row: (row.device, row.client_id, row.topic_filter),
        lambda row: (row.device, row.client_id, row.topic_filter, row.options, row.identifier),
    ),
    MqttMessageRow: _Kind(
        "INSERT INTO mqtt_message (device, client_id, number, packet_id, packet, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (device, client_id, number)"
        " DO UPDATE SET packet_id = excluded.packet_id, packet = excluded.packet, expires_at = excluded.expires_at",
        (f"DELETE FROM mqtt_message WHERE {_OF_CLIENT} AND number = $3",),
        lambda row: (row.device, row.client_id, row.number),
        lambda row: (row.device, row.client_id, row.number, row.packet_id, row.packet, row.expires_at),
    ),
    MqttReceivedRow: _Kind(
        "INSERT INTO mqtt_received (device, client_id, packet_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        (f"DELETE FROM mqtt_received WHERE {_OF_CLIENT} AND packet_id = $3",),
        lambda row: (row.device, row.client_id, row.packet_id),
        lambda row: (row.device, row.client_id, row.packet_id),
    ),
    MqttRetainedRow: _Kind(
        "INSERT INTO mqtt_retained (topic, is_own, packet, expires_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (topic, is_own) DO UPDATE SET packet = excluded.packet, expires_at = excluded.expires_at",
        ("DELETE FROM mqtt_retained WHERE topic = $1 AND is_own = $2",),
        lambda row: (row.topic, int(row.is_own)),
        lambda row: (row.topic, int(row.is_own), row.packet, row.expires_at),
    ),
}


async def apply_tx(tx: Tx, changes: Sequence[MqttChange]) -> None:
    """Puts and takes away, in the order given; neighbours of one kind go as one."""
    for (kind, is_gone), group in groupby(changes, lambda one: (type(one.row), one.is_gone)):
        rows = [one.row for one in group]
        how = _KINDS[kind]
        if not is_gone:
            await tx.execute_many(how.put, [how.values(row) for row in rows])
            continue
        for sql in how.drop:
            await tx.execute_many(sql, [how.key(row) for row in rows])


async def load_tx(tx: Tx) -> list[MqttRow]:
    """Everything: sessions, subscriptions, messages by their numbers, identifiers received, retained messages."""
    found: list[MqttRow] = [
        MqttSessionRow(row[0], row[1], row[2], row[3], bytes(row[4]), row[5])
        for row in await tx.fetch("SELECT device, client_id, expiry, left_at, will, will_delay FROM mqtt_session")
    ]
    found += [
        MqttSubscriptionRow(*row)
        for row in await tx.fetch("SELECT device, client_id, topic_filter, options, identifier FROM mqtt_subscription")
    ]
    found += [
        _message(row)
        for row in await tx.fetch(
            "SELECT device, client_id, number, packet_id, packet, expires_at FROM mqtt_message ORDER BY number"
        )
    ]
    found += [MqttReceivedRow(*row) for row in await tx.fetch("SELECT device, client_id, packet_id FROM mqtt_received")]
    found += [
        MqttRetainedRow(row[0], bool(row[1]), bytes(row[2]), row[3])
        for row in await tx.fetch("SELECT topic, is_own, packet, expires_at FROM mqtt_retained")
    ]
    return found


def _message(row: Row) -> MqttMessageRow:
    return MqttMessageRow(row[0], row[1], row[2], row[3], bytes(row[4]), row[5])
