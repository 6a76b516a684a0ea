"""Notices to people bound: the mail server, the ways out, who has to do where, and what a town is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from kumihimo.app import telling
from kumihimo.app.flood import flood_doors
from kumihimo.app.late import Late
from kumihimo.app.platform import Platform
from kumihimo.app.wildlife import wildlife_doors
from kumihimo.base.call import Actor, Caller
from kumihimo.base.clock import Clock
from kumihimo.base.ports import SendMail
from kumihimo.base.settings import Settings, SettingsError
from kumihimo.network.mail import LetterFolder, Mailer, mail_server
from kumihimo.platform.identity.seal import Seal
from kumihimo.service.notices.compose import Composer
from kumihimo.service.notices.door import Notices
from kumihimo.service.notices.models import Area, Notice, took
from kumihimo.service.notices.pages import NoticePages
from kumihimo.service.notices.seals import Seals
from kumihimo.service.notices.send import Sender
from kumihimo.solutions.flood import telling as flood
from kumihimo.solutions.flood.tenants import TENANT_NAMES
from kumihimo.solutions.wildlife import telling as wildlife
from kumihimo.solutions.wildlife.season import TENANT, TENANT_NAME
from kumihimo.storage.database import Database

NAMES: Final = {**TENANT_NAMES, TENANT: TENANT_NAME}
"""What towns are called by language."""
OF_WINGS: Final = {"wildlife": wildlife.TOPICS, "flood": flood.TOPICS}
"""What the wings tell people of, by how packs name them."""


def town_name(tenant: str, lang: str) -> str:
    """What the tenant is called."""
    return NAMES.get(tenant, {}).get(lang.partition("-")[0], tenant)


def notices_of(settings: Settings, database: Database, clock: Clock, seal: Seal, late: Late) -> Notices:
    """The notices of all tenants. SettingsError for a mail server that cannot be."""
    seals = Seals(database, seal)
    composer = Composer(late.address, town_name)

    async def entitled(tenant: str, account: str) -> bool:
        platform = late.platform
        if await platform.identity.is_shut(account):
            return False
        return bool(await platform.places.of(Actor("person", account), [tenant]))

    async def offered(tenant: str) -> Collection[str]:
        """A wing tells something only where it runs, the town itself where a rule set does."""
        running = late.platform.packs.running
        wings = [one.id for part, topics in OF_WINGS.items() if await running.here(part, tenant) for one in topics]
        told = await late.platform.rule_sets.told_of(tenant)
        return [*wings, *(one.id for one in telling.TOPICS if one.id in told)]

    async def named(tenant: str) -> Sequence[Area]:
        platform, running = late.platform, late.platform.packs.running
        found: dict[str, Area] = {}
        if await running.here("flood", tenant):
            found |= {one.name: one for one in await flood.areas_of(flood_doors(platform), tenant)}
        if await running.here("wildlife", tenant):
            found |= {one.name: one for one in await wildlife.areas_of(wildlife_doors(platform), tenant)}
        return [found[name] for name in sorted(found)]

    def subject() -> str:
        address = settings.smtp_from.rpartition("<")[2].rstrip(">").strip()
        public = late.address()
        return f"mailto:{address}" if address else public if public.startswith("https://") else ""

    mail = _mail(settings, clock)
    sender = Sender(database, clock, seals, composer, mail, late.outward, subject, entitled)
    topics = [one for many in OF_WINGS.values() for one in many]
    return Notices(database, clock, seals, sender, [*topics, *telling.TOPICS], named, offered)


def note_handing_over(platform: Platform) -> None:
    """Has the wings write down what their notices took, when one is first handed over."""

    async def handed(tenant: str, notice: Notice, at: int) -> None:
        if notice.since and notice.topic in _of("wildlife"):
            await wildlife.note_handed(wildlife_doors(platform), tenant, {notice.id: took(notice, at)})
        elif notice.since and notice.topic in _of("flood"):
            await flood.note_handed(flood_doors(platform), tenant, {notice.id: took(notice, at)})

    platform.notices.sender.handed.append(handed)


def _of(part: str) -> frozenset[str]:
    return frozenset(one.id for one in OF_WINGS[part])


def _mail(settings: Settings, clock: Clock) -> SendMail | None:
    if settings.mail_folder:
        return LetterFolder(Path(settings.mail_folder), settings.smtp_from, clock)
    if not settings.smtp_url:
        return None
    try:
        server = mail_server(settings.smtp_url, settings.smtp_password_file)
    except ValueError as problem:
        raise SettingsError(str(problem)) from None
    return Mailer(server, settings.smtp_from, clock)


def notice_pages(
    platform: Platform, may_enter: Callable[[Caller, Sequence[str]], Awaitable[Collection[str]]]
) -> NoticePages:
    """One's own page, for the towns in which one has anything to do."""

    async def towns(caller: Caller) -> Sequence[str]:
        tenants = await platform.database.tenants()
        among = await may_enter(caller, tenants)
        return [one for one in tenants if one in among]

    return NoticePages(platform.notices, towns, town_name)
