"""Who holds which role in a tenant."""

from __future__ import annotations

from typing import Final

from kumihimo.base.call import Actor
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound
from kumihimo.base.ids import new_token
from kumihimo.platform.access import store
from kumihimo.platform.access.changes import Changes, check_words
from kumihimo.platform.access.records import Member
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.access.words import EMERGENCY, KINDS, OPERATOR, check_role
from kumihimo.storage.database import Tx

MAX_ROLES: Final = 16
"""Roles that one holds in one tenant."""
MAX_ID: Final = 128


class Members:
    """The members of all tenants; scope "" is the platform, whose operators are operators everywhere."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def add(
        self, scope: str, actor: Actor, role: str, by: str, until: int | None = None, why: str = ""
    ) -> Member:
        """Gives a role, in place of the same one with another end. BadRequestData for what cannot be given."""
        now = self._changes.now()
        _check(actor, role)
        if until is not None and until <= now:
            raise BadRequestData("until: this moment has passed").worded("refused.until")
        made = Member(new_token(8), actor, role, now, until, by, check_words(why, "why") if why else "")

        async def work(tx: Tx) -> None:
            held = await store.held_tx(tx, actor, now)
            for one in held:
                if one.role == role:
                    await store.end_member_tx(tx, one.id, now, by, made.why)
            if len({one.role for one in held} | {role}) > MAX_ROLES:
                said = f"{actor} holds {MAX_ROLES} roles already; end one first"
                raise BadRequestData(said).worded("refused.roles", most=MAX_ROLES)
            await store.add_member_tx(tx, made)

        await self._changes.place(scope, actor)
        await self._changes.write(scope, work)
        return made

    async def end(self, scope: str, id_: str, by: str, why: str) -> Member:
        """Ends a role that is held. ResourceNotFound where it is not, Forbidden for the platform's last operator."""
        now, reason = self._changes.now(), check_words(why, "why")

        async def work(tx: Tx) -> Member:
            found = await store.member_tx(tx, id_)
            if found is None or not found.holds(now):
                raise ResourceNotFound(f"no role is held under {id_[:40]!r}").worded("refused.member")
            await store.end_member_tx(tx, id_, now, by, reason)
            if (scope, found.role) == (PLATFORM, OPERATOR) and await store.holders_tx(tx, OPERATOR, now) == 0:
                said = "this is the platform's last operator; make another one first"
                raise Forbidden(said).worded("refused.last_operator")
            return found

        return await self._changes.write(scope, work)

    async def past(self, scope: str, limit: int = 50) -> list[Member]:
        """Those who held one, the newest first."""
        now = self._changes.now()
        return await self._changes.database.read(scope, lambda tx: store.past_members_tx(tx, now, limit))

    async def held(self, scope: str, actor: Actor) -> list[Member]:
        """The roles that one holds now."""
        now = self._changes.now()
        return await self._changes.database.read(scope, lambda tx: store.held_tx(tx, actor, now), quick=True)

    async def list(self, scope: str, limit: int = 100, offset: int = 0) -> list[Member]:
        """Those who hold a role now, the newest first."""
        now = self._changes.now()
        return await self._changes.database.read(scope, lambda tx: store.members_tx(tx, now, limit, offset))


def actor_of(text: str) -> Actor:
    """The actor that "person:p-1" names. BadRequestData where it names none that can hold a role."""
    kind, colon, id_ = text.strip().partition(":")
    if not colon or kind not in KINDS:
        said = f"{text[:64]!r} is nobody: write person:<id> or application:<id>"
        raise BadRequestData(said).worded("refused.nobody", name=text[:64])
    return Actor("person" if kind == "person" else "application", id_)


def _check(actor: Actor, role: str) -> None:
    if actor.kind not in KINDS:
        said = f"a {actor.kind} cannot be given a role; people and applications can"
        raise BadRequestData(said).worded("refused.kind")
    if not 0 < len(actor.id) <= MAX_ID or not actor.id.isprintable() or " " in actor.id:
        raise BadRequestData(f"{actor.id[:64]!r} is no id of a {actor.kind}").worded(
            "refused.nobody", name=actor.id[:64]
        )
    if check_role(role) == EMERGENCY:
        said = "the role emergency is held by disaster officers while an emergency is open"
        raise BadRequestData(said).worded("refused.emergency.role")
