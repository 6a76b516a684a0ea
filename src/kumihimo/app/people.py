"""What our OpenID provider asks of people, from the room that knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kumihimo.base.call import Caller
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.provider.models import Login

PROVEN_BY: Final[dict[str, tuple[str, ...]]] = {
    "password": ("pwd",),
    "password+totp": ("pwd", "otp", "mfa"),
    "password+recovery": ("pwd", "kba", "mfa"),
    "recovery": ("kba",),
    "passkey": ("hwk", "user", "mfa"),
    "link": ("otp",),
    "outside": (),
}
"""Authentication methods (RFC 8176) of each way to log in (identity.models.How); what an outside provider
asked for is its own to say.
"""


class PeopleOf:
    """Implements People of the provider over the accounts."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def login(self, caller: Caller) -> Login | None:
        """How this person logged in, and when they last proved themselves; None where the log-in is over."""
        found = await self._identity.login(caller.login)
        return None if found is None else Login(found.proved_at, amr=PROVEN_BY[found.how])

    async def claims(self, account: str, scopes: frozenset[str]) -> Mapping[str, Any] | None:
        """What profile and email tell (OpenID Connect Core section 5.4); an e-mail address is as its owner typed it."""
        person = await self._identity.person(account)
        if person is None:
            return None
        found: dict[str, Any] = {}
        if "profile" in scopes:
            found |= {
                "name": person.name,
                "preferred_username": person.sign_in,
                "locale": person.lang,
                "updated_at": person.updated_at // 1_000_000,
            }
        if "email" in scopes and person.email:
            found |= {"email": person.email, "email_verified": False}
        return found

    async def end(self, caller: Caller) -> None:
        """Ends the log-in by which the person came."""
        await self._identity.logins.end(caller.actor.id, caller.login)
