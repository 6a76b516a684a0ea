"""Sessions that outlast their connection, QoS 2 in both directions, wills that wait, shared subscriptions, aliases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.network.mqtt.conftest import Raw

from kumihimo.base.ports import MqttChange, MqttRow, MqttSessionRow
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
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

pytestmark = pytest.mark.enable_socket
KEPT = {"session_expiry_interval": 100}


class Store:
    """A SessionStore in memory; hold delays what is durable, fail refuses it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, Any], MqttRow] = {}
        self.hold: asyncio.Event | None = None
        self.fail = False
        self.groups: list[int] = []

    async def apply(self, tenant: str, changes: Sequence[MqttChange]) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.fail:
            raise RuntimeError("the disk is full")
        self.groups.append(len(changes))
        for change in changes:
            self._apply(tenant, change)

    def _apply(self, tenant: str, change: MqttChange) -> None:
        row = change.row
        names = ("device", "client_id", "topic_filter", "number", "topic", "is_own")
        found = [getattr(row, name) for name in names if hasattr(row, name)]
        if type(row).__name__ == "MqttReceivedRow":
            found.append(row.packet_id)  # type: ignore[union-attr]  # of all rows this one has it as its key
        key = (tenant, (type(row), *found))
        if not change.is_gone:
            self.rows[key] = row
            return
        self.rows.pop(key, None)
        if isinstance(row, MqttSessionRow):
            client = (row.device, row.client_id)
            for other in [one for one in self.rows if one[0] == tenant and one[1][1:3] == client]:
                del self.rows[other]

    async def tenants(self) -> list[str]:
        return sorted({"", *(tenant for tenant, _ in self.rows)})

    async def load(self, tenant: str) -> list[MqttRow]:
        found = [row for (name, _), row in self.rows.items() if name == tenant]
        return sorted(found, key=lambda row: (not isinstance(row, MqttSessionRow), getattr(row, "number", 0)))

    def kinds(self) -> list[str]:
        return sorted(type(row).__name__.removeprefix("Mqtt").removesuffix("Row") for row in self.rows.values())


async def joined(house: Any, client_id: str = "c", version: int = 5, **named: Any) -> tuple[Raw, Connack]:
    raw: Raw = await house.raw(version)
    answer = await raw.ask(Connect(version, client_id, **named))
    assert isinstance(answer, Connack)
    assert answer.code == 0
    return raw, answer


async def back(house: Any, client_id: str = "c", version: int = 5, **named: Any) -> tuple[Raw, bool]:
    raw, answer = await joined(house, client_id, version, clean_start=False, **named)
    return raw, answer.session_present


async def reader(house: Any, topic_filter: str, qos: int = 2, client_id: str = "r", **named: Any) -> Raw:
    raw, _ = await joined(house, client_id, **named)
    assert await raw.ask(Subscribe(1, (Wanted(topic_filter, qos),))) == Suback(1, (qos,))
    return raw


async def publish(raw: Raw, topic: str, payload: bytes, qos: int = 1, packet_id: int = 1, **named: Any) -> None:
    answer = await raw.ask(Publish(topic, payload, qos, packet_id=packet_id, **named))
    if qos == 1:
        assert answer == Puback(packet_id)
    else:
        assert answer == Pubrec(packet_id)
        assert await raw.ask(Pubrel(packet_id)) == Pubcomp(packet_id)


async def until(check: Any) -> None:
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110 - the listener's counters have no event
            await asyncio.sleep(0.005)


async def leave(house: Any, raw: Raw, *, politely: bool = True) -> None:
    before = house.listener.stats()["clients"]
    if politely:
        raw.send(Disconnect())
        assert await raw.receive() is None
    raw.close()
    await until(lambda: house.listener.stats()["clients"] < before)


# --- QoS 2 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
async def test_a_message_at_qos_2_is_taken_once_however_often_it_comes(start: Any, version: int) -> None:
    house = await start()
    raw, _ = await joined(house, version=version)
    packet = Publish("a", b"x", 2, packet_id=7)
    assert await raw.ask(packet) == Pubrec(7)
    assert await raw.ask(Publish("a", b"x", 2, dup=True, packet_id=7)) == Pubrec(7)
    assert await raw.ask(Pubrel(7)) == Pubcomp(7)
    assert await raw.ask(Pubrel(7)) == Pubcomp(7, errors.PACKET_ID_NOT_FOUND if version == 5 else 0)
    assert len(house.gate.taken) == 1
    assert await raw.ask(packet) == Pubrec(7)  # the identifier is free again: this is another message
    assert len(house.gate.taken) == 2


async def test_pubrec_comes_only_after_the_gate_took_the_message(start: Any) -> None:
    house = await start()
    house.gate.hold = asyncio.Event()
    raw, _ = await joined(house)
    raw.send(Publish("a", b"x", 2, packet_id=7), Publish("a", b"x", 2, dup=True, packet_id=7), Pingreq())
    assert await raw.receive() == Pingresp()
    house.gate.hold.set()
    assert [await raw.receive(), await raw.receive()] == [Pubrec(7), Pubrec(7)]
    assert len(house.gate.taken) == 1


async def test_a_refused_message_at_qos_2_leaves_its_identifier_free(start: Any) -> None:
    house = await start()
    house.gate.refuse = {b"bad": errors.PAYLOAD_INVALID}
    raw, _ = await joined(house)
    answer = await raw.ask(Publish("a", b"bad", 2, packet_id=7))
    assert isinstance(answer, Pubrec)
    assert answer.code == errors.PAYLOAD_INVALID
    assert await raw.ask(Publish("a", b"good", 2, packet_id=7)) == Pubrec(7)
    assert [payload for *_, payload in house.gate.taken] == [b"bad", b"good"]


async def test_unreleased_messages_count_against_the_receive_maximum(start: Any) -> None:
    house = await start(MqttLimits(receive_maximum=2))
    raw, _ = await joined(house)
    for one in (1, 2):
        assert await raw.ask(Publish("a", b"", 2, packet_id=one)) == Pubrec(one)
    assert await raw.ask(Pubrel(1)) == Pubcomp(1)
    assert await raw.ask(Publish("a", b"", 2, packet_id=3)) == Pubrec(3)
    answer = await raw.ask(Publish("a", b"", 2, packet_id=4))
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.RECEIVE_MAXIMUM_EXCEEDED


@pytest.mark.parametrize("version", [4, 5])
async def test_a_reader_gets_a_message_at_qos_2_by_four_packets(start: Any, version: int) -> None:
    house = await start()
    raw = await reader(house, "a", version=version)
    writer, _ = await joined(house, "w")
    await publish(writer, "a", b"x", 2)
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert (found.payload, found.qos) == (b"x", 2)
    assert await raw.ask(Pubrec(found.packet_id)) == Pubrel(found.packet_id)
    assert await raw.ask(Pubrec(found.packet_id)) == Pubrel(found.packet_id)
    raw.send(Pubcomp(found.packet_id))
    unknown = Pubrel(99, errors.PACKET_ID_NOT_FOUND if version == 5 else 0)
    assert await raw.ask(Pubrec(99)) == unknown


async def test_the_window_of_the_reader_is_kept_until_pubcomp(start: Any) -> None:
    house = await start()
    raw = await reader(house, "a", properties={"receive_maximum": 1})
    writer, _ = await joined(house, "w")
    for number in (1, 2):
        await publish(writer, "a", str(number).encode(), 2, number)
    first = await raw.receive()
    assert isinstance(first, Publish)
    assert await raw.ask(Pubrec(first.packet_id)) == Pubrel(first.packet_id)
    assert await raw.ask(Pingreq()) == Pingresp()
    second = await raw.ask(Pubcomp(first.packet_id))
    assert isinstance(second, Publish)
    assert second.payload == b"2"


# --- sessions that are kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
async def test_a_session_waits_for_its_client_and_a_clean_one_does_not(start: Any, version: int) -> None:
    house = await start()
    kept: dict[str, Any] = {"properties": KEPT} if version == 5 else {}
    raw, is_present = await back(house, version=version, **kept)
    assert not is_present
    assert await raw.ask(Subscribe(1, (Wanted("a", 1),))) == Suback(1, (1,))
    await leave(house, raw)
    writer, _ = await joined(house, "w")
    await publish(writer, "a", b"1")
    raw, is_present = await back(house, version=version, **kept)
    assert is_present
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert (found.payload, found.dup) == (b"1", False)
    raw.send(Puback(found.packet_id))
    await leave(house, raw)
    raw, answer = await joined(house, version=version)
    assert not answer.session_present
    await publish(writer, "a", b"2", packet_id=2)
    assert await raw.ask(Pingreq()) == Pingresp()


async def test_what_was_not_acknowledged_comes_again_in_order_and_marked(start: Any) -> None:
    house = await start()
    raw = await reader(house, "a", client_id="c", properties=KEPT)
    writer, _ = await joined(house, "w")
    for number in range(1, 5):
        await publish(writer, "a", str(number).encode(), 2 if number % 2 else 1, number)
    sent = [await raw.receive() for _ in range(4)]
    assert await raw.ask(Pubrec(sent[0].packet_id)) == Pubrel(sent[0].packet_id)  # type: ignore[union-attr]
    raw.send(Puback(sent[1].packet_id))  # type: ignore[union-attr]
    assert await raw.ask(Pingreq()) == Pingresp()
    await leave(house, raw, politely=False)
    await publish(writer, "a", b"5", packet_id=5)
    raw, is_present = await back(house, properties=KEPT)
    assert is_present
    assert await raw.receive() == Pubrel(sent[0].packet_id)  # type: ignore[union-attr]
    again = [await raw.receive() for _ in range(3)]
    assert [(one.payload, one.dup) for one in again] == [(b"3", True), (b"4", True), (b"5", False)]  # type: ignore[union-attr]
    assert again[0].packet_id == sent[2].packet_id  # type: ignore[union-attr]


async def test_a_qos_2_message_that_comes_again_on_a_new_connection_is_taken_once(start: Any) -> None:
    house = await start()
    house.gate.hold = asyncio.Event()
    raw, _ = await joined(house, properties=KEPT)
    raw.send(Publish("a", b"x", 2, packet_id=7))
    await until(lambda: house.gate.under_way == 1)
    raw, is_present = await back(house, properties=KEPT)  # while the first is still under way
    assert is_present
    raw.send(Publish("a", b"x", 2, dup=True, packet_id=7), Pingreq())
    assert await raw.receive() == Pingresp()
    house.gate.hold.set()
    assert await raw.receive() == Pubrec(7)
    assert len(house.gate.taken) == 1


async def test_a_session_ends_when_its_time_is_over(start: Any, fake_clock: FakeClock) -> None:
    house = await start(clock=fake_clock)
    raw, _ = await joined(house, properties=KEPT)
    await leave(house, raw)
    fake_clock.advance(99)
    house.listener.sweep()
    raw, is_present = await back(house, properties=KEPT)
    assert is_present
    raw.send(Disconnect(0, {"session_expiry_interval": 500}))
    await until(lambda: house.listener.stats()["sessions_away"] == 1)
    fake_clock.advance(499)
    house.listener.sweep()
    assert house.listener.stats()["sessions"] == 1
    fake_clock.advance(1)
    house.listener.sweep()
    assert house.listener.stats()["sessions"] == 0
    assert house.listener.stats()["sessions_expired"] == 1


async def test_a_session_ends_at_once_where_the_goodbye_says_so(start: Any) -> None:
    house = await start()
    raw, _ = await joined(house, properties=KEPT)
    raw.send(Disconnect(0, {"session_expiry_interval": 0}))
    await until(lambda: house.listener.stats()["sessions"] == 0)


async def test_qos_0_is_not_kept_for_a_client_that_is_away(start: Any) -> None:
    house = await start()
    raw = await reader(house, "a", client_id="c", properties=KEPT)
    await leave(house, raw)
    writer, _ = await joined(house, "w")
    writer.send(Publish("a", b"0"))
    await publish(writer, "a", b"1")
    raw, _ = await back(house, properties=KEPT)
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert found.payload == b"1"


async def test_what_the_platform_says_is_for_clients_that_are_there(start: Any) -> None:
    house = await start()
    raw = await reader(house, "a", 1, client_id="c", properties=KEPT)
    assert await house.listener.publish("a", b"now", expires=30) == 1
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert found.properties["message_expiry_interval"] in (29, 30)
    raw.send(Puback(found.packet_id))
    await leave(house, raw)
    assert await house.listener.publish("a", b"later") == 0
    raw, _ = await back(house, properties=KEPT)
    assert await raw.ask(Pingreq()) == Pingresp()


async def test_sessions_that_are_kept_have_a_limit_for_each_device_and_tenant(start: Any) -> None:
    house = await start(MqttLimits(max_device_sessions=2, max_tenant_sessions=3))
    device: dict[str, Any] = {"username": "t/d", "password": b"right", "properties": KEPT}
    for name in ("1", "2"):
        await joined(house, name, **device)
    await joined(house, "2", **device)
    for client_id, username in (("3", "t/d"), ("1", "t/e"), ("2", "t/e")):
        raw = await house.raw()
        answer = await raw.ask(Connect(5, client_id, True, 60, username, b"right", properties=KEPT))
        assert answer.code == (errors.NORMAL if (client_id, username) == ("1", "t/e") else errors.QUOTA_EXCEEDED)
    await joined(house, "3", username="t/d", password=b"right")  # one that ends with its connection may come
    await joined(house, "1", username="u/d", password=b"right", properties=KEPT)  # another tenant has its own


async def test_clients_of_a_tenant_have_a_limit(start: Any) -> None:
    house = await start(MqttLimits(max_tenant_clients=1))
    first, _ = await joined(house, "1", username="t/d", password=b"right")
    raw = await house.raw()
    assert (await raw.ask(Connect(5, "2", username="t/d", password=b"right"))).code == errors.QUOTA_EXCEEDED
    await joined(house, "1", username="u/d", password=b"right")
    await leave(house, first)
    await joined(house, "2", username="t/d", password=b"right")


async def test_an_absent_client_gets_no_more_than_its_queue_holds(start: Any) -> None:
    house = await start(MqttLimits(max_queued=5))
    raw = await reader(house, "a", client_id="c", properties=KEPT)
    await leave(house, raw)
    writer, _ = await joined(house, "w")
    for number in range(1, 9):
        await publish(writer, "a", str(number).encode(), packet_id=number)
    assert house.listener.stats()["overflowed"] == 3
    raw, _ = await back(house, properties=KEPT)
    got = [await raw.receive() for _ in range(5)]
    assert [one.payload for one in got] == [b"1", b"2", b"3", b"4", b"5"]  # type: ignore[union-attr]


async def test_what_waits_for_a_tenant_has_a_limit_in_bytes_and_is_given_back(start: Any) -> None:
    house = await start(MqttLimits(max_tenant_queued_bytes=3000))
    raws = [await reader(house, "a", client_id=f"c{one}", properties=KEPT) for one in range(2)]
    for raw in raws:
        await leave(house, raw)
    writer, _ = await joined(house, "w")
    for number in (1, 2, 3):
        await publish(writer, "a", b"x" * 600, packet_id=number)
    assert house.listener.stats()["overflowed"] == 2
    for one in range(2):
        raw, _ = await back(house, f"c{one}", properties=KEPT)
        for _ in range(2):
            found = await raw.receive()
            assert isinstance(found, Publish)
            raw.send(Puback(found.packet_id))
        assert await raw.ask(Pingreq()) == Pingresp()
    for number in (4, 5):
        await publish(writer, "a", b"x" * 600, packet_id=number)
    assert house.listener.stats()["overflowed"] == 2


# --- the will -------------------------------------------------------------------------------------------


async def test_a_will_waits_for_its_delay_and_a_client_that_is_back_takes_it_away(
    start: Any, fake_clock: FakeClock
) -> None:
    house = await start(clock=fake_clock)
    ear = await reader(house, "will", 1)
    will = Will("will", b"gone", 1, properties={"will_delay_interval": 10, "content_type": "text/plain"})
    raw, _ = await joined(house, will=will, properties=KEPT)
    await leave(house, raw, politely=False)
    fake_clock.advance(9)
    house.listener.sweep()
    raw, is_present = await back(house, will=will, properties=KEPT)
    assert is_present
    fake_clock.advance(9)
    house.listener.sweep()
    assert await ear.ask(Pingreq()) == Pingresp()
    await leave(house, raw, politely=False)
    fake_clock.advance(10)
    house.listener.sweep()
    found = await ear.receive()
    assert isinstance(found, Publish)
    assert (found.payload, found.properties) == (b"gone", {"content_type": "text/plain"})
    assert house.listener.stats()["sessions_away"] == 1


@pytest.mark.parametrize("how", ["expiry", "clean start"])
async def test_a_will_is_said_no_later_than_its_session_ends(start: Any, fake_clock: FakeClock, how: str) -> None:
    house = await start(clock=fake_clock)
    ear = await reader(house, "will", 1)
    will = Will("will", b"gone", 1, properties={"will_delay_interval": 1000})
    raw, _ = await joined(house, will=will, properties=KEPT)
    await leave(house, raw, politely=False)
    if how == "expiry":
        fake_clock.advance(100)
        house.listener.sweep()
    else:
        await joined(house)
    found = await ear.receive()
    assert isinstance(found, Publish)
    assert found.payload == b"gone"


@pytest.mark.parametrize(("delay", "is_said"), [(0, True), (10, False)])
async def test_a_take_over_says_the_will_unless_it_may_wait(start: Any, delay: int, is_said: bool) -> None:
    house = await start()
    ear = await reader(house, "will", 1)
    will = Will("will", b"gone", 1, properties={"will_delay_interval": delay})
    await joined(house, will=will, properties=KEPT)
    await back(house, properties=KEPT)
    await until(lambda: house.listener.stats()["clients"] == 2)
    if is_said:
        assert (await ear.receive()).payload == b"gone"  # type: ignore[union-attr]
    else:
        assert await ear.ask(Pingreq()) == Pingresp()
    assert house.listener.stats()["wills"] == is_said


async def test_a_polite_goodbye_takes_the_will_away_for_good(start: Any, fake_clock: FakeClock) -> None:
    house = await start(clock=fake_clock)
    will = Will("will", b"gone", 1, properties={"will_delay_interval": 10})
    raw, _ = await joined(house, will=will, properties=KEPT)
    await leave(house, raw)
    fake_clock.advance(1000)
    house.listener.sweep()
    assert house.listener.stats()["wills"] == 0


# --- shared subscriptions and aliases ----------------------------------------------------------------------


async def test_each_message_goes_to_one_member_of_a_group_in_turn(start: Any) -> None:
    house = await start()
    members = [await reader(house, "$share/g/a/+", 1, f"m{one}") for one in range(3)]
    whole = await reader(house, "a/#", 1, "whole")
    other = await reader(house, "$share/h/a/+", 1, "other")
    writer, _ = await joined(house, "w")
    for number in range(1, 7):
        await publish(writer, "a/b", str(number).encode(), packet_id=number)
    for index, member in enumerate(members):
        got = [await member.receive() for _ in range(2)]
        assert [one.payload for one in got] == [str(index + 1).encode(), str(index + 4).encode()]  # type: ignore[union-attr]
    for one in (whole, other):
        assert len([await one.receive() for _ in range(6)]) == 6
    assert await members[0].ask(Unsubscribe(2, ("$share/g/a/+", "a/+"))) == Unsuback(2, (0, 0x11))
    members[1].close()
    await until(lambda: house.listener.stats()["clients"] == 5)
    await publish(writer, "a/b", b"7", packet_id=7)
    assert (await members[2].receive()).payload == b"7"  # type: ignore[union-attr]
    assert await members[0].ask(Pingreq()) == Pingresp()


async def test_a_group_prefers_who_is_there_and_keeps_for_who_is_away(start: Any) -> None:
    house = await start()
    away = await reader(house, "$share/g/a", 1, "away", properties=KEPT)
    await leave(house, away)
    here = await reader(house, "$share/g/a", 1, "here")
    writer, _ = await joined(house, "w")
    for number in (1, 2):
        await publish(writer, "a", b"x", packet_id=number)
    assert len([await here.receive() for _ in range(2)]) == 2
    await leave(house, here)
    await publish(writer, "a", b"kept", packet_id=3)
    away, _ = await back(house, "away", properties=KEPT)
    assert (await away.receive()).payload == b"kept"  # type: ignore[union-attr]


async def test_a_group_is_of_one_tenant_and_greets_nobody(start: Any) -> None:
    house = await start()
    writer, _ = await joined(house, "w", username="t/w", password=b"right")
    await publish(writer, "shared/x", b"retained", retain=True)
    here = await reader(house, "$share/g/shared/#", 1, "h", username="t/h", password=b"right")
    there = await reader(house, "$share/g/shared/#", 1, "h", username="u/h", password=b"right")
    for one in (here, there):
        assert await one.ask(Pingreq()) == Pingresp()
    for number in (1, 2):
        await publish(writer, "shared/x", b"x", packet_id=number)
    assert len([await here.receive() for _ in range(2)]) == 2
    assert await there.ask(Pingreq()) == Pingresp()


async def test_a_shared_subscription_without_its_own_messages_is_an_error(start: Any) -> None:
    house = await start()
    raw, _ = await joined(house)
    answer = await raw.ask(Subscribe(1, (Wanted("$share/g/a", 1, no_local=True),)))
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.PROTOCOL_ERROR


async def test_who_has_no_credential_is_not_told_why_it_is_refused(start: Any) -> None:
    house = await start()
    guest, _ = await joined(house)
    device, _ = await joined(house, username="t/d", password=b"right")
    asked = Subscribe(1, (Wanted("kumihimo/t/x/down/#"), Wanted("$share/g/kumihimo/t/x/down/#")))
    assert await guest.ask(asked) == Suback(1, (0x80, 0x80))
    assert await device.ask(asked) == Suback(1, (0x87, 0x87))
    packet = Publish("kumihimo/t/x/up", b"", 1, packet_id=1)
    assert await guest.ask(packet) == Puback(1, 0x87)
    answer = await device.ask(packet)
    assert isinstance(answer, Puback)
    assert answer.properties["reason_string"]


async def test_topics_are_sent_once_where_the_client_takes_aliases(start: Any) -> None:
    house = await start()
    raw = await reader(house, "#", 0, properties={"topic_alias_maximum": 2, "maximum_packet_size": 100})
    await house.listener.publish("a", b"x" * 200, qos=0)  # too large, so that no alias is made by it
    for topic in ("a", "b", "c", "a", "b", "c"):
        await house.listener.publish(topic, b"", qos=0)
    got = [await raw.receive() for _ in range(6)]
    said = [(one.topic, one.properties.get("topic_alias")) for one in got]  # type: ignore[union-attr]
    assert said == [("a", 1), ("b", 2), ("c", None), ("", 1), ("", 2), ("c", None)]


# --- what survives a kill ----------------------------------------------------------------------------------


async def test_a_new_process_has_what_the_clients_may_count_on(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    raw = await reader(house, "a/#", client_id="c", properties=KEPT)
    assert await raw.ask(Subscribe(2, (Wanted("$share/g/s", 1), Wanted("gone", 1)), {"subscription_identifier": [9]}))
    assert await raw.ask(Unsubscribe(3, ("gone",))) == Unsuback(3, (0,))
    writer, _ = await joined(house, "w", properties=KEPT)
    assert await writer.ask(Publish("a/half", b"half", 2, packet_id=5)) == Pubrec(5)
    for number, qos in ((1, 1), (2, 2), (3, 1)):
        await publish(writer, "a/b", str(number).encode(), qos, number, properties={"user_property": [("k", "v")]})
    await publish(writer, "a/kept", b"kept", packet_id=4, retain=True)
    got = [await raw.receive() for _ in range(5)]
    assert await raw.ask(Pubrec(got[2].packet_id)) == Pubrel(got[2].packet_id)  # type: ignore[union-attr]
    raw.send(Puback(got[1].packet_id))  # type: ignore[union-attr]
    await until(lambda: store.kinds().count("Message") == 4)

    after = await start(store=store)  # the first one is as good as killed: it says and does nothing more
    raw, is_present = await back(after, properties=KEPT)
    assert is_present
    assert await raw.receive() == Pubrel(got[2].packet_id)  # type: ignore[union-attr]
    again = [await raw.receive() for _ in range(3)]
    assert [(one.payload, one.qos, one.dup) for one in again] == [  # type: ignore[union-attr]
        (b"half", 2, True),
        (b"3", 1, True),
        (b"kept", 1, True),
    ]
    assert again[1].properties == {"user_property": [("k", "v")]}  # type: ignore[union-attr]
    writer, is_present = await back(after, "w", properties=KEPT)
    assert is_present
    taken = len(after.gate.taken)
    assert await writer.ask(Publish("a/half", b"half", 2, dup=True, packet_id=5)) == Pubrec(5)
    assert await writer.ask(Pubrel(5)) == Pubcomp(5)
    assert len(after.gate.taken) == taken, "a message at QoS 2 was taken twice"
    await publish(writer, "s", b"shared", packet_id=6)
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert (found.topic, found.properties) == ("s", {"subscription_identifier": [9]})
    fresh = await reader(after, "a/kept", 1, "fresh")
    assert (await fresh.receive()).payload == b"kept"  # type: ignore[union-attr]


async def test_nothing_is_acknowledged_before_it_is_durable(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    raw = await reader(house, "a", 1, "c", properties=KEPT)
    writer, _ = await joined(house, "w")
    store.hold = asyncio.Event()
    writer.send(Publish("a", b"1", 1, packet_id=1), Publish("a", b"2", 1, packet_id=2))
    await until(lambda: len(house.gate.taken) == 2)
    for one in (writer, raw, writer):
        assert await one.ask(Pingreq()) == Pingresp()
    store.hold.set()
    assert [await writer.receive(), await writer.receive()] == [Puback(1), Puback(2)]
    assert [(await raw.receive()).payload for _ in range(2)] == [b"1", b"2"]  # type: ignore[union-attr]


async def test_the_second_half_of_qos_2_waits_for_the_store_too(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    raw = await reader(house, "a", 2, "c", properties=KEPT)
    assert await raw.ask(Publish("a", b"x", 2, packet_id=7)) == Pubrec(7)
    found = await raw.receive()
    assert isinstance(found, Publish)
    store.hold = asyncio.Event()
    raw.send(Pubrec(found.packet_id), Pubrel(7))
    for _ in range(3):
        assert await raw.ask(Pingreq()) == Pingresp()
    store.hold.set()
    answers = [await raw.receive(), await raw.receive()]
    assert Pubrel(found.packet_id) in answers
    assert Pubcomp(7) in answers


async def test_a_session_that_is_kept_is_durable_before_connack(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    store.hold = asyncio.Event()
    raw = await house.raw()
    raw.send(Connect(5, "c", properties=KEPT))
    other, _ = await joined(house, "other")
    assert await other.ask(Pingreq()) == Pingresp()
    assert store.kinds() == []
    store.hold.set()
    assert isinstance(await raw.receive(), Connack)
    assert store.kinds() == ["Session"]


async def test_sessions_that_end_with_their_connection_cost_the_store_nothing(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    raw = await reader(house, "a", 2)
    writer, _ = await joined(house, "w")
    await publish(writer, "a", b"x", 2)
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert await raw.ask(Pubrec(found.packet_id)) == Pubrel(found.packet_id)
    await leave(house, raw)
    assert (store.groups, store.kinds()) == ([], [])


async def test_a_store_that_fails_acknowledges_nothing_and_later_gets_what_it_missed(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    house = await start(MqttLimits(max_queued=1), store=store)
    raw = await reader(house, "a", 1, "c", properties=KEPT)
    writer, _ = await joined(house, "w")
    await publish(writer, "a", b"1")
    first = await raw.receive()
    assert isinstance(first, Publish)
    store.fail = True
    answer = await writer.ask(Publish("a", b"2", 1, packet_id=2))
    assert isinstance(answer, Disconnect)
    assert answer.code == errors.SERVER_BUSY
    raw.send(Puback(first.packet_id))
    assert await raw.ask(Pingreq()) == Pingresp()
    await until(lambda: house.listener.stats()["store_failures"] >= 2)
    assert store.kinds().count("Message") == 1
    store.fail = False
    writer, _ = await joined(house, "w")
    await publish(writer, "a", b"3")
    found = await raw.receive()
    assert isinstance(found, Publish)
    assert found.payload == b"3"
    raw.send(Puback(found.packet_id))
    await until(lambda: store.kinds() == ["Session", "Subscription"])
    assert "could not be written" in caplog.text


async def test_a_store_that_hangs_does_not_hold_up_the_end(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    house = await start(MqttLimits(drain_timeout=0.1), store=store)
    await joined(house, properties=KEPT)
    store.hold = asyncio.Event()
    async with asyncio.timeout(10):
        await house.listener.stop()
    assert "in time" in caplog.text


async def test_changes_that_wait_are_committed_together(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    await reader(house, "a", 1, "c", properties=KEPT)
    writer, _ = await joined(house, "w")
    store.hold = asyncio.Event()
    writer.send(*(Publish("a", b"x", 1, packet_id=one) for one in range(1, 31)), Pingreq())
    assert await writer.receive() == Pingresp()
    await until(lambda: len(house.gate.taken) == 30)
    before = len(store.groups)
    store.hold.set()
    assert [(await writer.receive()).packet_id for _ in range(30)] == list(range(1, 31))  # type: ignore[union-attr]
    assert len(store.groups) - before <= 3


async def test_after_a_kill_wills_and_expiry_are_counted_from_the_new_start(start: Any, fake_clock: FakeClock) -> None:
    store = Store()
    house = await start(store=store, clock=fake_clock)
    will = Will("will", b"gone", 1, properties={"will_delay_interval": 10})
    await joined(house, "c", will=will, properties=KEPT)
    left, _ = await joined(house, "left", properties=KEPT)
    await leave(house, left)
    await joined(house, "short", properties={"session_expiry_interval": 1})
    fake_clock.advance(99)
    after = await start(store=store, clock=fake_clock)
    ear = await reader(after, "will", 1)
    assert after.listener.stats()["sessions_away"] == 3
    fake_clock.advance(10)
    after.listener.sweep()
    assert (await ear.receive()).payload == b"gone"  # type: ignore[union-attr]
    assert after.listener.stats()["sessions_away"] == 1
    fake_clock.advance(90)
    after.listener.sweep()
    await until(lambda: store.kinds() == [])


async def test_a_retained_message_that_is_cleared_is_not_there_after_a_start(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    writer, _ = await joined(house, "w", username="t/w", password=b"right")
    await publish(writer, "shared/a", b"a", retain=True)
    await publish(writer, "shared/b", b"b", packet_id=2, retain=True)
    await publish(writer, "shared/a", b"", packet_id=3, retain=True)
    await house.listener.publish("kumihimo/t/x/down/state", b"ours", retain=True)
    after = await start(store=store)
    assert after.listener.stats()["retained"] == 2
    raw = await reader(after, "kumihimo/t/x/down/#", 1, username="t/x", password=b"right")
    assert (await raw.receive()).payload == b"ours"  # type: ignore[union-attr]
    stranger = await reader(after, "shared/#", 1, username="u/x", password=b"right")
    assert await stranger.ask(Pingreq()) == Pingresp()


async def test_a_retained_message_that_has_expired_is_forgotten_at_the_next_start(
    start: Any, fake_clock: FakeClock
) -> None:
    store = Store()
    house = await start(store=store, clock=fake_clock)
    writer, _ = await joined(house, "w")
    for topic, seconds in (("short", 10), ("long", 100)):
        await publish(writer, topic, b"x", retain=True, properties={"message_expiry_interval": seconds})
    fake_clock.advance(50)
    after = await start(store=store, clock=fake_clock)
    assert after.listener.stats()["retained"] == 1
    await until(lambda: store.kinds() == ["Retained"])


async def test_a_tenant_that_cannot_be_read_keeps_nobody_else_out(
    start: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    house = await start(store=store)
    for tenant in ("t", "u"):
        await joined(house, "c", username=f"{tenant}/d", password=b"right", properties=KEPT)
    plain = store.load

    async def load(tenant: str) -> list[MqttRow]:
        if tenant == "t":
            raise OSError("damaged")
        return await plain(tenant)

    monkeypatch.setattr(store, "load", load)
    after = await start(store=store)
    assert after.listener.stats()["sessions"] == 1
    _, is_present = await back(after, "c", username="u/d", password=b"right", properties=KEPT)
    assert is_present
    assert "could not be read" in caplog.text


async def test_a_connection_that_ends_while_its_session_is_written_leaves_no_trace(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    store.hold = asyncio.Event()
    raw = await house.raw()
    raw.send(Connect(5, "c", properties=KEPT, will=Will("will", b"gone")))
    await until(lambda: house.listener.stats()["sessions"] == 1)
    ends = asyncio.create_task(house.listener.stop())
    await until(lambda: house.listener.stats()["sessions_away"] == 1)
    store.hold.set()
    await ends
    stats = house.listener.stats()
    assert (stats["clients"], stats["wills"], stats["sessions_away"]) == (0, 0, 1)


async def test_a_revoked_device_loses_its_sessions_also_in_the_store(start: Any) -> None:
    store = Store()
    house = await start(store=store)
    device: dict[str, Any] = {"username": "t/d", "password": b"right", "properties": KEPT}
    will = Will("shared/will", b"gone", 1, properties={"will_delay_interval": 10})
    away, _ = await joined(house, "away", will=will, **device)
    await leave(house, away, politely=False)
    await joined(house, "here", will=will, **device)
    assert house.listener.cut("t", "d") == 2
    await until(lambda: store.kinds() == [] and house.listener.stats()["clients"] == 0)
    assert (house.listener.stats()["sessions"], house.listener.stats()["wills"]) == (0, 0)
