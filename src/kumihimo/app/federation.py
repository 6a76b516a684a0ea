"""Log-in through providers outside, bound to the people who have accounts here."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from kumihimo.base.call import Caller
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem, ResourceNotFound, Unauthenticated
from kumihimo.base.ports import Credentials, HttpFetch, OpenPath
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.logins import cookie_name
from kumihimo.platform.identity.models import MAX_EMAIL, MAX_NAME
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.outside.api import OPEN
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.outside.models import Entered, Visitor
from kumihimo.storage.database import Database


class IdentityAccounts:
    """Implements platform.outside.models.Accounts."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def may_log_in(self, account: str) -> bool:
        """Whether there is such an account and it is not disabled."""
        return await self._identity.person(account) is not None

    async def create(self, name: str, email: str, language: str) -> str:
        """A new account without any role and without a password; its sign-in name is drawn by lot."""
        sign_in = f"outside-{secrets.token_hex(8)}"
        made = await self._identity.add(sign_in, name[:MAX_NAME], email=email[:MAX_EMAIL], lang=language)
        return made.id

    async def log_in(self, account: str, visitor: Visitor) -> Entered:
        """Opens a log-in of the account."""
        value = await self._identity.log_in(account, "outside", visitor.address, visitor.device)
        name = cookie_name(secure=visitor.secure)
        shown = Credentials("GET", "/", cookie=f"{name}={value}", address=visitor.address, secure=visitor.secure)
        caller = await self._identity.authenticate(shown)
        if caller is None:
            raise Unauthenticated("the log-in ended at once")
        return Entered(name, value, caller.login)

    async def is_fresh(self, caller: Caller) -> bool:
        """Whether the person proved themselves a short time ago."""
        try:
            await self._identity.logins.check_fresh(caller.login)
        except Problem:
            return False
        return True

    async def own_ways(self, account: str) -> int:
        """Whether there is a password, and how many passkeys."""
        mine = await self._identity.mine(account)
        return bool(mine.account.password) + len(mine.passkeys)

    async def end(self, account: str, login: str) -> None:
        """Ends a log-in of the account; nothing where it ended before."""
        try:
            await self._identity.logins.end(account, login)
        except ResourceNotFound:
            return


def federation_of(
    database: Database, clock: Clock, seal: Seal, identity: Identity, fetch: HttpFetch, address: Callable[[], str]
) -> Outside:
    """Log-in through providers outside. fetch checks each address; address is ours, as others reach us."""
    return Outside(database, clock, seal, IdentityAccounts(identity), fetch, address)


def others_of(outside: Outside) -> Callable[[str], Awaitable[list[tuple[str, str]]]]:
    """What the log-in page offers: name and title of each provider, in a language."""

    async def others(lang: str) -> list[tuple[str, str]]:
        return [(one.name, one.title(lang)) for one in await outside.offered()]

    return others


def open_paths() -> tuple[OpenPath, ...]:
    """What strangers may ask for of it."""
    return tuple(OpenPath((method,), path.replace("{provider}", "[^/]+")) for method, path in OPEN)
