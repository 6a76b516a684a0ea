"""A pack that comes with the program, installed into a town of a demonstration as a user would."""

from __future__ import annotations

from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call


async def ship(platform: Platform, tenant: str, pack: str) -> None:
    """Installs it."""
    await platform.packs.install(Call(tenant, Actor("system", "demo"), "demo"), platform.library.find(pack))
