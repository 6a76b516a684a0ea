"""The access decision: who may do what, of which entities and attributes (decisions 5, 8 and 13).

Closed by default: what no policy permits is refused. Parts of the platform may do everything, and under --open
everybody on this machine. A decision is kept until a policy, a role, a member, an agreement or an emergency changes;
that another process changed one is seen within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final
from weakref import WeakValueDictionary

from kumihimo.base import times
from kumihimo.base.call import Actor, ActorKind, Call
from kumihimo.base.clock import Clock, SystemClock
from kumihimo.base.errors import Forbidden, NonexistentTenant, Problem, Unauthenticated, Wording
from kumihimo.platform.access.compile import names_somebody, rights_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.explain import Explanation, Subject, explained
from kumihimo.platform.access.grants import EVERYTHING, Grant
from kumihimo.platform.access.models import ALL_RIGHTS, Rights
from kumihimo.platform.access.standing import Holding, NoRules, Rules, facts_of, holding
from kumihimo.platform.access.titles import Titles, titles_of
from kumihimo.platform.access.words import ACTIONS, GIVEN_ROLES, IN_WORDS, KINDS, NAMED_ROLES, Action

__all__ = ["ACTIONS", "EVERYTHING", "Access", "Action", "Grant"]

PLATFORM: Final = ""
_LOOK_AGAIN: Final = timedelta(seconds=1)
_KEPT: Final = 20_000
_PATIENCE: Final = 3
_SCOPES: Final[dict[str, frozenset[str]]] = {
    "read": frozenset({"ngsi-ld:read", "feeds:read"}),
    "write": frozenset({"ngsi-ld:write"}),
    "delete": frozenset({"ngsi-ld:write"}),
    "subscribe": frozenset({"ngsi-ld:subscribe"}),
}
"""Any of which a token needs for an action; all other actions need one that is not limited."""

_Key = tuple[str, str, str, str, str, frozenset[str] | None]


@dataclass(slots=True)
class _Known:
    """A decision, and from when to when it is taken without a look at the store."""

    rights: Rights
    grant: Grant | None
    problem: Problem | None
    holding: Holding
    since: datetime
    until: datetime


class Access:
    """Decides; `open_house` is the platform under `--open`, where everybody on this machine may do everything."""

    def __init__(self, open_house: bool, rules: Rules | None = None, clock: Clock | None = None) -> None:
        self._open_house = open_house
        self._rules = NoRules() if rules is None else rules
        self._clock = SystemClock() if clock is None else clock
        self._known: dict[_Key, _Known] = {}
        self._shared: dict[tuple[str, ActorKind], Holding] = {}
        self._held: dict[tuple[str, Actor], Holding] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._looked: dict[str, tuple[datetime, int]] = {}
        self._looking: dict[str, asyncio.Future[int]] = {}
        self._scopes: dict[str, set[str]] = {}
        self._changes = 0
        self._soonest: int | None = None
        self._told: list[Callable[[str], None]] = []

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything, so that nobody is a stranger."""
        return self._open_house

    def revision(self, tenant: str) -> int:  # noqa: ARG002 - a change of the platform's rules is one of every tenant's
        """A number that changes with every change of rules that was seen in this process, in whatever tenant, and when
        a right that was decided on ends by its time. What another process changed is seen at the next decision, or
        by `current`.
        """
        if self._soonest is not None and times.micros(self._clock.now()) >= self._soonest:
            self._soonest = None
            self._changes += 1
        return self._changes

    async def current(self, tenant: str) -> int:
        """As `revision`, with what another process changed for this tenant up to a second ago: who keeps what was made
        of rights asks this before it is used. The store is looked at once a second at most, whoever asks.
        """
        if not self._open_house:
            now = self._clock.now()
            for scope in sorted(self._scopes.get(tenant, {tenant, PLATFORM})):
                with suppress(NonexistentTenant):
                    await self._revision(scope, now)
        return self.revision(tenant)

    async def decide(self, call: Call, action: Action) -> Grant:
        """What the call may see. Raises Unauthenticated or Forbidden where it may not act at all."""
        if self._open_house or call.actor.kind == "system":
            return EVERYTHING
        known = self._at_hand(call, action) or await self._look(call, action, _key_of(call, action))
        if known.grant is None:
            raise _again(known.problem)
        return known.grant

    async def rights(self, call: Call, action: Action) -> Rights:
        """As `decide`, the rights themselves."""
        if self._open_house or call.actor.kind == "system":
            return ALL_RIGHTS
        known = self._at_hand(call, action) or await self._look(call, action, _key_of(call, action))
        if not known.rights.shown:
            raise _again(known.problem)
        return known.rights

    async def roles(self, tenant: str, actor: Actor) -> frozenset[str]:
        """The roles that somebody holds in a tenant now, those by an agreement or an emergency among them. As with a
        decision the store is looked into again once something changed, which of another process is seen in a second.
        """
        now, key = self._clock.now(), (tenant, actor)
        held = self._held.get(key)
        if held is not None and await self._is_of_now(held, now):
            return held.roles
        changes = self._changes
        found = await holding(self._rules, Call(tenant, actor), times.micros(now))
        self._note(found, now)
        if changes == self._changes and found.revisions:
            if len(self._held) >= _KEPT:
                self._held.clear()
            self._held[key] = found
        return found.roles

    async def add_member(self, tenant: str, actor: Actor, role: str, by: str, until: int | None = None) -> None:
        """Gives somebody a role, until a moment in microseconds where one is said. BadRequestData for a wrong role."""
        await self._rules.add_member(tenant, actor, role, by, until)

    async def explain(
        self, call: Call, action: Action, subject: Subject | None = None, attribute: str | None = None
    ) -> Explanation:
        """Which policies decide about this call, and what would have to change where it is not allowed.

        subject is an entity as it is now, None for any; attribute an expanded name, None for one that no policy names.
        """
        if call.actor.kind == "system":
            return Explanation(True, frozenset(), (), ())
        scopes = _SCOPES.get(action, frozenset()) if _lacks_scope(call, action) else None
        return await explained(self._rules, call, action, times.micros(self._clock.now()), subject, attribute, scopes)

    def forget(self, tenant: str) -> None:
        """Told of every change in this process: nothing that was decided before is taken again."""
        self._changes += 1
        self._known.clear()
        self._shared.clear()
        self._held.clear()
        self._looked.clear()
        self._looking.clear()  # a look that began before must not serve who comes after
        for tell in self._told:
            tell(tenant)

    def tell(self, of_change: Callable[[str], None]) -> None:
        """From now on the function is called with the tenant ("" for all) after each change that was seen here."""
        self._told.append(of_change)

    def _at_hand(self, call: Call, action: Action) -> _Known | None:
        """What was decided and needs no look at the store now."""
        known = self._remembered(_key_of(call, action))
        return known if known is not None and known.since <= self._clock.now() < known.until else None

    def _remembered(self, key: _Key) -> _Known | None:
        if key[1] in KINDS:
            return self._known.get(key)
        return self._known.get(_of_all(key)) or self._known.get(key)

    # --- what is not known yet ----------------------------------------------------------------------------

    async def _look(self, call: Call, action: Action, key: _Key) -> _Known:
        for _ in range(_PATIENCE):
            changes, now = self._changes, self._clock.now()
            known = self._remembered(key)
            if known is not None and await self._stands(known, now):
                return known
            made = await self._decided(call, action, now)
            if changes == self._changes:
                break
        else:
            # Something changes all the time: this is good for now and not kept.
            return made
        if not made.holding.revisions:
            return made  # there is no such tenant, and nothing would tell that it came to be
        self._note(made.holding, now)
        made.until = self._good_until(made.holding, now)
        self._scopes.setdefault(call.tenant, set()).update(made.holding.revisions)
        if len(self._known) >= _KEPT:
            self._make_room()
        is_of_all = call.actor.kind not in KINDS and not any(map(names_somebody, made.holding.policies))
        self._known[_of_all(key) if is_of_all else key] = made
        return made

    def _make_room(self) -> None:
        """The oldest go, a tenth at a time, so that many callers at once do not all have to be judged anew."""
        for key in list(islice(self._known, _KEPT // 10 + 1)):
            del self._known[key]

    async def _stands(self, known: _Known, now: datetime) -> bool:
        """Whether nothing changed since; then it is good for another second."""
        if now < known.since or not await self._is_of_now(known.holding, now):
            return False
        known.since, known.until = now, self._good_until(known.holding, now)
        return True

    def _note(self, held: Holding, now: datetime) -> None:
        """What was read for a holding is a look at the revisions too. One that differs from what was seen stays to be
        found by `_revision`, which tells of it.
        """
        for scope, revision in held.revisions.items():
            looked = self._looked.get(scope)
            if looked is None or (looked[1] == revision and self._seen(scope, now) is None):
                self._looked[scope] = (now, revision)

    def _good_until(self, held: Holding, now: datetime) -> datetime:
        """A second behind the oldest look that it stands on."""
        looked = [self._looked[scope][0] for scope in held.revisions if scope in self._looked]
        return _until(min(looked, default=now), held.ends)

    async def _is_of_now(self, held: Holding, now: datetime) -> bool:
        if held.ends is not None and times.micros(now) >= held.ends:
            return False
        try:
            for scope, revision in held.revisions.items():
                if await self._revision(scope, now) != revision:
                    return False
        except NonexistentTenant:  # it was removed meanwhile
            return False
        return True

    async def _revision(self, scope: str, now: datetime) -> int:
        """The revision that was seen within the last second; whoever comes while it is looked for waits for that."""
        if (seen := self._seen(scope, now)) is not None:
            return seen
        looking = self._looking.get(scope)
        if looking is None:
            # All who wait are woken at once, and none takes the look from the others by going away.
            looking = self._looking[scope] = asyncio.ensure_future(self._look_for(scope, now))
            looking.add_done_callback(partial(self._found, scope))
        return await asyncio.shield(looking)

    async def _look_for(self, scope: str, now: datetime) -> int:
        changes, looked = self._changes, self._looked.get(scope)
        found = await self._rules.revision(scope)
        if looked is not None and looked[1] != found:
            self.forget(scope)
        elif changes != self._changes:
            return found  # it may be of before what changed here meanwhile
        self._looked[scope] = (now, found)
        return found

    def _found(self, scope: str, looking: asyncio.Future[int]) -> None:
        if self._looking.get(scope) is looking:
            del self._looking[scope]
        if not looking.cancelled():
            looking.exception()  # told to whoever waits, if anybody still does

    def _seen(self, scope: str, now: datetime) -> int | None:
        looked = self._looked.get(scope)
        return looked[1] if looked is not None and looked[0] <= now < looked[0] + _LOOK_AGAIN else None

    def _lock_of(self, what: str) -> asyncio.Lock:
        """Of one name one lock, for as long as anybody waits for it."""
        return self._locks.setdefault(what, asyncio.Lock())

    async def _decided(self, call: Call, action: Action, now: datetime) -> _Known:
        try:
            found = await self._holding(call, now)
        except NonexistentTenant as said:
            return await self._in_no_tenant(call, action, now, said)
        if found.ends is not None:
            self._soonest = found.ends if self._soonest is None else min(self._soonest, found.ends)
        rights = rights_of(found.policies, facts_of(call, action, found.roles))
        problem, grant = _refusal(call, action, found, rights), None
        if problem is None:
            grant = Grant.of(rights)
        shown = rights if not _lacks_scope(call, action) else Rights()
        return _Known(shown, grant, problem, found, now, _until(now, found.ends))

    async def _holding(self, call: Call, now: datetime) -> Holding:
        """What the caller holds. Nobody is given a role by name but people and applications: ten thousand devices of a
        tenant, and all strangers, are looked up once.
        """
        kind = call.actor.kind
        if kind in KINDS:
            return await holding(self._rules, call, times.micros(now))
        key = (call.tenant, kind)
        async with self._lock_of(f"{kind} {call.tenant}"):
            found = self._shared.get(key)
            if found is not None and await self._is_of_now(found, now):
                return found
            changes = self._changes
            found = await holding(self._rules, Call(call.tenant, Actor(kind)), times.micros(now))
            if changes == self._changes:
                self._shared[key] = found
            return found

    async def _in_no_tenant(self, call: Call, action: Action, now: datetime, said: NonexistentTenant) -> _Known:
        """Only the platform's own people are told that there is no such tenant."""
        above = Holding(frozenset())
        if call.actor.kind == "anonymous":
            problem: Problem = _log_in(action)
        elif (await self._rules.look(PLATFORM, call.actor, times.micros(now))).held:
            problem = said
        else:
            problem = _not_here(call, action, above)
        return _Known(Rights(), None, problem, above, now, now)


def _key_of(call: Call, action: Action) -> _Key:
    actor = call.actor
    return call.tenant, actor.kind, actor.id, action, call.purpose, call.scopes


def _of_all(key: _Key) -> _Key:
    """Under which a decision is kept that is the same for all of a kind, as no policy names one of them."""
    return key[0], key[1], "", *key[3:]


def _until(now: datetime, ends: int | None) -> datetime:
    soon = now + _LOOK_AGAIN
    return soon if ends is None else min(soon, times.from_micros(ends))


def _again(problem: Problem | None) -> Problem:
    """The problem, new: one that is raised twice would hold on to both callers."""
    if problem is None:
        return Forbidden("you hold no right to this").worded("refused.nothing")
    again = type(problem)(problem.detail, retry_after=problem.retry_after, **problem.extra)
    again.wording = problem.wording
    return again


def _lacks_scope(call: Call, action: Action) -> bool:
    return call.scopes is not None and call.scopes.isdisjoint(_SCOPES.get(action, frozenset()))


def _refusal(call: Call, action: Action, found: Holding, rights: Rights) -> Problem | None:
    if not rights.shown:
        return _log_in(action) if call.actor.kind == "anonymous" else _not_here(call, action, found)
    if _lacks_scope(call, action):
        needed = " or ".join(sorted(_SCOPES.get(action, ())))
        what = f"it needs the scope {needed}" if needed else "this needs one that is not limited to scopes"
        said = Forbidden(f"the token may not {IN_WORDS[action]}: {what}")
        return said.worded("refused.token", what=_in_words(action), scopes=needed or "–")
    return None


def _log_in(action: Action) -> Unauthenticated:
    said = f"to {IN_WORDS[action]} here, log in; only a platform started with --open serves without"
    return Unauthenticated(said).worded("refused.login", what=_in_words(action))


def _not_here(call: Call, action: Action, found: Holding) -> Forbidden:
    facts = facts_of(call, action, found.roles)
    held = ", ".join(sorted(found.roles)) or "none"
    could = [role for role in GIVEN_ROLES if role not in found.roles and _would(found, facts, role)]
    way = (
        f"a member with the role {' or '.join(could)} may"
        if could
        else "no role may; the policies would have to change"
    )
    titles = titles_of(one.titled for one in found.policies)
    where = f"in {call.tenant}" if call.tenant else "on the whole platform"
    said = f"the {call.actor.kind} may not {IN_WORDS[action]} {where}: roles held are {held}; {way}"
    return Forbidden(said).worded(
        "refused.right" if could else "refused.right.nobody",
        what=_in_words(action),
        where=call.tenant or Wording("refused.platform", {}),
        held=tuple(_role(one, titles) for one in sorted(found.roles)) or Wording("refused.none", {}),
        could=tuple(_role(one, titles) for one in could),
    )


def _in_words(action: Action) -> Wording:
    return Wording(f"action.{action}", {})


def _role(name: str, titles: Titles) -> str | Wording:
    """A role by the name that it has for readers; one to which no policy gives a title by its own."""
    if name in NAMED_ROLES:
        return Wording(f"role.{name}", {})
    return Wording("", titles[name]) if name in titles else name


def _would(found: Holding, facts: Facts, role: str) -> bool:
    more = Facts(facts.kind, facts.id, facts.roles | {role}, facts.action, facts.purpose, facts.tenant)
    return bool(rights_of(found.policies, more).shown)
