from __future__ import annotations

import asyncio
import random
import socket
from typing import Any

import pytest
import uvloop
from tests.fakes import FakeClock
from tests.network.mqtt.conftest import Gate

from kumihimo.base.clock import SystemClock
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.network.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Wanted,
    Will,
)

pytestmark = pytest.mark.enable_socket
AUTH_FRAME = b"\xf0\x12\x18\x10\x15\x00\x0dSCRAM-SHA-256"
"""AUTH, continue authentication (0x18), with a method."""


async def joined(house: Any, client_id: str = "c", version: int = 5, **named: Any) -> Any:
    raw = await house.raw(version)
    answer = await raw.ask(Connect(version, client_id, **named))
    assert isinstance(answer, Connack)
    assert answer.code == 0
    return raw


async def subscribed(house: Any, client_id: str, topic_filter: str, qos: int = 1, **named: Any) -> Any:
    raw = await joined(house, client_id, **named)
    assert await raw.ask(Subscribe(1, (Wanted(topic_filter, qos),))) == Suback(1, (qos,))
    return raw


async def until(check: Any) -> None:
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110 - the listener's counters have no event
            await asyncio.sleep(0.005)


async def test_connack_announces_what_is_offered(start: Any) -> None:
    house = await start()
    raw = await house.raw()
    answer = await raw.ask(Connect(5, "", keep_alive=0, properties={"session_expiry_interval": 0xFFFFFFFF}))
    assert answer.properties["assigned_client_identifier"].startswith("auto-")
    assert answer.properties["session_expiry_interval"] == 7 * 24 * 3600
    assert answer.properties["receive_maximum"] == 64
    assert answer.properties["server_keep_alive"] == 3600
    assert not {"maximum_qos", "retain_available", "shared_subscription_available"} & answer.properties.keys()
    assert not answer.session_present


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (Connect(5, "c", username="t/d", password=b"wrong"), 0x86),
        (Connect(4, "c", username="t/d", password=b"wrong"), 4),
        (Connect(4, "", clean_start=False), 2),
        (Connect(5, "c" * 300), 0x85),
        (Connect(5, "c", properties={"authentication_method": "x"}), 0x8C),
        (Connect(5, "c", will=Will("kumihimo/t/d/up", b"x")), 0x87),
    ],
)
async def test_connect_is_refused_by_its_code(start: Any, packet: Connect, code: int) -> None:
    house = await start()
    raw = await house.raw(packet.version)
    answer = await raw.ask(packet)
    assert isinstance(answer, Connack)
    assert answer.code == code
    assert await raw.receive() is None
    assert house.listener.stats()["connections_refused"] == 1


async def test_a_method_that_is_not_offered_is_refused_and_no_auth_is_ever_sent(start: Any) -> None:
    """4.12.0-1: 0x8C, and the connection ends; what the client says next is not read any more."""
    house = await start()
    raw = await house.raw()
    data = {"authentication_method": "SCRAM-SHA-256", "authentication_data": b"n,,n=d,r=1"}
    raw.send(Connect(5, "c", username="t/d", password=b"right", properties=data))
    raw.writer.write(AUTH_FRAME)
    answer = await raw.receive()
    assert (answer.code, "user name and password" in answer.properties["reason_string"]) == (0x8C, True)
    assert await raw.receive() is None
    assert house.listener.stats()["sessions"] == 0


@pytest.mark.parametrize("frame", [b"\xf0\x00", AUTH_FRAME, b"\xf0\x02\x19\x00"], ids=["short", "method", "again"])
async def test_auth_without_a_method_in_connect_is_a_protocol_error(start: Any, frame: bytes) -> None:
    """4.12.0-7; also where it asks for authentication anew (0x19)."""
    house = await start()
    raw = await joined(house)
    raw.writer.write(frame)
    answer = await raw.receive()
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.PROTOCOL_ERROR
    assert await raw.receive() is None


@pytest.mark.parametrize("version", [4, 5])
async def test_auth_before_connect_ends_the_connection_without_a_word(start: Any, version: int) -> None:
    house = await start()
    raw = await house.raw(version)
    raw.writer.write(AUTH_FRAME)
    assert await raw.receive() is None


async def test_3_1_1_knows_no_auth(start: Any) -> None:
    house = await start()
    raw = await joined(house, version=4)
    raw.writer.write(AUTH_FRAME)
    assert await raw.receive() is None
    assert house.listener.stats()["malformed"] == 1


async def test_authentication_data_without_a_method_is_a_protocol_error(start: Any) -> None:
    """3.1.2.11.10."""
    house = await start()
    raw = await house.raw()
    answer = await raw.ask(Connect(5, "c", properties={"authentication_data": b"x"}))
    assert answer.code == errors.PROTOCOL_ERROR


@pytest.mark.parametrize("version", [4, 5])
async def test_a_publish_is_acknowledged_only_after_the_gate_took_it(start: Any, version: int) -> None:
    house = await start()
    house.gate.hold = asyncio.Event()
    raw = await joined(house, version=version)
    raw.send(Publish("a", b"1", 1, packet_id=7), Publish("a", b"2", 1, packet_id=8), Pingreq())
    assert await raw.receive() == Pingresp()  # overtakes: nothing is acknowledged while the gate holds
    await until(lambda: len(house.gate.taken) == 2)
    assert house.gate.most == 2
    house.gate.hold.set()
    assert await raw.receive() == Puback(7)
    assert await raw.receive() == Puback(8)
    assert [payload for _, _, payload in house.gate.taken] == [b"1", b"2"]


async def test_acknowledgements_keep_their_order_though_the_gate_ends_out_of_order(start: Any) -> None:
    house = await start()
    gates = [asyncio.Event() for _ in range(3)]

    async def publish(peer: Any, topic: str, payload: bytes, properties: Any) -> None:
        await gates[int(payload)].wait()

    house.gate.publish = publish
    raw = await joined(house)
    raw.send(*[Publish("a", str(one).encode(), 1, packet_id=one + 1) for one in range(3)])
    gates[2].set()
    gates[1].set()
    assert await raw.ask(Pingreq()) == Pingresp()
    gates[0].set()
    assert [(await raw.receive()).packet_id for _ in range(3)] == [1, 2, 3]


async def test_more_than_the_receive_maximum_ends_an_mqtt_5_connection(start: Any) -> None:
    house = await start(MqttLimits(receive_maximum=2))
    house.gate.hold = asyncio.Event()
    raw = await joined(house)
    raw.send(*[Publish("a", b"", 1, packet_id=one) for one in (1, 2, 3)])
    answer = await raw.receive()
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.RECEIVE_MAXIMUM_EXCEEDED


async def test_a_3_1_1_client_is_slowed_not_ended(start: Any) -> None:
    house = await start(MqttLimits(receive_maximum=2))
    house.gate.hold = asyncio.Event()
    raw = await joined(house, version=4)
    raw.send(*[Publish("a", b"", 1, packet_id=one) for one in range(1, 6)])
    await until(lambda: house.gate.under_way == 2)
    house.gate.hold.set()
    assert [(await raw.receive()).packet_id for _ in range(5)] == [1, 2, 3, 4, 5]
    assert house.gate.most == 2


async def test_a_refusal_reaches_the_client_as_reason_code(start: Any) -> None:
    house = await start()
    house.gate.refuse = {b"bad": errors.PAYLOAD_INVALID}
    raw = await joined(house)
    answer = await raw.ask(Publish("a", b"bad", 1, packet_id=1))
    assert (answer.code, answer.properties["reason_string"]) == (errors.PAYLOAD_INVALID, "refused on purpose")
    answer = await raw.ask(Publish("kumihimo/t/d/up", b"x", 1, packet_id=2))
    assert answer.code == errors.NOT_AUTHORIZED
    assert house.listener.stats()["publishes_refused"] == 2
    assert house.gate.taken == [("c", "a", b"bad")]


async def test_3_1_1_acknowledges_what_can_never_be_taken_and_ends_on_what_is_not_allowed(start: Any) -> None:
    house = await start()
    house.gate.refuse = {b"bad": errors.PAYLOAD_INVALID}
    raw = await joined(house, version=4)
    assert await raw.ask(Publish("a", b"bad", 1, packet_id=1)) == Puback(1)
    assert await raw.ask(Publish("kumihimo/t/d/up", b"x", 1, packet_id=2)) is None


@pytest.mark.parametrize("version", [4, 5])
async def test_a_fault_of_the_platform_acknowledges_nothing(
    start: Any, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    house = await start()
    raw = await joined(house, version=version)
    answer = await raw.ask(Publish("a", b"fault", 1, packet_id=1))
    assert answer is None or (isinstance(answer, Disconnect) and answer.code == errors.SERVER_BUSY)
    assert house.listener.stats()["publishes_failed"] == 1
    assert "mqtt publish failed" in caplog.text


async def test_messages_reach_subscribers_with_their_properties(start: Any) -> None:
    house = await start()
    reader = await joined(house, "reader")
    properties = {"subscription_identifier": [9]}
    assert await reader.ask(Subscribe(1, (Wanted("a/+", 2),), properties)) == Suback(1, (2,))
    writer = await joined(house, "writer")
    sent = {"user_property": [("k", "v")], "content_type": "text/plain", "correlation_data": b"\1"}
    await writer.ask(Publish("a/b", b"x", 1, packet_id=1, properties=sent))
    found = await reader.receive()
    assert (found.topic, found.payload, found.qos, found.retain) == ("a/b", b"x", 1, False)
    assert found.properties == {**sent, "subscription_identifier": [9]}
    reader.send(Puback(found.packet_id))
    assert await reader.ask(Unsubscribe(2, ("a/+", "b"))) == Unsuback(2, (0, 0x11))
    await writer.ask(Publish("a/b", b"y", 1, packet_id=2))
    assert await reader.ask(Pingreq()) == Pingresp()


async def test_overlapping_subscriptions_give_one_message_and_no_local_none(start: Any) -> None:
    house = await start()
    raw = await joined(house)
    await raw.ask(Subscribe(1, (Wanted("a/#", 0), Wanted("a/b", 1), Wanted("own", 1, no_local=True))))
    raw.send(Publish("own", b"", 0), Publish("a/b", b"x", 1, packet_id=1))
    got = [await raw.receive(), await raw.receive()]
    assert {type(one) for one in got} == {Puback, Publish}
    assert await raw.ask(Pingreq()) == Pingresp()


async def test_wildcards_never_reach_what_the_subscriber_may_not_read(start: Any) -> None:
    house = await start()
    spies = [
        await subscribed(house, "spy", "#"),
        await subscribed(house, "plus", "+/+/+/down/#"),
        await subscribed(house, "other", "#", username="t/other", password=b"right"),
        await subscribed(house, "abroad", "#", username="u/d", password=b"right"),
    ]
    own = await subscribed(house, "own", "kumihimo/t/d/down/#", username="t/d", password=b"right")
    raw = await joined(house, "x", username="t/other", password=b"right")
    assert await raw.ask(Subscribe(1, (Wanted("kumihimo/t/d/down/command"),))) == Suback(1, (0x87,))
    assert await house.listener.publish("kumihimo/t/d/down/command", b"c", retain=True) == 1
    assert (await own.receive()).payload == b"c"
    late = await subscribed(house, "late", "#")
    for spy in (*spies, late):
        assert await spy.ask(Pingreq()) == Pingresp()


async def test_a_message_stays_in_its_tenant(start: Any) -> None:
    house = await start()
    here = await subscribed(house, "r", "shared/#", username="t/a", password=b"right")
    there = await subscribed(house, "r", "shared/#", username="u/a", password=b"right")
    nobody = await subscribed(house, "r", "#")
    writer = await joined(house, "w", username="t/b", password=b"right")
    await writer.ask(Publish("shared/x", b"canary", 1, True, packet_id=1))
    assert (await here.receive()).payload == b"canary"
    late = await subscribed(house, "late", "#", username="u/b", password=b"right")
    for one in (there, nobody, late):
        assert await one.ask(Pingreq()) == Pingresp()


async def test_retained_messages_greet_cleared_and_by_handling(start: Any) -> None:
    house = await start()
    writer = await joined(house, "w")
    await writer.ask(Publish("a", b"old", 1, True, packet_id=1))
    await writer.ask(Publish("a", b"kept", 1, True, packet_id=2))
    reader = await subscribed(house, "r", "a", 0)
    found = await reader.receive()
    assert (found.payload, found.retain) == (b"kept", True)
    assert await reader.ask(Subscribe(2, (Wanted("a", retain_handling=1),))) == Suback(2, (0,))
    assert await reader.ask(Subscribe(3, (Wanted("+", retain_handling=2),))) == Suback(3, (0,))
    assert await reader.ask(Pingreq()) == Pingresp()
    await writer.ask(Publish("a", b"", 1, True, packet_id=3))
    assert house.listener.stats()["retained"] == 0


async def test_a_message_expires_and_tells_what_is_left(start: Any, fake_clock: FakeClock) -> None:
    house = await start(clock=fake_clock)
    writer = await joined(house, "w")
    for packet_id, topic, seconds in ((1, "short", 10), (2, "long", 100)):
        properties = {"message_expiry_interval": seconds}
        await writer.ask(Publish(topic, b"x", 1, True, packet_id=packet_id, properties=properties))
    fake_clock.advance(30)
    reader = await subscribed(house, "r", "#", 0)
    found = await reader.receive()
    assert (found.topic, found.properties) == ("long", {"message_expiry_interval": 70})
    assert await reader.ask(Pingreq()) == Pingresp()


async def test_a_second_connection_takes_the_session_over(start: Any) -> None:
    house = await start()
    first = await subscribed(house, "same", "a")
    second = await joined(house, "same")
    answer = await first.receive()
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.TAKEN_OVER
    assert await first.receive() is None
    assert await house.listener.publish("a", b"x") == 0  # subscriptions went with the first
    stranger = await joined(house, "same", username="t/d", password=b"right")
    assert await second.ask(Pingreq()) == Pingresp()
    assert await stranger.ask(Pingreq()) == Pingresp()


async def test_the_will_is_published_after_an_unclean_end_only(start: Any) -> None:
    house = await start()
    reader = await subscribed(house, "r", "will/#", 0)
    lost = await joined(house, "lost", will=Will("will/lost", b"gone", 1))
    polite = await joined(house, "polite", will=Will("will/polite", b"gone", 1))
    asks = await joined(house, "asks", will=Will("will/asks", b"gone", 1))
    polite.send(Disconnect())
    await until(lambda: len(house.gate.gone) == 1)
    lost.close()
    assert (await reader.receive()).topic == "will/lost"
    asks.send(Disconnect(errors.WITH_WILL))
    assert (await reader.receive()).topic == "will/asks"
    assert [topic for _, topic, _ in house.gate.taken] == ["will/lost", "will/asks"]


async def test_a_silent_client_is_ended_after_one_and_a_half_keep_alives(start: Any) -> None:
    house = await start(MqttLimits(keep_alive_factor=0.05))
    raw = await joined(house, keep_alive=1)
    answer = await raw.receive()
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.KEEP_ALIVE_TIMEOUT


async def test_whoever_says_no_connect_is_cut_off(start: Any) -> None:
    house = await start(MqttLimits(connect_timeout=0.05))
    raw = await house.raw()
    raw.writer.write(b"\x10")
    assert await raw.receive() is None


@pytest.mark.parametrize(
    "raw_bytes", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\x00\x00", b"\x30\x03\x00\x01a", b"\x10\xff\xff\xff\x7f"]
)
async def test_bytes_that_are_no_mqtt_end_the_connection_and_nothing_else(start: Any, raw_bytes: bytes) -> None:
    house = await start()
    good = await joined(house)
    bad = await house.raw()
    bad.writer.write(raw_bytes)
    assert await bad.receive() is None
    assert await good.ask(Pingreq()) == Pingresp()
    assert house.listener.stats()["malformed"] == 1


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (Connect(5, "c"), errors.PROTOCOL_ERROR),
        (Connack(0), errors.PROTOCOL_ERROR),
        (Publish("a", b"", properties={"topic_alias": 17}), errors.TOPIC_ALIAS_INVALID),
        (Publish("", b"", properties={"topic_alias": 1}), errors.PROTOCOL_ERROR),
        (Publish("a", b"x" * 300_000), errors.PACKET_TOO_LARGE),
        (Disconnect(0, {"session_expiry_interval": 9}), errors.PROTOCOL_ERROR),
    ],
)
async def test_what_breaks_the_protocol_ends_the_connection_with_a_reason(start: Any, packet: Any, code: int) -> None:
    house = await start()
    raw = await joined(house)
    answer = await raw.ask(packet)
    assert isinstance(answer, Disconnect)
    assert answer.code == code
    assert answer.properties["reason_string"]


async def test_a_topic_alias_stands_for_its_topic(start: Any) -> None:
    house = await start()
    raw = await joined(house)
    raw.send(Publish("long/topic", b"1", properties={"topic_alias": 3}))
    await raw.ask(Publish("", b"2", 1, packet_id=1, properties={"topic_alias": 3}))
    assert [topic for _, topic, _ in house.gate.taken] == ["long/topic", "long/topic"]


async def test_a_payload_that_is_not_the_utf_8_it_says_is_refused(start: Any) -> None:
    house = await start()
    raw = await joined(house)
    answer = await raw.ask(Publish("a", b"\xff", 1, packet_id=1, properties={"payload_format_indicator": 1}))
    assert answer.code == errors.PAYLOAD_INVALID


async def test_subscriptions_have_a_limit_and_wrong_filters_a_code(start: Any) -> None:
    house = await start(MqttLimits(max_subscriptions=2))
    raw = await joined(house)
    wanted = tuple(Wanted(one) for one in ("a", "$share/g/a", "c", "a", "a#", "$share/g", "$share/+/a"))
    assert await raw.ask(Subscribe(1, wanted)) == Suback(1, (0, 0, 0x97, 0, 0x8F, 0x8F, 0x8F))
    old = await joined(house, "old", version=4)
    assert await old.ask(Subscribe(1, (Wanted("a#"),))) == Suback(1, (0x80,))


async def test_a_slow_consumer_loses_qos_0_and_is_cut_off_at_qos_1(start: Any) -> None:
    house = await start(MqttLimits(max_queued=50, inflight=4))
    slow = await subscribed(house, "slow", "a", 1)
    good = await subscribed(house, "good", "b", 0)
    for _ in range(4):
        assert await house.listener.publish("a", b"x") == 1
    await until(lambda: house.listener.stats()["queued"] == 0)
    handed = [await house.listener.publish("a", b"x") for _ in range(60)]
    assert sum(handed) == 50
    answers = [await slow.receive() for _ in range(5)]
    assert isinstance(answers[-1], Disconnect)
    assert answers[-1].code == errors.QUOTA_EXCEEDED
    assert await house.listener.publish("b", b"y", qos=0) == 1
    assert (await good.receive()).payload == b"y"


async def test_a_client_gets_nothing_larger_than_it_takes(start: Any) -> None:
    house = await start()
    raw = await subscribed(house, "r", "a", 1, properties={"maximum_packet_size": 100})
    await house.listener.publish("a", b"x" * 200)
    await house.listener.publish("a", b"fits")
    assert (await raw.receive()).payload == b"fits"
    assert house.listener.stats()["dropped"] == 1


async def test_two_hundred_clients_talk_at_once(start: Any) -> None:
    house = await start()
    raws = [await joined(house, f"c{one}") for one in range(200)]

    async def talk(raw: Any) -> None:
        for packet_id in range(1, 6):
            assert await raw.ask(Publish("a", b"x", 1, packet_id=packet_id)) == Puback(packet_id)

    await asyncio.gather(*(talk(one) for one in raws))
    stats = house.listener.stats()
    assert (stats["clients"], stats["sessions"], stats["publishes"]) == (200, 200, 1000)


@pytest.mark.parametrize("version", [4, 5])
async def test_one_too_many_is_turned_away(start: Any, version: int) -> None:
    house = await start(MqttLimits(max_clients=1))
    await joined(house, "c")
    more = await house.raw(version)
    answer = await more.ask(Connect(version, "d"))
    assert isinstance(answer, Connack)
    assert answer.code == (errors.SERVER_BUSY if version == 5 else 3)
    assert await more.receive() is None
    assert house.listener.stats()["connections_refused"] == 1
    await joined(house, "c")  # who comes back takes its own place
    assert house.listener.stats()["sessions"] == 1


async def test_idle_sockets_keep_nobody_out(start: Any) -> None:
    house = await start(MqttLimits(max_clients=5, max_half_open=3))
    first = await joined(house, "first")
    silent = [await house.raw() for _ in range(20)]
    await until(lambda: house.listener.stats()["half_open_dropped"] == 17)
    assert [await one.receive() for one in silent[:17]] == [None] * 17
    await until(lambda: house.listener.stats()["clients"] == 4)
    assert house.listener.stats()["half_open"] == 3
    await joined(house, "second")
    assert await first.ask(Pingreq()) == Pingresp()
    late = silent[-1]
    assert isinstance(await late.ask(Connect(5, "third")), Connack)
    assert house.listener.stats()["sessions"] == 3


async def test_a_device_that_is_cut_while_the_gate_is_asked_is_judged_anew(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await start()
    plain, asked, go_on = house.gate.connect, asyncio.Event(), asyncio.Event()
    keys = [b"right", b"changed"]

    async def connect(client_id: str, username: str | None, password: bytes | None, certificate: bytes) -> Any:
        found = keys.pop(0)
        asked.set()
        await go_on.wait()
        return await plain(client_id, username, b"right" if password == found else b"wrong")

    monkeypatch.setattr(house.gate, "connect", connect)
    raw = await house.raw()
    raw.send(Connect(5, "c", username="t/d", password=b"right", will=Will("shared/will", b"gone")))
    await asked.wait()
    assert house.listener.cut("t", "d") == 0
    go_on.set()
    answer = await raw.receive()
    assert isinstance(answer, Connack)
    assert answer.code == errors.BAD_CREDENTIALS
    assert await raw.receive() is None
    await until(lambda: house.listener.stats()["clients"] == 0)
    assert house.gate.taken == []


async def test_the_will_of_a_device_that_is_cut_is_not_published(start: Any) -> None:
    house = await start()
    raw = await joined(house, username="t/d", password=b"right", will=Will("shared/will", b"gone", 1))
    assert house.listener.cut("t", "d") == 1
    assert isinstance(await raw.receive(), Disconnect)
    await until(lambda: house.listener.stats()["clients"] == 0)
    assert house.gate.taken == []


async def test_stop_says_goodbye_and_waits_for_what_is_under_way(start: Any) -> None:
    house = await start()
    house.gate.hold = asyncio.Event()
    raw = await joined(house)
    raw.send(Publish("a", b"x", 1, packet_id=1))
    await until(lambda: house.gate.under_way == 1)
    stopping = asyncio.create_task(house.listener.stop())
    answer = await raw.receive()
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.SHUTTING_DOWN
    assert not stopping.done()
    house.gate.hold.set()
    await stopping
    assert house.listener.stats()["clients"] == 0


@pytest.mark.parametrize("turns", range(8))
def test_who_comes_while_it_stops_is_not_served(turns: int) -> None:
    """However far the platform's loop has come with the connection: accepted, made, or about to be served."""

    async def stops() -> None:
        listener = MqttListener(Gate(), SystemClock())
        port = await listener.start("127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(turns):
                await asyncio.sleep(0)
            await listener.stop()
            for _ in range(8):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    uvloop.run(stops())


async def test_a_device_without_credential_any_more_is_cut(start: Any) -> None:
    house = await start()
    raw = await joined(house, username="t/d", password=b"right")
    assert house.listener.cut("t", "d") == 1
    answer = await raw.receive()
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.NOT_AUTHORIZED


async def test_localhost_has_one_port_on_all_its_addresses(start: Any) -> None:
    from kumihimo.base.clock import SystemClock
    from kumihimo.network.mqtt.listener import MqttListener

    house = await start()
    listener = MqttListener(house.gate, SystemClock())
    port = await listener.start("localhost", 0)
    _, writer = await asyncio.open_connection("localhost", port)
    assert writer.get_extra_info("peername")[1] == port
    writer.close()
    await writer.wait_closed()
    await listener.stop()


async def test_a_gate_that_fails_refuses_the_connection_for_now(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    house = await start()

    async def connect(*given: Any) -> Any:
        raise LookupError("the store is away")

    house.gate.connect = connect
    for version, code in ((5, errors.SERVER_UNAVAILABLE), (4, 3)):
        raw = await house.raw(version)
        answer = await raw.ask(Connect(version, "c"))
        assert isinstance(answer, Connack)
        assert answer.code == code
    assert "mqtt connect failed" in caplog.text


async def test_noise_after_connect_harms_nobody_else(start: Any) -> None:
    house = await start()
    good = await subscribed(house, "good", "a", 0)
    noise = random.Random(5)
    for number in range(60):
        bad = await joined(house, f"bad{number}", 4 + number % 2)
        for _ in range(4):
            bad.writer.write(noise.randbytes(noise.randint(1, 200)))
        bad.close()
    await until(lambda: house.listener.stats()["clients"] == 1)
    await house.listener.publish("a", b"x", qos=0)
    assert (await good.receive()).payload == b"x"
    assert house.listener.stats()["subscriptions"] == 1


async def test_the_gate_is_told_what_the_listener_refuses_of_a_device(start: Any) -> None:
    house = await start(MqttLimits(max_packet=1000))
    login: dict[str, Any] = {"username": "t/d", "password": b"right"}
    raw = await joined(house, **login)
    bad = Publish("shared", b"\xff", 1, packet_id=1, properties={"payload_format_indicator": 1})
    assert (await raw.ask(bad)).code == errors.PAYLOAD_INVALID
    answer = await raw.ask(Publish("shared", b"x" * 2000, 1, packet_id=2))
    assert answer.code == errors.PACKET_TOO_LARGE
    raw = await joined(house, **login)
    assert (await raw.ask(Connect(5, "again"))).code == errors.PROTOCOL_ERROR
    assert house.gate.told == [("d", 0x99), ("d", 0x95), ("d", 0x82)]


# --- nobody holds up the others ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize(
    "packet", [Subscribe(1, (Wanted("a/#"),) * 4), Unsubscribe(1, ("a/#",) * 4)], ids=["subscribe", "unsubscribe"]
)
async def test_more_filters_in_a_packet_than_are_taken_end_the_connection(
    start: Any, version: int, packet: Any
) -> None:
    house = await start(MqttLimits(max_filters=3))
    raw = await joined(house, version=version)
    answer = await raw.ask(packet)
    assert answer is None if version == 4 else answer.code == errors.QUOTA_EXCEEDED
    assert house.listener.stats()["subscriptions"] == 0


async def test_a_filter_that_is_repeated_in_a_packet_greets_once(start: Any) -> None:
    house = await start()
    writer = await joined(house, "writer")
    await writer.ask(Publish("a/b", b"kept", 1, retain=True, packet_id=1))
    reader = await joined(house, "reader")
    assert await reader.ask(Subscribe(1, (Wanted("a/#"),) * 50)) == Suback(1, (0,) * 50)
    assert (await reader.receive()).payload == b"kept"
    assert await reader.ask(Pingreq()) == Pingresp()


@pytest.mark.parametrize(
    "packet",
    [Pingreq(), Puback(1), Subscribe(1, (Wanted("a"),)), Unsubscribe(1, ("a",))],
    ids=lambda one: type(one).__name__,
)
async def test_a_flood_of_any_packet_is_read_at_a_measured_pace(start: Any, packet: Any) -> None:
    house = await start(MqttLimits(packet_rate=10.0, packet_burst=100))
    flood, other = await joined(house, "flood"), await joined(house, "other")
    flood.send(*[packet] * 300, Publish("end", b"", 1, packet_id=9))
    for _ in range(20):
        assert await other.ask(Pingreq()) == Pingresp()
    assert not house.gate.taken, "the flood was read to its end"
    flood.close()


async def test_answers_to_what_was_sent_cost_nothing(start: Any) -> None:
    house = await start(MqttLimits(packet_rate=0.1, packet_burst=2))
    reader = await subscribed(house, "reader", "a")
    for number in range(20):
        await house.listener.publish("a", str(number).encode())
        found = await reader.receive()
        assert found.payload == str(number).encode()
        reader.send(Puback(found.packet_id))
    assert await reader.ask(Pingreq()) == Pingresp()


async def test_greetings_are_paid_for_too(start: Any) -> None:
    house = await start(MqttLimits(packet_rate=10.0, packet_burst=100))
    writer = await joined(house, "writer")
    for number in range(900):
        writer.send(Publish(f"r/{number}", b"x", 0, retain=True))
    await until(lambda: house.listener.stats()["retained"] == 900)
    raw = await joined(house)
    raw.send(*[Subscribe(1, (Wanted("+/+"),))] * 20, Publish("end", b"", 1, packet_id=9))
    other = await joined(house, "other")
    for _ in range(20):
        assert await other.ask(Pingreq()) == Pingresp()
    assert not [one for one in house.gate.taken if one[1] == "end"]
    raw.close()
