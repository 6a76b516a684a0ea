"""Packs that come with the program: installed as a user would, and what a town gave them."""

from __future__ import annotations

from typing import Any

from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call
from kumihimo.solutions.packs.parameters import values_of


async def town_value(platform: Platform, tenant: str, part: str, name: str) -> Any:
    """A value that a town gave, or left, of a pack that brings a wing; None where there is none."""
    for one in await platform.packs.all(tenant):
        _, held = await platform.packs.get(tenant, one.id)
        if part in held.pack.parts:
            return values_of(held.pack, await platform.packs.values(tenant, one.id)).get(name)
    return None


async def ship(platform: Platform, tenant: str, pack: str) -> None:
    """Installs it."""
    await platform.packs.install(Call(tenant, Actor("system", "demo"), "demo"), platform.library.find(pack))
