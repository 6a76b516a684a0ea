"""Between what the listener keeps in memory and the rows of the SessionStore port."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from kumihimo.base import times
from kumihimo.base.ports import (
    MqttChange,
    MqttMessageRow,
    MqttReceivedRow,
    MqttRetainedRow,
    MqttSessionRow,
    MqttSubscriptionRow,
)
from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.packets import V5, Publish, Will
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise
from kumihimo.network.mqtt.session import Delivery, Session, Subscription

_ANY_SIZE = 1 << 28


def put(*rows: Any) -> list[MqttChange]:
    """Changes that put the rows."""
    return [MqttChange(row) for row in rows]


def drop(*rows: Any) -> list[MqttChange]:
    """Changes that take the rows away."""
    return [MqttChange(row, is_gone=True) for row in rows]


def session_row(session: Session) -> MqttSessionRow:
    """The session itself; its parts have rows of their own."""
    will, left_at = session.will, session.left_at
    return MqttSessionRow(
        *session.key[1:],
        expiry=session.expiry,
        left_at=None if left_at is None else times.micros(left_at),
        will=b"" if will is None else _packet(_will_publish(will)),
        will_delay=0 if will is None else will.delay,
    )


def all_rows(session: Session) -> list[MqttChange]:
    """A session that is to outlast its connection from now on."""
    return [
        *put(session_row(session)),
        *put(*(subscription_row(session, one) for one in session.subscriptions.values())),
    ]


def subscription_row(session: Session, one: Subscription) -> MqttSubscriptionRow:
    """One subscription."""
    options = one.qos | one.no_local << 2 | one.retain_as_published << 3
    return MqttSubscriptionRow(*session.key[1:], one.topic_filter, options, next(iter(one.identifiers), 0))


def message_row(session: Session, delivery: Delivery) -> MqttMessageRow:
    """A message for the client; of one that is to be taken away only the number counts."""
    message = delivery.message
    properties = dict(message.properties)
    if delivery.identifiers:
        properties["subscription_identifier"] = list(delivery.identifiers)
    packet = Publish(
        message.topic, message.payload, delivery.qos, delivery.retain, False, delivery.packet_id, properties
    )
    key = session.key[1:]
    return MqttMessageRow(*key, delivery.number, delivery.packet_id, _packet(packet), _micros(message.expires_at))


def released_row(session: Session, packet_id: int, number: int) -> MqttMessageRow:
    """A message that the client has and is to be told PUBREL."""
    return MqttMessageRow(*session.key[1:], number, packet_id)


def received_row(session: Session, packet_id: int) -> MqttReceivedRow:
    """A message of the client's that was taken at QoS 2."""
    return MqttReceivedRow(*session.key[1:], packet_id)


def retained_row(message: Message) -> MqttRetainedRow:
    """A retained message."""
    packet = Publish(
        message.topic, message.payload, message.qos, True, False, 1 if message.qos else 0, dict(message.properties)
    )
    return MqttRetainedRow(message.topic, message.tenant is None, _packet(packet), _micros(message.expires_at))


def scope_of(message: Message) -> str:
    """In whose store a retained message is: the platform's own are with those of nobody."""
    return message.tenant or ""


# --- back ------------------------------------------------------------------------------------------------


def subscription_of(row: MqttSubscriptionRow) -> Subscription:
    """As it was granted."""
    options = row.options
    identifiers = (row.identifier,) if row.identifier else ()
    return Subscription(row.topic_filter, options & 3, bool(options & 4), bool(options & 8), identifiers)


def delivery_of(row: MqttMessageRow, tenant: str) -> Delivery:
    """A message on its way; who sent it is forgotten, so that the tenant is the reader's own."""
    packet = _publish(row.packet)
    identifiers = tuple(packet.properties.pop("subscription_identifier", ()))
    message = _message(packet, tenant, row.expires_at)
    return Delivery(message, packet.qos, packet.retain, identifiers, row.packet_id, row.number)


def retained_of(row: MqttRetainedRow, tenant: str) -> Message:
    """A retained message."""
    return _message(_publish(row.packet), None if row.is_own else tenant, row.expires_at)


def will_of(row: MqttSessionRow) -> Will | None:
    """The will that was given with CONNECT."""
    if not row.will:
        return None
    packet = _publish(row.will)
    properties = {**packet.properties, "will_delay_interval": row.will_delay}
    return Will(packet.topic, packet.payload, packet.qos, packet.retain, properties)


def _will_publish(will: Will) -> Publish:
    properties = {name: value for name, value in will.properties.items() if name != "will_delay_interval"}
    return Publish(will.topic, will.payload, will.qos, will.retain, False, 1 if will.qos else 0, properties)


def _packet(packet: Publish) -> bytes:
    return serialise(packet, V5)


def _publish(raw: bytes) -> Publish:
    frame = split_frame(bytearray(raw), _ANY_SIZE)
    packet = None if frame is None else parse(*frame, V5)
    if not isinstance(packet, Publish):
        raise ValueError("a kept message is no PUBLISH")
    return packet


def _message(packet: Publish, tenant: str | None, expires_at: int | None) -> Message:
    until = None if expires_at is None else times.from_micros(expires_at)
    return Message(
        packet.topic, packet.payload, packet.qos, packet.retain, tenant, expires_at=until, properties=packet.properties
    )


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else times.micros(moment)


def of_kind(rows: Iterable[Any], kind: type) -> list[Any]:
    """The rows of one kind."""
    return [row for row in rows if isinstance(row, kind)]
