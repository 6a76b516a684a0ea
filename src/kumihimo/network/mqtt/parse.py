"""Bytes to control packets: frames off a stream, and the packet of a frame (MQTT 3.1.1 and 5.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from kumihimo.network.mqtt.errors import (
    MALFORMED,
    PACKET_TOO_LARGE,
    PROTOCOL_ERROR,
    UNSUPPORTED_VERSION,
    MqttError,
)
from kumihimo.network.mqtt.packets import (
    V5,
    V311,
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
    Wanted,
    Will,
)
from kumihimo.network.mqtt.properties import read_properties
from kumihimo.network.mqtt.topics import check_topic
from kumihimo.network.mqtt.wire import Reader

AUTH: Final = 15
_A = TypeVar("_A", Puback, Pubrec, Pubrel, Pubcomp)


def split_frame(buffer: bytearray, max_packet: int) -> tuple[int, bytes] | None:
    """Takes the first whole packet off the buffer: its first byte and its body; None where more bytes are needed.

    Raises MqttError for a length that is malformed or over the limit, as soon as the length is known.
    """
    size, shift = 0, 0
    for index in range(1, min(len(buffer), 5)):
        byte = buffer[index]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte & 0x80:
            continue
        if index > 1 and byte == 0:
            raise MqttError(MALFORMED, "the remaining length is longer than it needs to be")
        if index + 1 + size > max_packet:
            raise MqttError(PACKET_TOO_LARGE, f"a packet of {size} bytes; at most {max_packet} are taken")
        if len(buffer) < index + 1 + size:
            return None
        head, body = buffer[0], bytes(buffer[index + 1 : index + 1 + size])
        del buffer[: index + 1 + size]
        return head, body
    if len(buffer) >= 5:
        raise MqttError(MALFORMED, "the remaining length has more than four bytes")
    return None


def parse(head: int, body: bytes, version: int) -> Packet:
    """The packet of a frame. Raises MqttError, and nothing else, for bytes that are none.

    version is 4 or 5; a CONNECT brings its own.
    """
    kind, flags = head >> 4, head & 0x0F
    reader = Reader(body)
    if kind == 3:
        return _parse_publish(reader, flags, version)
    if flags != (2 if kind in (6, 8, 10) else 0):
        raise MqttError(MALFORMED, f"reserved flags of packet type {kind} are {flags}")
    found = _PARSERS.get(kind)
    if kind == AUTH and version == V5:
        raise MqttError(PROTOCOL_ERROR, "AUTH, but CONNECT named no authentication method (4.12.0-7)")
    if found is None:
        raise MqttError(PROTOCOL_ERROR, f"packet type {kind} is reserved (2.1.2)")
    packet = found(reader, version)
    reader.finish()
    return packet


def _parse_connect(reader: Reader, _version: int) -> Connect:
    name, level = reader.text(), reader.number(1)
    if name not in ("MQTT", "MQIsdp"):
        raise MqttError(UNSUPPORTED_VERSION, "the protocol name is not MQTT", 0)
    if name != "MQTT" or level not in (V311, V5):
        raise MqttError(UNSUPPORTED_VERSION, f"protocol level {level}; 4 and 5 are spoken", V5 if level > 5 else V311)
    try:
        packet = _parse_connect_rest(reader, level)
        reader.finish()
    except MqttError as problem:
        problem.version = level
        raise
    return packet


def _parse_connect_rest(reader: Reader, version: int) -> Connect:
    flags = reader.number(1)
    has_user, has_password, has_will = flags & 0x80, flags & 0x40, flags & 0x04
    will_qos = flags >> 3 & 3
    if flags & 1 or will_qos == 3 or (not has_will and flags & 0x38):
        raise MqttError(MALFORMED, f"connect flags 0x{flags:02x} are not possible")
    if version == V311 and has_password and not has_user:
        raise MqttError(MALFORMED, "a password without a user name")
    keep_alive = reader.number(2)
    properties = read_properties(reader, "connect") if version == V5 else {}
    if "authentication_data" in properties and "authentication_method" not in properties:
        raise MqttError(PROTOCOL_ERROR, "authentication data without a method")
    client_id = reader.text()
    will = None
    if has_will:
        will_properties = read_properties(reader, "will") if version == V5 else {}
        will = Will(check_topic(reader.text()), reader.binary(), will_qos, bool(flags & 0x20), will_properties)
    username = reader.text() if has_user else None
    password = reader.binary() if has_password else None
    return Connect(version, client_id, bool(flags & 2), keep_alive, username, password, will, properties)


def _parse_connack(reader: Reader, version: int) -> Connack:
    flags = reader.number(1)
    if flags > 1:
        raise MqttError(MALFORMED, "reserved flags of CONNACK")
    code = reader.number(1)
    return Connack(code, bool(flags), read_properties(reader, "connack") if version == V5 else {})


def _parse_publish(reader: Reader, flags: int, version: int) -> Publish:
    qos = flags >> 1 & 3
    if qos == 3 or (flags & 8 and not qos):
        raise MqttError(MALFORMED, f"PUBLISH flags {flags} are not possible")
    topic = reader.text()
    packet_id = _packet_id(reader) if qos else 0
    properties = read_properties(reader, "publish") if version == V5 else {}
    if "response_topic" in properties:
        check_topic(properties["response_topic"])
    if topic:
        check_topic(topic)
    elif "topic_alias" not in properties:
        raise MqttError(PROTOCOL_ERROR, "a PUBLISH without a topic")
    return Publish(topic, reader.rest(), qos, bool(flags & 1), bool(flags & 8), packet_id, properties)


def _packet_id(reader: Reader) -> int:
    packet_id = reader.number(2)
    if not packet_id:
        raise MqttError(PROTOCOL_ERROR, "packet identifier 0")
    return packet_id


def _acknowledgement(kind: type[_A]) -> Callable[[Reader, int], _A]:
    """PUBACK, PUBREC, PUBREL and PUBCOMP have one form (3.4 to 3.7)."""

    def parse_it(reader: Reader, version: int) -> _A:
        packet_id = _packet_id(reader)
        if version == V311 or not reader.left:
            return kind(packet_id)
        code = reader.number(1)
        return kind(packet_id, code, read_properties(reader, "puback") if reader.left else {})

    return parse_it


def _parse_subscribe(reader: Reader, version: int) -> Subscribe:
    packet_id = _packet_id(reader)
    properties = read_properties(reader, "subscribe") if version == V5 else {}
    wanted = []
    while reader.left:
        topic_filter, options = reader.text(), reader.number(1)
        qos, handling = options & 3, options >> 4 & 3
        if qos == 3 or handling == 3 or options & (0xC0 if version == V5 else 0xFC):
            raise MqttError(MALFORMED, f"subscription options 0x{options:02x} are not possible")
        wanted.append(Wanted(topic_filter, qos, bool(options & 4), bool(options & 8), handling))
    if not wanted:
        raise MqttError(PROTOCOL_ERROR, "a SUBSCRIBE without a topic filter")
    return Subscribe(packet_id, tuple(wanted), properties)


def _parse_suback(reader: Reader, version: int) -> Suback:
    packet_id = _packet_id(reader)
    properties = read_properties(reader, "suback") if version == V5 else {}
    return Suback(packet_id, tuple(reader.rest()), properties)


def _parse_unsubscribe(reader: Reader, version: int) -> Unsubscribe:
    packet_id = _packet_id(reader)
    properties = read_properties(reader, "unsubscribe") if version == V5 else {}
    filters = []
    while reader.left:
        filters.append(reader.text())
    if not filters:
        raise MqttError(PROTOCOL_ERROR, "an UNSUBSCRIBE without a topic filter")
    return Unsubscribe(packet_id, tuple(filters), properties)


def _parse_unsuback(reader: Reader, version: int) -> Unsuback:
    packet_id = _packet_id(reader)
    if version == V311:
        return Unsuback(packet_id)
    properties = read_properties(reader, "suback")
    return Unsuback(packet_id, tuple(reader.rest()), properties)


def _parse_disconnect(reader: Reader, version: int) -> Disconnect:
    if version == V311 or not reader.left:
        return Disconnect()
    code = reader.number(1)
    return Disconnect(code, read_properties(reader, "disconnect") if reader.left else {})


_PARSERS: Final[dict[int, Callable[[Reader, int], Packet]]] = {
    1: _parse_connect,
    2: _parse_connack,
    4: _acknowledgement(Puback),
    5: _acknowledgement(Pubrec),
    6: _acknowledgement(Pubrel),
    7: _acknowledgement(Pubcomp),
    8: _parse_subscribe,
    9: _parse_suback,
    10: _parse_unsubscribe,
    11: _parse_unsuback,
    12: lambda _reader, _version: Pingreq(),
    13: lambda _reader, _version: Pingresp(),
    14: _parse_disconnect,
}
