"""The room's door: what is installed where, plans of what would happen, and doing them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.ports import screens_topic
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op, Query
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.solutions.packs import store
from kumihimo.solutions.packs.archive import read_archive, write_archive
from kumihimo.solutions.packs.errors import PackChanged, PackRefused, refused, refused_at
from kumihimo.solutions.packs.export import Exported, exported
from kumihimo.solutions.packs.installed import Installed
from kumihimo.solutions.packs.items import check_rules, context_of, rule_names, rules_name, wanted
from kumihimo.solutions.packs.manifest import read_pack
from kumihimo.solutions.packs.models import (
    Event,
    Held,
    Install,
    InstallState,
    Item,
    Pack,
    Plan,
    ProgramChange,
    Said,
    Step,
)
from kumihimo.solutions.packs.parameters import Values, check_value
from kumihimo.solutions.packs.plan import PENDING, key_of, steps_away, steps_of
from kumihimo.solutions.packs.ports import PackDoors
from kumihimo.solutions.packs.programs import change_of, check_program, hindrance_of
from kumihimo.solutions.packs.town import later_of, missing_of
from kumihimo.solutions.packs.versions import order_of
from kumihimo.storage.database import Tx

_PURGED_AT_ONCE: Final = 500


class Packs(Installed):
    """The packs of every tenant, and what is done with them."""

    def __init__(self, doors: PackDoors) -> None:
        super().__init__(doors)
        self._turns: dict[str, asyncio.Lock] = {}
        self._tried: set[str] = set()
        self._begun: set[str] = set()

    async def changed(self, tenant: str, id_: str) -> list[Step]:
        """What the town changed of what the pack made."""
        install, held = await self.get(tenant, id_)
        shipped = await self._shipped(tenant, install.id)
        same = await self._wanted(held, await self.values(tenant, id_), sample=install.sample)
        steps = steps_of(id_, shipped, same, await self._standing(tenant, [*shipped, *same]))
        return [one for one in steps if one.what == "stays"]

    async def export(self, tenant: str, id_: str, name: str) -> Exported:
        """The town's changed copy as a pack of its own name. ResourceNotFound, BadRequestData."""
        _, held = await self.get(tenant, id_)
        changed = await self.changed(tenant, id_)
        now = {one.item.name: await self._keepers[one.item.kind].now(tenant, one.item) for one in changed}
        if self.doors.rule_sets is not None:
            names = rule_names(held.pack, self.doors.contexts.core, await context_of(self.doors.contexts, held))
            for one in changed:
                if one.item.kind == "rules" and (text := now[one.item.name]) is not None:
                    now[one.item.name] = self.doors.rule_sets.unnamed(text, names)
        return exported(held, name, await self.values(tenant, id_), changed, now)

    async def _wanted(self, held: Held, values: Values, *, sample: bool) -> list[Item]:
        return await wanted(self.doors.contexts, self.doors.rule_sets, held, values, sample=sample)

    # --- what would happen -------------------------------------------------------------------------------

    async def plan(self, held: Held, tenant: str, given: Values | None = None, *, sample: bool = False) -> Plan:
        """What installing or upgrading would do. PackRefused where it never can be; NonexistentTenant."""
        pack = held.pack
        before = await self._database.read(tenant, lambda tx: store.install_tx(tx, pack.id))
        if before is not None:
            _check_successor(before, held)
        both = {**await self.values(tenant, pack.id), **checked(pack, given or {})}
        values = {name: value for name, value in both.items() if value is not None}
        keeps_sample = sample or (before is not None and before.sample)
        shipped = await self._shipped(tenant, pack.id)
        items = await self._wanted(held, values, sample=keeps_sample)
        standing = await self._standing(tenant, [*shipped, *items])
        begun = before is not None and before.state == "installing"
        context = await context_of(self.doors.contexts, held)
        self._check_rules(held, items, context)
        others = [read_pack(read_archive(one)) for one in await self._archives(tenant, pack.id)]
        return Plan(
            "install" if before is None or begun else "upgrade",
            pack,
            tenant,
            tuple(steps_of(pack.id, shipped, items, standing)),
            (*missing_of(self.doors, held, values, others), *await self._hindrance(held)),
            tuple(await later_of(self.doors, held, tenant, context, shipped)),
            "" if before is None else before.version,
            await self._program_of(held, tenant),
        )

    async def _program_of(self, held: Held, tenant: str) -> ProgramChange:
        """What becomes of the program of the pack in the town."""
        try:
            install, before = await self.get(tenant, held.pack.id)
        except ResourceNotFound:
            return change_of(None, held)
        return change_of(before if install.state == "installed" else None, held)

    async def _hindrance(self, held: Held) -> list[Said]:
        """Why the pack's program cannot run here; one that was seen to begin is not begun for every look at a plan."""
        program = held.program
        if program is None or program.mark in self._begun:
            return []
        if (said := await hindrance_of(self.doors.programs, held)) is not None:
            return [said]
        self._begun.add(program.mark)
        return []

    async def plan_removal(self, tenant: str, id_: str, *, purge: bool = False) -> Plan:
        """What removing would do. ResourceNotFound."""
        install, held = await self.get(tenant, id_)
        shipped = await self._shipped(tenant, id_)
        steps = steps_away(shipped, await self._standing(tenant, shipped), purge=purge)
        purged = await self._purged(tenant, held) if purge else {}
        later = await self._unread(tenant, held.pack)
        later += [
            Said(
                ja=f"{kind} の {count} 件をすべて、自治体が作ったものも含めて消します",
                en=f"all {count} entities of the type {kind} are deleted, with what the town made of them",
            )
            for kind, count in purged.items()
        ]
        for part in await self._last(tenant, id_, held.pack):
            later += await self.doors.parts[part].left(tenant)
        return Plan("remove", held.pack, tenant, tuple(steps), (), tuple(later), install.version)

    async def _last(self, tenant: str, id_: str, pack: Pack) -> list[str]:
        """The parts that no other pack of the tenant stands on."""
        others = [read_pack(read_archive(one)) for one in await self._archives(tenant, id_)]
        kept = {part for other in others for part in other.parts}
        return [part for part in pack.parts if part not in kept and part in self.doors.parts]

    def _check_rules(self, held: Held, items: Sequence[Item], context: Context) -> None:
        """Rules are taken by their room, and do no more than the manifest says."""
        if self.doors.rule_sets is None:
            return
        texts = {one.name: one.text for one in items if one.kind == "rules"}
        for rules in held.pack.rules:
            text = texts.get(rules_name(held.pack, rules))
            if text is None:
                continue
            try:
                said = self.doors.rule_sets.check(text)
            except Problem as problem:
                raise refused_at(rules.file, problem) from problem
            check_rules(held.pack, rules, said, context.expand)

    # --- doing it ----------------------------------------------------------------------------------------

    async def install(
        self,
        call: Call,
        held: Held,
        given: Values | None = None,
        *,
        sample: bool = False,
        unsigned: bool = False,
        program: bool = False,
    ) -> Plan:
        """Installs the pack, or brings it to this version; done again it changes nothing. What was done.

        unsigned: also where nobody who is trusted signed it; program: also where it brings one, or another than runs.
        PackRefused with all that stands in the way.
        """
        if self.doors.trial is not None:
            check_program(held, await self._program_of(held, call.tenant), said_yes=program)
        _check_trust(held, unsigned=unsigned)
        await self._try(held)
        async with self._turn(call.tenant):
            plan = await self.plan(held, call.tenant, given, sample=sample)
            stops = stops_of(plan)
            if stops:
                raise _stopped(held, plan, stops)
            if held.pack.rules and self.doors.rule_sets is not None:
                await self.doors.rule_sets.allow(call)  # before anything is made: rules come last
            said = checked(held.pack, given or {})
            ran = await self.running.of(call.tenant)
            await self._begin(call, held, said, ran, sample=sample)
            await self._do(_because(call, held.name), held.pack.id, plan.steps)
            shipped = await self._wanted(
                held,
                await self.values(call.tenant, held.pack.id),
                sample=await self._sample(call, held),
            )
            await self._settled(call, held, shipped, plan.action)
            await self._end(call, ran)
        return plan

    async def set_values(self, call: Call, id_: str, given: Values, revision: int) -> Plan:
        """Gives the town's own values (None: the pack's counts again), and brings what stands on them up to date.

        PackChanged where somebody else changed the pack after this revision; BadRequestData.
        """
        async with self._turn(call.tenant):
            install, held = await self.get(call.tenant, id_)
            if install.state != "installed":
                raise refused(
                    f"{held.name} is not installed whole; install it again first",
                    f"{held.name} の導入が終わっていません。先にもう一度導入してください",
                )
            said = checked(held.pack, given)
            now, by = self._now(), str(call.actor)

            async def work(tx: Tx) -> None:
                if not await store.revise_tx(tx, id_, revision):
                    late = f"{id_} was changed after you opened this; look at it anew and say it again"
                    raise PackChanged(late).worded("packs.refused.changed")
                for name, value in said.items():
                    await store.put_value_tx(tx, id_, name, value, now, by)
                await store.add_event_tx(tx, Event(now, id_, install.version, f"set {', '.join(sorted(said))}", by))

            plan = await self.plan(held, call.tenant, said)
            if stops_of(plan):
                raise _stopped(held, plan, stops_of(plan))
            await self._database.write(call.tenant, work)
            self.running.forget(call.tenant)
            await self._do(_because(call, held.name), id_, plan.steps)
        self.doors.bus.publish(screens_topic(call.tenant))
        return plan

    async def remove(self, call: Call, id_: str, *, purge: bool = False) -> Plan:
        """Takes away what the pack made and the town did not change; purge: that too, and the town's data of its types.

        What was done. ResourceNotFound.
        """
        async with self._turn(call.tenant):
            plan = await self.plan_removal(call.tenant, id_, purge=purge)
            install, held = await self.get(call.tenant, id_)
            last = await self._last(call.tenant, id_, held.pack)
            await self._mark(call, install, "removing")
            await self._do(_because(call, held.name), id_, plan.steps)
            await self._end(call, last)
            if purge:
                await self._purge(_because(call, held.name), held)
            now, by = self._now(), str(call.actor)

            async def work(tx: Tx) -> None:
                await store.remove_install_tx(tx, id_)
                if purge:
                    await store.remove_values_tx(tx, id_)
                await store.add_event_tx(tx, Event(now, id_, install.version, "purged" if purge else "removed", by))

            await self._database.write(call.tenant, work)
        self.running.forget(call.tenant)
        self.doors.bus.publish(screens_topic(call.tenant))
        return plan

    async def _end(self, call: Call, parts: Collection[str]) -> None:
        """Those of the parts that no pack stands on any more bring what they made to an end."""
        runs = await self.running.of(call.tenant)
        for part in parts:
            if part not in runs and part in self.doors.parts:
                await self.doors.parts[part].end(call)

    async def _do(self, call: Call, pack: str, steps: Sequence[Step]) -> None:
        """Each step by itself. What is made is noted before, what is changed or taken away after, so that a plan that
        is broken off anywhere can be taken up again.
        """
        for one in steps:
            keeper, item = self._keepers[one.item.kind], one.item
            if one.what == "make":
                await self._note(call.tenant, pack, replace(item, ref=PENDING))
                await self._note(call.tenant, pack, await keeper.make(call, item))
            elif one.what == "change":
                await self._note(call.tenant, pack, await keeper.change(call, item))
            elif one.what == "take-away":
                await keeper.take(call, item)
                await self._forget(call.tenant, item)

    async def _note(self, tenant: str, pack: str, item: Item) -> None:
        await self._database.write(tenant, lambda tx: store.put_item_tx(tx, pack, item))

    async def _forget(self, tenant: str, item: Item) -> None:
        await self._database.write(tenant, lambda tx: store.remove_item_tx(tx, item.kind, item.name))

    async def _begin(self, call: Call, held: Held, said: Values, ran: Collection[str], *, sample: bool) -> None:
        """ran: the parts that run in the town before it."""
        now, by = self._now(), str(call.actor)
        new = [self.doors.parts[part] for part in held.pack.parts if part not in ran]

        async def work(tx: Tx) -> None:
            old = await store.install_tx(tx, held.pack.id)
            made = Install(
                held.pack.id,
                held.pack.version,
                "installing",
                held.origin,
                held.trust,
                held.signer,
                sample or (old is not None and old.sample),
                now,
                by,
                1 if old is None else old.revision + 1,
                write_archive(held.files),
            )
            await store.put_install_tx(tx, made)
            for name, value in said.items():
                await store.put_value_tx(tx, held.pack.id, name, value, now, by)
            for part in new:
                await part.begin_tx(tx)

        await self._database.write(call.tenant, work)
        self.running.forget(call.tenant)

    async def _sample(self, call: Call, held: Held) -> bool:
        return (await self.get(call.tenant, held.pack.id))[0].sample

    async def _settled(self, call: Call, held: Held, shipped: Sequence[Item], what: str) -> None:
        """All is done: what is noted is what this version ships, and what it ships no more is forgotten."""
        id_, now, by = held.pack.id, self._now(), str(call.actor)
        names = {key_of(one) for one in shipped}
        texts = {key_of(one): one.text for one in shipped}

        async def work(tx: Tx) -> None:
            for one in await store.items_tx(tx, id_):
                if key_of(one) not in names:
                    await store.remove_item_tx(tx, one.kind, one.name)
                else:
                    await store.put_item_tx(tx, id_, replace(one, text=texts[key_of(one)]))
            install = await store.install_tx(tx, id_)
            if install is not None:
                await store.put_install_tx(tx, replace(install, state="installed"))
            await store.add_event_tx(tx, Event(now, id_, held.pack.version, what, by))

        await self._database.write(call.tenant, work)
        self.running.forget(call.tenant)
        self.doors.bus.publish(screens_topic(call.tenant))

    async def _mark(self, call: Call, install: Install, state: InstallState) -> None:
        marked = replace(install, state=state, revision=install.revision + 1)
        await self._database.write(call.tenant, lambda tx: store.put_install_tx(tx, marked))
        self.running.forget(call.tenant)

    async def _unread(self, tenant: str, pack: Pack) -> list[Said]:
        """Devices of the town's own whose family goes with the pack."""
        brought, shipped = {one.name for one in pack.codecs}, {one.id for one in pack.devices}
        left = [one.id for one in await self.doors.registry.list(tenant) if one.family in brought]
        own = sorted(set(left) - shipped)
        if not own:
            return []
        named = ", ".join(own[:5]) + (" …" if len(own) > 5 else "")
        return [
            Said(
                ja=f"自治体の端末 {len(own)} 台の値を読めなくなります: {named}",
                en=f"{len(own)} of the town's own devices are not understood any more: {named}",
            )
        ]

    # --- the town's data, where that is asked for -------------------------------------------------------------

    async def _purged(self, tenant: str, held: Held) -> dict[str, int]:
        """Types that this pack alone brings, and how many entities of each there are."""
        others = [read_pack(read_archive(one)) for one in await self._archives(tenant, held.pack.id)]
        shared = {model.type for other in others for model in other.models}
        context = await context_of(self.doors.contexts, held)
        counts = {name: count for name, _, count in await self.doors.broker.types(tenant, ALL_ROWS, ALL_ATTRIBUTES)}
        own = [one.type for one in held.pack.models if not one.needs and one.type not in shared]
        return {one: counts[name] for one in own if (name := context.expand_type(one)) in counts}

    async def _purge(self, call: Call, held: Held) -> None:
        context = await context_of(self.doors.contexts, held)
        for kind in await self._purged(call.tenant, held):
            query = Query(ALL_ROWS, ALL_ATTRIBUTES, types=context.expand_type(kind), limit=_PURGED_AT_ONCE)
            while found := (await self.doors.broker.find(call.tenant, query)).entities:
                await self.doors.broker.apply(call, [Change(Op.DELETE, one["id"]) for one in found])

    async def _try(self, held: Held) -> None:
        """The pack's own tests, on a platform made for them; once for the same files in this process."""
        if self.doors.trial is None:
            return
        mark = hashlib.sha256(write_archive(held.files)).hexdigest()
        if mark in self._tried:
            return
        failed = [one for one in await self.doors.trial(held) if not one.passed]
        if failed:
            said = "; ".join(f"{one.case}: {one.why}" for one in failed)
            raise PackRefused(f"{held.name} does not pass its own tests on this platform: {said}").worded(
                "packs.refused.tests", cases=tuple(one.case for one in failed)
            )
        self._tried.add(mark)

    def _turn(self, tenant: str) -> asyncio.Lock:
        return self._turns.setdefault(tenant, asyncio.Lock())

    def _now(self) -> int:
        return times.micros(self.doors.clock.now())


def checked(pack: Pack, given: Values) -> dict[str, Any]:
    """The values, each one that its parameter may have; None stands for the pack's own. BadRequestData."""
    known = {one.name: one for one in pack.parameters}
    for name, value in given.items():
        if name not in known:
            said = BadRequestData(f"{pack.id} has no parameter {name[:64]!r}; it has {', '.join(known) or 'none'}")
            raise said.said(f"{pack.id} にパラメーター {name[:64]!r} はありません")
        if value is not None:
            check_value(known[name], value)
    return dict(given)


def stops_of(plan: Plan) -> list[str]:
    """What stands in the way of a plan."""
    clashes = [one for one in plan.steps if one.what == "clash" and one.words is not None]
    return [
        *(one.en for one in plan.missing),
        *(f"{one.item.kind} {one.item.name}: {one.words.en}" for one in clashes if one.words is not None),
    ]


def _stopped(held: Held, plan: Plan, stops: list[str]) -> PackRefused:
    """The refusal with all that stands in the way, in both languages."""
    in_japanese = [
        *(one.ja for one in plan.missing),
        *(f"{one.item.name}: {one.words.ja}" for one in plan.steps if one.what == "clash" and one.words is not None),
    ]
    said = PackRefused(f"{held.name} cannot be installed: " + "; ".join(stops), missing=stops)
    return said.said(f"{held.name} を導入できません: " + "、".join(in_japanese))


def _because(call: Call, name: str) -> Call:
    """The call with the pack as its cause."""
    return replace(call, purpose="pack", cause=f"pack {name}")


def _check_trust(held: Held, *, unsigned: bool) -> None:
    if held.trust in ("shipped", "signed") or unsigned:
        return
    why = "nobody signed it" if held.trust == "unsigned" else "nobody whom this platform trusts signed it"
    in_japanese = "だれも署名していません" if held.trust == "unsigned" else "この基盤が信頼する人の署名ではありません"
    raise refused(
        f"{held.name}: {why}; have it signed, lay the signer's key into packs/signers of the data folder, or say"
        " --unsigned if you answer for it yourself",
        f"{held.name}: {in_japanese}。署名してもらい、署名者の鍵をデータフォルダーの packs/signers に置くか、"
        "自分で責任を持つときはコマンドで --unsigned を付けてください",
    )


def _check_marks(before: Install, held: Held) -> None:
    """PackRefused where the new version would take from people what the installed one leaves to their decision."""
    old = read_pack(read_archive(before.archive))
    left = {kind for one in old.alerts for kind in (*one.moves, *one.permits)}
    lost = sorted(left - {kind for one in held.pack.alerts for kind in (*one.moves, *one.permits)})
    if lost:
        raise refused(
            f"{held.name} no longer leaves {', '.join(lost)} to a person's decision, as {before.version} does; if the"
            " town wants that, remove the pack and install it anew",
            f"{before.version} は {', '.join(lost)} を人の判断に任せていますが、{held.name} は任せません。"
            "自治体がそれを望むなら、パックを取り除いてから導入し直してください",
        )


def _check_successor(before: Install, held: Held) -> None:
    """PackRefused where what is installed is another pack of the same name, or a newer one."""
    if before.origin != held.origin:
        raise PackRefused(
            f"another pack named {held.pack.id} is installed: it is {before.origin}, this is {held.origin}"
        ).worded("packs.refused.another")
    if before.trust == "signed" and before.signer != held.signer:
        raise PackRefused(
            f"the pack {held.pack.id} that is installed was signed by {before.signer}, this one not; remove it first"
        ).worded("packs.refused.signer", signer=before.signer)
    _check_marks(before, held)
    if order_of(held.pack.version) < order_of(before.version):
        said = f"{held.pack.id} {before.version} is installed, which is newer than {held.pack.version}"
        raise PackRefused(said).worded("packs.refused.older", now=before.version, given=held.pack.version)
