"""Pages of agreements between tenants, and of emergencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.platform.access.days import begin_of, end_of
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.directory import Directory
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.emergencies import MAX_HOURS
from kumihimo.platform.access.records import REMOVAL, Agreement
from kumihimo.platform.access.words import GIVEN_ROLES

PACKAGE: Final = "kumihimo.platform.access"
SHOWN: Final = 200
"""Members on a page."""


def sharing_screens(access: Access, rules: StoredRules, directory: Directory) -> list[Screen]:
    """The pages /agreements and /emergency."""
    agreements, emergencies = _Agreements(access, rules, directory), _Emergencies(access, rules, directory)
    return [
        Screen(
            "/agreements",
            agreements.show,
            agreements.take,
            nav="agreements.nav",
            order=73,
            package=PACKAGE,
            needs="agreements",
            takes="",
            menu="nav.manage",
        ),
        Screen(
            "/emergency",
            emergencies.show,
            emergencies.take,
            nav="emergency.nav",
            order=74,
            package=PACKAGE,
            needs="approve",
            takes="",
            menu="nav.manage",
        ),
    ]


def failed(page: Page, problem: Problem | None) -> Page:
    """The page with the status of what was refused."""
    return page if problem is None else replace(page, status=problem.status, headers=problem.headers())


class _Agreements:
    def __init__(self, access: Access, rules: StoredRules, directory: Directory) -> None:
        self._access = access
        self._rules = rules
        self._directory = directory

    async def show(self, ask: Ask) -> Page:
        """The agreements that the tenant is a side of, and a form that offers one."""
        return await self._page(ask)

    async def _page(self, ask: Ask, problem: Problem | None = None) -> Page:
        await self._access.decide(ask.call, "agreements")
        now = self._rules.changes.now()
        blank = {"taker": "", "role": "", "purpose": "", "starts": "", "ends": "", "text": ""}
        found = await self._rules.agreements.list(ask.tenant)
        data = {
            "agreements": [{"one": one, "state": one.state(now), "gone": one.ended_by == REMOVAL} for one in found],
            "names": await self._names(ask.tenant, found),
            "roles": GIVEN_ROLES,
            "form": {**blank, **ask.form},
            "problem": problem,
        }
        return failed(Page(f"{PACKAGE}:agreements.html", "agreements.title", data), problem)

    async def _names(self, tenant: str, found: Iterable[Agreement]) -> Mapping[str, str]:
        """Of the people who acted for this tenant, or hold a role in it: the other side's are its own to name."""
        held = await self._rules.members.list(tenant, SHOWN)
        ours = {str(one.actor) for one in held}
        ours |= {one.offered_by for one in found if one.giver == tenant}
        ours |= {one.accepted_by for one in found if one.taker == tenant}
        return await self._directory.names(ours)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: action is offer (taker, role, purpose, starts, ends, text), accept (id) or end (id, why)."""
        await self._access.decide(ask.call, "agreements")
        by, given, id_ = str(ask.call.actor), ask.form, ask.form.get("id", "")
        try:
            if given.get("action") == "accept":
                await self._rules.agreements.accept(ask.tenant, id_, by)
            elif given.get("action") == "end":
                await self._rules.agreements.end(ask.tenant, id_, by, given.get("why", ""))
            else:
                await self._offer(ask, by)
        except Problem as problem:
            return await self._page(ask, problem)
        return Redirect("/agreements")

    async def _offer(self, ask: Ask, by: str) -> None:
        given = ask.form
        taker, role = given.get("taker", "").strip(), given.get("role", "").strip()
        await self._rules.agreements.offer(
            ask.tenant,
            taker,
            role,
            purpose=given.get("purpose", ""),
            text=given.get("text", "").replace("\r\n", "\n"),
            starts_at=begin_of(given.get("starts", "")),
            ends_at=end_of(given.get("ends", "")),
            by=by,
        )


class _Emergencies:
    def __init__(self, access: Access, rules: StoredRules, directory: Directory) -> None:
        self._access = access
        self._rules = rules
        self._directory = directory

    async def show(self, ask: Ask) -> Page:
        """Whether an emergency is open or asked for, those there were, and a form that asks for one."""
        return await self._page(ask)

    async def _page(self, ask: Ask, problem: Problem | None = None) -> Page:
        await self._access.decide(ask.call, "approve")
        now = self._rules.changes.now()
        found = await self._rules.emergencies.list(ask.tenant)
        acted = [by for one in found for by in (one.asked_by, one.opened_by, one.ended_by)]
        data = {
            "emergencies": [{"one": one, "state": one.state(now)} for one in found],
            "names": await self._directory.names(acted),
            "may_ask": all(one.state(now) == "ended" for one in found),
            "me": str(ask.call.actor),
            "most": MAX_HOURS,
            "form": {"reason": "", "hours": "24", **ask.form},
            "problem": problem,
        }
        return failed(Page(f"{PACKAGE}:emergency.html", "emergency.title", data), problem)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: action is ask (reason, hours), open (id) or end (id)."""
        await self._access.decide(ask.call, "approve")
        actor, given, id_ = ask.call.actor, ask.form, ask.form.get("id", "")
        try:
            if given.get("action") == "open":
                await self._rules.emergencies.open(ask.tenant, id_, actor)
            elif given.get("action") == "end":
                await self._rules.emergencies.end(ask.tenant, id_, str(actor))
            else:
                await self._rules.emergencies.ask(ask.tenant, actor, given.get("reason", ""), _hours(given))
        except Problem as problem:
            return await self._page(ask, problem)
        return Redirect("/emergency")


def _hours(given: Mapping[str, str]) -> int:
    text = given.get("hours", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        raise BadRequestData(f"hours: 1 to {MAX_HOURS}").worded("refused.hours", most=MAX_HOURS)
    return int(text)
