"""The flood wing: its doors, its watch, and the demonstration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from kumihimo.app import personas
from kumihimo.app.invited import FLOOD_FIGHTERS, invite
from kumihimo.app.late import MqttLate
from kumihimo.app.measures import show_measures
from kumihimo.app.platform import Platform, Step, background
from kumihimo.app.shipped import ship, town_value
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Problem, ResourceNotFound
from kumihimo.base.ports import CommandOutcome
from kumihimo.service.console.webhook import webhook_address
from kumihimo.service.console.words import load_words
from kumihimo.solutions.flood import demo as flood_demo
from kumihimo.solutions.flood.demo import FloodDoors
from kumihimo.solutions.flood.entities import LEVEL
from kumihimo.solutions.flood.recording import EventName
from kumihimo.solutions.flood.telling import NEVER_URGENT
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANTS

WEBHOOK_SUBSCRIPTION = "urn:ngsi-ld:Subscription:demo-webhook"


def flood_doors(platform: Platform) -> FloodDoors:
    """The doors that the wing goes through."""

    async def commands(tenant: str) -> list[CommandOutcome]:
        return [record.outcome() for record in await platform.arbiter.list(tenant)]

    async def may_decide(call: Call) -> bool:
        try:
            await platform.access.decide(call, "approve")
        except Problem:
            return False
        return True

    async def joined(tenant: str) -> None:
        await personas.Personas(platform).join(tenant)
        await ship(platform, tenant, "flood")

    async def urgent(tenant: str) -> int:
        found = await town_value(platform, tenant, "flood", "urgent_level")
        return NEVER_URGENT if found is None else int(found)

    return FloodDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        broker=platform.broker,
        history=platform.history,
        registry=platform.registry,
        ingest=platform.ingest,
        act=platform.arbiter,
        alerts=platform.alerts,
        connect=MqttLate(platform),
        fetch=platform.inward,
        base_url=lambda: platform.address,
        commands=commands,
        rights=lambda call: platform.access.decide(call, "read"),
        may_decide=may_decide,
        joined=joined,
        here=lambda tenant: platform.packs.running.here("flood", tenant),
        tell=platform.notices.tell,
        took=platform.notices.took,
        urgent=urgent,
    )


def run_flood(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Watches the rivers of every tenant that there is or comes to be."""
    return background(flood_demo.watch_all(flood_doors(platform)), "flood", platform)


def run_demo(
    event: EventName, speed: float, say: Callable[[str], None], *, renew: bool = False, wildlife: bool = False
) -> Step:
    """The step that prepares and plays the demonstration; `say` gets the lines to print, `renew` gives its people new
    passwords, `wildlife` makes the people of the other wing's demonstration too.
    """

    @asynccontextmanager
    async def step(platform: Platform) -> AsyncIterator[None]:
        people = personas.Personas(platform)
        doors = flood_doors(platform)
        platform.credit.update(load_words([flood_demo.PACKAGE])["flood.credit"])
        prepared = await flood_demo.prepare(doors, event, speed)
        given = await people.settle(renew=renew, wildlife=wildlife)
        platform.stage.prepared = prepared
        flood_demo.look_again(doors)  # a page that was opened before this has no replay panel yet

        async def set_up() -> None:
            for tenant in TENANTS:
                await _subscribe_webhook(platform, tenant)
            await invite(platform, PREFECTURE, FLOOD_FIGHTERS)
            await show_measures(platform, PREFECTURE, flood_demo.PACKAGE)

        await set_up()
        prepared.after_reset.append(set_up)
        address = platform.settings.public_address.rstrip("/") or platform.address
        for line in personas.instructions(given, address):
            say(line)
        for line in flood_demo.instructions(prepared, platform.near, platform.mqtt_port):
            say(line)
        async with background(flood_demo.run(doors, prepared), "demo", platform):
            yield

    return step


async def _subscribe_webhook(platform: Platform, tenant: str) -> None:
    """A subscription to the tenant's webhook page, so that a developer sees notifications arrive at once.

    At most one a minute (clause 5.2.12, throttling), or the page would only rush by; made anew at each start, because
    the port may be another.
    """
    call = Call(tenant, Actor("system", "demo"), "demo")
    webhook = await webhook_address(platform.database, tenant, platform.address)
    body = {
        "id": WEBHOOK_SUBSCRIPTION,
        "type": "Subscription",
        "subscriptionName": "水位の通知 / water levels (demo)",
        "entities": [{"type": "RiverGauge"}],
        "watchedAttributes": [platform.contexts.core.compact(LEVEL)],
        "throttling": 60,
        "notification": {
            "format": "concise",
            "endpoint": {"uri": webhook, "accept": "application/json"},
        },
    }
    with suppress(ResourceNotFound):
        await platform.delivery.delete(call, WEBHOOK_SUBSCRIPTION)
    await platform.delivery.create(call, body, platform.contexts.core)
