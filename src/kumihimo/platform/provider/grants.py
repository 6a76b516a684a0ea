"""The token endpoint (RFC 6749 sections 4.1.3, 4.4 and 6): codes, refresh tokens and clients become tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from kumihimo.platform.provider.applications import REVOKED_FOR
from kumihimo.platform.provider.errors import BadToken, OAuthError
from kumihimo.platform.provider.keys import SECOND
from kumihimo.platform.provider.models import (
    OPENID,
    PERSON_SCOPES,
    Application,
    Code,
    Family,
    Nudge,
    People,
    new_secret,
    secret_hash,
)
from kumihimo.platform.provider.store import families as store
from kumihimo.platform.provider.store.keys import revoke_tx
from kumihimo.platform.provider.tokens import Tokens
from kumihimo.storage.database import PLATFORM, Database, Tx

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")
BAD_CODE: Final = "the code is not good: used, expired, of another client or address, or its verifier is another"
"""One sentence for all of them, so that a thief learns not what is missing."""
BAD_REFRESH: Final = "the refresh token is not good: used, ended or of another client; log in again"

Given = Mapping[str, str]
Answer = dict[str, Any]


class Grants:
    """Gives tokens for what a client shows."""

    def __init__(self, database: Database, tokens: Tokens, people: People, nudge: Nudge) -> None:
        self._database = database
        self._tokens = tokens
        self._people = people
        self._nudge = nudge

    async def give(self, client: Application, given: Given) -> Answer:
        """The answer of the token endpoint (RFC 6749 section 5.1). OAuthError where nothing is given."""
        kind = given.get("grant_type", "")
        if not kind:
            raise OAuthError("invalid_request", "grant_type is needed")
        if kind not in ("authorization_code", "refresh_token", "client_credentials"):
            raise OAuthError(
                "unsupported_grant_type", "grant_type is authorization_code, refresh_token or client_credentials"
            )
        if kind not in client.grants:
            raise OAuthError("unauthorized_client", f"the client was not registered for {kind}")
        if kind == "authorization_code":
            return await self._by_code(client, given)
        return await (self._by_refresh(client, given) if kind == "refresh_token" else self._alone(client, given))

    # --- an application by itself ------------------------------------------------------------------------

    async def _alone(self, client: Application, given: Given) -> Answer:
        allowed = client.scopes - set(PERSON_SCOPES)
        scopes = frozenset(given["scope"].split()) if given.get("scope") else allowed
        if not scopes or not scopes <= allowed:
            raise OAuthError("invalid_scope", "only scopes of APIs that the client was registered for are given")
        return self._answer(scopes, await self._tokens.access(client, None, scopes))

    # --- a code ------------------------------------------------------------------------------------------

    async def _by_code(self, client: Application, given: Given) -> Answer:
        verifier = given.get("code_verifier", "")
        if not given.get("code") or not given.get("redirect_uri") or not verifier:
            raise OAuthError("invalid_request", "code, redirect_uri and code_verifier are needed")
        now = self._tokens.now()
        digest = secret_hash(given["code"])
        refresh = new_secret() if "refresh_token" in client.grants else ""
        ends = now + (self._tokens.lifetimes.refresh if refresh else self._tokens.lifetimes.access) * SECOND

        async def work(tx: Tx) -> tuple[Code, Family] | None:
            taken = await store.take_code_tx(tx, digest, now)
            if taken is None:
                return None
            code, first = taken
            family = await store.family_tx(tx, code.family)
            if not first or family is None or not _fits(code, client, given["redirect_uri"], verifier, now):
                # It was shown twice, or by one who should not have it: what it gave, or would give, ends here.
                await store.end_family_tx(tx, code.family, now, now + REVOKED_FOR)
                return None
            if family.ended_at or not family.scopes <= client.scopes:
                return None
            await store.keep_family_tx(tx, family.id, ends)
            if refresh:
                await store.add_refresh_tx(tx, secret_hash(refresh), family.id, ends)
            return code, family

        found = await self._database.write(PLATFORM, work)
        if found is None:
            self._nudge.wanted = True
            raise OAuthError("invalid_grant", BAD_CODE)
        code, family = found
        return await self._for_person(client, family, family.scopes, refresh, code.nonce)

    # --- a refresh token ---------------------------------------------------------------------------------

    async def _by_refresh(self, client: Application, given: Given) -> Answer:
        if not given.get("refresh_token"):
            raise OAuthError("invalid_request", "refresh_token is needed")
        now = self._tokens.now()
        digest, fresh = secret_hash(given["refresh_token"]), new_secret()
        scopes = frozenset(given.get("scope", "").split())

        async def work(tx: Tx) -> Family | None:
            name = await store.family_of_refresh_tx(tx, digest)
            family = None if name is None else await store.family_tx(tx, name)
            if family is None or family.ended_at or family.expires_at <= now:
                return None
            if family.application == client.id and not family.scopes <= client.scopes:
                return None
            if family.application != client.id or not await store.take_refresh_tx(tx, digest, now):
                # Two have it, and one of them stole it: neither goes on.
                await store.end_family_tx(tx, family.id, now, now + REVOKED_FOR)
                return None
            if not scopes <= family.scopes:  # the token is as it was: nothing of this is kept
                raise OAuthError("invalid_scope", "a refresh gives no scope that was not given before")
            await store.add_refresh_tx(tx, secret_hash(fresh), family.id, family.expires_at)
            return family

        family = await self._database.write(PLATFORM, work)
        if family is None:
            self._nudge.wanted = True
            raise OAuthError("invalid_grant", BAD_REFRESH)
        return await self._for_person(client, family, scopes or family.scopes, fresh, "")

    async def _for_person(
        self, client: Application, family: Family, scopes: frozenset[str], refresh: str, nonce: str
    ) -> Answer:
        if await self._people.claims(family.account, frozenset()) is None:
            await self.end_family(family.id)
            raise OAuthError("invalid_grant", "the person's account is closed")
        answer = self._answer(scopes, await self._tokens.access(client, family, scopes))
        if refresh:
            answer["refresh_token"] = refresh
        if OPENID in scopes:
            answer["id_token"] = await self._tokens.identity(client, family, nonce)
        return answer

    def _answer(self, scopes: frozenset[str], token: str) -> Answer:
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._tokens.lifetimes.access,
            "scope": " ".join(sorted(scopes)),
        }

    # --- ends --------------------------------------------------------------------------------------------

    async def end_family(self, name: str) -> None:
        """Ends all that one log-in gave to one application."""
        now = self._tokens.now()
        await self._database.write(PLATFORM, lambda tx: store.end_family_tx(tx, name, now, now + REVOKED_FOR))
        self._nudge.wanted = True

    async def revoke(self, client: Application, token: str) -> None:
        """Ends a token of this client (RFC 7009); of any other nothing is said and nothing is done.

        With a refresh token all of its family ends, with an access token that one alone.
        """
        digest = secret_hash(token)
        name = await self._database.read(PLATFORM, lambda tx: store.family_of_refresh_tx(tx, digest), quick=True)
        if name is not None:
            family = await self._database.read(PLATFORM, lambda tx: store.family_tx(tx, name), quick=True)
            if family is not None and family.application == client.id:
                await self.end_family(family.id)
            return
        try:
            says = await self._tokens.read(token)
        except BadToken:
            return
        if says.application == client.id:
            until = self._tokens.now() + REVOKED_FOR
            await self._database.write(PLATFORM, lambda tx: revoke_tx(tx, "jti", says.jti, until))
            self._nudge.wanted = True

    async def end(self, account: str, *, application: str = "", login: str = "", forget: bool = False) -> int:
        """Ends what a person's log-ins gave: to one application, by one log-in, where these are named; how many.

        forget: the person's consent to the application ends too.
        """
        now = self._tokens.now()

        async def work(tx: Tx) -> int:
            names = await store.living_families_tx(tx, account, application, login)
            for name in names:
                await store.end_family_tx(tx, name, now, now + REVOKED_FOR)
            if forget:
                await store.drop_consent_tx(tx, account, application)
            return len(names)

        ended = await self._database.write(PLATFORM, work)
        self._nudge.wanted = True
        return ended


def _fits(code: Code, client: Application, redirect_uri: str, verifier: str, now: int) -> bool:
    if code.application != client.id or code.redirect_uri != redirect_uri or code.expires_at <= now:
        return False
    if redirect_uri not in client.redirect_uris:
        return False
    if not _VERIFIER.match(verifier):
        return False
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(digest, code.challenge)
