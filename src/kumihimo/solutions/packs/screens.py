"""The pages of packs: those that an installed pack declares, a pack's own page, the register and the planner."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from kumihimo.base.errors import Problem, ResourceNotFound
from kumihimo.base.jsontext import dumps
from kumihimo.base.screens import Answer, Ask, Document, NamesOf, Page, Screen
from kumihimo.platform.access.decide import Action
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.items import context_of
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.manage import Manage
from kumihimo.solutions.packs.models import PERSONAL, PERSONS_PAGE, Held, ScreenEntry
from kumihimo.solutions.packs.parameters import values_of
from kumihimo.solutions.packs.ports import PackDoors
from kumihimo.solutions.packs.register import Register
from kumihimo.solutions.packs.results import Row, figures_of, rows_of

PACKAGE: Final = "kumihimo.solutions.packs"
MANAGES: Final[Action] = "administer"
"""What one must be allowed to do to install, change and remove packs."""


def pack_screens(doors: PackDoors, packs: Packs, library: Library, names_of: NamesOf) -> list[Screen]:
    """All pages of the room. names_of: what people and applications are called."""
    pages, register = _Pages(doors, packs, library), Register(doors, packs, library)
    manage = Manage(packs, library, names_of)
    return [
        Screen("/packs", pages.index, nav="packs.nav", order=39, package=PACKAGE, needs="read"),
        Screen("/packs/{id}", manage.show, manage.take, package=PACKAGE, needs=MANAGES, takes=MANAGES),
        Screen(f"/packs/{{id}}/{PERSONS_PAGE}", pages.persons, package=PACKAGE, needs="", easy=True),
        Screen("/packs/{id}/{screen}", pages.screen, package=PACKAGE, needs="read"),
        Screen("/pack-map", pages.points, package=PACKAGE, needs="read"),
        Screen(
            "/pack-register",
            register.show,
            nav="packs.register.nav",
            order=66,
            package=PACKAGE,
            needs=MANAGES,
            menu="nav.manage",
        ),
        Screen(
            "/pack-planner",
            register.planner,
            register.describe,
            nav="packs.planner.nav",
            order=67,
            package=PACKAGE,
            needs=MANAGES,
            takes=MANAGES,
            menu="nav.manage",
        ),
    ]


class _Pages:
    """What officers see of the packs of their town, each attribute as they may."""

    def __init__(self, doors: PackDoors, packs: Packs, library: Library) -> None:
        self._doors = doors
        self._packs = packs
        self._library = library

    async def index(self, ask: Ask) -> Page:
        """The packs of the town with their pages and figures, and those that could be installed."""
        grant = await self._doors.access.decide(ask.call, "read")
        found: list[dict[str, Any]] = []
        for install in await self._packs.all(ask.tenant):
            _, held = await self._packs.get(ask.tenant, install.id)
            context = await context_of(self._doors.contexts, held)
            figures = await figures_of(self._doors, held, ask.tenant, context, grant)
            found.append({"install": install, "pack": held.pack, "figures": figures})
        own = {one["install"].id for one in found}
        data = {
            "packs": found,
            "offered": [one.pack for one in self._library.all() if one.pack.id not in own],
            "manages": await self._manages(ask),
        }
        return Page(f"{PACKAGE}:packs.html", "packs.title", data)

    async def _manages(self, ask: Ask) -> bool:
        """Whether the caller may install packs."""
        try:
            await self._doors.access.decide(ask.call, MANAGES)
        except Problem:
            return False
        return True

    async def screen(self, ask: Ask) -> Page:
        """A page that the pack declares: its entities as a table, or on a map with the table below it."""
        held, screen = await self._found(ask, ask.path["id"], ask.path["screen"])
        rows = await self._rows(ask, held, screen)
        data = {
            "pack": held.pack,
            "screen": screen,
            "rows": rows,
            "map_path": f"/pack-map?id={quote(held.pack.id)}&screen={quote(screen.id)}",
            "located": any(row.point for row in rows),
        }
        return Page(f"{PACKAGE}:screen.html", screen.title.in_(ask.lang), data, live=(screen.type,))

    async def persons(self, ask: Ask) -> Page:
        """What the persons concerned are told and agree to, to read or print, for whoever is logged in in the town."""
        _, held = await self._packs.get(ask.tenant, ask.path["id"])
        if held.pack.persons is None:
            raise ResourceNotFound(f"the pack {held.pack.id} concerns no persons")
        data = {
            "pack": held.pack,
            "concerned": [one for one in held.pack.models if one.legal in PERSONAL],
        }
        return Page(f"{PACKAGE}:persons.html", "packs.persons.title", data)

    async def points(self, ask: Ask) -> Answer:
        """The points of a declared page, as GeoJSON (RFC 7946)."""
        held, screen = await self._found(ask, ask.query.get("id", ""), ask.query.get("screen", ""))
        found = [_feature(ask, screen, row) for row in await self._rows(ask, held, screen) if row.point]
        return Document(dumps({"type": "FeatureCollection", "features": found}), "application/geo+json")

    async def _found(self, ask: Ask, id_: str, screen: str) -> tuple[Held, ScreenEntry]:
        """The pack and its page; without a name its first. ResourceNotFound."""
        _, held = await self._packs.get(ask.tenant, id_)
        found = next((one for one in held.pack.screens if screen in {one.id, ""}), None)
        if found is None:
            raise ResourceNotFound(f"the pack {id_} has no page {screen[:64]!r}")
        return held, found

    async def _rows(self, ask: Ask, held: Held, screen: ScreenEntry) -> list[Row]:
        grant = await self._doors.access.decide(ask.call, "read")
        values = values_of(held.pack, await self._packs.values(ask.tenant, held.pack.id))
        context = await context_of(self._doors.contexts, held)
        return await rows_of(self._doors, ask.tenant, screen, context, grant, values)


def _feature(ask: Ask, screen: ScreenEntry, row: Row) -> dict[str, object]:
    words = screen.marks.words.in_(ask.lang) if screen.marks is not None and row.marked else ""
    properties = {
        "id": row.id,
        "name": next((cell for cell in row.cells if cell), row.id.rpartition(":")[2]),
        "level": None,
        "label": words or screen.title.in_(ask.lang),
        "href": f"/t/{ask.tenant}/entities/{quote(row.id)}",
        "stale": False,
    }
    return {"type": "Feature", "geometry": row.point, "properties": properties}
