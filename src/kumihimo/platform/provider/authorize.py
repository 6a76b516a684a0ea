"""The authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2): who is sent where with what.

The code flow alone, with PKCE S256, state and nonce always; nothing is sent anywhere before the redirect URI is known
to be, letter for letter, one of the client's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from kumihimo.base.call import Caller
from kumihimo.platform.provider.applications import Applications
from kumihimo.platform.provider.discovery import AUTHORIZE
from kumihimo.platform.provider.errors import OAuthError
from kumihimo.platform.provider.keys import SECOND
from kumihimo.platform.provider.models import (
    Application,
    Code,
    Consent,
    Family,
    Login,
    new_name,
    new_secret,
    secret_hash,
)
from kumihimo.platform.provider.redirects import with_answer
from kumihimo.platform.provider.store import families as store
from kumihimo.platform.provider.tickets import Tickets
from kumihimo.platform.provider.tokens import Tokens
from kumihimo.storage.database import PLATFORM, Database, Tx

LOGIN: Final = "/login"
PROVE: Final = "/prove"
"""Where a person who is logged in proves anew that it is they."""
MAX_REQUEST: Final = 1900
"""Characters of a request's parameters: the log-in page leads back to them, in its own address."""
CODE_SECONDS: Final = 60
MAX_STATE: Final = 1024
AFTER: Final = "logged_in_after"
"""What we add to a request that a person comes back with from logging in again: since when (seconds)."""
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VISIBLE: Final = re.compile(r"[\x20-\x7e]+\Z")
_VISIBLE_WORDS: Final = f"1 to {MAX_STATE} visible ASCII characters"
_NUMBER: Final = re.compile(r"\d{1,12}\Z", re.ASCII)
_PROMPTS: Final = {"none", "login", "consent", "select_account"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is in order; max_age and after in seconds, -1 and 0 where nothing was said."""

    application: Application
    redirect_uri: str
    scopes: frozenset[str]
    state: str
    nonce: str
    challenge: str
    prompts: frozenset[str] = frozenset()
    max_age: int = -1
    after: int = 0


@dataclass(frozen=True, slots=True)
class Go:
    """Send the browser there."""

    to: str


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask the person; ticket is to come back with the answer."""

    asked: Asked
    ticket: str


class Refused(Exception):
    """A refusal that the client is told of, at its redirect URI."""

    def __init__(self, to: str) -> None:
        super().__init__("refused")
        self.to = to


class Authorize:
    """Answers authorization requests."""

    def __init__(self, database: Database, applications: Applications, tokens: Tokens, tickets: Tickets) -> None:
        self._database = database
        self._applications = applications
        self._tokens = tokens
        self._tickets = tickets

    async def begin(self, given: Mapping[str, str], caller: Caller | None, login: Login | None) -> Go | AskConsent:
        """What to do with a request by this person, None for nobody. OAuthError where it can be told to nobody else."""
        try:
            asked = await self.read(given)
            return await self._weigh(asked, given, caller, login)
        except Refused as refused:
            return Go(refused.to)

    async def read(self, given: Mapping[str, str]) -> Asked:
        """The request, checked. OAuthError before the client's address is sure, Refused after it."""
        application, uri = await self._client(given)
        state = given.get("state", "")
        fault = _fault(given, application)
        if fault is not None:
            shown = state if _is_visible(state) else ""
            raise Refused(self._answer(uri, shown, error=fault[0], error_description=fault[1]))
        return Asked(
            application,
            uri,
            frozenset(given["scope"].split()),
            state,
            given["nonce"],
            given["code_challenge"],
            frozenset(given.get("prompt", "").split()),
            int(given.get("max_age", "-1")),
            int(given.get(AFTER, "0")),
        )

    async def _client(self, given: Mapping[str, str]) -> tuple[Application, str]:
        application = await self._applications.find(given.get("client_id", ""))
        if application is None:
            raise OAuthError("invalid_request", "client_id names no application that is in use")
        uri = given.get("redirect_uri", "")
        if uri not in application.redirect_uris:
            raise OAuthError(
                "invalid_request", "redirect_uri is not, letter for letter, one that the client registered"
            )
        return application, uri

    async def _weigh(
        self, asked: Asked, given: Mapping[str, str], caller: Caller | None, login: Login | None
    ) -> Go | AskConsent:
        now = self._tokens.now()
        if caller is None or login is None:
            if "none" in asked.prompts:
                raise Refused(self._refusal(asked, "login_required", "nobody is logged in"))
            return Go(_by_way_of(LOGIN, given, now))
        if _is_stale(asked, login, now):
            if "none" in asked.prompts:
                raise Refused(self._refusal(asked, "login_required", "the log-in is older than max_age"))
            return Go(_by_way_of(PROVE, given, now))
        if await self._needs_consent(asked, caller.actor.id):
            if "none" in asked.prompts:
                raise Refused(self._refusal(asked, "consent_required", "the person has not allowed this yet"))
            return AskConsent(asked, self._tickets.made("consent", caller, given))
        return Go(await self._grant(asked, caller, login))

    async def _needs_consent(self, asked: Asked, account: str) -> bool:
        if "consent" in asked.prompts:
            return True
        if asked.application.is_own:
            return False
        held = await self.consent(account, asked.application.id)
        return held is None or not asked.scopes <= held.scopes

    async def decide(self, ticket: str, caller: Caller, login: Login, *, allowed: bool) -> Go:
        """What follows when the person answered. OAuthError for a ticket that is old, or another's."""
        given = self._tickets.read("consent", ticket, caller)
        try:
            asked = await self.read(given)
        except Refused as refused:
            return Go(refused.to)
        if not allowed:
            return Go(self._refusal(asked, "access_denied", "the person said no"))
        account, name = caller.actor.id, asked.application.id

        async def work(tx: Tx) -> None:
            held = await store.consent_tx(tx, account, name)
            scopes = asked.scopes | (held.scopes if held is not None else frozenset())
            await store.keep_consent_tx(tx, Consent(account, name, scopes, self._tokens.now()))

        await self._database.write(PLATFORM, work)
        return Go(await self._grant(asked, caller, login))

    async def consent(self, account: str, application: str) -> Consent | None:
        """What the person lets this application have; None where that is nothing, or was taken back."""
        return await self._database.read(PLATFORM, lambda tx: store.consent_tx(tx, account, application), quick=True)

    async def consents(self, account: str) -> list[Consent]:
        """What the person let applications have, the newest first."""
        return await self._database.read(PLATFORM, lambda tx: store.consents_tx(tx, account))

    async def _grant(self, asked: Asked, caller: Caller, login: Login) -> str:
        """Keeps a code, and the family that it will give; the address to go to with it."""
        now = self._tokens.now()
        secret = new_secret()
        until = now + CODE_SECONDS * SECOND
        family = Family(
            new_name("f-"),
            asked.application.id,
            caller.actor.id,
            caller.login,
            asked.scopes,
            login,
            # As long as its code may be shown again by a thief, and is told from one that there never was.
            now + 3600 * SECOND,
        )
        code = Code(
            secret_hash(secret),
            asked.application.id,
            family.id,
            asked.redirect_uri,
            asked.challenge,
            asked.nonce,
            until,
        )

        async def work(tx: Tx) -> None:
            await store.add_family_tx(tx, family)
            await store.add_code_tx(tx, code)

        await self._database.write(PLATFORM, work)
        return self._answer(asked.redirect_uri, asked.state, code=secret)

    # --- answers ---------------------------------------------------------------------------------------

    def _answer(self, uri: str, state: str, **more: str) -> str:
        """The client's address with the answer, our name in it against mix-up (RFC 9207)."""
        told = {**more, "state": state, "iss": self._tokens.issuer()}
        return with_answer(uri, {name: value for name, value in told.items() if value})

    def _refusal(self, asked: Asked, error: str, detail: str) -> str:
        return self._answer(asked.redirect_uri, asked.state, error=error, error_description=detail)


def _is_stale(asked: Asked, login: Login, now: int) -> bool:
    """Whether the person must log in again; one who did since the request was sent there need not."""
    if asked.after and login.at // SECOND >= asked.after:
        return False
    if asked.prompts & {"login", "select_account"}:
        return True
    return asked.max_age >= 0 and now - login.at > asked.max_age * SECOND


def _by_way_of(page: str, given: Mapping[str, str], now: int) -> str:
    """A page that a person has to pass first, and that leads back to the request."""
    back = {**given, AFTER: str(now // SECOND)}
    return f"{page}?{urlencode({'next': f'{AUTHORIZE}?{urlencode(back)}'})}"


def _fault(given: Mapping[str, str], application: Application) -> tuple[str, str] | None:
    """The first thing that is not in order, as an OAuth error and a sentence."""
    scopes = frozenset(given.get("scope", "").split())
    prompts = frozenset(given.get("prompt", "").split())
    faults = (
        (
            len(urlencode(given)) > MAX_REQUEST,
            "invalid_request",
            f"the request has more than {MAX_REQUEST} characters",
        ),
        (not _is_visible(given.get("state", "")), "invalid_request", f"state is needed: {_VISIBLE_WORDS}"),
        ("request" in given, "request_not_supported", "no request object is taken; use the query"),
        ("request_uri" in given, "request_uri_not_supported", "no request_uri is taken; use the query"),
        (given.get("response_type") != "code", "unsupported_response_type", "only response_type=code is served"),
        (given.get("response_mode", "query") != "query", "invalid_request", "the answer comes in the query only"),
        (
            "authorization_code" not in application.grants,
            "unauthorized_client",
            "the client was not registered for the code flow",
        ),
        (
            given.get("code_challenge_method") != "S256" or not _CHALLENGE.match(given.get("code_challenge", "")),
            "invalid_request",
            "PKCE is needed: a code_challenge with code_challenge_method=S256",
        ),
        (not _is_visible(given.get("nonce", "")), "invalid_request", f"nonce is needed: {_VISIBLE_WORDS}"),
        (
            not scopes or not scopes <= application.scopes,
            "invalid_scope",
            "scope is needed, and only what the client was registered for",
        ),
        (
            not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1),
            "invalid_request",
            "prompt is none, or of login, consent and select_account",
        ),
        (
            not all(_NUMBER.match(given.get(name, "0")) for name in ("max_age", AFTER)),
            "invalid_request",
            "max_age is a number of seconds",
        ),
    )
    return next(((error, detail) for is_wrong, error, detail in faults if is_wrong), None)


def _is_visible(text: str) -> bool:
    return len(text) <= MAX_STATE and _VISIBLE.match(text) is not None
