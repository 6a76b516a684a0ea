"""What was made to go on by itself goes on as long as whoever made it may: an account or an application that was shut
out has no rights by a subscription or a rule either.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden
from kumihimo.platform.access.decide import Access, Action, Grant
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.models import Application
from kumihimo.storage.database import Tx

BY_ITSELF: Final = frozenset({"notify", "rules"})
"""The purposes of calls that no credential of the moment stands behind: subscriptions and rules."""


class AccessOfMakers(Access):
    """As Access. Of a call that goes on by itself it is asked first whether its maker, or the application by which they
    made it, is shut out, and which scopes are left of those that it was made with.
    """

    identity: Identity
    provider: Provider

    def decide(self, call: Call, action: Action) -> Coroutine[Any, Any, Grant]:
        """As Access.decide."""
        return self._of_what_is_left(call, action) if call.purpose in BY_ITSELF else super().decide(call, action)

    async def _of_what_is_left(self, call: Call, action: Action) -> Grant:
        return await super().decide(await self._as_left(call), action)

    async def _as_left(self, call: Call) -> Call:
        actor = call.actor
        if actor.kind == "person" and await self.identity.is_shut(actor.id):
            raise Forbidden(f"the account of {actor} is out of use")
        name = actor.id if actor.kind == "application" else call.application
        if not name:
            return call
        one = (await self.provider.applications.names([name])).get(name)
        if one is None:
            return call
        if one.disabled_at:
            raise Forbidden(f"application {name} is out of use")
        left = one.scopes if call.scopes is None else call.scopes & one.scopes
        return replace(call, scopes=left & await self._let_have(actor, one))

    async def _let_have(self, actor: Actor, one: Application) -> frozenset[str]:
        """The scopes that the application may have of the person: those of its own, and of one that is not the
        tenant's own those that the person agreed to, until they take it back.
        """
        if actor.kind == "application" or one.is_own:
            return one.scopes
        consent = await self.provider.authorize.consent(actor.id, one.id)
        if consent is None:
            raise Forbidden(f"{actor} lets application {one.id} have nothing any more")
        return consent.scopes


async def judge_anew(rules: StoredRules) -> None:
    """Has everything that was decided decided anew, here and in other processes."""

    async def nothing(_: Tx) -> None:
        return None

    await rules.changes.write(PLATFORM, nothing)


async def turned(access: AccessOfMakers, rules: StoredRules, account: str) -> None:
    """An account was shut or opened: of one that was shut, what applications were given by it ends too."""
    if await access.identity.is_shut(account):
        await access.provider.grants.end(account)
    await judge_anew(rules)
