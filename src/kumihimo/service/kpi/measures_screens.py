"""The pages of measures: the tree, one measure with its targets and reviews, its forms, and what it was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.ids import new_token
from kumihimo.base.screens import EITHER, OWN, WHOLE, Answer, Ask, Document, NamesOf, Page, Redirect, Screen
from kumihimo.platform.access.grants import Grant
from kumihimo.service.kpi import measures_form as form
from kumihimo.service.kpi.measures import (
    LEVELS,
    NOTE_KINDS,
    STANDINGS,
    STATES,
    VERDICTS,
    Branch,
    Measure,
    Target,
    said,
)
from kumihimo.service.kpi.measures_door import MeasureChanged, Measures, Seen
from kumihimo.service.kpi.measures_text import NEW, differences, refuse
from kumihimo.service.kpi.screens import PACKAGE, Rights

NEEDS: Final = f"read {OWN} measures{EITHER}{WHOLE}"
"""Measures are the town's own work: an agreement shares data of it, not what it plans and how it judges that. Nor does
a role that shows a part of the data, as residents hold: they see what the town shows everybody (/public/kpi).
"""
MAX_SUBJECTS: Final = 300
"""Subjects of a KPI that the form of a target offers, the newest."""


def measure_screens(measures: Measures, rights: Rights, names: NamesOf) -> list[Screen]:
    """/measures… and /measures.toml: for whoever is of the town and may read all of it, or part and holds the
    right "measures", with which one changes them. names: how those who did so are called.
    """
    pages, editor = _Pages(measures, rights, names), _Editor(measures, rights, names)

    def screen(path: str, show: Any, post: Any = None, **more: Any) -> Screen:
        return Screen(path, show, post, package=PACKAGE, needs=NEEDS, takes="measures", **more)

    return [
        screen("/measures", pages.tree, nav="measures.nav", order=41),
        screen("/measures.toml", pages.file),
        screen(f"/measures/{NEW}", editor.show, editor.take),
        screen("/measures/{id}", pages.one, pages.act),
        screen("/measures/{id}/edit", editor.show, editor.take),
        screen("/measures/{id}/target", editor.show_target, editor.take_target),
        screen("/measures/{id}/history", pages.history),
    ]


def _failed(page: Page, problem: Problem | None) -> Page:
    """The page with the status of what went wrong on it."""
    return page if problem is None else replace(page, status=problem.status, headers=problem.headers())


class _Pages:
    def __init__(self, measures: Measures, rights: Rights, names: NamesOf) -> None:
        self._measures = measures
        self._rights = rights
        self._names = names

    # --- the tree ------------------------------------------------------------------------------------------

    async def tree(self, ask: Ask) -> Page:
        """All measures as a tree with how their targets stand; of one state (state) or standing (standing) alone."""
        branches, grant = await self._measures.tree(ask.tenant), await self._rights(ask.call)
        every = [one for branch in branches for one in branch.walk()]
        seen = await self._measures.seen(ask.tenant, every, grant)
        chosen = {name: ask.query.get(name, "") for name in ("state", "standing")}
        shown = {one.id for one in every if _is_wanted(one, seen[one.id], **chosen)}
        is_chosen = any(chosen.values())
        data = {
            "branches": [one for one in (_cut(branch, shown) for branch in branches) if one is not None]
            if is_chosen
            else branches,
            "shown": shown,
            "count": len(every),
            "seen": seen,
            "chosen": chosen,
            "states": STATES,
            "standings": STANDINGS,
            "may_change": await self._measures.may_change(ask.call),
            "said": said,
        }
        return Page(f"{PACKAGE}:measures.html", "measures.title", data)

    async def file(self, ask: Ask) -> Document:
        """All measures as a TOML file, which `kumihimo measure import` takes."""
        return Document((await self._measures.exported(ask.tenant)).encode(), "application/toml")

    # --- one measure ---------------------------------------------------------------------------------------

    async def one(self, ask: Ask) -> Page:
        """One measure: what it wants, how its targets stand, what is below it, and its reviews."""
        return await self._one(ask)

    async def _one(self, ask: Ask, problem: Problem | None = None) -> Page:
        measure = await self._measures.get(ask.tenant, ask.path["id"])
        grant = await self._rights(ask.call)
        every = {one.id: one for branch in await self._measures.tree(ask.tenant) for one in branch.walk()}
        below = [one for one in every.values() if one.parent == measure.id]
        notes = await self._measures.notes(ask.tenant, measure.id, grant)
        data = {
            "one": measure,
            "above": _above(measure, every),
            "below": below,
            "seen": await self._measures.seen(ask.tenant, [measure, *below], grant),
            "notes": notes,
            "names": await self._names([measure.changed_by, *(one.note.by for one in notes)]),
            "may_change": await self._measures.may_change(ask.call),
            "kinds": NOTE_KINDS,
            "verdicts": VERDICTS,
            "standings": STANDINGS,
            "form": {"kind": "do", "text": "", "verdict": "", **ask.form},
            "problem": problem,
            "wrong": form.wrong_field(problem),
            "said": said,
        }
        return _failed(Page(f"{PACKAGE}:measure.html", measure.called(ask.lang), data), problem)

    async def act(self, ask: Ask) -> Answer:
        """Takes the form: action is note (kind, text, verdict) or remove (revision)."""
        id_ = ask.path["id"]
        try:
            match ask.form.get("action"):
                case "note":
                    kind, verdict = ask.form.get("kind", ""), ask.form.get("verdict", "")
                    text = ask.form.get("text", "").replace("\r\n", "\n")
                    await self._measures.note(ask.call, id_, kind, text, verdict if kind == "act" else "")
                case "remove":
                    await self._measures.remove(ask.call, id_, revision=form.revision_of(ask.form))
                    return Redirect("/measures")
                case _:
                    refuse("choice", "action is note or remove")
        except (BadRequestData, MeasureChanged) as problem:
            return await self._one(ask, problem)
        return Redirect(f"/measures/{id_}")

    async def history(self, ask: Ask) -> Page:
        """What the measure was before: each change with who made it, when, why, and what it changed."""
        measure = await self._measures.get(ask.tenant, ask.path["id"])
        versions = await self._measures.versions(ask.tenant, measure.id)
        older: list[Measure | None] = [*(one.measure for one in versions[1:]), None]
        kpis = {id_: one.title[ask.lang] for id_, one in (await self._measures.definitions(ask.tenant)).items()}
        rows = [(one, differences(before, one.measure, kpis)) for one, before in zip(versions, older, strict=True)]
        names = await self._names([one.made_by for one in versions])
        data = {"one": measure, "rows": rows, "titles": await _titles(self._measures, ask), "names": names}
        return Page(f"{PACKAGE}:measure_history.html", "measures.history", data)


class _Editor:
    def __init__(self, measures: Measures, rights: Rights, names: NamesOf) -> None:
        self._measures = measures
        self._rights = rights
        self._names = names

    async def _name(self, problem: MeasureChanged) -> None:
        """Says by name who was quicker."""
        by = problem.theirs.changed_by
        problem.worded("measures.refused.changed", by=(await self._names([by])).get(by, by))

    async def _before(self, ask: Ask) -> Measure | None:
        id_ = ask.path.get("id", "")
        return await self._measures.get(ask.tenant, id_) if id_ else None

    # --- a measure -----------------------------------------------------------------------------------------

    async def show(self, ask: Ask) -> Page:
        """The form of a measure, or of a new one; parent: below which it is to stand."""
        before = await self._before(ask)
        given = form.filled(before) | ({"parent": ask.query["parent"]} if "parent" in ask.query else {})
        if before is None and "parent" in ask.query:
            given["level"] = await self._level_below(ask)
        return await self._form(ask, before, given, 0 if before is None else before.revision)

    async def _level_below(self, ask: Ask) -> str:
        """The level that one mostly stands on below the measure that was asked for."""
        try:
            above = await self._measures.get(ask.tenant, ask.query["parent"])
        except ResourceNotFound:
            return "project"
        return LEVELS[min(LEVELS.index(above.level) + 1, len(LEVELS) - 1)]

    async def _form(
        self,
        ask: Ask,
        before: Measure | None,
        given: dict[str, str],
        revision: int,
        problem: Problem | None = None,
        mine: Measure | None = None,
    ) -> Page:
        every = [one for branch in await self._measures.tree(ask.tenant) for one in branch.walk()]
        data = {
            "one": before,
            "form": given,
            "revision": revision,
            "above": [one for one in every if one.level != LEVELS[-1] and (before is None or one.id != before.id)],
            "levels": LEVELS,
            "states": STATES,
            "titles": {one.id: one.called(ask.lang) for one in every},
            "both": _both(problem, mine),
            "problem": problem,
            "wrong": form.wrong_field(problem),
            "here": f"/measures/{NEW}" if before is None else f"/measures/{before.id}/edit",
        }
        title = "measures.new" if before is None else "measures.edit.title"
        return _failed(Page(f"{PACKAGE}:measure_form.html", title, data), problem)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: the members of a measure, revision (that of the one that was changed), why."""
        before = await self._before(ask)
        given = dict.fromkeys(form.MEASURE_FIELDS, "") | {
            name: text for name, text in ask.form.items() if name in form.MEASURE_FIELDS
        }
        mine, revision = None, 0
        try:
            revision = form.revision_of(ask.form)
            mine = form.measure_of(given, new_token(6) if before is None else before.id, before)
            made = await self._measures.put(ask.call, mine, revision=revision, why=given["why"])
        except MeasureChanged as problem:
            await self._name(problem)
            return await self._form(ask, before, given, problem.theirs.revision, problem, mine)
        except BadRequestData as problem:
            return await self._form(ask, before, given, revision, problem)
        return Redirect(f"/measures/{made.id}")

    # --- a target ------------------------------------------------------------------------------------------

    async def show_target(self, ask: Ask) -> Page:
        """The form of a target (target), or of a new one."""
        measure = await self._measures.get(ask.tenant, ask.path["id"])
        target = _target(measure, ask.query.get("target", ""))
        return await self._target_form(ask, measure, form.filled_target(measure, target), measure.revision)

    async def _target_form(
        self,
        ask: Ask,
        measure: Measure,
        given: dict[str, str],
        revision: int,
        problem: Problem | None = None,
        mine: Measure | None = None,
    ) -> Page:
        data = {
            "one": measure,
            "target": ask.form.get("id", ask.query.get("target", "")),
            "form": given,
            "revision": revision,
            "definitions": await self._measures.definitions(ask.tenant),
            "subjects": await self._subjects(ask, await self._rights(ask.call)),
            "titles": await _titles(self._measures, ask),
            "both": _both(problem, mine),
            "problem": problem,
            "wrong": form.wrong_field(problem),
            "said": said,
        }
        title = "measures.target.edit" if data["target"] else "measures.target.new"
        return _failed(Page(f"{PACKAGE}:target_form.html", title, data), problem)

    async def _subjects(self, ask: Ask, grant: Grant) -> dict[str, dict[str, str]]:
        """By KPI the subjects of its figures that the caller may see, with the label of the newest figure of each."""
        found: dict[str, dict[str, str]] = {}
        for kpi, figures in (await self._measures.all_figures(ask.tenant, grant)).items():
            newest = sorted(figures, key=lambda one: one.at, reverse=True)
            labels = {one.subject: said(one.label, ask.lang) for one in reversed(newest) if one.subject}
            found[kpi] = dict(list(labels.items())[::-1][:MAX_SUBJECTS])
        return found

    async def take_target(self, ask: Ask) -> Answer:
        """Takes the form: action (save, remove), the members of a target, its id (none: a new one), revision, why."""
        measure = await self._measures.get(ask.tenant, ask.path["id"])
        given = dict.fromkeys(form.TARGET_FIELDS, "") | {
            name: text for name, text in ask.form.items() if name in form.TARGET_FIELDS
        }
        mine, revision = None, measure.revision
        try:
            revision = form.revision_of(ask.form)
            mine = await self._with(ask, measure, given)
            await self._measures.put(ask.call, mine, revision=revision, why=given["why"])
        except MeasureChanged as problem:
            await self._name(problem)
            return await self._target_form(ask, measure, given, problem.theirs.revision, problem, mine)
        except BadRequestData as problem:
            return await self._target_form(ask, measure, given, revision, problem)
        return Redirect(f"/measures/{measure.id}")

    async def _with(self, ask: Ask, measure: Measure, given: dict[str, str]) -> Measure:
        id_ = ask.form.get("id", "")
        if ask.form.get("action") == "remove":
            return form.without_target(measure, id_)
        target = form.target_of(given, id_ or form.next_target(measure), measure)
        await self._check_subject(ask, measure, target)
        return form.with_target(measure, target)

    async def _check_subject(self, ask: Ask, measure: Measure, target: Target) -> None:
        """A subject that is chosen is one of the KPI's own; one that stood there before stays."""
        stood = next((one for one in measure.targets if one.id == target.id), None)
        if not target.subject or (stood is not None and (stood.kpi, stood.subject) == (target.kpi, target.subject)):
            return
        if target.subject not in (await self._subjects(ask, await self._rights(ask.call))).get(target.kpi, {}):
            said_ = f"{target.subject[:64]!r} is no subject of {target.kpi[:64]!r}"
            refuse("subject", said_, id=target.subject[:64])


def _both(problem: Problem | None, mine: Measure | None) -> Sequence[tuple[str, str, str]] | None:
    """Where somebody else was quicker: what stands and what was sent, where they differ."""
    return differences(problem.theirs, mine) if isinstance(problem, MeasureChanged) and mine is not None else None


async def _titles(measures: Measures, ask: Ask) -> dict[str, str]:
    return {one.id: one.called(ask.lang) for branch in await measures.tree(ask.tenant) for one in branch.walk()}


def _target(measure: Measure, id_: str) -> Target | None:
    if not id_:
        return None
    found = next((one for one in measure.targets if one.id == id_), None)
    if found is None:
        raise ResourceNotFound(f"{measure.id!r} has no target {id_[:64]!r}")
    return found


def _above(measure: Measure, every: dict[str, Measure]) -> list[Measure]:
    """The measures above one, the highest first; each level is higher than the one before, so that this ends."""
    found: list[Measure] = []
    while (above := every.get((found[0] if found else measure).parent)) is not None:
        found.insert(0, above)
    return found


def _is_wanted(measure: Measure, seen: Sequence[Seen], state: str, standing: str) -> bool:
    if state and measure.state != state:
        return False
    return not standing or any(one.standing is not None and one.standing.state == standing for one in seen)


def _cut(branch: Branch, shown: set[str]) -> Branch | None:
    """The branch with what is shown and what stands above it."""
    below = tuple(one for one in (_cut(each, shown) for each in branch.below) if one is not None)
    return Branch(branch.measure, below) if below or branch.measure.id in shown else None
