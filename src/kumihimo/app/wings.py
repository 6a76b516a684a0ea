"""The wings in one table: what each brings to the other rooms, and that it runs only in towns that run its pack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from kumihimo.app.flood import flood_doors
from kumihimo.app.platform import Platform
from kumihimo.app.wildlife import end_season, figures_of, season_ends, wildlife_doors
from kumihimo.base.call import Call
from kumihimo.base.screens import Card, Gate, Screen
from kumihimo.platform.broker.follow import begin_at_end_tx
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.service.alerts.models import PACK_GONE
from kumihimo.service.kpi.door import Measured
from kumihimo.solutions.flood import entities as flood
from kumihimo.solutions.flood import watch as flood_watch
from kumihimo.solutions.flood.cards import TownCards
from kumihimo.solutions.flood.leadtime import LEAD_TIME, LeadTimes
from kumihimo.solutions.flood.noticed import NOTICE_SECONDS, NoticeSeconds
from kumihimo.solutions.flood.screens import flood_screens
from kumihimo.solutions.flood.tenants import TENANT_NAMES
from kumihimo.solutions.packs.models import Said
from kumihimo.solutions.packs.older import Older
from kumihimo.solutions.wildlife import entities as wildlife
from kumihimo.solutions.wildlife import season
from kumihimo.solutions.wildlife import watch as wildlife_watch
from kumihimo.solutions.wildlife.screens import wildlife_screens
from kumihimo.storage.database import Tx


@dataclass(frozen=True, slots=True)
class Wing:
    """part: how packs name it, and the pack that comes with it. source: of its alerts. reader: of the log, by which it
    watches. types: entities that it works on. names: of its demonstration's towns.
    """

    part: str
    source: str
    reader: str
    types: tuple[str, ...]
    names: Mapping[str, Mapping[str, str]]
    screens: Callable[[Platform], Sequence[Screen]]
    measures: Callable[[Platform], Sequence[Measured]]
    leaving: Callable[[Platform, str], Awaitable[Sequence[Said]]] | None = None
    """What else ends in a tenant with the pack, said before; and `left`, which ends it."""
    left: Callable[[Platform, str], Awaitable[None]] | None = None


WINGS: Final = (
    Wing(
        "flood",
        flood_watch.SOURCE,
        flood_watch.READER,
        (flood.GAUGE, flood.SIGN, flood.SIREN),
        TENANT_NAMES,
        lambda platform: flood_screens(flood_doors(platform), platform.stage),
        lambda platform: [
            (LEAD_TIME, LeadTimes(platform.broker, platform.history)),
            (NOTICE_SECONDS, NoticeSeconds(flood_doors(platform))),
        ],
    ),
    Wing(
        "wildlife",
        wildlife_watch.SOURCE,
        wildlife_watch.READER,
        (wildlife.SENSOR, wildlife.TRAP, wildlife.SIREN, wildlife.LIGHT, wildlife.INCIDENT),
        {season.TENANT: season.TENANT_NAME},
        lambda platform: wildlife_screens(wildlife_doors(platform), platform.wildlife),
        figures_of,
        season_ends,
        end_season,
    ),
)


async def _runs(platform: Platform, part: str, tenant: str) -> bool:
    return bool(await platform.packs.running.here(part, tenant))


def wing_screens(platform: Platform) -> list[Screen]:
    """The pages of all wings, each behind its gate."""
    return [
        replace(screen, gate=Gate(partial(_runs, platform, wing.part), f"/packs/{wing.part}"))
        for wing in WINGS
        for screen in wing.screens(platform)
    ]


def town_names() -> dict[str, Mapping[str, str]]:
    """The names of the demonstrations' towns by language."""
    return {tenant: name for wing in WINGS for tenant, name in wing.names.items()}


def card_of(platform: Platform) -> Callable[[Call], Awaitable[Card | None]]:
    """What is said of a town on the first page."""
    return TownCards(flood_doors(platform), platform.stage).card


def register_figures(platform: Platform) -> None:
    """Registers what the wings measure, each in the towns in which it runs."""
    for wing in WINGS:
        for definition, source in wing.measures(platform):
            platform.kpi.register(definition, source, partial(_runs, platform, wing.part))


async def sources_of(platform: Platform, tenant: str) -> list[str]:
    """The sources of alerts that have pages of their own in a tenant."""
    runs = await platform.packs.running.of(tenant)
    return [wing.source for wing in WINGS if wing.part in runs]


def parts_of(platform: Platform) -> dict[str, WingPart]:
    """The wings as packs know them."""
    return {wing.part: WingPart(platform, wing) for wing in WINGS}


@asynccontextmanager
async def note_wings(platform: Platform) -> AsyncIterator[None]:
    """Notes the wings of towns that are older than what tells where a wing runs; a look at each of them, once."""
    packs = {wing.part: platform.library.find(wing.part) for wing in WINGS}
    await Older(platform.packs, packs).record()
    yield


class WingPart:
    """Implements packs.ports.PartDoors: a wing watches from the moment of installation on, and its open alerts close
    with its pack.
    """

    def __init__(self, platform: Platform, wing: Wing) -> None:
        self._platform = platform
        self._wing = wing

    async def begin_tx(self, tx: Tx) -> None:
        """As PartDoors: what the log holds already raises nothing."""
        await begin_at_end_tx(tx, self._wing.reader)

    async def left(self, tenant: str) -> Sequence[Said]:
        """As PartDoors."""
        more = [] if self._wing.leaving is None else await self._wing.leaving(self._platform, tenant)
        count = len(await self._platform.alerts.list(tenant, state="open", source=self._wing.source, limit=100_000))
        if not count:
            return more
        closed = PACK_GONE["ja"]
        ja = f"開いている警報 {count} 件を「{closed}」として閉じます。表示板やサイレンへの指示は取り消しません。"
        en = (
            f"open alerts: {count}; they close with the reason that the pack was removed, and nothing that signs or"
            " sirens were told is taken back"
        )
        kept = Said(
            ja="警報と決定の記録は残り、「警報」のページで見られます",
            en="alerts and decisions stay as a record, on the page Alerts",
        )
        return [*more, Said(ja=ja, en=en), kept]

    async def end(self, call: Call) -> None:
        """As PartDoors. What plays in the town is ended first, so that nothing new opens."""
        if self._wing.left is not None:
            await self._wing.left(self._platform, call.tenant)
        await self._platform.alerts.end(call, self._wing.source, PACK_GONE)

    async def is_used(self, tenant: str) -> bool:
        """As PartDoors."""
        if await self._platform.alerts.list(tenant, source=self._wing.source, limit=1):
            return True
        found = await self._platform.broker.types(tenant, ALL_ROWS, ALL_ATTRIBUTES)
        return any(count and name in self._wing.types for name, _, count in found)
