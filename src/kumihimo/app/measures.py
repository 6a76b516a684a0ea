"""The example measures of the demonstration's towns."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import Final

from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData

log = logging.getLogger(__name__)
FILE: Final = "data/measures.toml"


async def show_measures(platform: Platform, tenant: str, package: str) -> None:
    """Gives a town the measures that a wing ships as an example, where it has none; what people made stays."""
    if await platform.measures.tree(tenant):
        return
    text = files(package).joinpath(FILE).read_text("utf-8")
    call = Call(tenant, Actor("system", "demo"), "demo")
    try:
        await platform.measures.take(call, text, apply=True, why="例 / example")
    except BadRequestData as problem:
        # A town without the wing's KPIs has none of its measures; the demonstration goes on.
        log.warning("example measures were not taken", extra={"tenant": tenant, "why": problem.detail})
