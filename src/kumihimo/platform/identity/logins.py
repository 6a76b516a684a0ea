"""Log-ins: each has a fresh random id, ends by its times or by hand, and is asked for at every request."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Actor, Caller
from kumihimo.base.clock import Clock
from kumihimo.base.errors import ResourceNotFound, Unauthenticated
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.models import (
    Account,
    Login,
    Numbers,
    Opened,
    ProofNeeded,
    Visitor,
    check_device,
    digest_of,
    new_secret,
)
from kumihimo.platform.identity.store import accounts as people
from kumihimo.platform.identity.store import logins as store
from kumihimo.platform.identity.store.logins import Standing
from kumihimo.storage.database import PLATFORM, Database, Tx

COOKIE: Final = "kumihimo"
SECURE_COOKIE: Final = "__Host-kumihimo"
"""Over TLS: no other host and no plain connection can have set it (RFC 6265bis section 4.1.3.2)."""
_SEEN_EVERY: Final = 60_000_000
_SECOND: Final = 1_000_000

Ended = Callable[[str], None]
"""Told the id of a log-in that ended, so that what is open under it is cut."""


def cookie_name(*, secure: bool) -> str:
    """The one cookie of a log-in: over TLS only the one, over plain HTTP only the other is looked at."""
    return SECURE_COOKIE if secure else COOKIE


class Logins:
    """All log-ins; every look asks the store, so that an ended one is over in every process."""

    def __init__(self, database: Database, clock: Clock, numbers: Numbers, ended: Ended) -> None:
        self._database = database
        self._clock = clock
        self._numbers = numbers
        self._ended = ended

    async def open(self, account: Account, how: str, visitor: Visitor) -> Opened:
        """A new log-in. Unauthenticated where the account is gone or disabled meanwhile."""
        now, secret = self._now(), new_secret()
        login = Login(
            digest_of(secret),
            f"l-{secrets.token_hex(12)}",
            account.id,
            how,
            now,
            now,
            now,
            visitor.address[:64],
            check_device(visitor.device),
        )

        async def work(tx: Tx) -> list[str]:
            found = await people.account_tx(tx, account.id)
            if found is None or found.disabled_at:
                raise Unauthenticated("this account may not log in")
            return await store.insert_tx(tx, login, *self._limits(now))

        self.tell(await self._database.write(PLATFORM, work))
        return Opened(secret, login.id, account)

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """As base.ports.Authenticate, by the cookie of a log-in."""
        secret = _cookie(credentials.cookie, cookie_name(secure=credentials.secure))
        if secret is None:
            return None
        standing = await self._database.read(PLATFORM, lambda tx: store.standing_tx(tx, digest_of(secret)), quick=True)
        now = self._now()
        if standing is None or not self._stands(standing, now):
            raise Unauthenticated("this log-in is over; log in again")
        login = standing.login
        if now - login.seen_at >= _SEEN_EVERY:
            await self._database.write(PLATFORM, lambda tx: store.seen_tx(tx, login.digest, now))
        return Caller(Actor("person", login.account), None, login.id, standing.name)

    async def is_live(self, login: str) -> bool:
        """Whether this log-in stands."""
        return await self.standing(login) is not None

    async def standing(self, login: str) -> Login | None:
        """The log-in of this id, None where it is over."""
        found = await self._database.read(PLATFORM, lambda tx: store.login_tx(tx, login), quick=True)
        return found.login if found is not None and self._stands(found, self._now()) else None

    async def of(self, account: str) -> list[Login]:
        """The account's log-ins that stand, the last used first."""
        now = self._now()
        found = await self._database.read(PLATFORM, lambda tx: store.logins_tx(tx, account))
        return [one for one in found if self._stands(Standing(one, "", is_disabled=False), now)]

    async def prove(self, login: str) -> None:
        """Who sits there has just proved themselves anew."""
        now = self._now()
        await self._database.write(PLATFORM, lambda tx: store.proved_tx(tx, login, now))

    async def check_fresh(self, login: str) -> Login:
        """The log-in; ProofNeeded where its last proof is not fresh, Unauthenticated where it is over."""
        standing = await self.standing(login)
        if standing is None:
            raise Unauthenticated("this log-in is over; log in again")
        if self._now() - standing.proved_at > self._numbers.fresh * _SECOND:
            raise ProofNeeded("to change what you log in with, prove anew that it is you")
        return standing

    async def end(self, account: str, login: str) -> None:
        """Ends one of the account's log-ins. ResourceNotFound where it has none of this id."""
        if not await self._database.write(PLATFORM, lambda tx: store.end_tx(tx, account, login)):
            raise ResourceNotFound("there is no such log-in any more")
        self._ended(login)

    async def end_all(self, account: str, but: str = "") -> None:
        """Ends all of the account's log-ins but one."""
        self.tell(await self._database.write(PLATFORM, lambda tx: store.end_all_tx(tx, account, but)))

    def tell(self, logins: Sequence[str]) -> None:
        """These ended, and it is committed."""
        for one in logins:
            self._ended(one)

    def _stands(self, standing: Standing, now: int) -> bool:
        ended_before, idle_before = self._limits(now)
        login = standing.login
        return not standing.is_disabled and login.made_at >= ended_before and login.seen_at >= idle_before

    def _limits(self, now: int) -> tuple[int, int]:
        """Made before the first, or used before the second, it is over."""
        return now - int(self._numbers.absolute * _SECOND), now - int(self._numbers.idle * _SECOND)

    def _now(self) -> int:
        return times.micros(self._clock.now())


def _cookie(header: str, name: str) -> str | None:
    """The cookie's value, None where there is none. Unauthenticated where it is there twice: one is another's."""
    if not header:
        return None
    found = [value for one, _, value in (pair.partition("=") for pair in header.split(";")) if one.strip() == name]
    if not found:
        return None
    if len(found) > 1:
        raise Unauthenticated("the cookie of the log-in came twice; delete this site's cookies and log in again")
    return found[0].strip()
