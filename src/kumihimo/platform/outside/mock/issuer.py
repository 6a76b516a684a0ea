"""What the mock checks and signs. Everything is kept in memory and forgotten with the process."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import loads
from kumihimo.base.ports import HttpFetch
from kumihimo.platform.outside.mock.shapes import PEOPLE, Person, Shape, claims_of, sub_of
from kumihimo.platform.outside.tokens import LOGOUT_EVENT

MAX_KEPT: Final = 1000
"""Requests, codes, tokens and sessions that are kept, of each; the oldest goes."""
CODE_SECONDS: Final = 60
REQUEST_SECONDS: Final = 600
TOKEN_SECONDS: Final = 300
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Client:
    """Who may use the mock: keys is the address of its JSON Web Key Set, ended that of its back-channel logout."""

    id: str
    redirects: tuple[str, ...]
    secret: str = field(default="", repr=False)
    keys: str = ""
    ended: str = ""
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that holds: the page to choose a person is shown for it."""

    client: Client
    redirect: str
    scopes: frozenset[str]
    state: str
    nonce: str
    challenge: str
    acr: str
    until: float


@dataclass(frozen=True, slots=True)
class Grant:
    """A code that was given out."""

    asked: Asked
    person: Person
    sid: str
    until: float


class Answered(Exception):
    """A request is refused: with an OAuth error at `redirect`, or on a page where that cannot be trusted ("")."""

    def __init__(self, error: str, words: str, redirect: str = "", state: str = "") -> None:
        super().__init__(words)
        self.error = error
        self.words = words
        self.redirect = redirect
        self.state = state


class Refused(Exception):
    """A token request is refused (RFC 6749 section 5.2)."""

    def __init__(self, error: str, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.error = error
        self.words = words
        self.status = status


class MockIssuer:
    """One mock: base is its address without a slash at the end."""

    def __init__(self, base: str, shape: Shape, clients: tuple[Client, ...], clock: Clock, fetch: HttpFetch) -> None:
        self.shape = shape
        self.issuer = base + shape.path
        self.endpoints = base + shape.path + shape.protocol
        self._clients = {client.id: client for client in clients}
        self._clock = clock
        self._fetch = fetch
        self.asked: OrderedDict[str, Asked] = OrderedDict()
        self.grants: OrderedDict[str, Grant] = OrderedDict()
        self.tokens: OrderedDict[str, Grant] = OrderedDict()
        self.sessions: OrderedDict[str, Grant] = OrderedDict()
        self._shown: OrderedDict[str, None] = OrderedDict()
        self.key = self.new_key()

    def new_key(self) -> RSAKey | ECKey:
        """A key to sign with; whoever sets it as `key` has rotated."""
        parameters: Any = {"use": "sig", "alg": self.shape.alg}
        if self.shape.alg == "RS256":
            return RSAKey.generate_key(2048, parameters, auto_kid=True)
        return ECKey.generate_key("P-256", parameters, auto_kid=True)

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock.now().timestamp()

    # --- what it says of itself -----------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """The discovery document (OpenID Connect Discovery 1.0 section 3)."""
        shape = self.shape
        found: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.endpoints}/auth",
            "token_endpoint": f"{self.endpoints}/token",
            "userinfo_endpoint": f"{self.endpoints}/userinfo",
            "jwks_uri": f"{self.endpoints}/certs",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public" if shape.name == "keycloak" else "pairwise"],
            "id_token_signing_alg_values_supported": [shape.alg],
            "token_endpoint_auth_methods_supported": list(shape.auth),
            "scopes_supported": list(shape.scopes),
        }
        if shape.name != "entra":
            found["code_challenge_methods_supported"] = ["S256"]
        if shape.acr:
            found["acr_values_supported"] = list(shape.acr)
        if shape.says_issuer:
            found["authorization_response_iss_parameter_supported"] = True
        if shape.ends_sessions:
            found["end_session_endpoint"] = f"{self.endpoints}/logout"
            found["backchannel_logout_supported"] = True
        return found

    def certs(self) -> dict[str, Any]:
        """The public half of its key."""
        return dict(KeySet([self.key]).as_dict(private=False))

    # --- the authorization endpoint -------------------------------------------------------------------------

    def ask(self, given: Mapping[str, str]) -> str:
        """Checks a request and keeps it; its id. Answered where it is refused."""
        client = self._clients.get(given.get("client_id", ""))
        redirect = given.get("redirect_uri", "")
        if client is None:
            raise Answered("invalid_request", "client_id is not registered")
        if redirect not in client.redirects:
            raise Answered("invalid_request", "redirect_uri is not registered")
        try:
            asked = self._read(client, redirect, given)
        except Refused as refused:
            raise Answered(refused.error, refused.words, redirect, given.get("state", "")) from refused
        name = secrets.token_urlsafe(24)
        _keep(self.asked, name, asked)
        return name

    def _read(self, client: Client, redirect: str, given: Mapping[str, str]) -> Asked:
        shape = self.shape
        if given.get("response_type") != "code":
            raise Refused("unsupported_response_type", "response_type must be code")
        scopes = given.get("scope", "").split()
        if "openid" not in scopes or not set(scopes) <= set(shape.scopes):
            raise Refused("invalid_scope", f"scope must hold openid, and may hold {' '.join(shape.scopes)}")
        for name in ("state", "nonce") if shape.strict else ():
            _check_text(name, given.get(name, ""))
        method, challenge = given.get("code_challenge_method", ""), given.get("code_challenge", "")
        if shape.strict and not challenge:
            raise Refused("invalid_request", "code_challenge is missing")
        if challenge and (method != "S256" or len(challenge) != 43):
            raise Refused("invalid_request", "code_challenge_method must be S256")
        acr = given.get("acr_values", "")
        if shape.acr and not set(acr.split()) <= set(shape.acr):
            raise Refused("invalid_request", f"acr_values may hold {' '.join(shape.acr)}")
        self._check_sign(scopes, given.get("sign_transaction_id", ""))
        state, nonce = given.get("state", ""), given.get("nonce", "")
        until = self.now() + REQUEST_SECONDS
        return Asked(client, redirect, frozenset(scopes), state, nonce, challenge, acr, until)

    def _check_sign(self, scopes: list[str], transaction: str) -> None:
        if "sign" in scopes and self.shape.strict and not transaction:
            raise Refused("invalid_request", "the scope sign needs sign_transaction_id")
        if transaction:
            try:
                uuid.UUID(transaction)
            except ValueError as problem:
                raise Refused("invalid_request", "sign_transaction_id must be a UUID") from problem

    def choose(self, name: str, person_id: str) -> tuple[str, dict[str, str]]:
        """Takes the choice of a person ("" cancels); where the browser goes, and with which parameters."""
        asked = self.asked.pop(name, None)
        if asked is None or asked.until < self.now():
            raise Answered("invalid_request", "the page is too old; begin again")
        found = {"state": asked.state} if asked.state else {}
        if self.shape.says_issuer:
            found["iss"] = self.issuer
        person = next((one for one in PEOPLE if one.id == person_id), None)
        if person is None:
            return asked.redirect, {**found, "error": "access_denied"}
        grant = Grant(asked, person, secrets.token_urlsafe(16), self.now() + CODE_SECONDS)
        code = secrets.token_urlsafe(32)
        _keep(self.grants, code, grant)
        _keep(self.sessions, grant.sid, grant)
        return asked.redirect, {**found, "code": code, "session_state": grant.sid}

    # --- the token endpoint ---------------------------------------------------------------------------------

    async def token(self, given: Mapping[str, str], basic: tuple[str, str] | None) -> dict[str, Any]:
        """Exchanges a code. Refused with the error that the provider would give."""
        client = await self._client(given, basic)
        if given.get("grant_type") != "authorization_code":
            raise Refused("unsupported_grant_type", "grant_type must be authorization_code")
        grant = self.grants.pop(given.get("code", ""), None)
        if grant is None or grant.until < self.now() or grant.asked.client is not client:
            raise Refused("invalid_grant", "the code is not good, or no longer")
        if given.get("redirect_uri") != grant.asked.redirect:
            raise Refused("invalid_grant", "redirect_uri is not that of the request")
        verifier = given.get("code_verifier", "")
        if grant.asked.challenge and not hmac.compare_digest(_challenge(verifier), grant.asked.challenge):
            raise Refused("invalid_grant", "code_verifier does not fit")
        access_token = secrets.token_urlsafe(32)
        _keep(self.tokens, access_token, grant)
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(sorted(grant.asked.scopes)),
            "id_token": self.signed(self.id_claims(grant, access_token)),
        }

    async def _client(self, given: Mapping[str, str], basic: tuple[str, str] | None) -> Client:
        name, secret, kind = given.get("client_id", ""), given.get("client_secret", ""), "client_secret_post"
        if basic is not None:
            (name, secret), kind = basic, "client_secret_basic"
        elif "client_assertion" in given:
            kind = "private_key_jwt"
        client = self._clients.get(name)
        if client is None or kind not in self.shape.auth:
            raise Refused("invalid_client", f"{kind} is not taken, or the client is not registered", 401)
        if kind == "private_key_jwt":
            await self._check_assertion(client, given)
        elif not client.secret or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise Refused("invalid_client", "the client secret is wrong", 401)
        return client

    async def _check_assertion(self, client: Client, given: Mapping[str, str]) -> None:
        if given.get("client_assertion_type") != ASSERTION_TYPE:
            raise Refused("invalid_client", "client_assertion_type is wrong", 401)
        try:
            answer = await self._fetch("GET", client.keys)
            keys = KeySet.import_key_set(loads(answer.body))
            claims = jwt.decode(given["client_assertion"], keys, algorithms=["ES256", "RS256"]).claims
        except (JoseError, ValueError, KeyError, OSError, TimeoutError, Problem) as problem:
            raise Refused("invalid_client", "client_assertion is not signed by the client's key", 401) from problem
        now = self.now()
        expiry, token_id = claims.get("exp"), claims.get("jti")
        if claims.get("iss") != client.id or claims.get("sub") != client.id:
            raise Refused("invalid_client", "iss and sub of client_assertion must be the client", 401)
        if claims.get("aud") not in (f"{self.endpoints}/token", self.issuer):
            raise Refused("invalid_client", "aud of client_assertion must be the token endpoint", 401)
        if not isinstance(expiry, int | float) or not now < expiry <= now + 86_400:
            raise Refused("invalid_client", "exp of client_assertion is missing or over", 401)
        if not isinstance(token_id, str) or not token_id or token_id in self._shown:
            raise Refused("invalid_client", "jti of client_assertion is missing or was shown before", 401)
        _keep(self._shown, token_id, None)

    def id_claims(self, grant: Grant, access_token: str) -> dict[str, Any]:
        """What the ID token says."""
        now = int(self.now())
        asked = grant.asked
        found: dict[str, Any] = {
            "iss": self.issuer,
            "sub": sub_of(self.shape, grant.person, asked.client.id),
            "aud": asked.client.id,
            "azp": asked.client.id,
            "iat": now,
            "auth_time": now,
            "exp": now + TOKEN_SECONDS,
            "sid": grant.sid,
        }
        if asked.nonce:
            found["nonce"] = asked.nonce
        if asked.acr:
            found["acr"] = asked.acr
        if self.shape.at_hash:
            digest = hashlib.sha256(access_token.encode()).digest()
            found["at_hash"] = urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
        if self.shape.name == "entra":
            found |= claims_of(self.shape, grant.person, set(asked.scopes))
        return found

    def signed(self, claims: Mapping[str, Any], kind: str = "JWT") -> str:
        """A token with these claims."""
        header = {"alg": self.shape.alg, "kid": self.key.kid, "typ": kind}
        return jwt.encode(header, dict(claims), self.key, algorithms=[self.shape.alg])

    def userinfo(self, access_token: str) -> dict[str, Any] | None:
        """What it tells of the person of an access token; None where the token is not good."""
        grant = self.tokens.get(access_token)
        if grant is None or grant.until + TOKEN_SECONDS < self.now():
            return None
        sub = sub_of(self.shape, grant.person, grant.asked.client.id)
        return {"sub": sub, **claims_of(self.shape, grant.person, set(grant.asked.scopes))}

    # --- logging out ----------------------------------------------------------------------------------------

    def logout_token(self, grant: Grant) -> str:
        """A logout token for the session of a grant."""
        now = int(self.now())
        claims = {
            "iss": self.issuer,
            "aud": grant.asked.client.id,
            "sub": sub_of(self.shape, grant.person, grant.asked.client.id),
            "sid": grant.sid,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "events": {LOGOUT_EVENT: {}},
        }
        return self.signed(claims, "logout+jwt")

    def end(self, hint: str, client_id: str) -> list[Grant]:
        """Ends the session of an ID token, or without one every session of a client; those that ended."""
        sid = ""
        if hint:
            try:
                sid = str(jwt.decode(hint, self.key, algorithms=[self.shape.alg]).claims.get("sid", ""))
            except (JoseError, ValueError):
                return []
        named = [
            one for one in self.sessions if one == sid or (not hint and self.sessions[one].asked.client.id == client_id)
        ]
        return [self.sessions.pop(one) for one in named]

    def may_leave_to(self, client_id: str, address: str) -> bool:
        """Whether the browser may go there after logging out."""
        client = self._clients.get(client_id)
        return client is not None and address in client.left


def _check_text(name: str, text: str) -> None:
    if not 0 < len(text) <= 255 or not text.isascii() or not text.isprintable():
        raise Refused("invalid_request", f"{name} is missing, or not 1 to 255 visible ASCII letters")


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _keep(kept: OrderedDict[str, Any], name: str, value: Any) -> None:
    kept[name] = value
    while len(kept) > MAX_KEPT:
        kept.popitem(last=False)
