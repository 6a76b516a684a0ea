"""Pages of agreements between tenants, and of emergencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.platform.access.days import begin_of, end_of
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.directory import Directory
from kumihimo.platform.access.documents import role_titles
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.emergencies import MAX_HOURS
from kumihimo.platform.access.names import FIELD, Expand, expanded
from kumihimo.platform.access.published import words_of
from kumihimo.platform.access.records import REMOVAL, Agreement
from kumihimo.platform.access.shared import Share, at_field
from kumihimo.platform.access.words import GIVEN_ROLES

PACKAGE: Final = "kumihimo.platform.access"
SHOWN: Final = 200
"""Members on a page."""
MAX_KINDS: Final = 60
"""Types that are there to be ticked; others are typed."""


class Names(NamedTuple):
    """The names of the data. expand gives the expanded one of a type or an attribute that was written short; types are
    those of the entities that a caller may read, as they are written.
    """

    expand: Expand
    types: Callable[[Call], Awaitable[list[str]]]


def sharing_screens(access: Access, rules: StoredRules, directory: Directory, names: Names) -> list[Screen]:
    """The pages /agreements and /emergency."""
    agreements, emergencies = _Agreements(access, rules, directory, names), _Emergencies(access, rules, directory)
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
    def __init__(self, access: Access, rules: StoredRules, directory: Directory, names: Names) -> None:
        self._access = access
        self._rules = rules
        self._directory = directory
        self._known = names

    async def show(self, ask: Ask) -> Page:
        """The agreements that the tenant is a side of, and a form that offers one."""
        return await self._page(ask)

    async def _page(self, ask: Ask, problem: Problem | None = None) -> Page:
        await self._access.decide(ask.call, "agreements")
        now = self._rules.changes.now()
        found = await self._rules.agreements.list(ask.tenant)
        data = {
            "agreements": [{"one": one, "state": one.state(now), "gone": one.ended_by == REMOVAL} for one in found],
            "names": await self._names(ask.tenant, found),
            "roles": GIVEN_ROLES,
            "role_titles": role_titles(await self._rules.documents.list(ask.tenant)),
            **await self._form(ask),
            "problem": problem,
            "wrong": "" if problem is None else problem.extra.get(FIELD, ""),
        }
        return failed(Page(f"{PACKAGE}:agreements.html", "agreements.title", data), problem)

    async def _form(self, ask: Ask) -> dict[str, Any]:
        """What stands in the form: of the types those that are there to be ticked, and the others as they were typed.

        A text that was made of them is made anew, so it does not stand beside them as one that was written.
        """
        known = await self._known.types(ask.call)
        kinds = [one for one in known if words_of(one) == [one]][:MAX_KINDS]
        types = _types(ask.form)
        form = {**_BLANK, **ask.form, "types": " ".join(one for one in types if one not in kinds)}
        if types and ask.form.get("action") in {"edit", "offer"}:
            form["text"] = ""
        return {"form": form, "kinds": kinds, "ticked": set(types)}

    async def _names(self, tenant: str, found: Iterable[Agreement]) -> Mapping[str, str]:
        """Of the people who acted for this tenant, or hold a role in it: the other side's are its own to name."""
        held = await self._rules.members.list(tenant, SHOWN)
        ours = {str(one.actor) for one in held}
        ours |= {one.offered_by for one in found if one.giver == tenant}
        ours |= {one.accepted_by for one in found if one.taker == tenant}
        return await self._directory.names(ours)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: action is check, offer or edit (the offer's fields), accept (id) or end (id, why).

        An offer has taker, role, purpose, starts, ends, and either types, attributes and subscribe or text.
        check shows what would be offered, offer makes it with the text that was shown, edit goes back to the form.
        """
        await self._access.decide(ask.call, "agreements")
        by, given, id_ = str(ask.call.actor), ask.form, ask.form.get("id", "")
        action, text = given.get("action"), _text(given)
        try:
            if action == "edit":
                return await self._page(ask)
            if action == "accept":
                await self._rules.agreements.accept(ask.tenant, id_, by)
            elif action == "end":
                await self._rules.agreements.end(ask.tenant, id_, by, given.get("why", ""))
            elif action == "check" or not text:
                return await self._checked(ask)
            else:
                await self._rules.agreements.offer(ask.tenant, **_terms(ask), text=text)
        except Problem as problem:
            return await self._page(ask, problem)
        return Redirect("/agreements")

    async def _checked(self, ask: Ask) -> Page:
        """The page that shows what would be offered, of which nothing is kept yet."""
        types, attributes = _types(ask.form), words_of(ask.form.get("attributes", ""))
        subscribe, expand = bool(ask.form.get("subscribe")), self._known.expand
        share = Share(types, attributes, subscribe, _text(ask.form) or None)
        draft = await self._rules.agreements.draft_of(ask.tenant, share=share, expand=expand, **_terms(ask))
        data = {
            "one": draft,
            "role_titles": role_titles(await self._rules.documents.list(ask.tenant)),
            "types": expanded("types", types, expand),
            "attributes": expanded("attributes", attributes, expand),
            "subscribe": subscribe,
            "sent": {**_BLANK, **_kept(ask.form), "types": " ".join(types), "text": draft.text},
        }
        return Page(f"{PACKAGE}:agreement.html", "agreements.check", data)


_BLANK: Final = dict.fromkeys(
    ("taker", "role", "purpose", "starts", "ends", "types", "attributes", "subscribe", "text"), ""
)
_TICKED: Final = "type."
"""What the names of ticked fields begin with; a type's name follows."""


def _kept(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form[name] for name in _BLANK if name in form}


def _text(form: Mapping[str, str]) -> str:
    """The text that was written, "" where it is empty. Browsers send lines with CR LF."""
    text = form.get("text", "").replace("\r\n", "\n")
    return text if text.strip() else ""


def _types(form: Mapping[str, str]) -> list[str]:
    """The types that were ticked and those that were typed, each once."""
    ticked = [name.removeprefix(_TICKED) for name in form if name.startswith(_TICKED)]
    return list(dict.fromkeys([*ticked, *words_of(form.get("types", ""))]))


def _terms(ask: Ask) -> dict[str, Any]:
    given = ask.form
    with at_field("starts"):
        starts_at = begin_of(given.get("starts", ""))
    with at_field("ends"):
        ends_at = end_of(given.get("ends", ""))
    return {
        "taker": given.get("taker", "").strip(),
        "role": given.get("role", "").strip(),
        "purpose": given.get("purpose", ""),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "by": str(ask.call.actor),
    }


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
