"""An MQTT connection as a client: simulated devices, and later outside brokers (on aiomqtt)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiomqtt

from kumihimo.base.ports import MqttLink

_KEEP_ALIVE = 60
_TIMEOUT = 15.0


class _Client(aiomqtt.Client):
    """aiomqtt forgets the reason code of a PUBACK; a device must know that its reading was refused."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._unacked: dict[int, asyncio.Future[str]] = {}

    async def send(self, topic: str, payload: bytes, qos: int) -> None:
        """Publishes; returns on the PUBACK (QoS 1). ConnectionError for a refusal or a lost link."""
        info = self._client.publish(topic, payload, qos)
        if info.rc != 0:
            raise ConnectionError(f"MQTT publish: {info.rc}")
        if not qos:
            return
        refusal: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._unacked[info.mid] = refusal
        ends: set[asyncio.Future[Any]] = {refusal, self._disconnected}
        try:
            await asyncio.wait(ends, timeout=_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._unacked.pop(info.mid, None)
        if not refusal.done():
            raise ConnectionError("MQTT publish: the link was lost, or nothing was acknowledged in time")
        if refusal.result():
            raise ConnectionError(f"MQTT publish refused: {refusal.result()}")

    def _on_disconnect(self, *given: Any, **named: Any) -> None:
        # Cut off after its connecting was cancelled: there is nobody to tell, and the base class would raise.
        if not self._connected.cancelled():
            super()._on_disconnect(*given, **named)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        waiting = self._unacked.get(mid)
        if waiting is not None and not waiting.done():
            waiting.set_result(str(reason_code) if reason_code.is_failure else "")
        super()._on_publish(client, userdata, mid, reason_code, properties)


class _Link:
    """One open connection; see base.ports.MqttLink."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._is_closed = False

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Returns once the server acknowledged (QoS 1). ConnectionError where the link is gone or refused."""
        await self._client.send(topic, payload, qos)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Topic and payload of what arrives; ends when the link is closed or lost."""
        with contextlib.suppress(aiomqtt.MqttError):
            async for message in self._client.messages:
                payload = message.payload
                yield str(message.topic), payload if isinstance(payload, bytes) else str(payload).encode()

    async def close(self) -> None:
        """Says DISCONNECT; harmless when the link is gone."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(aiomqtt.MqttError):
            await self._client.__aexit__(None, None, None)


class MqttConnector:
    """Opens MQTT 5 connections to one server; implements base.ports.MqttConnect."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def __call__(
        self, *, client_id: str, username: str, password: str, subscribe: Sequence[str] = ()
    ) -> MqttLink:
        """An open, subscribed link. ConnectionError where the server refuses or does not answer."""
        client = _Client(
            self._host,
            self._port,
            identifier=client_id,
            username=username,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V5,
            keepalive=_KEEP_ALIVE,
            timeout=_TIMEOUT,
        )
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as problem:
            _end_if_cancelled()
            raise ConnectionError(f"MQTT connect: {problem}") from problem
        link = _Link(client)
        await _give_up_if_cancelled(link)
        for topic_filter in subscribe:
            try:
                granted = await client.subscribe(topic_filter, qos=1)
            except aiomqtt.MqttError as problem:
                await link.close()
                _end_if_cancelled()
                raise ConnectionError(f"MQTT subscribe: {problem}") from problem
            if any(_is_refused(one) for one in granted):
                await link.close()
                raise ConnectionError(f"MQTT subscribe: {topic_filter} was refused")
        await _give_up_if_cancelled(link)
        return link


async def _give_up_if_cancelled(link: _Link) -> None:
    """As `_end_if_cancelled`, with the link closed before."""
    if _is_cancelled():
        await link.close()
    _end_if_cancelled()


def _end_if_cancelled() -> None:
    """The client below waits with asyncio.wait_for, which before Python 3.12 loses a cancellation that comes together
    with the answer, or with a refusal: the task would go on for ever, and with it the process that wants to end.
    """
    if _is_cancelled():
        raise asyncio.CancelledError


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_refused(code: Any) -> bool:
    return bool(getattr(code, "is_failure", False)) or (isinstance(code, int) and code >= 0x80)
