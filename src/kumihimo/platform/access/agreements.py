"""Agreements by which a tenant lets the people of another see something of its data, for a time and a purpose."""

from __future__ import annotations

from typing import Final, TypedDict, Unpack

from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound
from kumihimo.base.ids import new_token
from kumihimo.platform.access import store
from kumihimo.platform.access.changes import Changes, check_words
from kumihimo.platform.access.compile import policies_of
from kumihimo.platform.access.conditions import AllOf, Does, Roles
from kumihimo.platform.access.names import Expand
from kumihimo.platform.access.records import REMOVAL, Agreement
from kumihimo.platform.access.shared import Share, at_field, shared_text
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.access.words import ENTITY_ACTIONS, PolicyRefused, check_role
from kumihimo.storage.database import Tx

MAX_RUNNING: Final = 100
"""Agreements and offers of one giver that have not ended."""
MAX_READ: Final = 10_000
MAX_DAYS: Final = 1830
"""The longest time that an agreement runs: five years; then it is made anew."""
_DAY: Final = 86_400_000_000


class Terms(TypedDict):
    """What an offer says beside its text: from which moment to which (microseconds), what for, and who offers."""

    purpose: str
    starts_at: int
    ends_at: int
    by: str


class Agreements:
    """The agreements between all tenants: the giver offers, the taker accepts, either side ends."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def check_sides(self, giver: str, taker: str, role: str) -> None:
        """Whether there may be an agreement between these. BadRequestData, with its field."""
        if taker == giver or taker not in await self._changes.database.tenants():
            said = f"taker: {taker[:64]!r} is no other tenant of this platform"
            raise BadRequestData(said, field="taker").worded("refused.taker", name=taker[:64])
        with at_field("role"):
            check_role(role)

    async def draft_of(
        self, giver: str, taker: str, role: str, share: Share, expand: Expand, **terms: Unpack[Terms]
    ) -> Agreement:
        """As draft, with the text that shares this; `expand` makes the expanded names of short ones."""
        if share.text is not None and (share.types or share.attributes):
            said = "choose types and attributes, or write the text, not both"
            raise BadRequestData(said, field="text").worded("refused.shared.both")
        await self.check_sides(giver, taker, role)
        text = share.text
        if text is None:
            to = f"{taker}/{role}"
            text = shared_text(to, share.types, share.attributes, expand, subscribe=share.subscribe)
        return await self.draft(giver, taker, role, text=text, **terms)

    async def draft(self, giver: str, taker: str, role: str, text: str, **terms: Unpack[Terms]) -> Agreement:
        """The offer as it would be made; nothing is written. BadRequestData or PolicyRefused, each with its field."""
        await self.check_sides(giver, taker, role)
        now, starts_at, ends_at = self._changes.now(), terms["starts_at"], terms["ends_at"]
        if not (now < ends_at and starts_at < ends_at <= starts_at + MAX_DAYS * _DAY):
            said = f"an agreement ends in the future, after its start and at most {MAX_DAYS} days later"
            raise BadRequestData(said, field="ends").worded("refused.agreement.time", most=MAX_DAYS)
        with at_field("purpose"):
            words = check_words(terms["purpose"], "purpose")
        made = Agreement(new_token(8), giver, taker, role, words, text, starts_at, ends_at, now, terms["by"])
        with at_field("text"):
            _check_text(made)
        return made

    async def offer(self, giver: str, taker: str, role: str, text: str, **terms: Unpack[Terms]) -> Agreement:
        """Makes an offer; text holds permits for Role::"<taker>/<role>". BadRequestData or PolicyRefused."""
        made = await self.draft(giver, taker, role, text, **terms)

        async def work(tx: Tx) -> None:
            if await store.open_agreements_tx(tx, giver, made.offered_at) >= MAX_RUNNING:
                said = f"{giver} has {MAX_RUNNING} agreements; end one first"
                raise BadRequestData(said).worded("refused.agreement.many", most=MAX_RUNNING)
            await store.add_agreement_tx(tx, made)

        await self._changes.write(PLATFORM, work)
        return made

    async def accept(self, taker: str, id_: str, by: str) -> Agreement:
        """The taker accepts, and it runs from its start. ResourceNotFound, or Forbidden where it cannot be."""
        now = self._changes.now()

        async def work(tx: Tx) -> Agreement:
            found = await _found_tx(tx, taker, id_)
            if found.taker != taker:
                raise Forbidden("the other side accepts what was offered to it").worded("refused.agreement.own")
            if not await store.accept_agreement_tx(tx, id_, now, by):
                raise Forbidden("this offer was accepted or has ended already").worded("refused.agreement.done")
            return found

        return await self._changes.write(PLATFORM, work)

    async def end(self, tenant: str, id_: str, by: str, why: str) -> Agreement:
        """Either side ends an agreement or an offer, at once. ResourceNotFound, or Forbidden where it has ended."""
        now, reason = self._changes.now(), check_words(why, "why")

        async def work(tx: Tx) -> Agreement:
            found = await _found_tx(tx, tenant, id_)
            if not await store.end_agreement_tx(tx, id_, now, by, reason):
                raise Forbidden("this agreement has ended already").worded("refused.agreement.ended")
            return found

        return await self._changes.write(PLATFORM, work)

    async def removed_tx(self, tx: Tx, tenant: str) -> None:
        """Ends those of a tenant that is removed, in the transaction in which it goes: one that is made anew under its
        name is a side of none, and the other side finds its own among those that ended.
        """
        now = self._changes.now()
        if await store.end_agreements_of_tx(tx, tenant, now, REMOVAL):
            await store.touch_tx(tx, now)

    async def one(self, tenant: str, id_: str) -> Agreement:
        """One of which the tenant is a side. ResourceNotFound for any other."""
        return await self._changes.database.read(PLATFORM, lambda tx: _found_tx(tx, tenant, id_))

    async def list(self, tenant: str) -> list[Agreement]:
        """Those of which the tenant is a side, those that nobody ended first."""
        found = await self._changes.database.read(PLATFORM, lambda tx: store.agreements_tx(tx, MAX_READ))
        return [one for one in found if tenant in {one.giver, one.taker}]


async def _found_tx(tx: Tx, tenant: str, id_: str) -> Agreement:
    found = await store.agreement_tx(tx, id_)
    if found is None or tenant not in {found.giver, found.taker}:
        raise ResourceNotFound(f"{tenant} has no agreement {id_[:40]!r}").worded("refused.agreement.none")
    return found


def _check_text(made: Agreement) -> None:
    """Refuses all but permits that give entities to the taker's role."""
    role = Roles(frozenset({made.role_here}))
    policies = policies_of(made.text)
    if not policies:
        said = f'what is shared is said by permits for Role::"{made.role_here}"'
        raise PolicyRefused(said).worded("refused.agreement.empty", role=made.role_here)
    for one in policies:
        parts = one.head.parts if isinstance(one.head, AllOf) else ()
        does = parts[1] if len(parts) == 2 else None  # the action; the caller is before it
        if one.effect != "permit" or not parts or parts[0] != role:
            said = f'line {one.line}: an agreement holds permits with `principal in Role::"{made.role_here}"`'
            raise PolicyRefused(said).worded("refused.agreement.role", line=one.line, role=made.role_here)
        if not isinstance(does, Does) or not does.any_of <= ENTITY_ACTIONS:
            names = ", ".join(sorted(ENTITY_ACTIONS))
            said = f"line {one.line}: an agreement says which of the actions {names} it is about"
            raise PolicyRefused(said).worded("refused.agreement.actions", line=one.line, names=names)
