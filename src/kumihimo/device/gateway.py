"""The one door in for devices: MQTT and HTTP, readings and results of commands.

A device may publish for itself alone, always with its key. Clients without a key are let in only under an open
house, and then never to anything below `kumihimo/`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, PayloadTooLarge, Problem, TooManyRequests, Unauthenticated
from kumihimo.base.jsontext import loads
from kumihimo.base.ports import Ingest, MqttPeer, MqttRefused, Reading, ReadingOutcome
from kumihimo.base.rates import Rates
from kumihimo.device.codecs.families import MAX_ITEMS, decode
from kumihimo.device.codecs.lines import CSV, as_json
from kumihimo.device.enrolment.door import NotOurs
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words

ROOT: Final = "kumihimo"
BAD_CREDENTIALS: Final = 0x86
NOT_AUTHORIZED: Final = 0x87
PAYLOAD_INVALID: Final = 0x99
_REFUSED_BELOW: Final = {
    0x93: "確認を待たずに送り過ぎています。",
    0x95: "MQTT のパケットが大きすぎます。分けて送ってください。",
    0x97: "一度に頼む購読が多すぎます。",
    PAYLOAD_INVALID: "文字列 (UTF-8) とされていますが、読めません。",
}
"""What the listener refuses by itself, by its reason code; all else breaks the protocol."""
PURPOSE: Final = "device-reading"
FROM_OUTSIDE: Final = (f"{ROOT}/+/+/up", f"{ROOT}/+/+/up/result")
"""What is taken from an outside broker."""
_FROM_DEVICE: Final = re.compile(rf"{ROOT}/([^/]+)/([^/]+)/up(?:/result)?")

Results = Callable[[str, str, str, str, str], Awaitable[bool]]
"""Tenant, device, command id, "confirmed" or "failed", the device's words; False for an unknown command."""


class Devices(Protocol):
    """What the gateway asks the registry (see registry.Registry)."""

    async def authenticate(self, tenant: str, device: str, key: str, *, way: str = "connect") -> Device | None: ...

    async def known(self, tenant: str, device: str) -> Device | None: ...

    def accept(self, tenant: str, device: str, readings: int) -> None: ...

    def touch(self, tenant: str, device: str) -> None: ...

    def refuse(self, tenant: str, device: str, way: str, words: Words) -> None: ...

    async def refuse_unknown(self, tenant: str, device: str, way: str) -> None: ...

    @property
    def refused_elsewhere(self) -> int: ...


class Certificates(Protocol):
    """Whose a certificate (DER) is (see enrolment.Enrolment); NotOurs, which is Refused, where it is not good."""

    async def device_of(self, certificate: bytes, *, stays: bool = False) -> tuple[str, Device]: ...


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """max_payload in bytes; max_readings per message; ahead: seconds that observedAt may lie in the future.

    http_rate: messages of one device over HTTP, per second; 0 sets no limit.
    """

    max_payload: int = 64 * 1024
    max_readings: int = MAX_ITEMS
    ahead: float = 3600.0
    http_rate: float = 0.0


class Gateway:
    """Implements base.ports.MqttGate; `take` is the same door over HTTP."""

    def __init__(
        self,
        registry: Devices,
        ingest: Ingest,
        clock: Clock,
        open_house: bool,
        results: Results,
        limits: GatewayLimits | None = None,
        closed_topics: Sequence[str] = (),
        certificates: Certificates | None = None,
    ) -> None:
        self._certificates = certificates
        self._registry = registry
        self._ingest = ingest
        self._clock = clock
        self._open_house = open_house
        self._results = results
        self._limits = limits or GatewayLimits()
        self._closed_topics = tuple(closed_topics)
        self._rates = Rates(self._limits.http_rate)
        self._refused_anonymous = 0

    def counters(self) -> dict[str, float]:
        """Refusals since the start that belong to no tenant, so that only the whole platform can show them."""
        return {
            "refused_anonymous_total": self._refused_anonymous,
            "refused_elsewhere_total": self._registry.refused_elsewhere,
        }

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have."""
        return self._limits.max_payload

    # --- MqttGate ----------------------------------------------------------------------------------------

    async def connect(
        self, client_id: str, username: str | None, password: bytes | None, certificate: bytes = b""
    ) -> MqttPeer:
        """The peer: a device by its certificate, or by user name "{tenant}/{device}" and its key; or nobody under an
        open house. A user name beside a certificate must be that of its device; a password is not looked at then.
        """
        if certificate:
            return await self._connect_by(certificate, client_id, username or "")
        tenant, slash, name = (username or "").partition("/")
        if not slash:
            return self._anonymous(client_id)
        try:
            key = (password or b"").decode()
        except UnicodeDecodeError:
            key = ""
        device = await self._registry.authenticate(tenant, name, key)
        if device is None:
            raise MqttRefused(BAD_CREDENTIALS, "the device's name or its key is wrong")
        self._registry.touch(tenant, device.id)
        return MqttPeer(client_id, tenant, device.id)

    async def _connect_by(self, certificate: bytes, client_id: str, username: str) -> MqttPeer:
        try:
            tenant, device = await self._by_certificate(certificate, "connect")
        except Refused as refusal:
            raise MqttRefused(BAD_CREDENTIALS, refusal.words.en) from refusal
        if username not in ("", f"{tenant}/{device.id}"):
            self._registry.refuse(tenant, device.id, "connect", _ANOTHERS)
            raise MqttRefused(BAD_CREDENTIALS, _ANOTHERS.en)
        self._registry.touch(tenant, device.id)
        return MqttPeer(client_id, tenant, device.id)

    async def _by_certificate(self, certificate: bytes, way: str) -> tuple[str, Device]:
        """Whose it is; Refused, and counted for the device that it names, where it is not good."""
        if self._certificates is None:
            raise Refused(_NONE_TAKEN.ja, _NONE_TAKEN.en)
        try:
            return await self._certificates.device_of(certificate, stays=way == "connect")
        except NotOurs as refusal:
            known = refusal.device and await self._registry.known(refusal.tenant, refusal.device)
            if known:
                self._registry.refuse(refusal.tenant, refusal.device, way, refusal.words)
            else:
                await self._registry.refuse_unknown(refusal.tenant, refusal.device, way)
            raise

    def _anonymous(self, client_id: str) -> MqttPeer:
        if self._open_house:
            return MqttPeer(client_id)
        self._refused_anonymous += 1
        raise MqttRefused(NOT_AUTHORIZED, "log in with the user name tenant/device and the device's key")

    def may_publish(self, peer: MqttPeer, topic: str) -> bool:
        """A device to its own two topics; others, under an open house, to what is not the platform's."""
        if not peer.device:
            return self._is_open_topic(topic)
        if topic in (_up(peer), f"{_up(peer)}/result"):
            return True
        words = Words("この端末のものではないトピックに送信しました。", "It published to a topic that is not its own.")
        self._registry.refuse(peer.tenant, peer.device, "topic", words)
        return False

    def may_subscribe(self, peer: MqttPeer, topic_filter: str) -> bool:
        """A device below its own `down/`; others, under an open house, to what is not the platform's.

        A wildcard in front may be asked for there; the listener asks again for each topic that it would deliver.
        """
        if not peer.device:
            return self._is_open_topic(topic_filter)
        return topic_filter.startswith(f"{ROOT}/{peer.tenant}/{peer.device}/down/")

    def _is_open_topic(self, topic: str) -> bool:
        """Also asked of a filter: one that is closed itself; what a wider one takes in is asked for each message."""
        if topic.partition("/")[0] == ROOT or topic.startswith("$"):
            return False
        return not any(_covers(closed, topic) for closed in self._closed_topics)

    async def publish(self, peer: MqttPeer, topic: str, payload: bytes, properties: Mapping[str, Any]) -> None:
        """Takes a reading or a result; returns after the commit. MqttRefused for what is not taken.

        A message with an object that is refused is refused as a whole: PUBACK has one code for all of it.
        """
        del properties
        if not peer.device:
            return
        device = await self._registry.known(peer.tenant, peer.device)
        if device is None:
            raise MqttRefused(NOT_AUTHORIZED, "the device was removed")
        is_result = topic.endswith("/up/result")
        way = "up/result" if is_result else "up"
        try:
            self._check_size(payload)
            if is_result:
                await self._result(peer.tenant, device, payload)
                return
            readings = self._decode(device, payload)
            refused = [one for one in readings if isinstance(one, Words)]
            if refused:
                raise Refused(refused[0].ja, refused[0].en)  # noqa: TRY301 - one place counts all refusals
            sound = [one for one in readings if isinstance(one, Reading)]
            outcomes = await self._store(peer.tenant, device, way, sound)
            if all(one.status == "refused" for one in outcomes):
                words = _refusal_of(outcomes[0])
                raise Refused(words.ja, words.en)  # noqa: TRY301 - as above
        except Refused as refusal:
            self._registry.refuse(peer.tenant, device.id, way, refusal.words)
            raise MqttRefused(PAYLOAD_INVALID, refusal.words.en) from refusal

    async def take_from_outside(self, topic: str, payload: bytes, properties: Mapping[str, Any]) -> None:
        """As `publish`, for what an outside broker passes on: the topic alone says whose it is, there is no key.

        MqttRefused for what can never be taken.
        """
        found = _FROM_DEVICE.fullmatch(topic)
        if found is None:
            raise MqttRefused(NOT_AUTHORIZED, "this topic is not one that a device publishes to")
        tenant, name = found.groups()
        if await self._registry.known(tenant, name) is None:
            await self._registry.refuse_unknown(tenant, name, "outside")
            raise MqttRefused(NOT_AUTHORIZED, "there is no such device")
        await self.publish(MqttPeer("", tenant, name), topic, payload, properties)

    def refused(self, peer: MqttPeer, code: int, detail: str) -> None:
        """Counts what the listener itself did not take of a device."""
        if not peer.device:
            return
        ja = _REFUSED_BELOW.get(code, "MQTT の規約に合わない通信です。端末のプログラムを確かめてください。")
        self._registry.refuse(peer.tenant, peer.device, "mqtt", Words(ja, f"{detail[:200]}."))

    async def disconnect(self, peer: MqttPeer) -> None:
        """Notes when the device was last there."""
        if peer.device and await self._registry.known(peer.tenant, peer.device) is not None:
            self._registry.touch(peer.tenant, peer.device)

    # --- HTTP --------------------------------------------------------------------------------------------

    async def prove(self, tenant: str, device_id: str, key: str, certificate: bytes = b"") -> Device:
        """The device where the certificate (DER) or the key is its own; Unauthenticated otherwise, which is counted.

        A key counts first: behind a door where every client shows a certificate there may be one that carries for
        others.
        """
        if key or not certificate:
            device = await self._registry.authenticate(tenant, device_id, key, way="http")
            if device is None:
                raise Unauthenticated("the device's name or its key is wrong; send Authorization: Bearer <key>")
            return device
        try:
            found, device = await self._by_certificate(certificate, "http")
        except Refused as refusal:
            raise Unauthenticated(refusal.words.en) from refusal
        if (found, device.id) != (tenant, device_id):
            self._registry.refuse(found, device.id, "http", _ANOTHERS)
            raise Unauthenticated(_ANOTHERS.en)
        return device

    async def take(
        self, tenant: str, device_id: str, key: str, body: bytes, media: str = "", certificate: bytes = b""
    ) -> list[ReadingOutcome]:
        """Takes readings; one outcome each, in the order given, after the commit. What is refused is counted.

        media is the body's type where it is not JSON: text/csv for lines. A body that is too large need not be whole,
        and without a key it may be empty: it is only counted.
        Unauthenticated, TooManyRequests, PayloadTooLarge, or BadRequestData where it cannot be read as a whole.
        """
        device = await self.prove(tenant, device_id, key, certificate)
        self._check_rate(device, tenant)
        try:
            self._check_size(body)
            is_csv = media == CSV and not device.table  # a declared family says by itself how its CSV is read
            decoded = self._decode(device, as_json(body, self._limits.max_readings) if is_csv else body)
        except Refused as refusal:
            self._registry.refuse(tenant, device.id, "http", refusal.words)
            if len(body) > self._limits.max_payload:
                raise PayloadTooLarge(refusal.words.en) from refusal
            raise BadRequestData(refusal.words.en) from refusal
        sound = [one for one in decoded if isinstance(one, Reading)]
        stored = iter(await self._store(tenant, device, "http", sound))
        outcomes = []
        for one in decoded:
            if isinstance(one, Words):
                self._registry.refuse(tenant, device.id, "http", one)
                outcomes.append(ReadingOutcome("refused", one.en))
                continue
            outcomes.append(next(stored))
        return outcomes

    def _check_rate(self, device: Device, tenant: str) -> None:
        """A device in a loop leaves room for the others; asked once its key is known, so that no stranger takes it."""
        seconds = math.ceil(self._rates.take(f"{tenant}/{device.id}", self._clock.now().timestamp()))
        if not seconds:
            return
        words = Words(
            "送信が多すぎます。間隔をあけるか、まとめて送ってください。",
            f"the device sends too often; try again in {seconds} s, and send several readings at once.",
        )
        self._registry.refuse(tenant, device.id, "http", words)
        raise TooManyRequests(words.en, retry_after=seconds)

    # --- what both do ------------------------------------------------------------------------------------

    def _check_size(self, payload: bytes) -> None:
        limit = self._limits.max_payload
        if len(payload) > limit:
            raise Refused(
                f"{limit} バイトを超えています。分けて送ってください。",
                f"the message has more than {limit} bytes; send it in parts.",
            )

    def _decode(self, device: Device, payload: bytes) -> list[Reading | Words]:
        now = times.micros(self._clock.now())
        latest = now + int(self._limits.ahead * 1_000_000)
        found = decode(device.family, payload, device, self._limits.max_readings, arrived=now)
        return [_FROM_THE_FUTURE if isinstance(one, Reading) and one.observed_at > latest else one for one in found]

    async def _store(self, tenant: str, device: Device, way: str, readings: list[Reading]) -> list[ReadingOutcome]:
        call = Call(tenant, Actor("device", device.id), PURPOSE)
        outcomes = await self._ingest(call, readings) if readings else []
        good = sum(one.status != "refused" for one in outcomes)
        if good:
            self._registry.accept(tenant, device.id, good)
        for one in outcomes if good or way == "http" else ():  # else the whole message is refused, and counts once
            if one.status == "refused":
                self._registry.refuse(tenant, device.id, way, _refusal_of(one))
        return outcomes

    async def _result(self, tenant: str, device: Device, payload: bytes) -> None:
        try:
            body = loads(payload, max_depth=8)
        except Problem as problem:
            raise Refused("JSON として読めません。", f"not readable as JSON: {problem.detail}") from problem
        given = body if isinstance(body, dict) else {}
        command, state, detail = given.get("id"), given.get("state"), given.get("detail", "")
        if not isinstance(command, str) or state not in ("confirmed", "failed") or not isinstance(detail, str):
            raise Refused(
                '結果は {"id": "…", "state": "confirmed" または "failed", "detail": "…"} で送ってください。',
                'a result looks like {"id": "…", "state": "confirmed" or "failed", "detail": "…"}.',
            )
        if not await self._results(tenant, device.id, command, state, detail[:500]):
            raise Refused("この端末への指示の中に、その番号はありません。", "no command to this device has that id.")
        self._registry.touch(tenant, device.id)


_ANOTHERS = Words("証明書は別の端末のものです。", "the certificate is another device's than the one that is named.")
_NONE_TAKEN = Words("証明書では接続できません。", "no certificates are taken here; use the device's key.")
_FROM_THE_FUTURE = Words(
    "observedAt が未来の時刻です。端末の時計を合わせてください。",
    "observedAt lies more than the allowed time in the future; set the device's clock.",
)


def _refusal_of(outcome: ReadingOutcome) -> Words:
    return Words(outcome.detail_ja or "保存できない値です。", outcome.detail)


def _up(peer: MqttPeer) -> str:
    return f"{ROOT}/{peer.tenant}/{peer.device}/up"


def _covers(closed: str, topic: str) -> bool:
    """Whether a topic, or all that a filter takes in, lies under a filter ("+" is one level, "#" all that follow)."""
    wanted, given = closed.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or given[index] == "#" or (level != "+" and level != given[index]):
            return False
    return len(wanted) == len(given)
