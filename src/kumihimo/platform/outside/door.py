"""The door of the room: log-in through a provider, linking, and the end of log-ins from outside."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from kumihimo.base import jsontext, times
from kumihimo.base.call import Caller
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.base.ports import HttpFetch
from kumihimo.base.rates import Rates, place_of
from kumihimo.platform.outside import store
from kumihimo.platform.outside.checks import is_way
from kumihimo.platform.outside.flow import Flow, opened
from kumihimo.platform.outside.models import (
    MAX_IDENTITIES,
    Accounts,
    Entered,
    Identity,
    LogInRefused,
    OutsideLogin,
    Proven,
    Provider,
    Sealer,
    TooManyTries,
    Visitor,
)
from kumihimo.platform.outside.names import Names
from kumihimo.platform.outside.people import email_of, may_sign_up, name_of
from kumihimo.platform.outside.providers import Providers
from kumihimo.platform.outside.relying import RelyingParty
from kumihimo.storage.database import PLATFORM, Database, Tx

log = logging.getLogger(__name__)
PER_SECOND: Final = 0.5
"""Log-ins that one address may begin each second, on average; an office behind one address may begin 60 at once."""
BURST_SECONDS: Final = 120.0
REMEMBERED: Final = 40 * 24 * 3600 * 1_000_000
"""Microseconds for which it is known where a log-in came from; none stands so long."""
LOGOUT_REMEMBERED: Final = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser is sent, and the cookie that it takes along; title is how the provider is called."""

    location: str = field(repr=False)
    cookie: str = field(repr=False)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A log-in that came to its end: where the browser goes, and the log-in that was opened, None for a link."""

    way: str
    entered: Entered | None = None


@dataclass(frozen=True, slots=True)
class Mine:
    """A provider, as the person sees it who may link it: linked since when (0: not), and the claims that are kept."""

    provider: Provider
    linked_at: int
    used_at: int
    kept: tuple[str, ...]


class Outside:
    """Log-in through providers outside. address: ours, as others reach us, without a slash at the end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        accounts: Accounts,
        fetch: HttpFetch,
        address: Callable[[], str],
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._accounts = accounts
        self._address = address
        self.providers = Providers(database, clock, sealer)
        self.party = RelyingParty(self.providers, fetch, clock)
        self._signing_up = asyncio.Lock()
        self.names = Names(database, sealer)
        self._begun = Rates(PER_SECOND, burst_seconds=BURST_SECONDS)

    def redirect(self, name: str) -> str:
        """Our address for the answers of the provider of this name; each has its own (RFC 9700 section 4.4)."""
        return f"{self._address()}/login/from/{name}"

    def to_register(self, one: Provider) -> dict[str, str]:
        """Our addresses that the provider has to know: for its answers, our keys, its logouts, and after a logout."""
        at = self._address()
        found = {
            "redirect_uri": self.redirect(one.name),
            "post_logout_redirect_uri": f"{at}/login/left",
            "backchannel_logout_uri": f"{at}/login/ended/{one.name}",
        }
        return found | ({"jwks_uri": f"{at}/login/keys/{one.name}"} if one.auth == "private_key_jwt" else {})

    # --- log-in -------------------------------------------------------------------------------------------

    async def offered(self) -> list[Provider]:
        """The providers by which people may log in now."""
        return [one for one in await self.providers.all() if one.active]

    async def begin(self, name: str, way: str, visitor: Visitor, given: Mapping[str, str]) -> Begun:
        """Begins a log-in; way is the page that was wanted, given what else the start was asked with."""
        return await self._begin(
            name, Flow.begun(name, "log-in", way if is_way(way) else "/", self._now()), visitor, given
        )

    async def begin_link(self, name: str, caller: Caller, visitor: Visitor) -> Begun:
        """Begins the linking of an identity with the caller's account, who must have proved themselves just now."""
        await self._check_fresh(caller)
        flow = Flow.begun(name, "link", "/me/outside", self._now(), account=caller.actor.id, login=caller.login)
        return await self._begin(name, flow, visitor, {})

    async def _begin(self, name: str, flow: Flow, visitor: Visitor, given: Mapping[str, str]) -> Begun:
        wait = self._begun.take(place_of(visitor.address), self._clock.now().timestamp())
        if wait:
            raise TooManyTries(wait)
        one = await self.providers.active(name)
        metadata = await self.party.metadata(one)
        location = self.party.request(one, metadata, flow, self.redirect(name), given)
        return Begun(location, flow.sealed(self._sealer), one.title(visitor.lang))

    async def finish(self, name: str, answer: Mapping[str, str], cookie: str, caller: Caller, visitor: Visitor) -> Done:
        """Takes the provider's answer (the parameters of the address to which it sent the browser).

        cookie: the one of `begin`. LogInRefused says why nothing came of it.
        """
        one = await self.providers.active(name)
        flow = opened(self._sealer, cookie, name, answer.get("state", ""), self._now())
        if not await self._first_time(f"state\n{flow.state}", (flow.until + 60) * 1_000_000):
            raise LogInRefused("stale", "the answer was shown before")
        proven = await self.party.redeem(one, flow, answer, self.redirect(name))
        if flow.aim == "link":
            await self._link(one, flow, proven, caller)
            return Done(flow.way)
        account = await self._account(one, proven, visitor)
        if caller.login:
            await self._accounts.end(caller.actor.id, caller.login)
        entered = await self._accounts.log_in(account, visitor)
        await self._note(one, proven, account, entered)
        log.info("logged in from outside", extra={"provider": name, "person": await self.names.of(account, "log")})
        return Done(flow.way, entered)

    async def _account(self, one: Provider, proven: Proven, visitor: Visitor) -> str:
        """The account that the identity opens; a new one where the provider may bring new people.

        An account is found by the identity alone, never by an e-mail address: whoever can make a provider say an
        address would own every account that has it.
        """
        now = times.micros(self._clock.now())
        kept = self._kept(one, proven)
        found = await self._database.read(
            PLATFORM, lambda tx: store.identity_tx(tx, one.name, proven.subject), quick=True
        )
        if found is None:
            return await self._sign_up(one, proven, kept, visitor)
        if not await self._accounts.may_log_in(found.account):
            raise LogInRefused("no-account", "the account of this identity may not log in")
        known = found
        await self._database.write(PLATFORM, lambda tx: store.used_tx(tx, known, kept, now))
        return found.account

    async def _sign_up(self, one: Provider, proven: Proven, kept: str, visitor: Visitor) -> str:
        may_sign_up(one, proven.claims)
        name = name_of(one, proven.claims, one.title(visitor.lang))
        async with self._signing_up:
            found = await self._database.read(PLATFORM, lambda tx: store.identity_tx(tx, one.name, proven.subject))
            if found is not None:  # from a second tab of the same person
                return found.account
            account = await self._accounts.create(name, email_of(one, proven.claims), visitor.lang)
            now = times.micros(self._clock.now())
            identity = Identity(one.name, proven.subject, account, kept, now, now)
            if not await self._database.write(PLATFORM, lambda tx: store.link_tx(tx, identity)):
                raise LogInRefused("stale", "the same identity was linked at the same moment by another process")
        log.info("signed up from outside", extra={"provider": one.name, "person": await self.names.of(account, "log")})
        return account

    def _kept(self, one: Provider, proven: Proven) -> str:
        """The claims that the provider's keep names, sealed; "" where it names none."""
        found = {name: proven.claims[name] for name in one.keep if name in proven.claims}
        return self._sealer.seal(f"outside-kept:{proven.subject}", jsontext.dumps(found)) if found else ""

    async def _note(self, one: Provider, proven: Proven, account: str, entered: Entered) -> None:
        hint = self._sealer.seal(f"outside-hint:{entered.login}", proven.id_token.encode()) if proven.id_token else ""
        now = times.micros(self._clock.now())
        row = OutsideLogin(entered.login, account, one.name, proven.subject, proven.sid, hint, now)
        await self._database.write(PLATFORM, lambda tx: store.entered_tx(tx, row, now - REMEMBERED))

    # --- linking ------------------------------------------------------------------------------------------

    async def mine(self, caller: Caller) -> list[Mine]:
        """Every provider, and whether the caller enters by it. Unauthenticated where nobody is logged in."""
        account = _person(caller)
        linked = await self._database.read(PLATFORM, lambda tx: store.identities_tx(tx, account))
        by_name = {one.provider: one for one in linked}
        found = []
        for one in await self.providers.all():
            identity = by_name.get(one.name)
            if identity is not None:
                kept = tuple(self.kept_claims(identity))
                found.append(Mine(one, identity.linked_at, identity.used_at, kept))
            elif one.active:
                found.append(Mine(one, 0, 0, ()))
        return found

    def kept_claims(self, identity: Identity) -> Mapping[str, Any]:
        """What is kept of an identity, by claim; personal, so that it is for the person alone and never for a log."""
        if not identity.kept:
            return {}
        found = jsontext.parse(self._sealer.unseal(f"outside-kept:{identity.subject}", identity.kept))
        return dict(found)

    async def _link(self, one: Provider, flow: Flow, proven: Proven, caller: Caller) -> None:
        if (caller.actor.id, caller.login) != (flow.account, flow.login) or not flow.account:
            raise LogInRefused("other-session", "the log-in that asked for the link is not the one that ends it")
        now = times.micros(self._clock.now())
        identity = Identity(one.name, proven.subject, flow.account, self._kept(one, proven), now, 0)

        async def work(tx: Tx) -> str:
            mine = await store.identities_tx(tx, flow.account)
            if any(each.provider == one.name for each in mine):
                return "linked-before"
            if len(mine) >= MAX_IDENTITIES:
                return "too-many-links"
            return "" if await store.link_tx(tx, identity) else "taken"

        if code := await self._database.write(PLATFORM, work):
            raise LogInRefused(code, "the identity was not linked")
        log.info("linked", extra={"provider": one.name, "person": await self.names.of(flow.account, "log")})

    async def unlink(self, name: str, caller: Caller) -> None:
        """Takes the caller's identity at a provider away, and what was kept of it.

        LogInRefused "last-way" where they would have no other way in.
        """
        account = _person(caller)
        await self._check_fresh(caller)
        ways = await self._accounts.own_ways(account)

        async def work(tx: Tx) -> bool:
            others = [one for one in await store.identities_tx(tx, account) if one.provider != name]
            if not ways and not others:
                return False
            await store.unlink_tx(tx, name, account)
            return True

        if not await self._database.write(PLATFORM, work):
            raise LogInRefused("last-way", "this is the only way into the account; set a password or a passkey first")
        log.info("unlinked", extra={"provider": name, "person": await self.names.of(account, "log")})

    async def _check_fresh(self, caller: Caller) -> None:
        _person(caller)
        if not await self._accounts.is_fresh(caller):
            raise LogInRefused("proof", "log in again first: the last proof of who you are is too long ago")

    # --- the end of log-ins ---------------------------------------------------------------------------------

    async def leave(self, caller: Caller, visitor: Visitor) -> tuple[str, str]:
        """Ends the caller's log-in here. Where the browser has to go to end it at the provider as well, "" where there
        is no such place, and how the provider is called (OpenID Connect RP-Initiated Logout 1.0).
        """
        login = caller.login
        if not login:
            return "", ""
        found = await self._database.read(PLATFORM, lambda tx: store.outside_login_tx(tx, login), quick=True)
        await self._accounts.end(caller.actor.id, login)
        if found is None:
            return "", ""
        await self._database.write(PLATFORM, lambda tx: store.forget_login_tx(tx, login))
        try:
            one = await self.providers.active(found.provider)
            metadata = await self.party.metadata(one)
        except LogInRefused as problem:
            log.info("not logged out at the provider", extra={"provider": found.provider, "problem": problem.detail})
            return "", ""
        if not metadata.end_session_endpoint:
            return "", ""
        given = {"client_id": one.client_id, "post_logout_redirect_uri": f"{self._address()}/login/left"}
        if found.hint:
            given["id_token_hint"] = self._sealer.unseal(f"outside-hint:{login}", found.hint).decode()
        joint = "&" if "?" in metadata.end_session_endpoint else "?"
        return f"{metadata.end_session_endpoint}{joint}{urlencode(given, quote_via=quote)}", one.title(visitor.lang)

    async def ended(self, name: str, token: str) -> int:
        """Ends the log-ins that a provider's logout token names; how many (OpenID Connect Back-Channel Logout 1.0).

        LogInRefused for a token that does not hold, or was shown before.
        """
        one = await self.providers.active(name)
        subject, sid, token_id = await self.party.ended(one, token)
        until = times.micros(self._clock.now()) + LOGOUT_REMEMBERED
        if not await self._first_time(f"logout\n{name}\n{token_id}", until):
            raise LogInRefused("token", "the logout token was shown before")
        logins = await self._database.read(PLATFORM, lambda tx: store.logins_tx(tx, name, subject, sid))
        for each in logins:
            await self._accounts.end(each.account, each.login)
            await self._forget(each.login)
        log.info("logged out from outside", extra={"provider": name, "logins": len(logins)})
        return len(logins)

    async def _forget(self, login: str) -> None:
        await self._database.write(PLATFORM, lambda tx: store.forget_login_tx(tx, login))

    # --- small ----------------------------------------------------------------------------------------------

    async def _first_time(self, what: str, until: int) -> bool:
        digest = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()
        now = times.micros(self._clock.now())
        return await self._database.write(PLATFORM, lambda tx: store.once_tx(tx, digest, now, until))

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _person(caller: Caller) -> str:
    """The account of the caller; Unauthenticated where nobody is logged in, Forbidden for what is no person."""
    if caller.actor.kind == "anonymous":
        raise Unauthenticated("log in first")
    if caller.actor.kind != "person" or caller.scopes is not None:
        raise Forbidden("only a person who is logged in has identities outside")
    return caller.actor.id
