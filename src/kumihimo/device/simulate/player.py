"""Plays recorded readings as the devices would send them: each over its own MQTT connection, or over HTTP.

Only the moment inside the reading is recorded time; the connections, the acknowledgements and the waiting are real.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from kumihimo.base.ports import HttpFetch, MqttConnect, MqttLink
from kumihimo.device.simulate.schedule import ReplayClock, fresh

logger = logging.getLogger(__name__)
OPENING_AT_ONCE = 16
TRIES = 4
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Account:
    """A device's credential: MQTT user name "{tenant}/{device}", password the key."""

    tenant: str
    device: str
    key: str

    def topic(self, leaf: str) -> str:
        """A topic of this device, e.g. "up"."""
        return f"kumihimo/{self.tenant}/{self.device}/{leaf}"


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded reading: when (microseconds), from which device, by which carrier, the body as sent."""

    at: int
    device: str
    carrier: Literal["mqtt", "http"]
    body: bytes


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What a screen shows of the replay; moments in microseconds of recorded time."""

    recorded: int
    start: int
    end: int
    speed: float
    running: bool
    ended: bool
    sent: int
    failed: int
    last_error: str
    links: int


class Player:
    """A replay of `steps` (in order of time) from `start` to `end`. `run` plays until cancelled."""

    def __init__(
        self,
        *,
        connect: MqttConnect,
        fetch: HttpFetch,
        base_url: Callable[[], str],
        accounts: Mapping[str, Account],
        steps: Sequence[Step],
        start: int,
        end: int,
        speed: float = 600.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._fetch = fetch
        self._base_url = base_url
        self._accounts = dict(accounts)
        self._steps = steps
        self._now = now
        self._clock: ReplayClock = fresh(start, end, speed)
        self._next = self._index_after(start)
        self._changed = asyncio.Event()
        self._links: dict[str, MqttLink] = {}
        self._sending = asyncio.Lock()
        self._opening = asyncio.Semaphore(OPENING_AT_ONCE)
        self._sent = self._failed = 0
        self._last_error = ""

    def _index_after(self, recorded: int) -> int:
        return next((index for index, step in enumerate(self._steps) if step.at > recorded), len(self._steps))

    # --- the controls ------------------------------------------------------------------------------------

    def state(self) -> PlayerState:
        """Where the replay stands."""
        real = self._now()
        clock = self._clock
        return PlayerState(
            clock.at(real),
            clock.start,
            clock.end,
            clock.speed,
            clock.running,
            clock.ended(real),
            self._sent,
            self._failed,
            self._last_error,
            len(self._links),
        )

    def recorded_now(self) -> int:
        """The recorded moment, in microseconds."""
        return self._clock.at(self._now())

    def _turn(self, clock: ReplayClock) -> None:
        self._clock = clock
        self._changed.set()

    def pause(self) -> None:
        """Stops recorded time."""
        self._turn(self._clock.paused(self._now()))

    def resume(self) -> None:
        """Lets recorded time run."""
        self._turn(self._clock.resumed(self._now()))

    def set_speed(self, speed: float) -> None:
        """Recorded seconds per real second; ValueError for one that cannot be."""
        self._turn(self._clock.with_speed(speed, self._now()))

    def seek(self, recorded: int) -> None:
        """Moves recorded time; readings up to that moment count as sent."""
        self._turn(self._clock.moved(recorded, self._now()))
        self._next = self._index_after(self._clock.at(self._now()))

    async def step(self) -> int:
        """Stops, and sends the readings of the next recorded moment; how many there were."""
        self.pause()
        if self._next >= len(self._steps):
            return 0
        at = self._steps[self._next].at
        self._turn(self._clock.moved(at, self._now()))
        return await self._send_due(at)

    # --- playing -----------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects all MQTT devices; one that fails now is tried again with its first reading."""
        devices = {step.device for step in self._steps if step.carrier == "mqtt"}
        await asyncio.gather(*(self._try_open(device) for device in sorted(devices)))

    async def _try_open(self, device: str) -> None:
        try:
            await self._link(device)
        except (OSError, TimeoutError) as problem:
            self._note(device, problem)

    async def _link(self, device: str) -> MqttLink:
        link = self._links.get(device)
        if link is not None:
            return link
        account = self._accounts[device]
        async with self._opening:
            link = await self._connect(
                client_id=f"{account.tenant}-{device}", username=f"{account.tenant}/{device}", password=account.key
            )
        self._links[device] = link
        return link

    async def run(self) -> None:
        """Connects, lets time run, and sends what is due until cancelled; then closes all connections."""
        try:
            await self.open()
            self.resume()
            while True:
                self._changed.clear()
                await self._send_due(self._clock.at(self._now()))
                await self._wait()
        finally:
            await self.close()

    async def _wait(self) -> None:
        """Until the next reading is due or somebody turned the clock."""
        seconds = float("inf")
        if self._next < len(self._steps):
            seconds = self._clock.wait(self._steps[self._next].at, self._now())
        with suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                await self._changed.wait()

    async def close(self) -> None:
        """Closes all connections."""
        links, self._links = list(self._links.values()), {}
        for link in links:
            with suppress(OSError):
                await link.close()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Waits for the readings on their way; none is sent inside."""
        async with self._sending:
            yield

    async def _send_due(self, recorded: int) -> int:
        async with self._sending:
            return await self._send_up_to(recorded)

    async def _send_up_to(self, recorded: int) -> int:
        first = self._next
        while self._next < len(self._steps) and self._steps[self._next].at <= recorded:
            self._next += 1
        by_device: dict[str, list[Step]] = {}
        for step in self._steps[first : self._next]:
            by_device.setdefault(step.device, []).append(step)
        await asyncio.gather(*(self._send_all(steps) for steps in by_device.values()))
        return self._next - first

    async def _send_all(self, steps: Sequence[Step]) -> None:
        for step in steps:
            await self._send(step)

    async def _send(self, step: Step) -> None:
        for attempt in range(TRIES):
            try:
                await (self._publish(step) if step.carrier == "mqtt" else self._post(step))
            except (OSError, TimeoutError) as problem:
                self._note(step.device, problem)
                if "refused" in str(problem):
                    break  # the same bytes would be refused again
                await asyncio.sleep(RETRY_SECONDS * attempt)
            else:
                self._sent += 1
                return
        self._failed += 1

    async def _publish(self, step: Step) -> None:
        link = await self._link(step.device)
        try:
            await link.publish(self._accounts[step.device].topic("up"), step.body)
        except (OSError, TimeoutError) as problem:
            if "refused" not in str(problem):
                self._links.pop(step.device, None)
                with suppress(OSError):
                    await link.close()
            raise

    async def _post(self, step: Step) -> None:
        account = self._accounts[step.device]
        url = f"{self._base_url()}/devices/v1/{account.tenant}/{account.device}/readings"
        headers = {"content-type": "application/json", "authorization": f"Bearer {account.key}"}
        answer = await self._fetch("POST", url, headers=headers, body=step.body)
        if 400 <= answer.status < 500 and answer.status != 429:  # too often is no refusal of what was sent
            raise OSError(f"{url} refused it with {answer.status}")
        if answer.status >= 300:
            raise OSError(f"{url} answered {answer.status}")

    def _note(self, device: str, problem: Exception) -> None:
        self._last_error = f"{device}: {type(problem).__name__}: {problem}"[:200]
        logger.warning("simulated device", extra={"device": device, "problem": str(problem)[:200]})
