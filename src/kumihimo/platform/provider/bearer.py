"""Who shows a bearer token: an access token of ours or an API key. What was found good is remembered for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from kumihimo.base.call import Actor, Caller
from kumihimo.base.ports import Credentials
from kumihimo.platform.provider.applications import Applications
from kumihimo.platform.provider.errors import BadToken
from kumihimo.platform.provider.keys import SECOND, Keys
from kumihimo.platform.provider.models import KEY_PREFIX, Application, Family, Nudge, Revocation, Secret, secret_hash
from kumihimo.platform.provider.store import applications as applications_store
from kumihimo.platform.provider.store import families as families_store
from kumihimo.platform.provider.store import keys as keys_store
from kumihimo.platform.provider.tokens import MAX_TOKEN, Access, Tokens, looks_like_jwt
from kumihimo.storage.database import PLATFORM, Database, Tx

MAX_REMEMBERED: Final = 10_000
"""Tokens that are known to be good; the one that was found first goes first."""
LOOK_MICROS: Final = SECOND * 9 // 10
"""How long what is remembered is believed before it is asked what was revoked meanwhile, here or elsewhere."""
KEY_MICROS: Final = 600 * SECOND
"""How long an API key is remembered; its end and its revocation are heeded all the same."""
_SCHEME: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Known:
    """A token that is good until a moment (microseconds), and by what names it could be revoked."""

    caller: Caller
    until: int
    jti: str = ""
    family: str = ""
    application: str = ""
    secret: str = ""

    def is_hit(self, one: Revocation) -> bool:
        """Whether this was revoked by that; with all keys, every token that they signed."""
        return not self.secret if one.kind == "keys" else one.id == str(getattr(self, one.kind))


class Bearer:
    """Implements base.ports.Authenticate for `Authorization: Bearer`; nudge tells that this process revoked."""

    def __init__(
        self, database: Database, applications: Applications, tokens: Tokens, keys: Keys, nudge: Nudge
    ) -> None:
        self._database = database
        self._applications = applications
        self._tokens = tokens
        self._keys = keys
        self._nudge = nudge
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._revision = -1
        self._looked_at = 0
        self._looking = asyncio.Lock()
        self.refused = 0

    def __len__(self) -> int:
        return len(self._known)

    async def __call__(self, credentials: Credentials) -> Caller | None:
        """As base.ports.Authenticate; a key of a device, which is neither, is left to others."""
        shown = credentials.authorization
        if shown[:7].lower() != _SCHEME:
            return None
        token = shown[7:].strip()
        known = self._remembered(token) or await self._sought(token)
        return None if known is None else known.caller

    async def caller(self, token: str) -> Caller | None:
        """Whose token this is; None for one that is neither an access token nor an API key. BadToken."""
        known = await self.known(token)
        return None if known is None else known.caller

    async def known(self, token: str) -> Known | None:
        """As caller, with the names by which the token could be revoked."""
        return self._remembered(token) or await self._sought(token)

    def _remembered(self, token: str) -> Known | None:
        known = self._known.get(token)
        if known is None:
            return None
        now = self._tokens.now()
        if self._is_time_to_look(now) or now >= known.until:
            return None
        self._applications.used(known.application, known.secret, now)
        return known

    async def _sought(self, token: str) -> Known | None:
        if not token.startswith(KEY_PREFIX) and not looks_like_jwt(token):
            return None
        try:
            return await self._found(token)
        except BadToken:
            self.refused += 1
            raise

    async def _found(self, token: str) -> Known:
        await self._look()
        known = self._known.get(token)
        now = self._tokens.now()
        if known is None or now >= known.until:
            self._known.pop(token, None)
            known = await self._first_seen(token)
        self._applications.used(known.application, known.secret, now)
        return known

    async def _first_seen(self, token: str) -> Known:
        """Remembered unless something was revoked while it was looked up: it may have been this."""
        revision = self._revision
        known = await (self._key(token) if token.startswith(KEY_PREFIX) else self._access(token))
        if revision == self._revision and not self._nudge.wanted:
            self._known[token] = known
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return known

    def _is_time_to_look(self, now: int) -> bool:
        return self._nudge.wanted or not 0 <= now - self._looked_at < LOOK_MICROS

    async def _look(self) -> None:
        """Forgets what was revoked since the last look; of those that come at once, one looks for all."""
        async with self._looking:
            now = self._tokens.now()
            if self._revision >= 0 and not self._is_time_to_look(now):
                return
            self._nudge.wanted = False
            if self._revision < 0:
                self._revision = await self._database.read(PLATFORM, keys_store.revision_tx, quick=True)
            while found := await self._since(self._revision):
                self._revision = found[-1].revision
                gone = [token for token, known in self._known.items() if any(map(known.is_hit, found))]
                for token in gone:
                    self._known.pop(token, None)
                if any(one.kind == "keys" for one in found):
                    self._keys.forget()
            self._looked_at = now

    async def _since(self, revision: int) -> list[Revocation]:
        return await self._database.read(PLATFORM, lambda tx: keys_store.revoked_since_tx(tx, revision), quick=True)

    # --- first sight -------------------------------------------------------------------------------------

    async def _access(self, token: str) -> Known:
        says = await self._tokens.read(token)
        narrowed, family = await self.standing(says)
        actor = Actor("application", says.application) if family is None else Actor("person", family.account)
        login, by = says.family or _login(says, narrowed), says.application if family is not None else ""
        caller = Caller(actor, says.scopes, login=login, tenant=says.tenant, application=by)
        return Known(caller, says.expires_at * SECOND, says.jti, says.family, says.application)

    async def standing(self, says: Access) -> tuple[int, Family | None]:
        """When its application was last narrowed, and the family of an access token, None for an application's own.
        BadToken where it was revoked, or holds what the application may ask for no more.
        """

        async def work(tx: Tx) -> tuple[Application | None, Family | None]:
            application = await applications_store.application_tx(tx, says.application)
            is_good = (
                application is not None
                and not application.disabled_at
                and says.issued_at > application.enabled_at // SECOND
                and application.tenant == says.tenant
                and says.scopes <= application.scopes
                and not await keys_store.is_revoked_tx(tx, "jti", says.jti)
            )
            family = await families_store.family_tx(tx, says.family) if says.family else None
            return application if is_good else None, family

        application, family = await self._database.read(PLATFORM, work, quick=True)
        if application is None or (says.family and (family is None or family.ended_at)):
            raise BadToken("the access token was revoked; get a new one")
        return application.narrowed_at, family

    async def is_live(self, login: str) -> bool | None:
        """Whether what a caller came by (Caller.login) still stands, for what stays open under it; None for a name that
        is none of ours. A person's log-in at an application outlives its tokens, for they are refreshed.
        """
        kind, _, rest = login.partition("-")
        if kind not in ("f", "s", "t"):
            return None
        name, _, narrowed = login.rpartition(".")
        expires, jti, name = rest.split(".")[:3] if kind == "t" else ("", "", name)

        async def work(tx: Tx) -> bool:
            if kind == "f":
                family = await families_store.family_tx(tx, login)
                is_good, of = family is not None and not family.ended_at, family.application if family else ""
            elif kind == "s":
                secret = await applications_store.secret_tx(tx, name)
                is_good, of = secret is not None and secret.is_good(now), secret.application if secret else ""
            else:
                is_good, of = now < int(expires) * SECOND and not await keys_store.is_revoked_tx(tx, "jti", jti), name
            application = await applications_store.application_tx(tx, of)
            if not is_good or application is None or application.disabled_at:
                return False
            # A family that holds what was taken away has ended; the others tell when they were opened.
            return kind == "f" or narrowed == str(application.narrowed_at)

        now = self._tokens.now()
        return await self._database.read(PLATFORM, work, quick=True)

    async def _key(self, token: str) -> Known:
        digest = secret_hash(token[:MAX_TOKEN])
        secret: Secret | None = await self._database.read(
            PLATFORM, lambda tx: applications_store.secret_of_tx(tx, digest), quick=True
        )
        now = self._tokens.now()
        one = None if secret is None else await self._applications.find(secret.application)
        if secret is None or one is None or one.kind != "key" or not secret.is_good(now):
            raise BadToken("the API key is not good: unknown, replaced, or its application is out of use")
        until = min(now + KEY_MICROS, secret.expires_at or now + KEY_MICROS)
        caller = Caller(
            Actor("application", one.id),
            one.scopes,
            login=f"{secret.id}.{one.narrowed_at}",
            name=one.name,
            tenant=one.tenant,
        )
        return Known(caller, until, application=one.id, secret=secret.id)


def _login(says: Access, narrowed: int) -> str:
    """By what an application's own token is told from others, with what tells whether it stands."""
    return f"t-{says.expires_at}.{says.jti}.{says.application}.{narrowed}"
