"""The wing's demonstration: three tenants, all devices, the days before in bulk, the rest played over real carriers.

Going back is done by removing the demonstration's tenants and making them anew with the same keys: everything in
them goes, also what a visitor added. Other tenants are not touched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from kumihimo.base import times
from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import screens_topic
from kumihimo.device.simulate.player import Account, Player
from kumihimo.device.simulate.sign import Kind, SimulatedActor
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op, Query
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.equip import apply, build, demo_call, gauge_device, load_history, steps_of
from kumihimo.solutions.flood.follow import NudgedReader, go_round
from kumihimo.solutions.flood.models import Faults
from kumihimo.solutions.flood.recording import EventName, Recording, load
from kumihimo.solutions.flood.share import Share
from kumihimo.solutions.flood.tenants import CITIES, PREFECTURE, TENANTS
from kumihimo.solutions.flood.training import TRAINING
from kumihimo.solutions.flood.watch import Watch
from kumihimo.solutions.flood.watching import Watching, watch_of

logger = logging.getLogger(__name__)
__all__ = ["Example", "FloodDoors", "Prepared", "follow_once", "prepare", "reset", "run"]

PACKAGE = "kumihimo.solutions.flood"
REPLAY_ID = "urn:ngsi-ld:Replay:flood"
EVENT = DEFAULT_VOCAB + "event"
EXAMPLE_STEP = 10 * 60_000_000


class OtherEvent(Problem):
    """The data folder holds the demonstration of another event."""

    title = "Another event's data"
    status = 409


@dataclass(frozen=True, slots=True)
class Example:
    """One gauge's credential, for a line with mosquitto_pub."""

    tenant: str
    device: str
    key: str
    entity_id: str
    topic: str
    body: str


@dataclass(slots=True)
class Prepared:
    """A demonstration that is ready to run. loaded counts the readings loaded in bulk at this start."""

    event: EventName
    recording: Recording
    player: Player
    accounts: dict[str, Account]
    examples: list[Example]
    watches: list[Watch]
    shares: list[Share]
    loaded: int
    kept: bool
    after_reset: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    actors: list[SimulatedActor] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def faults(self) -> Faults:
        """What was wrong with the data."""
        return self.recording.faults


async def prepare(doors: FloodDoors, event: EventName, speed: float = 600.0) -> Prepared:
    """Makes the tenants, devices and entities, and loads the days before; on data of the same event it keeps what is
    there, gives the devices new keys, and goes on where the replay was.

    ValueError for an unknown event or speed. OtherEvent where the data is another event's: its decisions would go.
    """
    recording = await asyncio.to_thread(load, event)
    held = await _held_event(doors)
    if held not in ("", event):
        raise OtherEvent(
            f"this data folder holds the demonstration {held} with its alerts and decisions; name another folder "
            f"with --data, start with --event {held}, or remove the folder first"
        )
    kept = held == event
    if not kept:
        for tenant in TENANTS:
            await _remove(doors, tenant)
    shares = [Share(doors.database, doors.bus, doors.ingest, PREFECTURE, city) for city in CITIES.values()]
    accounts = await build(doors, recording, {})
    loaded = 0 if kept else await load_history(doors, recording, shares)
    if not kept:
        await _mark(doors, event)
    player = Player(
        connect=doors.connect,
        fetch=doors.fetch,
        base_url=doors.base_url,
        accounts=accounts,
        steps=steps_of(recording),
        start=recording.play_from,
        end=recording.end,
        speed=speed,
    )
    if kept:
        player.seek(await _reached(doors))
    prepared = Prepared(
        event,
        recording,
        player,
        accounts,
        await _examples(doors, recording, accounts),
        [watch_of(doors, tenant) for tenant in TENANTS],
        shares,
        loaded,
        kept,
    )
    prepared.actors = _actors(doors, prepared)
    return prepared


async def _held_event(doors: FloodDoors) -> str:
    """The event that the tenants hold, loaded to the end of its days before; "" for none."""
    if not set(TENANTS) <= set(await doors.database.tenants()):
        return ""
    doc = await doors.broker.get(PREFECTURE, REPLAY_ID, ALL_ROWS, ALL_ATTRIBUTES)
    return "" if doc is None else entities.text_at(doc, EVENT)


async def _mark(doors: FloodDoors, event: EventName) -> None:
    """Written last, so that a start that was cut short is begun anew."""
    attrs = {EVENT: [{"type": "Property", "value": event}]}
    doc = {"id": REPLAY_ID, "type": [DEFAULT_VOCAB + "Replay"], "attrs": attrs}
    await apply(doors, PREFECTURE, [Change(Op.UPSERT, REPLAY_ID, doc)])  # type: ignore[arg-type]  # a plain literal


async def _reached(doors: FloodDoors) -> int:
    """Where an earlier replay stood: the middle of the gauges' newest readings, so that one stray reading (a
    visitor's) moves nothing; what is sent twice is a duplicate and ignored.
    """
    query = Query(ALL_ROWS, ALL_ATTRIBUTES, types=entities.GAUGE, limit=1000)
    found = await doors.broker.find(PREFECTURE, query)
    levels = (entities.instance_of(doc, entities.LEVEL) for doc in found.entities)
    moments = sorted(times.micros(times.parse(one["observedAt"])) for one in levels if one and "observedAt" in one)
    return moments[len(moments) // 2] if moments else 0


async def _examples(doors: FloodDoors, recording: Recording, accounts: dict[str, Account]) -> list[Example]:
    """For the training gauge, with a moment after all that is recorded and after its own newest reading: it would be
    late otherwise, kept in history but not shown as the present.
    """
    account, entity_id = accounts[gauge_device(TRAINING)], entities.gauge_id(TRAINING)
    doc = await doors.broker.get(account.tenant, entity_id, ALL_ROWS, ALL_ATTRIBUTES)
    level = entities.instance_of(doc, entities.LEVEL) if doc is not None else None
    newest = times.micros(times.parse(level["observedAt"])) if level and "observedAt" in level else 0
    moment = times.from_micros(max(recording.end, newest) + EXAMPLE_STEP)
    body = dumps({"level": 3.6, "observedAt": times.text(moment)}).decode()
    return [Example(account.tenant, account.device, account.key, entity_id, account.topic("up"), body)]


# --- running ---------------------------------------------------------------------------------------------


def _actors(doors: FloodDoors, prepared: Prepared) -> list[SimulatedActor]:
    """The simulated signs and sirens."""
    kinds: dict[str, Kind] = {"sign": "sign", "siren": "siren"}
    return [
        SimulatedActor(doors.connect, account, kinds[device.split("-")[0]], prepared.player.recorded_now)
        for device, account in prepared.accounts.items()
        if device.split("-")[0] in kinds
    ]


async def run(doors: FloodDoors, prepared: Prepared) -> None:
    """Watches, shares, follows commands, answers as signs and sirens, and plays, until cancelled.

    Tenants that a visitor makes are watched too, and stay when the replay goes back.
    """
    for tenant in TENANTS:
        await doors.alerts.recover(demo_call(tenant, "start"))
    async with asyncio.TaskGroup() as group:
        for share in prepared.shares:
            group.create_task(share.reader.run())
        for watch in prepared.watches:
            group.create_task(watch.reader.run())
        readers = [share.reader for share in prepared.shares] + [watch.reader for watch in prepared.watches]
        group.create_task(go_round(lambda: readers))
        group.create_task(watch_all(doors, TENANTS))
        for actor in prepared.actors:
            group.create_task(actor.run())
        group.create_task(prepared.player.run())


async def watch_all(doors: FloodDoors, apart: Collection[str] = ()) -> None:
    """Watches the rivers of every tenant but those of `apart`, and follows all alerts and commands; until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(Watching(doors, apart).run())
        group.create_task(doors.alerts.run())
        if doors.commands is not None:
            group.create_task(follow_commands(doors))


def instructions(prepared: Prepared, host: str, mqtt_port: int) -> list[str]:
    """Lines for the terminal: how a visitor publishes a reading."""
    lines = []
    for one in prepared.examples:
        lines += [
            "Publish a reading as a gauge would, to the training gauge (the open page changes within a second):",
            f"  mosquitto_pub -h {host} -p {mqtt_port} -q 1 -u {one.tenant}/{one.device} -P {one.key} \\",
            f"    -t {one.topic} -m '{one.body}'",
            "To see the river climb, publish again with a later minute and a level from 4.8, from 5.6, from 6.1.",
            "",
        ]
    return lines


FOLLOW_SECONDS = 0.25
LONGEST_PAUSE = 60.0
"""Seconds that a tenant whose commands cannot be followed is left alone for at most."""


@dataclass(slots=True)
class _Trouble:
    """A tenant that could not be followed: how often in a row, and until when (the loop's time) it is left alone."""

    failures: int = 0
    until: float = 0.0


async def follow_commands(doors: FloodDoors) -> None:
    """Carries what became of commands into the decisions, while there are commands without an end."""
    troubles: dict[str, _Trouble] = {}
    while True:
        await follow_once(doors, troubles)
        await asyncio.sleep(FOLLOW_SECONDS)


async def follow_once(doors: FloodDoors, troubles: dict[str, _Trouble] | None = None) -> int:
    """One look at the commands of all tenants; the number of steps that changed.

    A tenant that cannot be followed holds up no other; `troubles` remembers it, to leave it alone for a while that
    doubles with each failure and to tell of it once.
    """
    troubles = {} if troubles is None else troubles
    changed = 0
    if doors.commands is None or _rests(troubles, ""):
        return changed
    try:
        tenants = await doors.alerts.pending()
    except Exception as problem:  # noqa: BLE001 - _trouble tells of it
        _trouble(troubles, "", problem)
        return changed
    troubles.pop("", None)
    for tenant in tenants:
        if _rests(troubles, tenant):
            continue
        try:
            changed += await doors.alerts.follow(tenant, await doors.commands(tenant))
        except NonexistentTenant:
            troubles.pop(tenant, None)
        except Exception as problem:  # noqa: BLE001 - as above
            _trouble(troubles, tenant, problem)
        else:
            troubles.pop(tenant, None)
    return changed


def _rests(troubles: dict[str, _Trouble], tenant: str) -> bool:
    found = troubles.get(tenant)
    return found is not None and asyncio.get_running_loop().time() < found.until


def _trouble(troubles: dict[str, _Trouble], tenant: str, problem: Exception) -> None:
    trouble = troubles.setdefault(tenant, _Trouble())
    pause = min(LONGEST_PAUSE, FOLLOW_SECONDS * 2.0 ** min(trouble.failures + 1, 30))
    trouble.until = asyncio.get_running_loop().time() + pause
    trouble.failures += 1
    if trouble.failures == 1:
        ours = None if isinstance(problem, Problem) else problem
        logger.warning("commands could not be followed", extra={"tenant": tenant, "why": str(problem)}, exc_info=ours)


async def reset(doors: FloodDoors, prepared: Prepared) -> None:
    """Takes the replay back to its beginning: the demonstration's tenants are removed and made anew, with the same
    device keys. Readers stand still meanwhile, so that none carries an old position into the new log, and the
    simulated devices hang up, because a tenant that goes takes its devices' connections with it.
    """
    async with prepared.lock:
        prepared.player.pause()
        held = [share.reader for share in prepared.shares] + [watch.reader for watch in prepared.watches]
        holders: Sequence[NudgedReader | SimulatedActor] = [*held, *prepared.actors]
        for holder in holders:
            await holder.hold()
        try:
            async with prepared.player.quiet():
                await prepared.player.close()
                await _make_anew(doors, prepared)
        finally:
            for holder in holders:
                holder.let_go()
        prepared.loaded = await load_history(doors, prepared.recording, prepared.shares)
        await _mark(doors, prepared.event)
        for again in prepared.after_reset:
            await again()
        prepared.player.resume()
        look_again(doors)


async def _make_anew(doors: FloodDoors, prepared: Prepared) -> None:
    keys = {device: account.key for device, account in prepared.accounts.items()}
    for tenant in TENANTS:
        await _remove(doors, tenant)
    await build(doors, prepared.recording, keys)
    for watch in prepared.watches:
        watch.forget()
    prepared.player.seek(prepared.recording.play_from)


async def _remove(doors: FloodDoors, tenant: str) -> None:
    await doors.database.remove_tenant(tenant)
    doors.registry.forget_tenant(tenant)


def look_again(doors: FloodDoors) -> None:
    """Asks every open page of the demonstration to look at everything again."""
    for tenant in TENANTS:
        doors.bus.publish(screens_topic(tenant))
