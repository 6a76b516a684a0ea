"""How a client proves itself at the endpoints that it posts to (RFC 6749 section 2.3, RFC 7523)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import unquote_plus

from kumihimo.base.rates import place_of
from kumihimo.platform.provider.applications import Applications
from kumihimo.platform.provider.assertion import TYPE, issuer_of, read_assertion
from kumihimo.platform.provider.discovery import TOKEN
from kumihimo.platform.provider.errors import OAuthError, invalid_client
from kumihimo.platform.provider.keys import SECOND
from kumihimo.platform.provider.models import Application
from kumihimo.platform.provider.store import families as store
from kumihimo.platform.provider.tokens import Tokens
from kumihimo.platform.provider.tries import Tries
from kumihimo.storage.database import PLATFORM, Database

NOT_KNOWN = "the client is not known, is out of use, or did not prove itself as it was registered"
"""One sentence for all of them: who tries learns not which clients there are."""


class Clients:
    """Authenticates clients; wrong tries are slowed by address and by address and client."""

    def __init__(self, database: Database, applications: Applications, tokens: Tokens) -> None:
        self._database = database
        self._applications = applications
        self._tokens = tokens
        self.tries = Tries()

    async def authenticate(self, form: Mapping[str, str], authorization: str, address: str) -> Application:
        """The client that posted this form. OAuthError invalid_client or invalid_request; TooManyRequests."""
        name, secret, is_basic = _shown(form, authorization)
        now = self._tokens.now() / SECOND
        place = place_of(address)
        names = (place, f"{place} {name[:64]}")
        for one in names:
            self.tries.check(one, now)
        try:
            found = await self._proved(form, name, secret, is_basic=is_basic)
        except OAuthError:
            for one in names:
                self.tries.failed(one, now)
            raise
        self._applications.used(found.id)
        return found

    async def _proved(self, form: Mapping[str, str], name: str, secret: str | None, *, is_basic: bool) -> Application:
        one = await self._applications.find(name)
        if one is None:
            raise invalid_client(NOT_KNOWN, basic=is_basic)
        if one.kind == "private_key_jwt" and "client_assertion" in form:
            await self._by_assertion(one, form)
            return one
        if one.kind == "confidential" and secret is not None and await self._applications.holds_secret(one, secret):
            return one
        if one.kind == "public" and secret is None and "client_assertion" not in form:
            return one
        raise invalid_client(NOT_KNOWN, basic=is_basic)

    async def _by_assertion(self, one: Application, form: Mapping[str, str]) -> None:
        issuer = self._tokens.issuer()
        now = self._tokens.now() // SECOND
        shown = read_assertion(one, form["client_assertion"], (issuer, issuer + TOKEN), now)
        fresh = await self._database.write(
            PLATFORM, lambda tx: store.take_assertion_tx(tx, one.id, shown.jti, shown.expires_at * SECOND)
        )
        if not fresh:
            raise invalid_client("the client assertion was shown before; sign a new one for each request")


def _shown(form: Mapping[str, str], authorization: str) -> tuple[str, str | None, bool]:
    """Client id, secret (None where none is shown), and whether they came by Basic. One way only is taken."""
    is_basic = authorization[:6].lower() == "basic "
    if authorization and not is_basic:
        raise invalid_client("a client proves itself by Basic, by client_secret or by client_assertion", basic=True)
    ways = [is_basic, "client_secret" in form, "client_assertion" in form]
    if sum(ways) > 1:
        raise OAuthError("invalid_request", "the client proves itself in more than one way; choose one")
    if is_basic:
        name, secret = _basic(authorization[6:])
        if form.get("client_id", name) != name:
            raise OAuthError("invalid_request", "the client id in the form is another than that of the header")
        return name, secret, True
    if "client_assertion" in form:
        if form.get("client_assertion_type") != TYPE:
            raise OAuthError("invalid_request", f"client_assertion_type must be {TYPE}")
        return form.get("client_id") or issuer_of(form["client_assertion"]), None, False
    if not form.get("client_id"):
        raise invalid_client("the request names no client", basic=True)
    return form["client_id"], form.get("client_secret"), False


def _basic(text: str) -> tuple[str, str]:
    """Client id and secret, each percent-encoded once more before Base64 (RFC 6749 section 2.3.1)."""
    try:
        name, colon, secret = b64decode(text.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise invalid_client("the Authorization header cannot be read", basic=True) from problem
    if not colon:
        raise invalid_client("the Authorization header cannot be read", basic=True)
    return unquote_plus(name), unquote_plus(secret)
