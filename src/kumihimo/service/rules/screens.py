"""The pages of rules: the sets, one set with its firings and costs, its versions, a trace, a replay, and the tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, NamesOf, Page, Redirect, Screen
from kumihimo.service.rules.clockwork import ZONE
from kumihimo.service.rules.compile import NAME
from kumihimo.service.rules.definition import Definition
from kumihimo.service.rules.door import RuleSets, difference
from kumihimo.service.rules.editor import PACKAGE, Editor, failed, refusal_of, version_of
from kumihimo.service.rules.models import Cost, RuleSet
from kumihimo.service.rules.refusal import RuleRefused, Words

NEEDS: Final = "rules"
SHOWN: Final = 50
STARTER: Final = """name = "my-rules"

[[rule]]
name = "high-water"
types = ["RiverGauge"]
watch = ["waterLevel"]
condition = "entity.waterLevel > 3.0"
repeat = "rise"

[[rule.then]]
do = "task"
whom = "officer"
text = "{entity.id}: {entity.waterLevel} m"
minutes = 30
"""


def rule_screens(sets: RuleSets, clock: Clock, names_of: NamesOf) -> list[Screen]:
    """The pages /rules… and /tasks. names_of: what people and applications are called."""
    pages, editor = _Pages(sets, clock, names_of), Editor(sets)

    def screen(path: str, show: Any, post: Any = None, **more: Any) -> Screen:
        return Screen(path, show, post, package=PACKAGE, needs=NEEDS, takes=NEEDS, **more)

    return [
        screen("/rules", pages.list, pages.begin, nav="rules.nav", order=66, menu="nav.manage"),
        Screen(
            "/tasks", pages.tasks, pages.do_task, nav="tasks.nav", order=45, package=PACKAGE, needs="read", takes=""
        ),
        screen("/rules/{name}", pages.one, pages.act),
        screen("/rules/{name}/edit", editor.show, editor.take),
        screen("/rules/{name}/text", editor.show_text, editor.take_text),
        screen("/rules/{name}/versions", pages.versions, pages.back),
        screen("/rules/{name}/trace", pages.trace),
        screen("/rules/{name}/replay", pages.replay),
    ]


class _Pages:
    def __init__(self, sets: RuleSets, clock: Clock, names_of: NamesOf) -> None:
        self._sets = sets
        self._clock = clock
        self._names_of = names_of

    # --- the sets ------------------------------------------------------------------------------------------

    async def list(self, ask: Ask) -> Page:
        """All rule sets with what they did and cost, and where a new one begins."""
        return await self._list(ask)

    async def _list(self, ask: Ask, problem: Problem | None = None) -> Page:
        rows = []
        for one in await self._sets.all(ask.call):
            costs = (await self._sets.costs(ask.call, one.name)).values()
            rows.append({"one": one, "title": _title(self._definition(one), ask.lang), "cost": _sum(list(costs))})
        data = {
            "rows": rows,
            "form": {"name": "", "text": STARTER, **ask.form},
            "refused": refusal_of(problem, ask.lang),
        }
        return failed(Page(f"{PACKAGE}:rules.html", "rules.title", data), problem)

    async def begin(self, ask: Ask) -> Answer:
        """Takes the form: a text (text) of a new set, or a name with which its form begins."""
        try:
            if ask.form.get("action") == "form":
                return Redirect(f"/rules/{_checked(ask.form.get('name', ''))}/edit")
            made = await self._sets.put(ask.call, ask.form.get("text", "").replace("\r\n", "\n"), version=0)
        except Problem as problem:
            return await self._list(ask, problem)
        return Redirect(f"/rules/{made.name}")

    def _definition(self, one: RuleSet) -> Definition | None:
        """What the set says; None for a text that an older program took and this one does not."""
        try:
            return self._sets.check(one.text)
        except RuleRefused:
            return None

    # --- one set -------------------------------------------------------------------------------------------

    async def one(self, ask: Ask) -> Page:
        """One set: whether it is on, its rules with what they cost, what was stopped, and its firings."""
        return await self._one(ask)

    async def _one(self, ask: Ask, problem: Problem | None = None) -> Page:
        name = ask.path["name"]
        one = await self._sets.get(ask.call, name)
        costs, definition = await self._sets.costs(ask.call, name), self._definition(one)
        data = {
            "one": one,
            "called": _title(definition, ask.lang),
            "names": await self._names_of([one.changed_by, str(one.owner)]),
            "rules": [] if definition is None else [(rule, costs.get(rule.name, Cost())) for rule in definition.rules],
            "broken": definition is None,
            "stopped": [(rule, stop.at, stop.words.of(ask.lang)) for rule, stop in one.stopped.items()],
            "firings": await self._sets.firings(ask.call, name, SHOWN),
            "lang": ask.lang,
            "refused": refusal_of(problem, ask.lang),
        }
        return failed(Page(f"{PACKAGE}:rule_set.html", name, data), problem)

    async def act(self, ask: Ask) -> Answer:
        """Takes the form: action is on, off or remove."""
        name = ask.path["name"]
        try:
            if ask.form.get("action") == "remove":
                await self._sets.remove(ask.call, name)
                return Redirect("/rules")
            await self._sets.switch(ask.call, name, on=_is_on(ask.form.get("action", "")))
        except BadRequestData as problem:
            return await self._one(ask, problem)
        return Redirect(f"/rules/{name}")

    # --- versions ------------------------------------------------------------------------------------------

    async def versions(self, ask: Ask) -> Page:
        """The texts that the set had; of the chosen one (version) what it changed."""
        return await self._versions(ask)

    async def _versions(self, ask: Ask, problem: Problem | None = None) -> Page:
        name = ask.path["name"]
        one, versions = await self._sets.get(ask.call, name), await self._sets.versions(ask.call, name)
        wanted = ask.form.get("number") or ask.query.get("version")
        chosen = next((each for each in versions if str(each.number) == wanted), None)
        before = "" if chosen is None else next((each.text for each in versions if each.number < chosen.number), "")
        data = {
            "one": one,
            "called": _title(self._definition(one), ask.lang),
            "versions": versions,
            "names": await self._names_of([each.made_by for each in versions]),
            "chosen": chosen,
            "diff": [] if chosen is None else difference(before, chosen.text),
            "refused": refusal_of(problem, ask.lang),
        }
        return failed(Page(f"{PACKAGE}:rule_versions.html", "rules.versions", data), problem)

    async def back(self, ask: Ask) -> Answer:
        """Takes the form: number of the version that is to be the newest again, version of the one that stood."""
        name = ask.path["name"]
        try:
            number, stands = version_of(ask.form.get("number", "")), version_of(ask.form.get("version", ""))
            why = Words(f"第 {number} 版に戻しました。", f"Version {number} is the newest again.").of(ask.lang)
            await self._sets.roll_back(ask.call, name, number, version=stands, why=why)
        except Problem as problem:
            return await self._versions(ask, problem)
        return Redirect(f"/rules/{name}")

    # --- trying and explaining -----------------------------------------------------------------------------

    async def trace(self, ask: Ask) -> Page:
        """Why the set's rules fired at the newest changes of an entity (entity), or did not."""
        name, entity = ask.path["name"], ask.query.get("entity", "").strip()
        one = await self._sets.get(ask.call, name)
        found = await self._sets.trace(ask.call, name, entity) if entity else None
        suggested = [each.firing.entity_id for each in await self._sets.firings(ask.call, name, SHOWN)]
        data = {
            "one": one,
            "called": _title(self._definition(one), ask.lang),
            "entity": entity,
            "found": found,
            "suggested": [each for each in dict.fromkeys(suggested) if each],
            "lang": ask.lang,
        }
        return Page(f"{PACKAGE}:rule_trace.html", "rules.trace", data)

    async def replay(self, ask: Ask) -> Page:
        """Where the set would have fired between two days (from, to) of Japan; the last month where none is said."""
        name, today = ask.path["name"], self._clock.now().astimezone(ZONE).date()
        one = await self._sets.get(ask.call, name)
        form = {"from": str(today - timedelta(days=30)), "to": str(today), **ask.query}
        called = _title(self._definition(one), ask.lang)
        data: dict[str, Any] = {"one": one, "called": called, "form": form, "found": None, "refused": None}
        problem: Problem | None = None
        if "from" in ask.query:
            try:
                start, end = _day(form["from"]), _day(form["to"]) + 24 * 3_600_000_000
                data["found"] = await self._sets.replay(ask.call, one.text, start, end)
            except (BadRequestData, RuleRefused) as refused:
                problem = refused
                data["refused"] = refusal_of(refused, ask.lang)
        return failed(Page(f"{PACKAGE}:rule_replay.html", "rules.replay", data), problem)

    # --- tasks ---------------------------------------------------------------------------------------------

    async def tasks(self, ask: Ask) -> Page:
        """The tasks of whoever asks, the open ones first."""
        return await self._tasks(ask)

    async def _tasks(self, ask: Ask, problem: Problem | None = None) -> Page:
        data = {
            "tasks": await self._sets.tasks(ask.call),
            "now": times.micros(self._clock.now()),
            "refused": refusal_of(problem, ask.lang),
        }
        return failed(Page(f"{PACKAGE}:tasks.html", "tasks.title", data), problem)

    async def do_task(self, ask: Ask) -> Answer:
        """Takes the form: the task that was done (id), and a note (note)."""
        try:
            await self._sets.done(ask.call, ask.form.get("id", ""), ask.form.get("note", ""))
        except BadRequestData as problem:
            return await self._tasks(ask, problem)
        return Redirect("/tasks")


def _title(definition: Definition | None, lang: str) -> str:
    if definition is None:
        return ""
    return (definition.title_ja if lang == "ja" else definition.title_en) or definition.title_ja or definition.title_en


def _sum(costs: list[Cost]) -> Cost:
    whole = Cost()
    for one in costs:
        whole = whole.plus(one)
    return whole


def _is_on(action: str) -> bool:
    if action not in ("on", "off"):
        raise BadRequestData("action is on, off or remove")
    return action == "on"


def _checked(name: str) -> str:
    if not NAME.match(name.strip()):
        said = f"{name[:64]!r} is no name of a rule set: use 1 to 64 of a-z, 0-9 and '-'"
        raise BadRequestData(said).said(
            f"「{name[:64]}」は名前にできません。a～z、0～9、- の 1～64 文字で書いてください。"
        )
    return name.strip()


def _day(given: str) -> int:
    """The beginning of a day in Japan, in microseconds."""
    try:
        return times.micros(datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=ZONE))
    except ValueError as problem:
        said = f"{given[:20]!r} is no day; write it as 2026-06-01"
        raise BadRequestData(said).said("日付は 2026-06-01 のように書いてください。") from problem
