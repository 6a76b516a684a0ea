"""What the pages of access ask of other rooms: an entity as policies see it, and who is who."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.base.screens import Announcement
from kumihimo.platform.access.audit import Audit, Deed, Wanted
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.explain import Subject
from kumihimo.platform.access.members import actor_of
from kumihimo.platform.access.sharing import Names
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.platform.provider.applications import Applications

_MEMBERS = ("value", "object", "vocab", "json", "valueList", "objectList")
"""Where an instance holds what `q` compares."""


def subjects(broker: Broker) -> Callable[[str, str], Awaitable[Subject | None]]:
    """Finds an entity of a tenant by its id; who asks may see the tenant's policies, which say of it what they name."""

    async def look(tenant: str, entity_id: str) -> Subject | None:
        doc = await broker.get(tenant, entity_id, ALL_ROWS, ALL_ATTRIBUTES)
        return None if doc is None else subject_of(doc)

    return look


def names_of(access: Access, broker: Broker, context: Context) -> Names:
    """The names of the data as pages of access know them; who may read nothing of a tenant is shown no types of it."""

    async def types(call: Call) -> list[str]:
        try:
            grant = await access.decide(call, "read")
        except Forbidden:
            return []
        found = await broker.types(call.tenant, grant.restriction, grant.visible)
        return sorted(context.compact(iri) for iri, _, _ in found)

    return Names(context.expand, types)


def subject_of(doc: EntityDoc) -> Subject:
    """Types, scopes and the values that a policy can ask of: texts, whole numbers and flags, each once."""
    values = {name: tuple(_once(instances)) for name, instances in doc["attrs"].items()}
    scopes = tuple("/" + scope.strip("/") for scope in doc.get("scope", ()))
    return Subject(doc["id"], tuple(doc["type"]), scopes, values)


def _once(instances: list[Instance]) -> Iterator[str | int | bool]:
    seen = set()
    for instance in instances:
        languages = list(instance.get("languageMap", {}).values())
        for member in (*(instance.get(name) for name in _MEMBERS), languages):
            for value in _plain(member):
                if (type(value), value) not in seen:
                    seen.add((type(value), value))
                    yield value


def _plain(value: Any) -> Iterator[str | int | bool]:
    if isinstance(value, list):
        for one in value:
            yield from _plain(one)
    elif isinstance(value, str | int):
        yield value
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        yield int(value)


def announcements(access: Access, rules: StoredRules, clock: Clock) -> Callable[[Call], Awaitable[list[Announcement]]]:
    """Finds the emergency that is open in a tenant: whoever has anything to do there is told that some have more rights
    for a time, and why. Who has no role there is told nothing.
    """

    async def announced(call: Call) -> list[Announcement]:
        now = times.micros(clock.now())
        standing = (await rules.look(call.tenant, call.actor, now)).standing
        found = [one for one in standing.emergencies if one.state(now) == "open"]
        if not found or not (access.is_open or await access.roles(call.tenant, call.actor)):
            return []
        return [Announcement("emergency.announced", one.reason, one.ends_at or 0, "/emergency") for one in found]

    return announced


def named(name: str, sign_in: str) -> str:
    """A name with the sign-in name behind it, which no two have; as it is where it says that already."""
    says_it = name == sign_in or name.endswith(f"({sign_in})")
    return name if says_it else f"{name} ({sign_in})"


class Directory:
    """Implements Directory of the access pages over accounts and applications."""

    def __init__(self, identity: Identity, applications: Applications) -> None:
        self._identity = identity
        self._applications = applications

    async def actor(self, text: str) -> Actor:
        """By a sign-in name, or an id with its kind. ResourceNotFound, BadRequestData."""
        if ":" in text:
            return actor_of(text)
        try:
            return Actor("person", (await self._identity.named(text.strip())).id)
        except ResourceNotFound as problem:
            raise problem.worded("refused.nobody", name=text[:64]) from None

    async def names(self, actors: Iterable[str]) -> dict[str, str]:
        """A person's name with the sign-in name, which no two have; an application's name."""
        found = {one: await self._name(one) for one in set(actors)}
        return {one: name for one, name in found.items() if name}

    async def _name(self, actor: str) -> str:
        kind, _, id_ = actor.partition(":")
        if kind == "person" and (person := await self._identity.person(id_)) is not None:
            return named(person.name, person.sign_in)
        if kind == "application" and (found := await self._applications.names([id_])):
            return found[id_].name
        return ""


def audit_of(rules: StoredRules, applications: Applications) -> Audit:
    """The records of rights, with what was done to applications."""

    async def elsewhere(tenant: str, wanted: Wanted, limit: int) -> list[Deed]:
        found = await applications.acts(tenant, wanted.since, wanted.until, limit, wanted.by)
        return [Deed(one.at, one.by, f"application.{one.kind}", one.application) for one in found]

    return Audit(rules.changes, elsewhere)
