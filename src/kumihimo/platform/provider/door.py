"""The door of the room: everything that the provider keeps and gives, made once and handed to its addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.base.ports import Authenticate
from kumihimo.platform.provider.applications import Applications, Told, nobody
from kumihimo.platform.provider.authorize import Authorize
from kumihimo.platform.provider.bearer import Bearer
from kumihimo.platform.provider.clients import Clients
from kumihimo.platform.provider.grants import Grants
from kumihimo.platform.provider.keys import SECOND, Keys
from kumihimo.platform.provider.models import Lifetimes, Nudge, People, Seal
from kumihimo.platform.provider.store import families as store
from kumihimo.platform.provider.tickets import Tickets
from kumihimo.platform.provider.tokens import Tokens
from kumihimo.storage.database import PLATFORM, Database

log = logging.getLogger(__name__)

WRITE_SECONDS: Final = 10.0
"""How often it is written when applications and keys were last used; so much is lost with a kill."""
KEPT_MICROS: Final = 24 * 3600 * SECOND
"""How long what is over is kept, so that a code or a refresh token that is shown again is known for what it was."""
_FORGET_EVERY: Final = 60


class Provider:
    """Our own OpenID Connect provider.

    issuer gives the platform's address; who knows a person by the log-in's cookie; people knows the rest of it; seal
    shuts what is kept; told hears of applications that were changed, are out of use, or have less of a person.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        issuer: Callable[[], str],
        who: Authenticate,
        people: People,
        seal: Seal,
        lifetimes: Lifetimes | None = None,
        told: Told = nobody,
    ) -> None:
        self._database = database
        self._clock = clock
        nudge = Nudge()
        self.issuer = issuer
        self.who, self.people = who, people
        self.keys = Keys(database, clock, seal, nudge)
        self.tokens = Tokens(self.keys, clock, issuer, lifetimes or Lifetimes())
        self._told = told
        self.applications = Applications(database, clock, nudge, told)
        self.clients = Clients(database, self.applications, self.tokens)
        self.tickets = Tickets(seal, self.tokens.now)
        self.authorize = Authorize(database, self.applications, self.tokens, self.tickets)
        self.grants = Grants(database, self.tokens, people, nudge)
        self.bearer = Bearer(database, self.applications, self.tokens, self.keys, nudge)

    async def take_back(self, account: str, application: str) -> None:
        """Ends what a person let an application have: its tokens, and what it made in the person's name to go on."""
        await self.grants.end(account, application=application, forget=True)
        if found := await self.applications.find(application):
            await self._told(found)

    def counters(self) -> dict[str, float]:
        """Numbers for /metrics."""
        return {
            "tokens_refused_total": self.bearer.refused,
            "clients_refused_total": self.clients.tries.wrong,
            "tokens_remembered": len(self.bearer),
        }

    async def run(self) -> None:
        """Writes what was used, and forgets what is over, until it is cancelled."""
        turn = 0
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                await self._write(forget=turn % _FORGET_EVERY == 0)
                turn += 1
        finally:
            await self._write(forget=False)

    async def _write(self, *, forget: bool) -> None:
        try:
            await self.applications.write_use()
            if forget:
                await self.forget()
        except Problem as problem:
            log.warning("the provider waits for the store", extra={"why": problem.title})

    async def forget(self) -> int:
        """Forgets what has been over for a day; how many rows."""
        before = times.micros(self._clock.now()) - KEPT_MICROS
        return await self._database.write(PLATFORM, lambda tx: store.forget_tx(tx, before))
