"""The client of simulated devices ends when it is told to, also where what it stands on loses that."""

from __future__ import annotations

import asyncio
from typing import Any

import aiomqtt
import pytest

from kumihimo.network.mqtt.client import MqttConnector, _Client


@pytest.mark.parametrize("where", ["__aenter__", "subscribe"])
async def test_a_cancellation_that_comes_together_with_a_refusal_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    waits = asyncio.Event()

    async def loses(*_: Any, **__: Any) -> None:
        waits.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise aiomqtt.MqttError("the server went away") from None

    async def passes(*_: Any, **__: Any) -> None:
        return None

    for name in ("__aenter__", "__aexit__", "subscribe"):
        monkeypatch.setattr(_Client, name, loses if name == where else passes)
    connect = MqttConnector("127.0.0.1", 1)
    task = asyncio.create_task(connect(client_id="c", username="u", password="p", subscribe=["down"]))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
