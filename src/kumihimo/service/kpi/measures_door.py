"""The measures' door: what a town's measures are and were, how their targets stand, and what reviews noted.

Whoever holds the right "measures" in a tenant changes its measures and writes notes. What figures say is told only to
whoever may read all that they rest on, also where a note froze it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import KUMIHIMO_ERRORS, Problem, ResourceNotFound
from kumihimo.base.ids import new_token
from kumihimo.base.ports import Bus, screens_topic
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import Grant
from kumihimo.service.kpi import store
from kumihimo.service.kpi.door import Extent, Kpi, extent
from kumihimo.service.kpi.measures import (
    LEVELS,
    NOTE_KINDS,
    VERDICTS,
    Branch,
    Frozen,
    Measure,
    Note,
    Standing,
    Target,
    Version,
    day_of,
    standing,
)
from kumihimo.service.kpi.measures_text import check_place, checked, differences, read, refuse, write
from kumihimo.service.kpi.models import Definition, Figure
from kumihimo.storage.database import Database, Tx

MAX_MEASURES: Final = 500
"""Measures of one tenant."""
MAX_VERSIONS: Final = 200
"""Versions of one measure that are kept."""
MAX_NOTES: Final = 1000
"""Review notes of one measure."""
MAX_NOTE: Final = 4000
"""Characters of a note."""
MAX_WHY: Final = 500


class MeasureChanged(Problem):
    """Somebody else changed the measure meanwhile; theirs is what stands."""

    type = KUMIHIMO_ERRORS + "MeasureChanged"
    title = "Changed by somebody else meanwhile"
    status = 409

    def __init__(self, theirs: Measure) -> None:
        super().__init__(
            f"{theirs.changed_by} changed this measure meanwhile (revision {theirs.revision}); look at what stands and"
            " save yours anew over it",
            revision=theirs.revision,
        )
        self.theirs = theirs
        self.worded("measures.refused.changed", by=theirs.changed_by)


@dataclass(frozen=True, slots=True)
class Seen:
    """A target as somebody may see it. definition: None where its KPI is no more. standing: None where they may not."""

    target: Target
    definition: Definition | None
    extent: Extent
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class SeenNote:
    """A note with what it froze as somebody may see it; hidden: how many frozen targets they may not."""

    note: Note
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does or would do with a measure: its differences from what stands, none for one that stays."""

    measure: Measure
    is_new: bool
    differences: Sequence[tuple[str, str, str]]


class Measures:
    """The measures of all tenants."""

    def __init__(self, database: Database, clock: Clock, bus: Bus, access: Access, kpi: Kpi) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._access = access
        self._kpi = kpi

    def today(self) -> date:
        """The day in Japan."""
        return day_of(self._now())

    def _now(self) -> int:
        return times.micros(self._clock.now())

    # --- reading -------------------------------------------------------------------------------------------

    async def tree(self, tenant: str) -> list[Branch]:
        """The measures of a tenant, those that stand below none first, each in order of level, start and id."""
        return tree_of(await self._database.read(tenant, store.measures_tx))

    async def get(self, tenant: str, id_: str) -> Measure:
        """One measure. ResourceNotFound."""
        return _there(await self._database.read(tenant, lambda tx: store.measure_tx(tx, id_)), id_)

    async def versions(self, tenant: str, id_: str) -> list[Version]:
        """What a measure was and is, the newest first; none for one that there is not."""
        return await self._database.read(tenant, lambda tx: store.versions_tx(tx, id_, MAX_VERSIONS))

    async def version(self, tenant: str, id_: str, revision: int) -> Measure:
        """What a measure was at a revision. ResourceNotFound, also for one that is no longer kept."""
        return _there(await self._database.read(tenant, lambda tx: store.version_tx(tx, id_, revision)), id_)

    async def definitions(self, tenant: str) -> dict[str, Definition]:
        """The KPIs of a tenant by their ids, of which targets can be set."""
        return {one.id: one for one in await self._kpi.definitions(tenant)}

    async def seen(
        self, tenant: str, measures: Iterable[Measure], grant: Grant, *, is_over: bool = False
    ) -> dict[str, list[Seen]]:
        """The targets of these measures as a caller may see them, by the measures' ids; is_over: by figures alone of
        which no later reading is.
        """
        many, known, today = list(measures), await self.definitions(tenant), self.today()
        wanted = dict.fromkeys(one.kpi for each in many for one in each.targets if one.kpi in known)
        figures = {kpi: await self._kpi.figures(tenant, kpi, grant) for kpi in wanted}
        if is_over:
            now = self._now()
            figures = {kpi: [one for one in many if one.is_over(now)] for kpi, many in figures.items()}
        return {each.id: [_seen(each, one, known, figures, grant, today) for one in each.targets] for each in many}

    async def all_figures(self, tenant: str, grant: Grant) -> dict[str, list[Figure]]:
        """The figures of all KPIs of a tenant that a caller may see, by KPI."""
        return {kpi: await self._kpi.figures(tenant, kpi, grant) for kpi in await self.definitions(tenant)}

    async def notes(self, tenant: str, id_: str, grant: Grant) -> list[SeenNote]:
        """The review notes of a measure, the newest first, with what they froze as far as the caller may see it."""
        found = await self._database.read(tenant, lambda tx: store.notes_tx(tx, id_))
        return [await self._seen_note(tenant, one, grant) for one in found]

    async def _seen_note(self, tenant: str, note: Note, grant: Grant) -> SeenNote:
        shown = tuple([one for one in note.frozen if await self._may_see(tenant, one, grant)])
        return SeenNote(replace(note, frozen=shown), len(note.frozen) - len(shown))

    async def _may_see(self, tenant: str, frozen: Frozen, grant: Grant) -> bool:
        """Who may read part of what a KPI rests on sees what was frozen of the figures that they see today."""
        (type_, attributes), *also = frozen.rests
        as_it_was = Definition(frozen.kpi, frozen.title, {}, frozen.unit, type_, attributes, tuple(also))
        how_much = extent(as_it_was, grant)
        if how_much != "part":
            return how_much == "all"
        try:
            await self._kpi.figure(tenant, frozen.figure, grant)
        except ResourceNotFound:
            return False
        return True

    # --- writing -------------------------------------------------------------------------------------------

    async def may_change(self, call: Call) -> bool:
        """Whether the caller may change measures and write notes."""
        try:
            await self._access.decide(call, "measures")
        except Problem:
            return False
        return True

    async def put(self, call: Call, measure: Measure, *, revision: int, why: str = "") -> Measure:
        """Keeps a measure as it is given, with its targets, as the next version.

        revision: that of the measure which was changed, 0 for a new one. Raises Forbidden, BadRequestData,
        ResourceNotFound where the measure was removed, and MeasureChanged where another revision stands.
        """
        await self._access.decide(call, "measures")
        one, reason, now, by = checked(measure), _why(why), self._now(), str(call.actor)
        known = await self.definitions(call.tenant)

        async def work(tx: Tx) -> Measure:
            held = {each.id: each for each in await store.measures_tx(tx)}
            stands = held.get(one.id)
            if stands is not None and stands.revision != revision:
                raise MeasureChanged(stands)
            if stands is None and revision:
                raise ResourceNotFound("this measure was removed meanwhile; make it as a new one if it shall be there")
            if stands is None and len(held) >= MAX_MEASURES:
                refuse("many", f"a tenant has {MAX_MEASURES} measures at most", limit=MAX_MEASURES)
            _check_kpis(one, stands, known)
            check_place(one, held.get(one.parent), [each for each in held.values() if each.parent == one.id])
            return await _keep_tx(tx, one, revision, now, by, reason)

        made = await self._database.write(call.tenant, work)
        self._bus.publish(screens_topic(call.tenant))
        return made

    async def remove(self, call: Call, id_: str, *, revision: int) -> None:
        """Takes a measure away with its versions: one that was made by mistake. One that has review notes, or measures
        below it, stays; it is ended or stopped. Forbidden, BadRequestData, ResourceNotFound, MeasureChanged.
        """
        await self._access.decide(call, "measures")

        async def work(tx: Tx) -> None:
            stands = _there(await store.measure_tx(tx, id_), id_)
            if stands.revision != revision:
                raise MeasureChanged(stands)
            if any(one.parent == id_ for one in await store.measures_tx(tx)):
                refuse("below", f"there are measures below {id_!r}")
            if await store.count_notes_tx(tx, id_):
                refuse("noted", f"{id_!r} has review notes, which stay; end or stop it instead")
            await store.remove_tx(tx, id_)

        await self._database.write(call.tenant, work)
        self._bus.publish(screens_topic(call.tenant))

    async def note(self, call: Call, id_: str, kind: str, text: str, verdict: str = "") -> Note:
        """Writes a review note; one of the kind check freezes the targets as the writer sees them, without those of
        which the writer may see nothing. verdict: for the kind act alone. Forbidden, BadRequestData, ResourceNotFound.
        """
        await self._access.decide(call, "measures")
        given = text.strip()
        note_kind = next((one for one in NOTE_KINDS if one == kind), None)
        if note_kind is None or not given or len(given) > MAX_NOTE:
            refuse("note", f"a note is of a kind ({', '.join(NOTE_KINDS)}) and has 1 to {MAX_NOTE} characters",
                   limit=MAX_NOTE)  # fmt: skip
        said = next((one for one in VERDICTS if one == verdict), None)
        if (note_kind == "act") != (said is not None):
            refuse("verdict", f"a note of the kind act, and no other, says one of {', '.join(VERDICTS)}")
        measure = await self.get(call.tenant, id_)
        frozen = await self._freeze(call, measure) if note_kind == "check" else ()
        one = Note(new_token(8), id_, note_kind, given, self._now(), str(call.actor), said or "", frozen)

        async def work(tx: Tx) -> Note:
            _there(await store.measure_tx(tx, id_), id_)
            if await store.count_notes_tx(tx, id_) >= MAX_NOTES:
                refuse("notes", f"a measure has {MAX_NOTES} notes at most", limit=MAX_NOTES)
            await store.add_note_tx(tx, one)
            return one

        made = await self._database.write(call.tenant, work)
        self._bus.publish(screens_topic(call.tenant))
        return made

    async def _freeze(self, call: Call, measure: Measure) -> tuple[Frozen, ...]:
        grant = await self._access.decide(call, "read")
        seen = (await self.seen(call.tenant, [measure], grant))[measure.id]
        return tuple(
            _frozen(one.target, one.definition, one.standing)
            for one in seen
            if one.definition is not None and one.standing is not None
        )

    # --- whole trees ---------------------------------------------------------------------------------------

    async def exported(self, tenant: str) -> str:
        """All measures of a tenant as TOML, each after the one above it; review notes and versions are not in it."""
        return write(one for branch in await self.tree(tenant) for one in branch.walk())

    async def take(self, call: Call, text: str, *, apply: bool, why: str = "") -> list[Change]:
        """Says what a file of measures changes and, where apply, does all of it or nothing. A measure of the file takes
        the place of the one of its id; those that the file does not name stay. Forbidden, BadRequestData.
        """
        await self._access.decide(call, "measures")
        given, reason, now, by = read(text), _why(why), self._now(), str(call.actor)
        known = await self.definitions(call.tenant)

        async def work(tx: Tx) -> list[Change]:
            held = {each.id: each for each in await store.measures_tx(tx)}
            whole = held | {one.id: one for one in given}
            if len(whole) > max(MAX_MEASURES, len(held)):
                refuse("many", f"a tenant has {MAX_MEASURES} measures at most", limit=MAX_MEASURES)
            changes = []
            for one in given:
                stands = held.get(one.id)
                _check_kpis(one, stands, known)
                check_place(one, whole.get(one.parent), [each for each in whole.values() if each.parent == one.id])
                changes.append(Change(one, stands is None, differences(stands, one)))
            for change in changes if apply else ():
                if change.differences:
                    revision = 0 if change.is_new else held[change.measure.id].revision
                    await _keep_tx(tx, change.measure, revision, now, by, reason)
            return changes

        if not apply:
            return await self._database.read(call.tenant, work)
        changes = await self._database.write(call.tenant, work)
        self._bus.publish(screens_topic(call.tenant))
        return changes


def _check_kpis(one: Measure, stands: Measure | None, known: Mapping[str, Definition]) -> None:
    """A target names a KPI that there is; one that was there before may keep what its KPI was."""
    there = known.keys() | {each.kpi for each in (stands.targets if stands is not None else ())}
    for target in one.targets:
        if target.kpi not in there:
            names = ", ".join(sorted(there))
            refuse("kpi", f"there is no KPI {target.kpi!r}; there are {names}", id=target.kpi, known=names)


async def _keep_tx(tx: Tx, one: Measure, revision: int, now: int, by: str, why: str) -> Measure:
    made = replace(one, revision=revision + 1, changed_at=now, changed_by=by)
    await store.put_tx(tx, made, why)
    await store.trim_versions_tx(tx, made.id, made.revision - MAX_VERSIONS + 1)
    return made


def _why(why: str) -> str:
    reason = why.strip()
    if len(reason) > MAX_WHY:
        refuse("why", f"the reason has at most {MAX_WHY} characters", limit=MAX_WHY)
    return reason


def _there(found: Measure | None, id_: str) -> Measure:
    if found is None:
        raise ResourceNotFound(f"there is no measure {id_[:64]!r}").worded("measures.refused.parent", id=id_[:64])
    return found


def tree_of(measures: Iterable[Measure]) -> list[Branch]:
    """Measures as trees, those that stand below none of them first, each in order of level, start and id."""
    many = sorted(measures, key=lambda one: (LEVELS.index(one.level), one.starts_on, one.id))
    ids = {one.id for one in many}
    below: dict[str, list[Measure]] = {}
    for one in many:
        below.setdefault(one.parent if one.parent in ids else "", []).append(one)

    def branch(one: Measure) -> Branch:
        return Branch(one, tuple(branch(each) for each in below.get(one.id, [])))

    return [branch(one) for one in below.get("", [])]


def _seen(
    measure: Measure,
    target: Target,
    known: Mapping[str, Definition],
    figures: Mapping[str, Sequence[Figure]],
    grant: Grant,
    today: date,
) -> Seen:
    definition = known.get(target.kpi)
    if definition is None:
        return Seen(target, None, "none", None)
    how_much = extent(definition, grant)
    if how_much == "none":
        return Seen(target, definition, how_much, None)
    return Seen(target, definition, how_much, standing(target, figures[target.kpi], today, measure.starts_on))


def _frozen(target: Target, definition: Definition, stands: Standing) -> Frozen:
    figure = stands.figure
    return Frozen(
        target_id=target.id,
        kpi=target.kpi,
        title=dict(definition.title),
        unit=dict(definition.unit),
        subject=target.subject,
        baseline=target.baseline,
        target=target.target,
        better=target.better,
        due_on=target.due_on,
        state=stands.state,
        figure="" if figure is None else figure.id,
        label={} if figure is None else dict(figure.label),
        value=stands.actual,
        at=None if figure is None else figure.at,
        readings=stands.readings,
        rests=definition.rests,
    )
