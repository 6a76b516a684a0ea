"""People and the tokens that stand for them: their rooms, made and bound to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from kumihimo.base.call import Actor, Caller
from kumihimo.base.clock import Clock
from kumihimo.base.settings import Settings
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.words import OPERATOR
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.models import Numbers
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.models import Application, Lifetimes, Login
from kumihimo.storage.database import PLATFORM, Database

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


def identity_of(
    settings: Settings,
    database: Database,
    clock: Clock,
    seal: Seal,
    access: Access,
    ended: Callable[[str], None],
    turned: Callable[[str], Awaitable[None]],
) -> Identity:
    """The accounts; who operates the platform is a member of it."""

    async def make_operator(account: str) -> None:
        await access.add_member(PLATFORM, Actor("person", account), OPERATOR, "first start")

    numbers = Numbers(idle=settings.login_idle, absolute=settings.login_absolute)
    return Identity(database, clock, seal, make_operator, numbers=numbers, ended=ended, turned=turned)


def provider_of(
    settings: Settings,
    database: Database,
    clock: Clock,
    seal: Seal,
    identity: Identity,
    address: Callable[[], str],
    turned: Callable[[], Awaitable[None]],
) -> Provider:
    """Our own OpenID provider, for whoever has an account."""
    lifetimes = Lifetimes(settings.token_seconds, settings.refresh_seconds)

    async def told(_: Application) -> None:
        await turned()

    return Provider(database, clock, address, identity.authenticate, PeopleOf(identity), seal, lifetimes, told)


def alive_of(identity: Identity, provider: Provider) -> Callable[[str], Awaitable[bool]]:
    """Whether that by which a caller came, a log-in or a token, still stands."""

    async def is_live(login: str) -> bool:
        of_token = await provider.bearer.is_live(login)
        return await identity.is_live(login) if of_token is None else of_token

    return is_live
