"""The door to applications: add, change, list, new secrets, out of use and back; and when each was last used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, NonexistentTenant, ResourceNotFound
from kumihimo.platform.provider.jwks import check_jwks
from kumihimo.platform.provider.keys import SECOND
from kumihimo.platform.provider.models import (
    KEY_PREFIX,
    OVERLAP_SECONDS,
    Act,
    Application,
    Edit,
    Kind,
    Nudge,
    Secret,
    new_name,
    new_secret,
    secret_hash,
)
from kumihimo.platform.provider.redirects import origin_of, sector_of
from kumihimo.platform.provider.register import check_application, fitting, refitted
from kumihimo.platform.provider.store import applications as store
from kumihimo.platform.provider.store.families import end_wider_tx
from kumihimo.platform.provider.store.keys import revoke_tx
from kumihimo.storage.database import PLATFORM, Database, Tx

MAX_APPLICATIONS: Final = 1000
"""Of one tenant, those out of use too."""
MAX_SECRETS: Final = 5
"""Of one application, those that end soon too."""
MAX_OVERLAP_SECONDS: Final = 30 * 24 * 3600
REVOKED_FOR: Final = 24 * 3600 * SECOND
"""How long it is remembered that something was revoked: longer than any access token is good."""
_WITH_SECRET: Final = ("confidential", "key")


@dataclass(frozen=True, slots=True)
class Made:
    """A new application or secret; secret is shown this once, "" for an application that has none."""

    application: Application
    secret: str = field(default="", repr=False)


Told = Callable[[Application], Awaitable[None]]


async def nobody(_: Application) -> None:
    """Nobody has to hear of a change."""


class Applications:
    """Applications of every tenant. told hears of each that was changed, is out of use or came back."""

    def __init__(self, database: Database, clock: Clock, nudge: Nudge, told: Told = nobody) -> None:
        self._told = told
        self._database = database
        self._clock = clock
        self._nudge = nudge
        self._used: dict[str, int] = {}
        self._used_secrets: dict[str, int] = {}

    # --- what an operator does ---------------------------------------------------------------------------

    async def add(
        self,
        tenant: str,
        name: str,
        kind: Kind,
        *,
        scopes: Collection[str],
        grants: Collection[str] = (),
        redirect_uris: Sequence[str] = (),
        logout_uris: Sequence[str] = (),
        jwks: str = "",
        is_own: bool = False,
        is_resource: bool = False,
        made_by: str = "",
    ) -> Made:
        """Adds an application and gives its secret, which is shown this once. BadRequestData, NonexistentTenant.

        tenant: the only one that it comes to; "" is the platform itself, whose application comes wherever it was given
        a role.

        Without grants it is given those that fit: the code flow where it has redirect URIs, client credentials where
        it proves itself.
        """
        if tenant and tenant not in await self._database.tenants():
            raise NonexistentTenant(f"there is no tenant {tenant[:64]!r}")
        identity = new_name("a-")
        uris = tuple(dict.fromkeys(redirect_uris))
        one = Application(
            id=identity,
            tenant=tenant,
            name=name.strip(),
            kind=kind,
            redirect_uris=uris,
            logout_uris=tuple(dict.fromkeys(logout_uris)),
            scopes=frozenset(scopes),
            grants=frozenset(grants) or fitting(kind, uris),
            sector=sector_of(identity, uris),
            jwks=check_jwks(jwks) if jwks else "",
            is_own=is_own,
            is_resource=is_resource,
            made_by=made_by,
            created_at=self._now(),
        )
        check_application(one)
        made = self._secret(one, made_by) if kind in _WITH_SECRET else None

        async def work(tx: Tx) -> None:
            if await store.count_tx(tx, tenant) >= MAX_APPLICATIONS:
                raise BadRequestData(f"the tenant has {MAX_APPLICATIONS} applications; more are not kept")
            await store.add_tx(tx, one, [(uri, origin_of(uri)) for uri in uris])
            if made is not None:
                await store.add_secret_tx(tx, made[0])
            await store.add_act_tx(tx, tenant, Act(one.id, "added", one.created_at, made_by))

        await self._database.write(PLATFORM, work)
        return Made(one, made[1] if made is not None else "")

    async def edit(self, tenant: str, name: str, edit: Edit, *, made_by: str = "") -> Application:
        """Changes an application; what it may be is checked as for a new one. ResourceNotFound, BadRequestData.

        What was given with scopes that are taken away is refused at once: tokens, refresh tokens and codes that hold
        one of them, and what is open by the application's keys. Addresses that are taken away lead nowhere any more,
        not with a code that was given for them either; a replaced key set counts from the next request on.
        """
        now = self._now()

        async def work(tx: Tx) -> Application:
            one = await store.application_tx(tx, name[:64])
            if one is None or one.tenant != tenant:
                raise _unknown(tenant, name)
            if one.disabled_at:
                raise BadRequestData(f"{name[:64]} is out of use, and stays as it was; take it into use first")
            made = refitted(one, edit)
            if not one.scopes <= made.scopes:
                made = replace(made, narrowed_at=now)
            if made.narrowed_at == now or not one.grants <= made.grants:
                held = made.scopes if one.grants <= made.grants else frozenset()
                await end_wider_tx(tx, one.id, held, now, now + REVOKED_FOR)
            await store.change_tx(tx, made, [(uri, origin_of(uri)) for uri in made.redirect_uris])
            # What was found good of it is looked up anew, here and in other processes.
            await revoke_tx(tx, "application", one.id, now + REVOKED_FOR)
            await store.add_act_tx(tx, tenant, Act(one.id, "edited", now, made_by))
            return made

        made = await self._database.write(PLATFORM, work)
        self._nudge.wanted = True
        await self._told(made)
        return made

    async def all(self, tenant: str) -> list[Application]:
        """All applications of a tenant, the oldest first, with those out of use."""
        found = await self._database.read(PLATFORM, lambda tx: store.of_tenant_tx(tx, tenant))
        return [replace(one, last_used_at=max(one.last_used_at, self._used.get(one.id, 0))) for one in found]

    async def one(self, tenant: str, name: str) -> Application:
        """An application of the tenant, in use or not. ResourceNotFound."""
        found = await self._database.read(PLATFORM, lambda tx: store.application_tx(tx, name[:64]))
        if found is None or found.tenant != tenant:
            raise _unknown(tenant, name)
        return found

    async def secrets(self, application: str) -> list[Secret]:
        """An application's secrets, the newest first, those that ended too."""
        found = await self._database.read(PLATFORM, lambda tx: store.secrets_tx(tx, application))
        return [replace(one, last_used_at=max(one.last_used_at, self._used_secrets.get(one.id, 0))) for one in found]

    async def rotate(self, tenant: str, name: str, *, overlap: int = OVERLAP_SECONDS, made_by: str = "") -> Made:
        """A new secret; those before it are taken for `overlap` seconds more, with 0 not a moment.

        ResourceNotFound, BadRequestData for an application without secrets or for an overlap that is none.
        """
        if not 0 <= overlap <= MAX_OVERLAP_SECONDS:
            raise BadRequestData(f"an old secret is taken for 0 to {MAX_OVERLAP_SECONDS} seconds more, not {overlap}")
        one = await self.one(tenant, name)
        if one.kind not in _WITH_SECRET:
            raise BadRequestData(f"{name} is a {one.kind} application, which has no secret")
        fresh, secret = self._secret(one, made_by)
        now = self._now()

        async def work(tx: Tx) -> None:
            held = await store.secrets_tx(tx, one.id)
            for each in held:
                await store.end_secret_tx(tx, each.id, now + overlap * SECOND)
                if not overlap:
                    await revoke_tx(tx, "secret", each.id, now + REVOKED_FOR)
            await store.drop_secrets_tx(tx, [each.id for each in held[MAX_SECRETS - 1 :]])
            for each in held[MAX_SECRETS - 1 :]:
                await revoke_tx(tx, "secret", each.id, now + REVOKED_FOR)
            await store.add_secret_tx(tx, fresh)
            await store.add_act_tx(tx, tenant, Act(one.id, "rotated", now, made_by))

        await self._database.write(PLATFORM, work)
        self._nudge.wanted = True
        return Made(one, secret)

    async def disable(self, tenant: str, name: str, *, made_by: str = "") -> Application:
        """Takes an application out of use: its secrets and its tokens are refused at once. ResourceNotFound."""
        one = await self.one(tenant, name)
        now = self._now()

        async def work(tx: Tx) -> None:
            if await store.disable_tx(tx, one.id, now):
                await revoke_tx(tx, "application", one.id, now + REVOKED_FOR)
                await store.add_act_tx(tx, tenant, Act(one.id, "disabled", now, made_by))

        await self._database.write(PLATFORM, work)
        self._nudge.wanted = True
        ended = replace(one, disabled_at=one.disabled_at or now)
        await self._told(ended)
        return ended

    async def enable(self, tenant: str, name: str, *, made_by: str = "") -> Application:
        """Takes an application that is out of use into use again, with the secrets that it had. Tokens that were given
        before stay refused, and people log in there anew. ResourceNotFound, BadRequestData where it is in use.
        """
        now = self._now()

        async def work(tx: Tx) -> Application:
            one = await store.application_tx(tx, name[:64])
            if one is None or one.tenant != tenant:
                raise _unknown(tenant, name)
            if not await store.enable_tx(tx, one.id, now):
                raise BadRequestData(f"{name[:64]} is in use")
            await end_wider_tx(tx, one.id, frozenset(), now, now + REVOKED_FOR)
            await revoke_tx(tx, "application", one.id, now + REVOKED_FOR)
            await store.add_act_tx(tx, tenant, Act(one.id, "enabled", now, made_by))
            return replace(one, disabled_at=0, enabled_at=now, narrowed_at=now)

        back = await self._database.write(PLATFORM, work)
        self._nudge.wanted = True
        await self._told(back)
        return back

    async def acts(self, tenant: str, since: int, until: int, limit: int, by: str = "") -> list[Act]:
        """What was done to the tenant's applications from a moment to before another (microseconds), the newest
        first, by anybody or by one alone ("person:p-1"); of before the acts were kept there is none.
        """
        return await self._database.read(PLATFORM, lambda tx: store.acts_tx(tx, tenant, since, until, by, limit))

    # --- what the flows ask ------------------------------------------------------------------------------

    async def find(self, name: str) -> Application | None:
        """The application of this id that is in use."""
        found = await self._database.read(PLATFORM, lambda tx: store.application_tx(tx, name[:64]), quick=True)
        return found if found is not None and not found.disabled_at else None

    async def names(self, wanted: Collection[str]) -> Mapping[str, Application]:
        """These applications by id, in use or not."""

        async def work(tx: Tx) -> dict[str, Application]:
            found = [await store.application_tx(tx, one) for one in wanted]
            return {one.id: one for one in found if one is not None}

        return await self._database.read(PLATFORM, work)

    async def holds_secret(self, one: Application, secret: str) -> bool:
        """Whether this is a secret of the application that is taken now. Found by its hash, so that time tells
        nothing of a secret.
        """
        found = await self._database.read(PLATFORM, lambda tx: store.secret_of_tx(tx, secret_hash(secret)), quick=True)
        if found is None or found.application != one.id or not found.is_good(self._now()):
            return False
        self.used(one.id, found.id)
        return True

    async def is_registered_origin(self, origin: str) -> bool:
        """Whether an application in use has a page at this origin."""
        return await self._database.read(PLATFORM, lambda tx: store.is_registered_origin_tx(tx, origin), quick=True)

    def used(self, application: str, secret: str = "", now: int = 0) -> None:
        """Notes that an application, and a secret of its, was used now; written with `write_use`."""
        now = now or self._now()
        self._used[application] = now
        if secret:
            self._used_secrets[secret] = now

    async def write_use(self) -> None:
        """Writes when what was used since the last time was used."""
        applications, secrets = self._used, self._used_secrets
        if not applications:
            return
        self._used, self._used_secrets = {}, {}
        rows = (list(applications.items()), list(secrets.items()))
        await self._database.write(PLATFORM, lambda tx: store.used_tx(tx, *rows))

    def _secret(self, one: Application, made_by: str) -> tuple[Secret, str]:
        secret = new_secret(KEY_PREFIX if one.kind == "key" else "")
        row = Secret(new_name("s-"), one.id, secret_hash(secret), made_by=made_by, created_at=self._now())
        return row, secret

    def _now(self) -> int:
        return times.micros(self._clock.now())


def _unknown(tenant: str, name: str) -> ResourceNotFound:
    return ResourceNotFound(f"tenant {tenant!r} has no application {name[:64]!r}")
