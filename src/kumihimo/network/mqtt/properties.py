"""Properties of MQTT 5.0 section 2.2.2: which there are, of which type, and in which packet each may stand.

In our form they are a dict by the specification's names in snake case; `user_property` is a list of pairs and
`subscription_identifier` a list of numbers, because these two may stand several times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from kumihimo.network.mqtt.errors import MALFORMED, PROTOCOL_ERROR, MqttError
from kumihimo.network.mqtt.wire import Reader, binary, text, varint

Properties = dict[str, Any]
Kind = Literal["byte", "two", "four", "varint", "text", "binary", "pair"]
Place = Literal["connect", "will", "connack", "publish", "puback", "subscribe", "suback", "unsubscribe", "disconnect"]
MAX_USER_PROPERTIES: Final = 100


class Definition(NamedTuple):
    """One property; places are the packets in which it may stand."""

    id: int
    name: str
    kind: Kind
    places: frozenset[str]


def _row(number: int, name: str, kind: Kind, places: str) -> Definition:
    return Definition(number, name, kind, frozenset(places.split()))


TABLE: Final = (
    _row(0x01, "payload_format_indicator", "byte", "publish will"),
    _row(0x02, "message_expiry_interval", "four", "publish will"),
    _row(0x03, "content_type", "text", "publish will"),
    _row(0x08, "response_topic", "text", "publish will"),
    _row(0x09, "correlation_data", "binary", "publish will"),
    _row(0x0B, "subscription_identifier", "varint", "publish subscribe"),
    _row(0x11, "session_expiry_interval", "four", "connect connack disconnect"),
    _row(0x12, "assigned_client_identifier", "text", "connack"),
    _row(0x13, "server_keep_alive", "two", "connack"),
    _row(0x15, "authentication_method", "text", "connect connack"),
    _row(0x16, "authentication_data", "binary", "connect connack"),
    _row(0x17, "request_problem_information", "byte", "connect"),
    _row(0x18, "will_delay_interval", "four", "will"),
    _row(0x19, "request_response_information", "byte", "connect"),
    _row(0x1A, "response_information", "text", "connack"),
    _row(0x1C, "server_reference", "text", "connack disconnect"),
    _row(0x1F, "reason_string", "text", "connack puback suback disconnect"),
    _row(0x21, "receive_maximum", "two", "connect connack"),
    _row(0x22, "topic_alias_maximum", "two", "connect connack"),
    _row(0x23, "topic_alias", "two", "publish"),
    _row(0x24, "maximum_qos", "byte", "connack"),
    _row(0x25, "retain_available", "byte", "connack"),
    _row(0x26, "user_property", "pair", "connect will connack publish puback subscribe suback unsubscribe disconnect"),
    _row(0x27, "maximum_packet_size", "four", "connect connack"),
    _row(0x28, "wildcard_subscription_available", "byte", "connack"),
    _row(0x29, "subscription_identifier_available", "byte", "connack"),
    _row(0x2A, "shared_subscription_available", "byte", "connack"),
)
_BY_ID = {one.id: one for one in TABLE}
_BY_NAME = {one.name: one for one in TABLE}
_NOT_ZERO = frozenset({"receive_maximum", "maximum_packet_size", "subscription_identifier"})
_SIZES: Final[dict[str, int]] = {"byte": 1, "two": 2, "four": 4}


def read_properties(reader: Reader, place: Place) -> Properties:
    """The properties at the reader's place. MqttError for unknown, repeated, misplaced or impossible ones."""
    size = reader.varint()
    inner = Reader(reader.take(size))
    found: Properties = {}
    while inner.left:
        number = inner.varint()
        one = _BY_ID.get(number)
        if one is None:
            raise MqttError(MALFORMED, f"there is no property 0x{number:02x}")
        if place not in one.places:
            raise MqttError(PROTOCOL_ERROR, f"property {one.name} may not stand in {place}")
        _keep(found, one, _read_value(inner, one), place)
    return found


def _read_value(reader: Reader, one: Definition) -> Any:
    if one.kind == "pair":
        return (reader.text(), reader.text())
    if one.kind == "text":
        return reader.text()
    if one.kind == "binary":
        return reader.binary()
    value = reader.varint() if one.kind == "varint" else reader.number(_SIZES[one.kind])
    if one.kind == "byte" and value > 1:
        raise MqttError(PROTOCOL_ERROR, f"property {one.name} is {value}; 0 and 1 are possible")
    if value == 0 and one.name in _NOT_ZERO:
        raise MqttError(PROTOCOL_ERROR, f"property {one.name} may not be 0")
    return value


def _keep(found: Properties, one: Definition, value: Any, place: Place) -> None:
    if one.name == "user_property" or (one.name == "subscription_identifier" and place == "publish"):
        values = found.setdefault(one.name, [])
        if len(values) >= MAX_USER_PROPERTIES:
            raise MqttError(PROTOCOL_ERROR, f"more than {MAX_USER_PROPERTIES} times {one.name}")
        values.append(value)
        return
    if one.name in found:
        raise MqttError(PROTOCOL_ERROR, f"property {one.name} stands twice")
    found[one.name] = [value] if one.name == "subscription_identifier" else value


def write_properties(properties: Mapping[str, Any]) -> bytes:
    """The properties with their length. KeyError or ValueError for what the table does not know."""
    body = bytearray()
    for name, value in properties.items():
        one = _BY_NAME[name]
        values = value if name in ("user_property", "subscription_identifier") else (value,)
        for single in values:
            body += varint(one.id)
            body += _write_value(one, single)
    return varint(len(body)) + bytes(body)


def _write_value(one: Definition, value: Any) -> bytes:
    if one.kind == "pair":
        return text(value[0]) + text(value[1])
    if one.kind == "text":
        return text(value)
    if one.kind == "binary":
        return binary(value)
    if one.kind == "varint":
        return varint(value)
    return int(value).to_bytes(_SIZES[one.kind], "big")
