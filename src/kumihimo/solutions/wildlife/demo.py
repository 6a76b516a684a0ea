"""The season played into a town: devices over real MQTT, reports as if from telephones, incidents as they become known.

The town's tenant is made anew unless it holds the season already; then it goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from kumihimo.base.errors import Problem
from kumihimo.base.ports import screens_topic
from kumihimo.device.simulate.player import Account, Player
from kumihimo.device.simulate.sign import Kind, SimulatedActor
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.devices import device_of, site_change
from kumihimo.solutions.wildlife.doors import WildlifeDoors, own_call
from kumihimo.solutions.wildlife.limits import SirenRule
from kumihimo.solutions.wildlife.reports import report_of
from kumihimo.solutions.wildlife.risk import cell_of
from kumihimo.solutions.wildlife.rule import rule_change
from kumihimo.solutions.wildlife.season import TENANT, Season, load
from kumihimo.solutions.wildlife.watching import Watching

logger = logging.getLogger(__name__)
PACKAGE = "kumihimo.solutions.wildlife"
REPLAY_ID = "urn:ngsi-ld:Replay:wildlife"
REPLAY, REACHED = DEFAULT_VOCAB + "Replay", DEFAULT_VOCAB + "replayReached"
BATCH = 200
LOOK_SECONDS = 0.2
ACTORS: dict[str, Kind] = {"siren": "siren", "light": "light"}
PERMISSION = SirenRule(
    automatic=True, allowed_by="鳥獣対策係（模擬） / wildlife officer (simulated)", reason="通学路の安全（模擬）"
)
"""The permission of the played town, so that both are seen: sirens by permission, and refusals at night."""


@dataclass(slots=True)
class Prepared:
    """A season that is ready to be played."""

    season: Season
    player: Player
    actors: list[SimulatedActor] = field(default_factory=list)
    kept: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """The devices' keys, which they keep when the season is played from its beginning."""
    watching: Watching | None = None
    after_made: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What else belongs to the town: done right after it was made anew, before anything is in it."""
    told: int = 0
    """Until when it was told what people say and what becomes known."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    tenant: str = TENANT


async def prepare(doors: WildlifeDoors, speed: float, load_season: Callable[[], Season] = load) -> Prepared:
    """Makes the tenant, its devices and entities, and the incidents of the years before. ValueError for a speed."""
    season = await asyncio.to_thread(load_season)
    reached = await reached_in(doors, TENANT)
    if reached is None:
        await doors.database.remove_tenant(TENANT)
        doors.registry.forget_tenant(TENANT)
        await doors.database.add_tenant(TENANT)
        if doors.joined is not None:
            await doors.joined(TENANT)
        await _build(doors, season)
    return await staged(doors, TENANT, season, speed, reached)


async def staged(doors: WildlifeDoors, tenant: str, season: Season, speed: float, reached: int | None) -> Prepared:
    """The season with its players, in a tenant that has its devices and entities. reached: where an earlier play of it
    stood, None for its beginning. ValueError for a speed.
    """
    accounts = {site.device_id: await _account(doors, tenant, site.device_id) for site in season.sites}
    player = Player(
        connect=doors.connect,
        fetch=doors.fetch,
        base_url=doors.base_url,
        accounts=accounts,
        steps=season.steps,
        start=season.start,
        end=season.end,
        speed=speed,
    )
    if reached is not None:
        player.seek(reached)
    actors = [
        SimulatedActor(doors.connect, accounts[site.device_id], ACTORS[site.kind], player.recorded_now)
        for site in season.sites
        if site.kind in ACTORS
    ]
    keys = {device: account.key for device, account in accounts.items()}
    return Prepared(season, player, actors, reached is not None, keys, told=player.state().recorded, tenant=tenant)


async def reached_in(doors: WildlifeDoors, tenant: str) -> int | None:
    """Where an earlier replay stood in a tenant; None where there is none."""
    if tenant not in await doors.database.tenants():
        return None
    doc = await doors.broker.get(tenant, REPLAY_ID, ALL_ROWS, ALL_ATTRIBUTES)
    return None if doc is None else entities.observed_at(doc, REACHED)


async def _build(doors: WildlifeDoors, season: Season, keys: Mapping[str, str] | None = None) -> None:
    for site in season.sites:
        await doors.registry.add(TENANT, device_of(site), key=(keys or {}).get(site.device_id))
    await furnish(doors, TENANT, season, [rule_change(PERMISSION)])


async def furnish(doors: WildlifeDoors, tenant: str, season: Season, also: Sequence[Change] = ()) -> None:
    """Writes the devices' entities, what was reported before the season, and what else is given; the mark last."""
    changes = [site_change(site, simulated=True) for site in season.sites]
    changes += [entities.incident_change(one, cell_of(one.lon, one.lat)) for one in season.past]
    changes += also
    for at in range(0, len(changes), BATCH):
        await doors.apply(own_call(tenant, "set-up"), changes[at : at + BATCH])
    await _mark(doors, tenant, season.start)


async def _account(doors: WildlifeDoors, tenant: str, device: str) -> Account:
    return Account(tenant, device, await doors.registry.rotate(tenant, device))


async def _mark(doors: WildlifeDoors, tenant: str, at: int) -> None:
    """Written last, so that a start that was cut short is begun anew."""
    mark = entities.change(REPLAY_ID, REPLAY, {REACHED: entities.prop(at // 1_000_000, observed_at=at)})
    await doors.apply(own_call(tenant, "replay"), [mark])


async def run(doors: WildlifeDoors, prepared: Prepared) -> None:
    """Plays until cancelled. Tenants are watched by `watching`, this one like any other."""
    async with asyncio.TaskGroup() as group:
        for actor in prepared.actors:
            group.create_task(actor.run())
        group.create_task(prepared.player.run())
        group.create_task(_tell(doors, prepared))


async def _tell(doors: WildlifeDoors, prepared: Prepared) -> None:
    """What people say and what becomes known, when recorded time has come to it."""
    while True:
        async with prepared.lock:
            now = prepared.player.recorded_now()
            if now > prepared.told:
                try:
                    await tell_between(doors, prepared.season, prepared.told, now, prepared.tenant)
                    prepared.told = now
                except Problem as problem:  # the store is away: told once more when it is back
                    logger.warning("the season waits", extra={"tenant": prepared.tenant, "why": problem.title})
        await asyncio.sleep(LOOK_SECONDS)


async def reset(doors: WildlifeDoors, prepared: Prepared) -> None:
    """Takes the season of the demonstration's own town back to its beginning: the town is removed with
    all that is in it, and made anew with the same device keys. Nobody tells, looks or answers meanwhile, so that
    nothing of the old town comes into the new one.
    """
    watching = prepared.watching
    async with prepared.lock, AsyncExitStack() as stack:
        prepared.player.pause()
        for actor in prepared.actors:
            await actor.hold()
            stack.callback(actor.let_go)
        if watching is not None:
            await stack.enter_async_context(watching.still(TENANT))
        async with prepared.player.quiet():
            await prepared.player.close()
            await doors.database.remove_tenant(TENANT)
            doors.registry.forget_tenant(TENANT)
            await doors.database.add_tenant(TENANT)
            for also in prepared.after_made:
                await also()
            await _build(doors, prepared.season, prepared.keys)
            prepared.player.seek(prepared.season.start)
            prepared.told = prepared.season.start
    prepared.player.resume()
    doors.bus.publish(screens_topic(TENANT))


async def tell_between(doors: WildlifeDoors, season: Season, after: int, until: int, tenant: str = TENANT) -> int:
    """Writes what lies in after < moment <= until; how many entities."""
    changes: list[Change] = [
        entities.incident_change(one, cell_of(one.lon, one.lat))
        for one in season.coming
        if one.at is not None and after < one.at <= until
    ]
    changes += [report_of(said.form, said.at).change for said in season.said if after < said.at <= until]
    if changes:
        await doors.apply(own_call(tenant, "replay"), changes)
    await _mark(doors, tenant, until)
    doors.bus.publish(screens_topic(tenant))
    return len(changes)


def recorded_now(prepared: Prepared | None, tenant: str, now: int) -> int:
    """The moment that counts as now in a tenant: recorded time where a season is played, else the clock's."""
    return prepared.player.recorded_now() if prepared is not None and tenant == prepared.tenant else now
