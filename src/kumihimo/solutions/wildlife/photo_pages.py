"""What was reported from the field, with its photographs, for those who may read the reports; and their deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.platform.access.grants import Restriction
from kumihimo.platform.broker.models import Change, Grant, Op, Ordering, OrderKey, QPath, Query
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.album import Album
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.photos import MEDIA_TYPE
from kumihimo.solutions.wildlife.store import Kept
from kumihimo.solutions.wildlife.words import PACKAGE, species_name

KINDS: Final = {"catch": (entities.CATCH, entities.COUNT), "damage": (entities.DAMAGE, entities.AREA)}
"""The type of each kind, and the attribute that says how much of it, and when."""
NEWEST: Final = 100
"""Reports on the page."""


class PhotoPages:
    """/wildlife/reports and /wildlife/photos/{id}."""

    def __init__(self, doors: WildlifeDoors, album: Album) -> None:
        self._doors = doors
        self._album = album

    async def reports(self, ask: Ask) -> Answer:
        """The newest catches and damages, each with its photograph where there is one."""
        seen = await self._doors.rights(ask.call)
        found: list[tuple[str, EntityDoc]] = []
        total = 0
        for kind, (type_, measure) in KINDS.items():
            page = await self._doors.broker.find(ask.tenant, _page(type_, measure, seen))
            found += [(kind, doc) for doc in page.entities]
            total += page.total or 0
        kept = await self._kept(ask, seen, [doc["id"] for _, doc in found])
        lines = sorted((_line(kind, doc, kept.get(doc["id"]), ask.lang) for kind, doc in found), key=_newest)[:NEWEST]
        may_drop = await self._may_drop(ask, [line["id"] for line in lines])
        data = {
            "lines": [{**line, "may_drop": line["id"] in may_drop} for line in lines],
            "more": total - len(lines),
        }
        live = ("WildlifeCatch", "WildlifeDamage")
        return Page(f"{PACKAGE}:reports.html", "wildlife.reports.title", data, live=live)

    async def _kept(self, ask: Ask, seen: Grant, ids: Sequence[str]) -> dict[str, Kept]:
        """What is known of photographs, also that one was deleted, of reports whose photograph the caller may see."""
        kept = await self._album.listed(ask.tenant)
        asked = [one for one in ids if one in kept]
        if not asked or seen.is_all:
            return kept
        shows = Restriction(seen.visible.where(entities.PHOTO))
        query = Query(shows, seen.visible, ids=tuple(asked), limit=len(asked))
        found = (await self._doors.broker.find(ask.tenant, query)).entities
        return {doc["id"]: kept[doc["id"]] for doc in found}

    async def _may_drop(self, ask: Ask, ids: Sequence[str]) -> set[str]:
        """Ids of those of the reports whose photograph the caller may delete."""
        if not ids:
            return set()
        try:
            grant = await self._doors.deletes(ask.call)
        except Forbidden:
            return set()
        query = Query(grant.restriction, grant.visible, ids=tuple(ids), limit=len(ids))
        found = (await self._doors.broker.find(ask.tenant, query)).entities
        return {doc["id"] for doc in found if entities.instance_of(doc, entities.PHOTO) is not None}

    async def show(self, ask: Ask) -> Answer:
        """The photograph, for who may read its report and this attribute of it."""
        doc = await self._report(ask, await self._doors.rights(ask.call))
        body = await self._album.body(ask.tenant, doc["id"])
        if body is None:
            raise _none()
        return Document(body, MEDIA_TYPE)

    async def drop(self, ask: Ask) -> Answer:
        """Deletes the photograph at once; the report stays, and says no more that there is one."""
        doc = await self._report(ask, await self._doors.deletes(ask.call))
        actor = ask.call.actor
        await self._album.drop(ask.tenant, doc["id"], f"{actor.kind} {actor.id}"[:200])
        gone = Change(Op.DELETE_ATTRIBUTE, doc["id"], attribute=entities.PHOTO, every=True)
        await self._doors.apply(replace(ask.call, purpose="photo"), [gone])
        return Redirect("/wildlife/reports")

    async def _report(self, ask: Ask, grant: Grant) -> EntityDoc:
        """The report with a photograph that the path names; ResourceNotFound also where the grant does not reach it."""
        doc = await self._doors.broker.get(ask.tenant, ask.path["id"], grant.restriction, grant.visible)
        if doc is None or entities.instance_of(doc, entities.PHOTO) is None:
            raise _none()
        return doc


def _page(type_: str, measure: str, grant: Grant) -> Query:
    """The newest of a type, as they may be seen, and how many there are."""
    order = Ordering((OrderKey(QPath((measure,), "observedAt"), descending=True), OrderKey(QPath((), "id"))))
    return Query(grant.restriction, grant.visible, types=type_, order=order, limit=NEWEST, count=True)


def _none() -> ResourceNotFound:
    return ResourceNotFound("this report has no photograph, or none that you may see").worded("wildlife.photo.none")


def _line(kind: str, doc: EntityDoc, kept: Kept | None, lang: str) -> dict[str, Any]:
    has_photo = entities.instance_of(doc, entities.PHOTO) is not None
    _, measure = KINDS[kind]
    return {
        "id": doc["id"],
        "kind": kind,
        "at": entities.observed_at(doc, measure) or 0,
        "species": species_name(entities.text_at(doc, entities.SPECIES), lang),
        "amount": entities.value_of(doc, measure),
        "crop": entities.text_at(doc, entities.CROP),
        "photo": kept if has_photo and kept is not None and not kept.deleted_at else None,
        "deleted_at": kept.deleted_at if kept is not None else 0,
    }


def _newest(line: dict[str, Any]) -> tuple[int, str]:
    return -line["at"], line["id"]
