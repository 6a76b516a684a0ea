"""A simulated sign, siren and light: they take commands over MQTT, do them in thought, and confirm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from kumihimo.base import times
from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps, loads
from kumihimo.base.ports import MqttConnect, MqttLink
from kumihimo.device.simulate.player import Account

logger = logging.getLogger(__name__)
Kind = Literal["sign", "siren", "light"]
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device says to a command: "confirmed" or "failed", its own words, and its state report (None:
    nothing changed).
    """

    state: Literal["confirmed", "failed"]
    detail: str
    report: dict[str, str] | None = None


def answer(kind: Kind, command: dict[str, Any]) -> Answer:
    """A sign knows "show" (text) and "clear"; a siren "sound" (pattern, seconds) and "stop"; a light "on" and
    "off".
    """
    name, arguments = str(command.get("name", "")), command.get("arguments") or {}
    if (kind, name) == ("sign", "show") and arguments.get("text"):
        text = str(arguments["text"])
        return Answer("confirmed", text, {"state": "showing", "text": text})
    if (kind, name) == ("sign", "clear"):
        return Answer("confirmed", "blank", {"state": "blank"})
    if (kind, name) == ("siren", "sound"):
        pattern = str(arguments.get("pattern", "warning"))
        return Answer("confirmed", pattern, {"state": f"sounding: {pattern}"})
    if (kind, name) == ("siren", "stop"):
        return Answer("confirmed", "silent", {"state": "silent"})
    if kind == "light" and name in ("on", "off"):
        return Answer("confirmed", name, {"state": name})
    return Answer("failed", f"this {kind} does not know {name!r} with these arguments")


class SimulatedActor:
    """One sign, siren or light. now gives the recorded moment for its state reports, in microseconds."""

    def __init__(self, connect: MqttConnect, account: Account, kind: Kind, now: Callable[[], int]) -> None:
        self._connect = connect
        self._account = account
        self._kind: Kind = kind
        self._now = now
        self._link: MqttLink | None = None
        self._may_connect = asyncio.Event()
        self._may_connect.set()

    async def hold(self) -> None:
        """Hangs up, and stays away until `let_go`."""
        self._may_connect.clear()
        if self._link is not None:
            await self._link.close()

    def let_go(self) -> None:
        """Lets it connect again after `hold`."""
        self._may_connect.set()

    async def run(self) -> None:
        """Stays connected and answers commands until cancelled."""
        while True:
            await self._may_connect.wait()
            try:
                await self._serve()
            except (OSError, TimeoutError) as problem:
                logger.warning("simulated device", extra={"device": self._account.device, "problem": str(problem)})
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self) -> None:
        account = self._account
        link = await self._connect(
            client_id=f"{account.tenant}-{account.device}",
            username=f"{account.tenant}/{account.device}",
            password=account.key,
            subscribe=[account.topic("down/command")],
        )
        self._link = link
        try:
            async for _, payload in link.messages():
                await self._take(link, payload)
        finally:
            self._link = None
            await link.close()

    async def _take(self, link: MqttLink, payload: bytes) -> None:
        try:
            command = loads(payload)
        except Problem as problem:
            logger.warning("command not read", extra={"device": self._account.device, "problem": problem.detail})
            return
        said = answer(self._kind, command)
        result = {"id": command.get("id", ""), "state": said.state, "detail": said.detail}
        await link.publish(self._account.topic("up/result"), dumps(result))
        if said.report is not None:
            report = {**said.report, "observedAt": times.text(times.from_micros(self._now()))}
            await link.publish(self._account.topic("up"), dumps(report))
