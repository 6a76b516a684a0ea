"""A pack's own page: what it is, what it would do here, the town's values, and the buttons that do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, NamesOf, Page, Redirect
from kumihimo.service.console.values import UNITS
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.models import Held, Install, Pack, Plan
from kumihimo.solutions.packs.parameters import lacking, read_value, shown
from kumihimo.solutions.packs.versions import order_of

PACKAGE: Final = "kumihimo.solutions.packs"
FIELD: Final = "value-"
"""Before the name of a parameter in a form."""


class Manage:
    """/packs/{id}. Only packs that are signed, or came with the program, are installed from a page."""

    def __init__(self, packs: Packs, library: Library, names_of: NamesOf) -> None:
        self._packs = packs
        self._library = library
        self._names_of = names_of

    async def show(self, ask: Ask) -> Page:
        """The pack as it stands in the town, or what it would do there."""
        return await self._page(ask)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: action is install (values, sample), set (values, revision) or remove (sure)."""
        action, id_ = ask.form.get("action", ""), ask.path["id"]
        try:
            if action == "install":
                held = self._library.find(id_)
                given = _typed(held.pack, ask.form)
                await self._packs.install(ask.call, held, given, sample=ask.form.get("sample") == "yes")
            elif action == "set":
                await self._set(ask, id_)
            elif action == "remove":
                if ask.form.get("sure") != "yes":
                    raise BadRequestData("say that you mean it: tick the box beside the button").worded(
                        "packs.refused.sure"
                    )
                await self._packs.remove(ask.call, id_)
                return Redirect("/packs")
            else:
                said = f"{action[:40]!r} is nothing that is done with a pack"
                raise BadRequestData(said).said(f"{action[:40]!r} という操作はありません")
        except ResourceNotFound:
            raise
        except Problem as problem:
            return await self._page(ask, problem)
        return Redirect(f"/packs/{id_}")

    async def _set(self, ask: Ask, id_: str) -> None:
        _, held = await self._packs.get(ask.tenant, id_)
        revision = ask.form.get("revision", "")
        if not (revision.isascii() and revision.isdecimal() and len(revision) < 16):
            said = "the form does not say which values it changes; open the page anew"
            raise BadRequestData(said).worded("packs.refused.revision")
        await self._packs.set_values(ask.call, id_, _typed(held.pack, ask.form), int(revision))

    async def _page(self, ask: Ask, problem: Problem | None = None) -> Page:
        id_, tenant = ask.path["id"], ask.tenant
        install, held = await self._standing(tenant, id_)
        offered = self._offered(id_)
        if install is None and offered is None:
            raise ResourceNotFound(f"there is no pack {id_[:64]!r} here")
        shown_pack = held or offered
        assert shown_pack is not None  # one of the two is there  # noqa: S101
        own = await self._packs.values(tenant, id_)
        plan, refused = await self._plan(tenant, install, offered, own)
        events = await self._packs.events(tenant, id_) if install is not None else []
        data: dict[str, Any] = {
            "held": shown_pack,
            "pack": shown_pack.pack,
            "install": install,
            "offered": offered,
            "plan": plan,
            "cannot": refused,
            "own": {name: shown(value) for name, value in own.items()},
            "defaults": {one.name: shown(one.default) for one in shown_pack.pack.parameters},
            "lacking": {one.name for one in lacking(shown_pack.pack, own)},
            "form": dict(ask.form),
            "field": FIELD,
            "unit_name": _unit_name,
            "removal": await self._packs.plan_removal(tenant, id_) if install is not None else None,
            "changed": await self._packs.changed(tenant, id_) if install is not None else [],
            "events": events,
            "names": await self._names_of([one.by for one in events]),
            "problem": problem,
            "wrong": _wrong(shown_pack.pack, ask.form),
        }
        page = Page(f"{PACKAGE}:pack.html", shown_pack.pack.title.in_(ask.lang), data)
        return page if problem is None else replace(page, status=problem.status, headers=problem.headers())

    async def _standing(self, tenant: str, id_: str) -> tuple[Install | None, Held | None]:
        try:
            return await self._packs.get(tenant, id_)
        except ResourceNotFound:
            return None, None

    def _offered(self, id_: str) -> Held | None:
        """The pack as it lies ready, None where none does."""
        try:
            return self._library.find(id_)
        except (ResourceNotFound, PackRefused):
            return None

    async def _plan(
        self, tenant: str, install: Install | None, offered: Held | None, own: Mapping[str, Any]
    ) -> tuple[Plan | None, Problem | None]:
        """What installing, or going on to a newer version, would do; or why it cannot be."""
        if offered is None:
            return None, None
        is_whole = install is not None and install.state == "installed"
        if install is not None and is_whole and order_of(offered.pack.version) <= order_of(install.version):
            return None, None
        try:
            return await self._packs.plan(offered, tenant, {one: own[one] for one in _known(offered.pack, own)}), None
        except Problem as problem:
            return None, problem


def _known(pack: Pack, own: Mapping[str, Any]) -> list[str]:
    return [one.name for one in pack.parameters if one.name in own]


def _typed(pack: Pack, form: Mapping[str, str]) -> dict[str, Any]:
    """The values of a form: an empty field is no value of the town's own."""
    found: dict[str, Any] = {}
    for one in pack.parameters:
        text = form.get(FIELD + one.name)
        if text is not None:
            found[one.name] = read_value(one, text) if text.strip() else None
    return found


def _wrong(pack: Pack, form: Mapping[str, str]) -> dict[str, Problem]:
    """What is wrong with each value of a form, by the parameter's name."""
    found: dict[str, Problem] = {}
    for one in pack.parameters:
        if text := form.get(FIELD + one.name, "").strip():
            try:
                read_value(one, text)
            except Problem as problem:
                found[one.name] = problem
    return found


def _unit_name(unit: str) -> str:
    """A unit's symbol for its code (UN/CEFACT Recommendation 20); any other word as it is."""
    return UNITS.get(unit, unit)
