"""The pages of staff: lists of people who are told, for whoever may keep them (the right "notices")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.service.notices.compose import PACKAGE, spoken
from kumihimo.service.notices.door import Notices
from kumihimo.service.notices.lists import Lists, Taken
from kumihimo.service.notices.models import MAX_METRES, MIN_METRES

RIGHT: Final = "notices"
BASE: Final = "/people-told"


def notice_screens(notices: Notices) -> list[Screen]:
    """/people-told and /people-told/{id}."""
    pages = _Pages(notices)
    return [
        Screen(
            BASE, pages.all, pages.make, nav="notices.nav", order=66, package=PACKAGE, needs=RIGHT, takes=RIGHT,
            menu="nav.manage",
        ),
        Screen(f"{BASE}/{{id}}", pages.one, pages.change, package=PACKAGE, needs=RIGHT, takes=RIGHT),
    ]  # fmt: skip


class _Pages:
    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._lists = Lists(notices)

    async def all(self, ask: Ask) -> Answer:
        """The lists, and how the town's notices fared."""
        return await self._all(ask)

    async def _all(self, ask: Ask, problem: Problem | None = None) -> Page:
        data = {
            "lists": [
                (one, count, self._topics(one.topics, ask.lang)) for one, count in await self._lists.all(ask.tenant)
            ],
            "topics": [(one.id, spoken(one.title, ask.lang)) for one in await self._notices.topics_of(ask.tenant)],
            "numbers": await self._notices.numbers(ask.tenant),
            "has_mail": self._notices.has_mail,
            "mail_away": bool(self._notices.sender.circuit.failures),
            "problem": problem,
            "form": ask.form,
        }
        return Page(f"{PACKAGE}:lists.html", "notices.lists.title", data, 200 if problem is None else problem.status)

    def _topics(self, ids: tuple[str, ...], lang: str) -> str:
        known = self._notices.topics
        return (", " if lang == "en" else "、").join(
            spoken(known[one].title, lang) if one in known else one for one in ids
        )

    async def make(self, ask: Ask) -> Answer:
        """Takes the form: a new list (`name`, `purpose`, `topic-…`)."""
        form = ask.form
        topics = tuple(one for one in self._notices.topics if form.get(f"topic-{one}") == "yes")
        try:
            one = await self._lists.make(ask.tenant, form.get("name", ""), form.get("purpose", ""), topics, _by(ask))
        except BadRequestData as problem:
            return await self._all(ask, problem)
        return Redirect(f"{BASE}/{one.id}")

    async def one(self, ask: Ask) -> Answer:
        """A list: who is on it, who has confirmed their address."""
        return await self._one(ask)

    async def _one(self, ask: Ask, problem: Problem | None = None, taken: Taken | None = None) -> Page:
        people, entries = await self._lists.one(ask.tenant, ask.path["id"])
        data = {
            "people": people,
            "told": self._topics(people.topics, ask.lang),
            "entries": entries,
            "has_mail": self._notices.has_mail,
            "problem": problem,
            "taken": taken,
            "bounds": {"least": MIN_METRES, "most": MAX_METRES},
        }
        return Page(f"{PACKAGE}:list.html", people.name, data, 200 if problem is None else problem.status)

    async def change(self, ask: Ask) -> Answer:
        """Takes the form: `do` is import (`rows`), ask, drop (`person`) or remove."""
        form: Mapping[str, Any] = ask.form
        list_id = ask.path["id"]
        match form.get("do", ""):
            case "import":
                try:
                    taken = await self._lists.take(ask.tenant, list_id, form.get("rows", ""))
                except BadRequestData as problem:
                    return await self._one(ask, problem)
                return await self._one(ask, taken=taken)
            case "ask":
                await self._lists.ask_again(ask.tenant, list_id)
            case "drop":
                await self._lists.remove_entry(ask.tenant, list_id, form.get("person", ""))
            case "remove":
                await self._lists.remove(ask.tenant, list_id)
                return Redirect(BASE)
            case _:
                raise BadRequestData("the form does not say what to do").worded("notices.refused.choice")
        return Redirect(f"{BASE}/{list_id}")


def _by(ask: Ask) -> str:
    return str(ask.call.actor)
