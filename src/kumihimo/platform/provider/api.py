"""The provider's addresses over HTTP: discovery, keys, tokens, who a person is, ends."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.jsontext import dumps
from kumihimo.platform.provider.browsers import Origins, answer, told
from kumihimo.platform.provider.discovery import (
    CONFIGURATION,
    INTROSPECT,
    JWKS,
    LONGEST_AGE,
    REVOKE,
    SERVER,
    TOKEN,
    USERINFO,
    document,
)
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.errors import BadToken, InsufficientScope, OAuthError
from kumihimo.platform.provider.forms import read_form
from kumihimo.platform.provider.models import OPENID, Application
from kumihimo.platform.provider.tokens import looks_like_jwt

_KEPT = {"Cache-Control": f"public, max-age={LONGEST_AGE}"}


def routes(provider: Provider) -> list[Route]:
    """All addresses but those that show pages to people."""
    shared = Origins(provider.applications, provider.issuer).shared

    async def configuration(_: Request) -> Response:
        """What the OpenID Connect provider offers, and where (OpenID Connect Discovery, RFC 8414)."""
        return Response(dumps(document(provider.issuer())), headers=_KEPT, media_type="application/json")

    async def jwks(_: Request) -> Response:
        """The keys by which tokens are signed, as a JSON Web Key Set (RFC 7517)."""
        keys = {"keys": await provider.keys.public()}
        return Response(dumps(keys), headers=_KEPT, media_type="application/jwk-set+json")

    async def token(request: Request) -> Response:
        """Tokens for a code, a refresh token or a client's own credentials (RFC 6749, RFC 7523, RFC 7636)."""
        form = await read_form(request)
        client = await client_of(provider, request, form)
        return answer(await provider.grants.give(client, form), Pragma="no-cache")

    async def userinfo(request: Request) -> Response:
        """What the person let the application know of them (OpenID Connect Core section 5.3)."""
        return answer(await _person(provider, request.headers.get("authorization", "")))

    async def revoke(request: Request) -> Response:
        """Ends a token of the client that asks (RFC 7009)."""
        form = await read_form(request)
        client = await client_of(provider, request, form)
        await provider.grants.revoke(client, _token(form))
        return answer({})

    async def introspect(request: Request) -> Response:
        """Whether a token is good, asked by an application that serves a resource of its tenant (RFC 7662)."""
        form = await read_form(request)
        client = await client_of(provider, request, form)
        if not client.is_resource:
            raise OAuthError("access_denied", "the application was not registered to ask after tokens", 403)
        return answer(await _introspected(provider, client, _token(form)))

    return [
        Route(CONFIGURATION, shared(configuration), methods=["GET", "OPTIONS"]),
        Route(SERVER, shared(configuration), methods=["GET", "OPTIONS"]),
        Route(JWKS, shared(jwks), methods=["GET", "OPTIONS"]),
        Route(TOKEN, shared(token), methods=["POST", "OPTIONS"]),
        Route(USERINFO, shared(userinfo), methods=["GET", "POST", "OPTIONS"]),
        Route(REVOKE, shared(revoke), methods=["POST", "OPTIONS"]),
        Route(INTROSPECT, told(introspect), methods=["POST"]),
    ]


async def client_of(provider: Provider, request: Request, form: dict[str, str]) -> Application:
    """The client that posted the form."""
    address = request.client.host if request.client is not None else ""
    return await provider.clients.authenticate(form, request.headers.get("authorization", ""), address)


def _token(form: dict[str, str]) -> str:
    if not form.get("token"):
        raise OAuthError("invalid_request", "token is needed")
    return form["token"]


async def _person(provider: Provider, authorization: str) -> dict[str, Any]:
    """The claims of userinfo. BadToken, InsufficientScope."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not looks_like_jwt(token.strip()):
        raise BadToken("an access token is needed, in the header Authorization: Bearer")
    known = await provider.bearer.known(token.strip())
    if known is None or known.caller.actor.kind != "person" or OPENID not in (known.caller.scopes or ()):
        raise InsufficientScope("the token was not given by a person for the scope openid")
    application = await provider.applications.find(known.application)
    claims = await provider.people.claims(known.caller.actor.id, known.caller.scopes or frozenset())
    if application is None or claims is None:
        raise BadToken("the person or the application is there no more")
    return {**claims, "sub": await provider.keys.pairwise(application.sector, known.caller.actor.id)}


async def _introspected(provider: Provider, client: Application, token: str) -> dict[str, Any]:
    """RFC 7662 section 2.2; of tokens that are not good, or not of the client's tenant, no more than that."""
    try:
        known = await provider.bearer.known(token)
        if known is None or known.caller.tenant != client.tenant:
            return {"active": False}
        if known.secret:
            scopes = " ".join(sorted(known.caller.scopes or ()))
            return {"active": True, "client_id": known.application, "scope": scopes, "tenant": client.tenant}
        says = await provider.tokens.read(token)
    except BadToken:
        return {"active": False}
    return {
        "active": True,
        "token_type": "Bearer",
        "iss": provider.issuer(),
        "aud": provider.issuer(),
        "sub": says.subject,
        "client_id": says.application,
        "scope": " ".join(sorted(says.scopes)),
        "tenant": says.tenant,
        "iat": says.issued_at,
        "exp": says.expires_at,
        "jti": says.jti,
    }
