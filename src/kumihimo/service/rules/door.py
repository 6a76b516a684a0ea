"""The rules' door: put, switch, try and explain rule sets; firings and tasks; and what keeps the sets at work.

Whoever holds the right "rules" in a tenant reads and changes its rule sets. A set acts with the rights of whoever wrote
its text last, never more.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound, Wording
from kumihimo.base.ids import new_token
from kumihimo.base.ports import Bus, screens_topic
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.log import head_tx, set_position_tx
from kumihimo.platform.history.query import History
from kumihimo.service.rules import firings, store, text
from kumihimo.service.rules.compile import Compiled, compiled
from kumihimo.service.rules.definition import ActionKind, Definition
from kumihimo.service.rules.eyes import Eyes
from kumihimo.service.rules.keeper import Keeper
from kumihimo.service.rules.models import (
    ActionRow,
    Cost,
    Firing,
    Functions,
    Perform,
    Persons,
    RuleSet,
    Task,
    Topics,
    Version,
)
from kumihimo.service.rules.naming import Names, names_of
from kumihimo.service.rules.perform import Performer
from kumihimo.service.rules.refusal import ChangedMeanwhile, RuleRefused, Words
from kumihimo.service.rules.replay import MAX_SPAN, Replay, Replayed
from kumihimo.service.rules.run import Tools, reader_of
from kumihimo.service.rules.trace import Trace, traced
from kumihimo.storage.database import Database, Tx

MAX_SETS: Final = 50
"""Rule sets of one tenant."""
MAX_VERSIONS: Final = 200
"""Texts of one set that are kept."""
MAX_WHY: Final = 500
MAX_TASKS: Final = 500
SHOWN_TYPES: Final = 100
"""Types that the form of a rule names."""
_SWITCHED_OFF: Final = Words(
    "規則セットが止められたため行いませんでした。", "the rule set was switched off before it was done"
)


@dataclass(frozen=True, slots=True)
class Fired:
    """A firing with what was done for it."""

    firing: Firing
    actions: Sequence[ActionRow]


class RuleSets:
    """The rule sets of all tenants. ports: what does each kind of action but tasks, which the room keeps itself.
    topics: of what people can be told, without it of nothing. alone: no other process serves the same tenants.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bus: Bus,
        access: Access,
        broker: Broker,
        history: History,
        names: Names,
        ports: Mapping[ActionKind, Perform],
        *,
        topics: Topics | None = None,
        alone: bool = False,
    ) -> None:
        self._topics = topics
        self._database = database
        self._clock = clock
        self._bus = bus
        self._access = access
        self._history = history
        self._eyes = Eyes(broker, history)
        self._names = names
        self.tools = Tools(database, clock, access, self._eyes)
        self._performer = Performer(database, clock, ports, alone=alone)
        self.keeper = Keeper(self.tools, bus, self._performer, self._compiled)

    def bind(self, persons: Persons) -> None:
        """Puts what is left to people before all that rules do."""
        self._performer.persons = persons

    def bind_functions(self, functions: Functions) -> None:
        """Puts the programs of packs behind what computes."""
        self._performer.functions = self._eyes.functions = functions

    async def _may_go_on(self, call: Call, name: str) -> None:
        """As `_left_to_people`, of the text that stands; one that is not taken any more does nothing anyway."""
        try:
            definition = self.check((await self.get(call, name)).text)
        except RuleRefused:
            return
        await self._left_to_people(call.tenant, definition)
        await self._check_topics(call.tenant, definition)

    async def topics(self, tenant: str) -> Mapping[str, Mapping[str, str]]:
        """Of what rules can tell the people of a tenant: titles by language, by topic."""
        return {} if self._topics is None else await self._topics(tenant)

    async def _check_topics(self, tenant: str, definition: Definition) -> None:
        """RuleRefused for a notice of something of which nobody is told in this town."""
        wanted = topics_of(definition)
        known = await self.topics(tenant) if wanted else {}
        for rule, topic in wanted:
            if topic not in known:
                there, there_ja = ", ".join(sorted(known)), "、".join(sorted(known))
                raise RuleRefused(
                    f"rule {rule}: there is no topic {topic[:64]!r} in this town; there are: {there or 'none'}",
                    f"rule {rule}：お知らせの種類 {topic[:64]!r} はこの町にありません。"
                    f"使えるのは {there_ja or 'なし'} です。",
                )

    async def told_of(self, tenant: str) -> frozenset[str]:
        """The topics of which rule sets that are on tell the people of a tenant."""
        sets = await self._database.read(tenant, store.sets_tx)
        found: set[str] = set()
        for one in sets:
            if one.is_on:
                with suppress(RuleRefused):  # one that is not taken any more tells nobody
                    found |= {topic for _, topic in topics_of(text.read(one.text))}
        return frozenset(found)

    async def _left_to_people(self, tenant: str, definition: Definition) -> None:
        """RuleRefused for a text that openly does what a person is to decide on, or calls what it may not call."""
        persons = self._performer.persons
        if persons is not None and (words := await persons.of_text(tenant, definition)):
            raise RuleRefused(words.en, words.ja)
        functions = self._performer.functions
        calls = any(act.do == "compute" for rule in definition.rules for act in rule.actions)
        words = await functions.of_text(tenant, definition) if functions is not None and calls else None
        if words is None and calls and functions is None:
            words = Words("この基盤ではパックのプログラムは動きません。", "this platform runs no programs of packs")
        if words is not None:
            raise RuleRefused(words.en, words.ja)

    def _now(self) -> int:
        return times.micros(self._clock.now())

    def _compiled(self, one: str) -> Compiled:
        return compiled(text.read(one), self._names)

    async def _allow(self, call: Call) -> None:
        await self._access.decide(call, "rules")

    async def run(self) -> None:
        """Keeps all rule sets that are on at work, until cancelled."""
        await self.keeper.run()

    async def known(self, call: Call, definition: Definition) -> list[tuple[str, list[str]]]:
        """The types and attributes that a rule can name here, of what the caller may read, as this set calls them.
        Forbidden.
        """
        await self._allow(call)
        try:
            grant = await self._access.decide(call, "read")
        except Forbidden:
            return []
        return (await self._eyes.known(call.tenant, grant, self.names(definition)))[:SHOWN_TYPES]

    def names(self, definition: Definition) -> Names:
        """How attributes and types are called in a set. RuleRefused where it would call one what it is not."""
        return names_of(definition.names, self._names)

    # --- reading -------------------------------------------------------------------------------------------

    async def all(self, call: Call) -> list[RuleSet]:
        """The rule sets of the call's tenant, by name. Forbidden."""
        await self._allow(call)
        return await self._database.read(call.tenant, store.sets_tx)

    async def get(self, call: Call, name: str) -> RuleSet:
        """One rule set. Forbidden, ResourceNotFound."""
        await self._allow(call)
        found = await self._database.read(call.tenant, lambda tx: store.set_tx(tx, name))
        return _there(found, name)

    def check(self, text_: str) -> Definition:
        """The definition of a text that would be taken. RuleRefused, with the place, where it would not."""
        return self._compiled(text_).definition

    async def costs(self, call: Call, name: str) -> dict[str, Cost]:
        """What each rule has cost since the text was put."""
        await self._allow(call)
        await self.keeper.flush(call.tenant, name)
        return await self._database.read(call.tenant, lambda tx: store.costs_tx(tx, name))

    async def firings(self, call: Call, name: str, limit: int = 100) -> list[Fired]:
        """The newest firings of a set with what was done for each."""
        await self._allow(call)

        async def work(tx: Tx) -> list[Fired]:
            many = await firings.firings_tx(tx, name, min(limit, 1000))
            return [Fired(one, await firings.actions_of_tx(tx, one.number)) for one in many]

        return await self._database.read(call.tenant, work)

    # --- writing -------------------------------------------------------------------------------------------

    async def put(
        self, call: Call, text_: str, *, version: int | None = None, why: str = "", on: bool | None = None
    ) -> RuleSet:
        """Keeps a text as the newest of the rule set that it names; the caller becomes its owner. A new set is off
        unless `on` says otherwise; one that is on goes on with the new text, from now.

        version: that of the text which was changed (0: there was none); None puts it over whatever stands.
        Raises Forbidden, RuleRefused, BadRequestData, and ChangedMeanwhile where another version stands.
        """
        await self._allow(call)
        definition = self.check(text_)
        await self._check_rights(call, definition)
        await self._left_to_people(call.tenant, definition)
        await self._check_topics(call.tenant, definition)
        reason, now = why.strip(), self._now()
        if len(reason) > MAX_WHY:
            raise BadRequestData(f"the reason has at most {MAX_WHY} characters").said(
                f"理由は {MAX_WHY} 文字までにしてください。"
            )

        async def work(tx: Tx) -> RuleSet:
            held = await store.set_tx(tx, definition.name)
            _check_version(held, version, text_)
            if held is None and len(await store.sets_tx(tx)) >= MAX_SETS:
                raise BadRequestData(f"the tenant has {MAX_SETS} rule sets; more are not kept").said(
                    f"規則セットは {MAX_SETS} 個までです。使わないものを削除してください。"
                )
            number = await store.last_number_tx(tx, definition.name) + 1
            is_on = on if on is not None else held is not None and held.is_on
            # One of the same name that was taken away must not be taken for this one: it begins anywhere.
            revision = int(new_token(6), 16) if held is None else held.revision + 1
            one = RuleSet(definition.name, number, revision, is_on, call.actor, text_, now, str(call.actor))
            await store.add_version_tx(tx, one.name, Version(number, text_, now, str(call.actor), reason))
            await store.trim_versions_tx(tx, one.name, number - MAX_VERSIONS + 1)
            await _begin_tx(tx, one)
            return one

        return self._told(call, await self._database.write(call.tenant, work))

    async def _check_rights(self, call: Call, definition: Definition) -> None:
        """Whoever may not command, or not write, is told when the text is put, not when it fires."""
        kinds = {act.do for rule in definition.rules for act in rule.actions}
        await self._access.decide(call, "read")
        if "command" in kinds:
            await self._access.decide(call, "command")
        if {"change", "compute"} & kinds:
            await self._access.decide(call, "write")
        if topics_of(definition):
            await self._access.decide(call, "notices")

    async def switch(self, call: Call, name: str, *, on: bool) -> RuleSet:
        """Switches a set on, from now and with nothing stopped, or off, so that nothing that waits is done any more.

        Forbidden, ResourceNotFound; RuleRefused where it does what is left to people by now, or tells of what nobody is
        told any more.
        """
        await self._allow(call)
        if on:
            await self._may_go_on(call, name)
        now = self._now()

        async def work(tx: Tx) -> RuleSet:
            held = _there(await store.set_tx(tx, name), name)
            one = replace(
                held, is_on=on, revision=held.revision + 1, stopped={}, changed_at=now, changed_by=str(call.actor)
            )
            if on and (not held.is_on or held.stopped):
                await _begin_tx(tx, one)
            else:
                await store.put_set_tx(tx, one)
            if not on:
                await firings.give_up_tx(tx, name, _SWITCHED_OFF, now)
            return one

        return self._told(call, await self._database.write(call.tenant, work))

    async def remove(self, call: Call, name: str) -> bool:
        """Takes a set away; its texts, its tasks and what it did stay, and a new one counts on.

        False for none. Forbidden.
        """
        await self._allow(call)
        now = self._now()

        async def work(tx: Tx) -> bool:
            await firings.give_up_tx(tx, name, _SWITCHED_OFF, now)
            return await store.remove_set_tx(tx, name)

        gone = await self._database.write(call.tenant, work)
        self._bus.publish(screens_topic(call.tenant))
        return gone

    def _told(self, call: Call, one: RuleSet) -> RuleSet:
        self._bus.publish(screens_topic(call.tenant))
        self.keeper.wake(call.tenant)
        return one

    # --- versions ------------------------------------------------------------------------------------------

    async def versions(self, call: Call, name: str) -> list[Version]:
        """The texts that a set had, the newest first. Forbidden."""
        await self._allow(call)
        return await self._database.read(call.tenant, lambda tx: store.versions_tx(tx, name, MAX_VERSIONS))

    async def version(self, call: Call, name: str, number: int) -> Version:
        """One of them. Forbidden, ResourceNotFound."""
        found = [one for one in await self.versions(call, name) if one.number == number]
        if not found:
            raise ResourceNotFound(f"rule set {name[:64]!r} has no version {number}")
        return found[0]

    async def roll_back(
        self, call: Call, name: str, number: int, *, version: int | None = None, why: str = ""
    ) -> RuleSet:
        """Makes an older text the newest again; as `put`."""
        old = await self.version(call, name, number)
        return await self.put(call, old.text, version=version, why=why)

    # --- trying and explaining -------------------------------------------------------------------------------

    async def replay(self, call: Call, text_: str, start: int, end: int) -> Replayed:
        """Where a text would have fired between two moments (microseconds), as the caller may see it; nothing is done.

        Forbidden, RuleRefused, BadRequestData for a span that is none or longer than 400 days.
        """
        await self._allow(call)
        grant = await self._access.decide(call, "read")
        if not start < end or end - start > MAX_SPAN:
            raise BadRequestData("a replay goes from one moment to a later one, over 400 days at most").said(
                "始まりより後の日を終わりにし、400 日以内にしてください。"
            )
        tried = self._compiled(text_)
        return await Replay(self._eyes, self._history, call.tenant, grant).run(tried, start, end)

    async def trace(self, call: Call, name: str, entity_id: str) -> Trace:
        """Why the rules of a set fired at the newest changes of an entity or did not, as the caller may see it.

        Forbidden, ResourceNotFound.
        """
        one = await self.get(call, name)
        grant = await self._access.decide(call, "read")
        await self.keeper.flush(call.tenant, name)
        return await traced(self.tools, call.tenant, one, self._compiled(one.text), entity_id, grant)

    # --- tasks -----------------------------------------------------------------------------------------------

    async def tasks(self, call: Call) -> list[Task]:
        """Tasks that the caller may see: all with the right "rules", else one's own and those of one's roles."""
        whom = await self._whose(call)
        return await self._database.read(call.tenant, lambda tx: store.tasks_tx(tx, whom, MAX_TASKS))

    async def _whose(self, call: Call) -> list[str] | None:
        try:
            await self._allow(call)
        except Forbidden:
            roles = await self._access.roles(call.tenant, call.actor)
            if not roles:
                raise
            return sorted({*roles, call.actor.id})
        return None

    async def done(self, call: Call, task_id: str, note: str = "") -> Task:
        """Notes that the caller did a task. Forbidden, ResourceNotFound, BadRequestData where it was done before."""
        whom, words, now = await self._whose(call), note.strip(), self._now()
        if len(words) > MAX_WHY:
            raise BadRequestData(f"the note has at most {MAX_WHY} characters").said(
                f"ひとことは {MAX_WHY} 文字までにしてください。"
            )

        async def work(tx: Tx) -> Task:
            one = await store.task_tx(tx, task_id)
            if one is None or (whom is not None and one.whom not in whom):
                raise ResourceNotFound("there is no such task")
            if not await store.end_task_tx(tx, task_id, now, str(call.actor), words):
                raise BadRequestData(f"this task was done already, by {one.done_by}").said(
                    f"この作業は {one.done_by} がすでに済ませています。"
                )
            return replace(one, done_at=now, done_by=str(call.actor), note=words)

        one = await self._database.write(call.tenant, work)
        self._bus.publish(screens_topic(call.tenant))
        return one


def _there(found: RuleSet | None, name: str) -> RuleSet:
    if found is None:
        raise ResourceNotFound(f"there is no rule set {name[:64]!r}")
    return found


def _check_version(held: RuleSet | None, version: int | None, text_: str) -> None:
    stands = 0 if held is None else held.version
    if version is None or version == stands:
        return
    if held is None:
        raise ResourceNotFound("this rule set was taken away meanwhile; put it as a new one where it shall be there")
    problem = ChangedMeanwhile(
        f"{held.changed_by} put version {stands} of this rule set while version {version} was being changed; look at"
        " both texts and put yours anew over that one",
        theirs=held.text,
        yours=text_,
        revision=stands,
    )
    ja = f"第 {version} 版を直している間に、第 {stands} 版が保存されました。"
    en = f"Version {stands} was saved while version {version} was being changed."
    problem.wording = Wording("", {"ja": ja, "en": en})
    raise problem


async def _begin_tx(tx: Tx, one: RuleSet) -> None:
    """Keeps the set; its rules know nothing yet and look at what is written from now on."""
    await store.put_set_tx(tx, one)
    await store.forget_tx(tx, one.name)
    await set_position_tx(tx, reader_of(one.name), await head_tx(tx))


def topics_of(definition: Definition) -> list[tuple[str, str]]:
    """Of what the set tells people: rule and topic."""
    return [
        (rule.name, act.topic) for rule in definition.rules for act in rule.actions if act.do == "notify" and act.topic
    ]


def difference(old: str, new: str) -> list[str]:
    """The lines of a unified diff of two texts, without its head."""
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]


__all__ = ["ChangedMeanwhile", "Fired", "Names", "RuleRefused", "RuleSets", "difference"]
