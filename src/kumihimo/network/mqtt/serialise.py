"""Control packets to bytes (MQTT 3.1.1 and 5.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kumihimo.network.mqtt.packets import (
    V5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from kumihimo.network.mqtt.properties import Properties, write_properties
from kumihimo.network.mqtt.wire import binary, text, varint


def serialise(packet: Packet, version: int) -> bytes:
    """The packet's bytes; properties are left out in 3.1.1. ValueError where a text or the whole is too long."""
    head, body = _BODIES[type(packet)](packet, version)
    return bytes((head,)) + varint(len(body)) + body


def _props(properties: Properties, version: int) -> bytes:
    return write_properties(properties) if version == V5 else b""


def _id(packet_id: int) -> bytes:
    return packet_id.to_bytes(2, "big")


def _connect(packet: Connect, _version: int) -> tuple[int, bytes]:
    version, will = packet.version, packet.will
    flags = 2 if packet.clean_start else 0
    payload = text(packet.client_id)
    if will is not None:
        flags |= 4 | will.qos << 3 | (0x20 if will.retain else 0)
        payload += _props(will.properties, version) + text(will.topic) + binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += text(packet.username)
    if packet.password is not None:
        flags |= 0x40
        payload += binary(packet.password)
    head = text("MQTT") + bytes((version, flags)) + packet.keep_alive.to_bytes(2, "big")
    return 0x10, head + _props(packet.properties, version) + payload


def _connack(packet: Connack, version: int) -> tuple[int, bytes]:
    return 0x20, bytes((packet.session_present, packet.code)) + _props(packet.properties, version)


def _publish(packet: Publish, version: int) -> tuple[int, bytes]:
    head = 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain
    middle = _id(packet.packet_id) if packet.qos else b""
    return head, text(packet.topic) + middle + _props(packet.properties, version) + packet.payload


def _coded(packet: Puback | Pubrec | Pubrel | Pubcomp | Disconnect, version: int) -> bytes:
    """Code and properties, left out where they say nothing (3.4.2.1, 3.14.2.1)."""
    if version != V5 or not (packet.code or packet.properties):
        return b""
    return bytes((packet.code,)) + (write_properties(packet.properties) if packet.properties else b"")


def _subscribe(packet: Subscribe, version: int) -> tuple[int, bytes]:
    body = _id(packet.packet_id) + _props(packet.properties, version)
    for one in packet.wanted:
        options = one.qos | one.no_local << 2 | one.retain_as_published << 3 | one.retain_handling << 4
        body += text(one.topic_filter) + bytes((options,))
    return 0x82, body


def _unsubscribe(packet: Unsubscribe, version: int) -> tuple[int, bytes]:
    body = _id(packet.packet_id) + _props(packet.properties, version)
    return 0xA2, body + b"".join(text(one) for one in packet.filters)


def _unsuback(packet: Unsuback, version: int) -> tuple[int, bytes]:
    codes = bytes(packet.codes) if version == V5 else b""
    return 0xB0, _id(packet.packet_id) + _props(packet.properties, version) + codes


_BODIES: Final[dict[type, Callable[[Any, int], tuple[int, bytes]]]] = {
    Connect: _connect,
    Connack: _connack,
    Publish: _publish,
    Puback: lambda packet, version: (0x40, _id(packet.packet_id) + _coded(packet, version)),
    Pubrec: lambda packet, version: (0x50, _id(packet.packet_id) + _coded(packet, version)),
    Pubrel: lambda packet, version: (0x62, _id(packet.packet_id) + _coded(packet, version)),
    Pubcomp: lambda packet, version: (0x70, _id(packet.packet_id) + _coded(packet, version)),
    Subscribe: _subscribe,
    Suback: lambda packet, version: (
        0x90,
        _id(packet.packet_id) + _props(packet.properties, version) + bytes(packet.codes),
    ),
    Unsubscribe: _unsubscribe,
    Unsuback: _unsuback,
    Pingreq: lambda _packet, _version: (0xC0, b""),
    Pingresp: lambda _packet, _version: (0xD0, b""),
    Disconnect: lambda packet, version: (0xE0, _coded(packet, version)),
}
