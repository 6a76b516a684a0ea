"""The sources page: what is looked at, how it fared, and what could not be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from kumihimo.base.call import Call
from kumihimo.base.screens import Ask, Page, Screen
from kumihimo.service.sources.door import Sources
from kumihimo.service.sources.models import Source

PACKAGE: Final = "kumihimo.service.sources"
SHOWN_ASIDE: Final = 20


def source_screens(sources: Sources, allow: Callable[[Call], Awaitable[object]]) -> list[Screen]:
    """The page at /sources. allow(call) raises a Problem where the caller may not administer the tenant."""

    async def show(ask: Ask) -> Page:
        """The folders and addresses that are looked at, and how they fared."""
        await allow(ask.call)
        found = [await _shown(sources, ask.tenant, one) for one in await sources.all(ask.tenant)]
        command = f"kumihimo source add inbox --tenant {ask.tenant} --folder /srv/inbox --every 10m --type Shelter"
        return Page(f"{PACKAGE}:sources.html", "sources.title", {"sources": found, "add_command": command})

    return [Screen("/sources", show, nav="sources.nav", order=65, package=PACKAGE)]


async def _shown(sources: Sources, tenant: str, one: Source) -> dict[str, Any]:
    aside = await sources.set_aside(tenant, one.name)
    return {
        "source": one,
        "minutes": f"{one.every / 60:g}",
        "aside": aside[:SHOWN_ASIDE],
        "more": max(0, len(aside) - SHOWN_ASIDE),
    }
