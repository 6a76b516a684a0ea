"""The sources page: what is looked at, how it fared, and what could not be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from kumihimo.base.call import Call
from kumihimo.base.screens import Ask, Page, Screen
from kumihimo.service.sources.door import MAX_REASON, Sources
from kumihimo.service.sources.models import Source
from kumihimo.service.sources.words import in_japanese

PACKAGE: Final = "kumihimo.service.sources"
SHOWN_ASIDE: Final = 20


def source_screens(sources: Sources, allow: Callable[[Call], Awaitable[object]]) -> list[Screen]:
    """The page at /sources. allow(call) raises a Problem where the caller may not administer the tenant."""

    async def show(ask: Ask) -> Page:
        """The folders and addresses that are looked at, and how they fared."""
        await allow(ask.call)
        found = [await _shown(sources, ask.tenant, one, ask.lang) for one in await sources.all(ask.tenant)]
        command = f"kumihimo source add inbox --tenant {ask.tenant} --folder /srv/inbox --every 10m --type Shelter"
        return Page(f"{PACKAGE}:sources.html", "sources.title", {"sources": found, "add_command": command})

    return [Screen("/sources", show, nav="sources.nav", order=65, package=PACKAGE, needs="sources", menu="nav.manage")]


async def _shown(sources: Sources, tenant: str, one: Source, lang: str) -> dict[str, Any]:
    aside = await sources.set_aside(tenant, one.name)
    below = {f"{each.name or 'the answer'}: {each.detail}"[:MAX_REASON] for each in aside}
    return {
        "source": one,
        "minutes": f"{one.every / 60:g}",
        "detail": _said(one.detail, lang),
        "reasons": [_said(each, lang) for each in one.reasons if each not in below],
        "aside": [(each, _said(each.detail, lang)) for each in aside[:SHOWN_ASIDE]],
        "more": max(0, len(aside) - SHOWN_ASIDE),
    }


def _said(words: str, lang: str) -> tuple[str, str]:
    """The words in the page's language, and the language that they are in: what a store or another program says stays
    as it is.
    """
    told = in_japanese(words) if lang == "ja" else None
    return (words, "en") if told is None else (told, "ja")
