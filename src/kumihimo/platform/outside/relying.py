"""The protocol with one provider: where the browser is sent, and what is made of the code that it brings back."""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from base64 import b64encode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

from kumihimo.base.clock import Clock
from kumihimo.base.ports import HttpFetch
from kumihimo.platform.outside import keys
from kumihimo.platform.outside.discovery import Discovery, Metadata, any_object_of, ask, faults, object_of, wants
from kumihimo.platform.outside.flow import Flow
from kumihimo.platform.outside.keysets import KeySets
from kumihimo.platform.outside.models import (
    LogInRefused,
    Proven,
    Provider,
    ProviderFailed,
    session_of,
    subject_of,
)
from kumihimo.platform.outside.providers import Providers
from kumihimo.platform.outside.tokens import (
    TokenRefused,
    check_id_token,
    check_logout_token,
    check_userinfo,
    signed_claims,
)

MAX_CODE: Final = 4096
AT_ONCE: Final = 64
"""Log-ins of one provider whose codes are exchanged at once; where it hangs, the next are told so at once."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM: Final = "application/x-www-form-urlencoded"
_ERROR = re.compile(r"[a-z_]{1,64}\Z")
_BUSY = ("temporarily_unavailable", "server_error")
_CANCELLED = ("access_denied", "login_required", "interaction_required", "consent_required")


class RelyingParty:
    """Us, as providers see us. redirect: our address for the answers of the provider of a name."""

    def __init__(self, providers: Providers, fetch: HttpFetch, clock: Clock) -> None:
        self._providers = providers
        self._fetch = fetch
        self._clock = clock
        self._discovery = Discovery(fetch, clock)
        self._keys = KeySets(fetch, clock)
        self._doors: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def metadata(self, one: Provider) -> Metadata:
        """What the provider says of itself; ProviderFailed where it says nothing that can be used."""
        return await self._discovery.metadata(one)

    async def examine(self, one: Provider) -> dict[str, list[str]]:
        """What is wrong with the provider ("faults"), and what is only worth a look ("notes"); asks it now."""
        try:
            document = await self._discovery.document(one)
        except ProviderFailed as problem:
            return {"faults": [problem.detail], "notes": []}
        wrong = faults(one, document)
        if not wrong:
            try:
                await self._keys.find(str(document["jwks_uri"]), "", "RS256")
            except ProviderFailed as problem:
                wrong.append(problem.detail)
        return {"faults": wrong, "notes": wants(one, document)}

    def request(self, one: Provider, metadata: Metadata, flow: Flow, redirect: str, given: Mapping[str, str]) -> str:
        """The address to which the browser is sent (OpenID Connect Core section 3.1.2.1, RFC 7636).

        given: what the start was asked with; of it only what the provider's pass_on names goes on.
        """
        challenge = urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            **one.extra,
            **{name: _passed(name, given[name]) for name in one.pass_on if given.get(name)},
            "response_type": "code",
            "client_id": one.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(one.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if one.acr_values:
            parameters["acr_values"] = " ".join(one.acr_values)
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(parameters, quote_via=quote)}"

    async def redeem(self, one: Provider, flow: Flow, answer: Mapping[str, str], redirect: str) -> Proven:
        """What the provider proved, from its answer (its parameters, whose state was checked before).

        LogInRefused where the person or the provider broke off, or what came does not hold; ProviderFailed where the
        provider cannot be asked.
        """
        metadata = await self.metadata(one)
        if answer.get("iss", one.issuer) != one.issuer or (metadata.says_issuer and "iss" not in answer):
            raise LogInRefused("mix-up", "the answer is not that of the provider to which the browser was sent")
        if "error" in answer:
            raise refusal_of(answer["error"])
        code = answer.get("code", "")
        if not 0 < len(code) <= MAX_CODE or not code.isascii():
            raise LogInRefused("nonsense", "the answer holds no code")
        door = self._doors[one.name]
        if door.locked():
            raise ProviderFailed("busy", f"{AT_ONCE} log-ins of the provider are under way")
        async with door:
            return await self._redeem(one, metadata, flow, code, redirect)

    async def _redeem(self, one: Provider, metadata: Metadata, flow: Flow, code: str, redirect: str) -> Proven:
        id_token, access_token = await self._tokens(one, metadata, flow, code, redirect)
        header, claims = await signed_claims(id_token, metadata, self._keys)
        now = int(self._clock.now().timestamp())
        check_id_token(header, claims, one, nonce=flow.nonce, access_token=access_token, now=now)
        wanted = tuple(dict.fromkeys((*one.take, *one.keep)))
        found = {name: claims[name] for name in (*wanted, "email_verified") if name in claims}
        if metadata.userinfo_endpoint and any(name not in found for name in wanted):
            more = await self._userinfo(one, metadata, access_token, claims["sub"])
            found |= {name: more[name] for name in (*wanted, "email_verified") if name in more}
        sid = claims.get("sid", "")
        return Proven(
            subject_of(one.issuer, claims["sub"]),
            session_of(one.issuer, sid) if isinstance(sid, str) else "",
            found,
            id_token if metadata.end_session_endpoint else "",
        )

    async def _tokens(self, one: Provider, metadata: Metadata, flow: Flow, code: str, redirect: str) -> tuple[str, str]:
        """ID token and access token for a code (OpenID Connect Core section 3.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": flow.verifier,
            "client_id": one.client_id,
        }
        headers = {"content-type": FORM, "accept": "application/json"}
        await self._prove(one, metadata, form, headers)
        answer = await ask(self._fetch, "POST", metadata.token_endpoint, headers, urlencode(form).encode())
        if answer.status in (400, 401, 403):
            said = any_object_of(answer, "token").get("error")
            raise refusal_of(said, at_token=True)
        found = object_of(answer, "token")
        id_token, access_token = found.get("id_token"), found.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str) or not access_token:
            raise ProviderFailed("nonsense", "token: the answer holds no ID token and access token")
        if str(found.get("token_type", "")).lower() != "bearer":
            raise ProviderFailed("nonsense", "token: the access token is not of the kind bearer")
        return id_token, access_token

    async def _prove(self, one: Provider, metadata: Metadata, form: dict[str, str], headers: dict[str, str]) -> None:
        """Puts into form or headers what shows that it is us (OpenID Connect Core section 9)."""
        if one.auth == "private_key_jwt":
            key = await self._providers.key(one)
            now = int(self._clock.now().timestamp())
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = keys.assertion(key, one, metadata.token_endpoint, now)
        elif one.auth == "client_secret_post":
            form["client_secret"] = self._providers.secret(one)
        else:
            pair = f"{quote_plus(one.client_id)}:{quote_plus(self._providers.secret(one))}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"

    async def _userinfo(self, one: Provider, metadata: Metadata, access_token: str, sub: str) -> Mapping[str, Any]:
        if not access_token.isascii() or not access_token.isprintable():
            raise ProviderFailed("nonsense", "token: the access token cannot stand in a header")
        headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
        answer = await ask(self._fetch, "GET", metadata.userinfo_endpoint, headers)
        if answer.status == 200 and answer.headers.get("content-type", "").startswith("application/jwt"):
            _, found = await signed_claims(answer.body.decode("latin-1"), metadata, self._keys)
            if found.get("iss") != one.issuer or found.get("aud") not in (one.client_id, [one.client_id]):
                raise TokenRefused("signed userinfo is not for us")
        else:
            found = object_of(answer, "userinfo")
        check_userinfo(found, sub)
        return found

    async def ended(self, one: Provider, token: str) -> tuple[str, str, str]:
        """Subject and session that a logout token ends ("" for what it does not name), and its id. TokenRefused."""
        header, claims = await signed_claims(token, await self.metadata(one), self._keys)
        check_logout_token(header, claims, one, int(self._clock.now().timestamp()))
        subject = subject_of(one.issuer, claims["sub"]) if "sub" in claims else ""
        return subject, session_of(one.issuer, claims.get("sid", "")), claims["jti"]


def _passed(name: str, value: str) -> str:
    """A parameter of a start that goes on: a UUID, as sign_transaction_id is. LogInRefused for anything else."""
    try:
        return str(uuid.UUID(value))
    except ValueError as problem:
        raise LogInRefused("nonsense", f"{name} is no UUID") from problem


def refusal_of(said: object, *, at_token: bool = False) -> LogInRefused:
    """What an error code of the provider (RFC 6749 sections 4.1.2.1 and 5.2) comes to; its words are not repeated."""
    code = said if isinstance(said, str) and _ERROR.match(said) else "an error without a name"
    if code in _BUSY:
        return ProviderFailed("busy", f"the provider says {code}")
    if code in _CANCELLED and not at_token:
        return LogInRefused("cancelled", f"the provider says {code}")
    if code == "unmet_authentication_requirements":
        return LogInRefused("weak", f"the provider says {code}")
    return LogInRefused("provider-refused", f"the provider says {code}")
