"""The pages of before and after, of towns side by side, of what is taken away as a file and of what a town shows."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from kumihimo.app.notices import town_name
from kumihimo.app.platform import Platform
from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.base.screens import Screen
from kumihimo.platform.access.grants import EVERYTHING, Grant
from kumihimo.service.kpi.compare import Compare, Town, Towns, compare_screens
from kumihimo.service.kpi.effect_pages import effect_screens
from kumihimo.service.kpi.export import FONT_FILE, Exports, export_screens
from kumihimo.service.kpi.public.pages import PATH as PUBLIC_PATH
from kumihimo.service.kpi.public.pages import public_screens


def exports_of(platform: Platform) -> Exports:
    """What makes files of figures. The font lies where all lies that is fetched when the package is built."""
    font = Path(str(files("kumihimo.service.console"))) / "static" / "vendor" / FONT_FILE
    return Exports(platform.kpi, platform.measures, platform.clock, font, town_name)


def towns_of(platform: Platform) -> Towns:
    """Whose figures somebody may see beside those of their own town: of towns in which they may read, as much as there;
    of towns in the register, which let others see their results, what their packs measure, for whoever sees the
    register. A token is good for its own town alone.
    """

    async def towns(call: Call) -> list[Town]:
        found: dict[str, Town] = {}
        for tenant in await _entered(platform, call):
            try:
                grant = await platform.access.decide(replace(call, tenant=tenant), "read")
                found[tenant] = Town(tenant, (await platform.packs.town(tenant)).population, grant)
            except Problem:  # no right to read there, or a store that is ill
                continue
        if await _sees_register(platform, call):
            for town, installs in await platform.packs.towns():
                if town.tenant not in found:
                    offers = await _measured(platform, town.tenant, [one.id for one in installs])
                    found[town.tenant] = Town(town.tenant, town.population, EVERYTHING, offers)
        return list(found.values())

    return towns


async def _entered(platform: Platform, call: Call) -> list[str]:
    if call.scopes is not None:
        return [call.tenant]
    tenants = await platform.database.tenants()
    if platform.settings.open:
        return tenants
    return sorted(await platform.places.of(call.actor, tenants) | {call.tenant})


async def _sees_register(platform: Platform, call: Call) -> bool:
    if call.scopes is not None:
        return False
    try:
        await platform.access.decide(call, "administer")
    except Problem:
        return False
    return True


async def _measured(platform: Platform, tenant: str, packs: list[str]) -> frozenset[str]:
    """The KPIs of the platform that a town's packs show as their results."""
    found: set[str] = set()
    for id_ in packs:
        try:
            _, held = await platform.packs.get(tenant, id_)
        except Problem:
            continue
        found.update(one.source for one in held.pack.kpis if one.source)
    return frozenset(found)


def effect_pages(platform: Platform) -> list[Screen]:
    """All of them."""

    async def rights(call: Call) -> Grant:
        return await platform.access.decide(call, "read")

    compare = Compare(platform.kpi, towns_of(platform), platform.clock)
    platform.database.removals.told.append(compare.forget)
    return [
        *effect_screens(platform.kpi, rights, platform.clock),
        *export_screens(exports_of(platform), rights),
        *compare_screens(compare),
        *public_screens(platform.public, platform.kpi, platform.measures),
    ]


def is_figures_page(path: str, tenant: str) -> bool:
    """Whether an address is a town's page of figures for everybody, which is open where the town shows any."""
    return path == f"/t/{tenant}{PUBLIC_PATH}"
