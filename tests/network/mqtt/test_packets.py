from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.network.mqtt import packets as p
from kumihimo.network.mqtt import parse as reading
from kumihimo.network.mqtt.errors import MALFORMED, PACKET_TOO_LARGE, PROTOCOL_ERROR, UNSUPPORTED_VERSION, MqttError
from kumihimo.network.mqtt.properties import TABLE, Definition
from kumihimo.network.mqtt.serialise import serialise

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
topics = st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=30)
blobs = st.binary(max_size=60)
ids = st.integers(1, 0xFFFF)
codes = st.integers(0, 255)
_VALUES = {
    "byte": st.integers(0, 1),
    "two": st.integers(1, 0xFFFF),
    "four": st.integers(1, 0xFFFFFFFF),
    "varint": st.lists(st.integers(1, 268_435_455), min_size=1, max_size=1),
    "text": topics,
    "binary": blobs,
    "pair": st.lists(st.tuples(texts, texts), min_size=1, max_size=3),
}


def _value(one: Definition) -> st.SearchStrategy[object]:
    return _VALUES[one.kind]


def props(place: str) -> st.SearchStrategy[dict[str, object]]:
    fitting = {one.name: _value(one) for one in TABLE if place in one.places}
    return st.fixed_dictionaries({}, optional=fitting).filter(
        lambda found: "authentication_data" not in found or "authentication_method" in found
    )


wills = st.builds(p.Will, topics, blobs, st.integers(0, 2), st.booleans(), props("will"))
connects = st.builds(
    p.Connect,
    st.just(5),
    texts,
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.none() | texts,
    st.none() | blobs,
    st.none() | wills,
    props("connect"),
)
publishes = st.one_of(
    st.builds(p.Publish, topics, blobs, st.just(0), st.booleans(), properties=props("publish")),
    st.builds(p.Publish, topics, blobs, st.integers(1, 2), st.booleans(), st.booleans(), ids, props("publish")),
)
wanted = st.builds(p.Wanted, texts, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2))
tuples_of_codes = st.lists(codes, min_size=1, max_size=5).map(tuple)
all_packets = st.one_of(
    connects,
    publishes,
    st.builds(p.Connack, codes, st.booleans(), props("connack")),
    *(st.builds(one, ids, codes, props("puback")) for one in (p.Puback, p.Pubrec, p.Pubrel, p.Pubcomp)),
    st.builds(p.Subscribe, ids, st.lists(wanted, min_size=1, max_size=4).map(tuple), props("subscribe")),
    st.builds(p.Suback, ids, tuples_of_codes, props("suback")),
    st.builds(p.Unsubscribe, ids, st.lists(texts, min_size=1, max_size=4).map(tuple), props("unsubscribe")),
    st.builds(p.Unsuback, ids, tuples_of_codes, props("suback")),
    st.builds(p.Disconnect, codes, props("disconnect")),
    st.just(p.Pingreq()),
    st.just(p.Pingresp()),
)


@given(all_packets)
def test_what_is_written_is_read_back(packet: p.Packet) -> None:
    buffer = bytearray(serialise(packet, 5))
    frame = reading.split_frame(buffer, 1 << 20)
    assert frame is not None
    assert not buffer
    assert reading.parse(*frame, 5) == packet


@given(publishes)
def test_version_3_carries_no_properties(packet: p.Publish) -> None:
    frame = reading.split_frame(bytearray(serialise(packet, 4)), 1 << 20)
    assert frame is not None
    back = reading.parse(*frame, 4)
    assert isinstance(back, p.Publish)
    assert (back.topic, back.payload, back.properties) == (packet.topic, packet.payload, {})


@given(st.integers(0, 255), st.binary(max_size=80), st.sampled_from([4, 5]))
def test_any_bytes_are_a_packet_or_an_mqtt_error(head: int, body: bytes, version: int) -> None:
    try:
        reading.parse(head, body, version)
    except MqttError:
        return


@given(all_packets, st.data())
def test_a_changed_packet_is_a_packet_or_an_mqtt_error(packet: p.Packet, data: st.DataObject) -> None:
    raw = bytearray(serialise(packet, 5))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(1, len(raw))) :]
    try:
        frame = reading.split_frame(raw, 1 << 16)
        if frame is not None:
            reading.parse(*frame, 5)
    except MqttError:
        return


@given(all_packets, st.integers(1, 7))
def test_a_packet_in_pieces_is_one_packet(packet: p.Packet, step: int) -> None:
    raw, buffer, found = serialise(packet, 5), bytearray(), []
    for at in range(0, len(raw), step):
        buffer += raw[at : at + step]
        frame = reading.split_frame(buffer, 1 << 20)
        if frame is not None:
            found.append(frame)
    assert [reading.parse(*frame, 5) for frame in found] == [packet]


def test_a_large_packet_is_refused_before_it_has_arrived() -> None:
    with pytest.raises(MqttError) as caught:
        reading.split_frame(bytearray(b"\x30\xff\xff\xff\x7f"), 256 * 1024)
    assert caught.value.code == PACKET_TOO_LARGE


@pytest.mark.parametrize("raw", [b"\x30\xff\xff\xff\xff", b"\x30\x80\x00"])
def test_a_remaining_length_out_of_form_is_malformed(raw: bytes) -> None:
    with pytest.raises(MqttError) as caught:
        reading.split_frame(bytearray(raw), 1 << 20)
    assert caught.value.code == MALFORMED


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        (0x10, b"\x00\x04MQTX\x05\x02\x00\x00\x00\x00\x00", UNSUPPORTED_VERSION),
        (0x10, b"\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00", UNSUPPORTED_VERSION),
        (0x10, b"\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x00", UNSUPPORTED_VERSION),
        (0x10, b"\x00\x04MQTT\x04\x03\x00\x00\x00\x00", MALFORMED),  # reserved bit
        (0x10, b"\x00\x04MQTT\x04\x08\x00\x00\x00\x00", MALFORMED),  # will QoS without a will
        (0x10, b"\x00\x04MQTT\x04\x42\x00\x00\x00\x00\x00\x00", MALFORMED),  # password without a user
        (0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x01\x00", MALFORMED),  # U+0000
        (0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x02\xc3\x28", MALFORMED),  # not UTF-8
        (0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x03\xed\xa0\x80", MALFORMED),  # a surrogate
        (0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x00x", MALFORMED),  # a byte too many
        (0x11, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x00", MALFORMED),  # flags
        (0x36, b"\x00\x01a\x00\x01\x00", MALFORMED),  # QoS 3
        (0x32, b"\x00\x01a\x00\x00\x00", PROTOCOL_ERROR),  # packet id 0
        (0x30, b"\x00\x00\x00", PROTOCOL_ERROR),  # no topic, no alias
        (0x82, b"\x00\x01\x00", PROTOCOL_ERROR),  # no filter
        (0x80, b"\x00\x01\x00\x00\x01a\x00", MALFORMED),  # flags of SUBSCRIBE
        (0x60, b"\x00\x01", MALFORMED),  # flags of PUBREL
        (0x00, b"", PROTOCOL_ERROR),
        (0xF0, b"", PROTOCOL_ERROR),
        (0x30, b"\x00\x01a\x04\x23\x00\x01\x63", MALFORMED),  # property 0x63
        (0x30, b"\x00\x01a\x06\x23\x00\x01\x23\x00\x01", PROTOCOL_ERROR),  # twice
        (0x30, b"\x00\x01a\x03\x21\x00\x01", PROTOCOL_ERROR),  # out of place
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_code(head: int, body: bytes, code: int) -> None:
    with pytest.raises(MqttError) as caught:
        reading.parse(head, body, 5)
    assert caught.value.code == code
