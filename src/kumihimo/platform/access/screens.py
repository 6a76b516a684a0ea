"""Pages of members and policies, and the page on which one tries what somebody would be allowed to do, and why."""

from __future__ import annotations

import difflib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.platform.access.days import end_of
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.directory import Directory
from kumihimo.platform.access.documents import named_roles, role_titles
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.explain import Subject
from kumihimo.platform.access.names import Expand
from kumihimo.platform.access.published import NAME, published_text, words_of
from kumihimo.platform.access.records import Version
from kumihimo.platform.access.sharing import PACKAGE, SHOWN, Names, failed, sharing_screens
from kumihimo.platform.access.words import ACTIONS, ENTITY_ACTIONS, GIVEN_ROLES, PLATFORM_ROLES, Action

Look = Callable[[str, str], Awaitable[Subject | None]]
"""An entity of a tenant by its id, as policies see it; None where there is none."""


def access_screens(access: Access, rules: StoredRules, look: Look, names: Names, directory: Directory) -> list[Screen]:
    """The pages /members, /policies, /access-check, /agreements and /emergency.

    look finds the entity that is tried; names are those of the tenants' data.
    """
    members, policies = _Members(access, rules, directory), _Policies(access, rules, names.expand, directory)
    check = _Check(access, rules, look, names.expand, directory)
    return [
        Screen(
            "/members",
            members.show,
            members.take,
            nav="members.nav",
            order=70,
            package=PACKAGE,
            needs="members",
            takes="",
            menu="nav.manage",
        ),
        Screen(
            "/policies",
            policies.list,
            policies.add,
            nav="policies.nav",
            order=71,
            package=PACKAGE,
            needs="policies",
            takes="",
            menu="nav.manage",
        ),
        Screen("/policies/{id}", policies.one, policies.change, package=PACKAGE, needs="policies", takes=""),
        Screen(
            "/access-check", check.show, nav="check.nav", order=72, package=PACKAGE, needs="policies", menu="nav.manage"
        ),
        *sharing_screens(access, rules, directory, names),
    ]


def platform_screens(access: Access, rules: StoredRules, expand: Expand, directory: Directory) -> list[Screen]:
    """The pages /members and /policies of the platform itself: its operators, who are operators of every tenant, and
    what else may be done on the platform as a whole.
    """
    members, policies = _Members(access, rules, directory), _Policies(access, rules, expand, directory)
    return [
        Screen(
            "/members",
            members.show,
            members.take,
            nav="members.platform.nav",
            order=70,
            package=PACKAGE,
            needs="members",
            takes="",
        ),
        Screen(
            "/policies",
            policies.list,
            policies.add,
            nav="policies.platform.nav",
            order=71,
            package=PACKAGE,
            needs="policies",
            takes="",
        ),
        Screen("/policies/{id}", policies.one, policies.change, package=PACKAGE, needs="policies", takes=""),
    ]


class _Members:
    def __init__(self, access: Access, rules: StoredRules, directory: Directory) -> None:
        self._access = access
        self._members = rules.members
        self._documents = rules.documents
        self._directory = directory

    async def show(self, ask: Ask) -> Page:
        """Who holds which role, and a form that gives one."""
        return await self._page(ask)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: action is add (actor, role, until, why) or end (id, why)."""
        await self._access.decide(ask.call, "members")
        by, given = str(ask.call.actor), ask.form
        try:
            if given.get("action") == "end":
                await self._members.end(ask.tenant, given.get("id", ""), by, given.get("why", ""))
            else:
                until = end_of(given["until"]) if given.get("until") else None
                actor, role = await self._directory.actor(given.get("actor", "")), given.get("role", "").strip()
                await self._members.add(ask.tenant, actor, role, by, until, given.get("why", ""))
        except Problem as problem:
            return await self._page(ask, problem)
        return Redirect("/members")

    async def _page(self, ask: Ask, problem: Problem | None = None) -> Page:
        await self._access.decide(ask.call, "members")
        documents = await self._documents.list(ask.tenant)
        titles = role_titles(documents)
        members, past = await self._members.list(ask.tenant, SHOWN), await self._members.past(ask.tenant)
        named = [*(str(one.actor) for one in (*members, *past)), *(one.by for one in members)]
        data = {
            "members": members,
            "past": past,
            "named_roles": named_roles(documents),
            "names": await self._directory.names([*named, *(one.ended_by for one in past)]),
            "roles": [*GIVEN_ROLES, *sorted(titles)] if ask.tenant else PLATFORM_ROLES,
            "role_titles": titles,
            "form": {"actor": "", "role": "", "until": "", "why": "", **ask.form},
            "problem": problem,
        }
        title = "members.title" if ask.tenant else "members.platform.title"
        return failed(Page(f"{PACKAGE}:members.html", title, data), problem)


class _Policies:
    def __init__(self, access: Access, rules: StoredRules, expand: Expand, directory: Directory) -> None:
        self._access = access
        self._directory = directory
        self._expand = expand
        self._documents = rules.documents

    async def list(self, ask: Ask) -> Page:
        """The documents of policies that stand, and a form for a new one, filled with a ready text where the query says
        what is to be published (types, attributes, scope).
        """
        return await self._list(ask)

    async def _list(self, ask: Ask, problem: Problem | None = None) -> Page:
        await self._access.decide(ask.call, "policies")
        wished = {name: ask.query.get(name, "") for name in ("types", "attributes", "scope")}
        ready = {}
        if ask.tenant and any(wished.values()):
            try:
                ready = self._ready(wished)
            except Problem as refused:
                problem = refused
        form = {"name": "", "text": "", "why": "", **ready, **ask.form}
        documents = await self._documents.list(ask.tenant)
        data = {"documents": documents, "form": form, "wished": wished, "ready": bool(ready), "problem": problem}
        title = "policies.title" if ask.tenant else "policies.platform.title"
        return failed(Page(f"{PACKAGE}:policies.html", title, data), problem)

    def _ready(self, wished: Mapping[str, str]) -> dict[str, str]:
        types, attributes = words_of(wished["types"]), words_of(wished["attributes"])
        return {"name": NAME, "text": published_text(types, attributes, wished["scope"].strip(), self._expand)}

    async def add(self, ask: Ask) -> Answer:
        """Takes the form: name, text, why."""
        await self._access.decide(ask.call, "policies")
        try:
            await self._put(ask, ask.form.get("name", "").strip())
        except Problem as problem:
            return await self._list(ask, problem)
        return Redirect("/policies")

    async def one(self, ask: Ask) -> Page:
        """One document: its text, its versions, and what a version changed."""
        return await self._one(ask)

    async def _one(self, ask: Ask, problem: Problem | None = None) -> Page:
        await self._access.decide(ask.call, "policies")
        name = ask.path["id"]
        versions = await self._documents.versions(ask.tenant, name)
        chosen = next((one for one in versions if str(one.number) == ask.query.get("version")), None)
        data = {
            "name": name,
            "newest": versions[0],
            "versions": versions,
            "names": await self._directory.names([one.by for one in versions]),
            "chosen": chosen,
            "diff": _diff(versions, chosen),
            "form": {"text": versions[0].text, "why": "", **ask.form},
            "problem": problem,
        }
        return failed(Page(f"{PACKAGE}:policy.html", name, data), problem)

    async def change(self, ask: Ask) -> Answer:
        """Takes the form: action is put (text, why), remove (why) or back (number, why)."""
        await self._access.decide(ask.call, "policies")
        name, by = ask.path["id"], str(ask.call.actor)
        action, why = ask.form.get("action"), ask.form.get("why", "")
        try:
            if action == "remove":
                await self._documents.remove(ask.tenant, name, by, why)
            elif action == "back":
                number = ask.form.get("number", "")
                if not (number.isdecimal() and number.isascii() and len(number) < 10):
                    raise BadRequestData(f"{number[:20]!r} is no version").worded("refused.version")
                await self._documents.roll_back(ask.tenant, name, int(number), by, why)
            else:
                await self._put(ask, name)
        except Problem as problem:
            return await self._one(ask, problem)
        return Redirect(f"/policies/{name}")

    async def _put(self, ask: Ask, name: str) -> None:
        # Browsers send lines with CR LF.
        text = ask.form.get("text", "").replace("\r\n", "\n")
        await self._documents.put(ask.tenant, name, text, str(ask.call.actor), ask.form.get("why", ""))


def _diff(versions: list[Version], chosen: Version | None) -> list[str]:
    """What the chosen version changed against the one before it, line by line; empty where none is chosen."""
    if chosen is None:
        return []
    before = next((one.text for one in versions if one.number < chosen.number), "")
    lines = difflib.unified_diff(before.splitlines(), chosen.text.splitlines(), lineterm="", n=2)
    return list(lines)[2:]


class _Check:
    def __init__(self, access: Access, rules: StoredRules, look: Look, expand: Expand, directory: Directory) -> None:
        self._access = access
        self._documents = rules.documents
        self._directory = directory
        self._look = look
        self._expand = expand

    async def show(self, ask: Ask) -> Page:
        """Whether somebody would be allowed to do something, by which policies, and what would have to change."""
        await self._access.decide(ask.call, "policies")
        form = {"actor": "", "action": "read", "purpose": "operate", "entity": "", "attribute": "", **ask.query}
        titles = role_titles(await self._documents.list(ask.tenant))
        data: dict[str, Any] = {
            "role_titles": titles,
            "form": form,
            "actions": ACTIONS,
            "found": None,
            "subject": None,
            "problem": None,
        }
        problem: Problem | None = None
        if form["actor"]:
            try:
                data |= await self._tried(ask.tenant, form)
            except Problem as refused:
                data["problem"] = problem = refused
        return failed(Page(f"{PACKAGE}:check.html", "check.title", data), problem)

    async def _tried(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        action = _action(form["action"])
        actor, subject = await self._anybody(form["actor"]), None
        if form["entity"] and action in ENTITY_ACTIONS:
            subject = await self._look(tenant, form["entity"].strip())
            if subject is None:
                name = form["entity"][:200]
                raise BadRequestData(f"there is no entity {name!r}").worded("refused.entity", name=name)
        short = form["attribute"].strip()
        attribute = self._expand(short) if short else None
        call = Call(tenant, actor, form["purpose"].strip() or "operate")
        found = await self._access.explain(call, action, subject, attribute)
        return {"found": found, "subject": subject, "attribute": attribute, "shown": _shown(subject)}

    async def _anybody(self, text: str) -> Actor:
        """Who is tried: also a device, or nobody who is known."""
        kind, _, id_ = text.strip().partition(":")
        if kind == "anonymous":
            return Actor("anonymous")
        return Actor("device", id_) if kind == "device" and id_ else await self._directory.actor(text)


def _shown(subject: Subject | None) -> str:
    if subject is None:
        return ""
    told = {"types": subject.types, "scopes": subject.scopes, "values": dict(subject.values)}
    return json.dumps(told, ensure_ascii=False, indent=2)


def _action(name: str) -> Action:
    for one in ACTIONS:
        if one == name:
            return one
    said = f"{name[:40]!r} is no action; there are {', '.join(ACTIONS)}"
    raise BadRequestData(said).worded("refused.action")
