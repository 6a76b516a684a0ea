"""What a caller holds at a moment: roles from every side, the policies that count, and how long both stay so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import NonexistentTenant
from kumihimo.platform.access.compile import Policy, policies_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.records import Agreement, Document, Member, Standing
from kumihimo.platform.access.start import start_texts
from kumihimo.platform.access.words import DEVICE, EMERGENCY, ENTITY_ACTIONS, OPERATOR, PRINCIPALS

PLATFORM: Final = ""
RAISED: Final = "disaster-officer"
"""The role whose holders are raised while an emergency is open."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What stands in a scope, and what somebody holds there; revision is that of the moment at which both were read."""

    revision: int
    standing: Standing
    held: list[Member]


class Rules(Protocol):
    """What the tenants decided; scope is a tenant's name, "" is the platform. NonexistentTenant for an unknown one."""

    async def revision(self, scope: str) -> int:
        """A number that changes with everything that a decision in this scope is made of."""
        ...

    async def look(self, scope: str, actor: Actor, now: int) -> Looked:
        """What stands there, and which roles somebody holds at this moment."""
        ...

    async def add_member(self, scope: str, actor: Actor, role: str, by: str, until: int | None) -> None: ...


def start_documents() -> tuple[Document, ...]:
    """The policies that stand where nobody changed anything."""
    return tuple(Document(name, 0, text, policies_of(text)) for name, text in sorted(start_texts().items()))


class NoRules:
    """Rules where there is no store: the start set, and nobody is a member."""

    async def revision(self, scope: str) -> int:
        """Nothing changes."""
        del scope
        return 0

    async def look(self, scope: str, actor: Actor, now: int) -> Looked:
        """The start set, and nobody is a member."""
        del actor, now
        return Looked(0, Standing(scope, 0, start_documents()), [])

    async def add_member(self, scope: str, actor: Actor, role: str, by: str, until: int | None) -> None:
        """NonexistentTenant: there is nowhere to keep it."""
        del actor, role, by, until
        raise NonexistentTenant(f"members of {scope!r} are kept nowhere")


@dataclass(frozen=True, slots=True)
class Holding:
    """What somebody holds. revisions are those of the scopes that it was read from; ends is the moment at which it
    changes by itself, None where it does not.
    """

    roles: frozenset[str]
    documents: tuple[Document, ...] = ()
    revisions: Mapping[str, int] = field(default_factory=dict)
    ends: int | None = None

    @property
    def policies(self) -> Iterator[Policy]:
        """The policies of all documents."""
        return (policy for document in self.documents for policy in document.policies)


async def holding(rules: Rules, call: Call, now: int) -> Holding:
    """What the caller holds in the tenant of the call, at `now` in microseconds."""
    actor = call.actor
    here = await rules.look(call.tenant, actor, now)
    above = here if call.tenant == PLATFORM else await rules.look(PLATFORM, actor, now)
    held = {one.role: one for one in here.held}
    # Operators of the platform are operators everywhere; no other role of the platform's counts in a tenant.
    held |= {one.role: one for one in above.held if one.role == OPERATOR}
    taken = await _by_agreement(rules, call, above.standing.agreements, now)
    roles = {*held, *(one.role_here for one in taken.running)}
    if actor.kind == "device":
        roles.add(DEVICE)
    if RAISED in roles and any(one.state(now) == "open" for one in here.standing.emergencies):
        roles.add(EMERGENCY)
    shared = [shared_document(one) for one in taken.running]
    ends = [one.until for one in here.held + above.held if one.until is not None]
    ends += [*taken.ends, *_emergency_ends(here.standing, now)]
    return Holding(
        frozenset(roles),
        (*here.standing.documents, *shared),
        {call.tenant: here.revision, PLATFORM: above.revision, **taken.revisions},
        min((one for one in ends if one > now), default=None),
    )


def shared_document(one: Agreement) -> Document:
    """What an agreement shares, as a document of the giver's."""
    return Document(f"agreement {one.id}", 0, one.text, policies_of(one.text))


@dataclass(frozen=True, slots=True)
class _Taken:
    running: list[Agreement] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)


async def _by_agreement(rules: Rules, call: Call, agreements: tuple[Agreement, ...], now: int) -> _Taken:
    """The agreements of this tenant by which the caller, who holds the role in the taker, has rights here."""
    taken = _Taken()
    if call.actor.kind not in {"person", "application"}:
        return taken
    held: dict[str, list[Member]] = {}
    for one in agreements:
        if one.giver != call.tenant or one.state(now) not in {"coming", "running"}:
            continue
        taken.ends.append(one.ends_at if now >= one.starts_at else one.starts_at)
        if one.taker not in held:
            try:
                looked = await rules.look(one.taker, call.actor, now)
            except NonexistentTenant:
                continue
            held[one.taker], taken.revisions[one.taker] = looked.held, looked.revision
        mine = [member for member in held[one.taker] if member.role == one.role]
        taken.ends.extend(member.until for member in mine if member.until is not None)
        if mine and one.state(now) == "running":
            taken.running.append(one)
    return taken


def _emergency_ends(here: Standing, now: int) -> Iterator[int]:
    for one in here.emergencies:
        if one.state(now) == "open" and one.ends_at is not None:
            yield one.ends_at


def facts_of(call: Call, action: str, roles: frozenset[str]) -> Facts:
    """The call as policies see it; an action that concerns no entity is asked of the tenant."""
    tenant = None if action in ENTITY_ACTIONS else call.tenant
    return Facts(PRINCIPALS.get(call.actor.kind, ""), call.actor.id, roles, action, call.purpose, tenant)
