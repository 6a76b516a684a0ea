"""A provider with one person, two applications and the pages around it, asked without sockets."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client, Reply

from kumihimo.base import times
from kumihimo.base.call import Actor, Caller
from kumihimo.base.errors import Unauthenticated
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.provider import api
from kumihimo.platform.provider.applications import Made
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.models import Lifetimes, Login
from kumihimo.platform.provider.pages import page_routes
from kumihimo.platform.provider.screens import PACKAGE
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.storage.database import Database

ISSUER = "http://localhost:8080"
BACK = "https://app.example.jp/cb"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class People:
    """Whoever sends the cookie `who=<account>` is logged in as that, by the log-in `l-<account>`."""

    clock: FakeClock
    login_at: int = 0
    amr: tuple[str, ...] = ("pwd", "otp")
    closed: set[str] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)

    async def __call__(self, credentials: Credentials) -> Caller | None:
        sent = [part.strip().partition("=") for part in credentials.cookie.split(";")]
        name = next((value for key, _, value in sent if key == "who"), "")
        if not name:
            return None
        if name == "stale":
            raise Unauthenticated("the log-in is over")
        kind: Any = "application" if name.startswith("a-") else "person"
        return Caller(Actor(kind, name), login=f"l-{name}", name="花子")

    async def login(self, caller: Caller) -> Login | None:
        if caller.login in self.ended:
            return None
        return Login(self.login_at or times.micros(self.clock.now()), "urn:kumihimo:two-factors", self.amr)

    async def claims(self, account: str, scopes: frozenset[str]) -> Mapping[str, Any] | None:
        if account in self.closed:
            return None
        told = {"name": "花子", "locale": "ja"} if "profile" in scopes else {}
        return {**told, **({"email": "hanako@example.jp"} if "email" in scopes else {})}

    async def end(self, caller: Caller) -> None:
        self.ended.append(caller.login)


@dataclass
class House:
    provider: Provider
    people: People
    client: Client
    clock: FakeClock
    database: Database
    web: Made
    """Third-party, confidential."""
    spa: Made
    """The tenant's own, public."""

    # --- the browser ---

    async def authorize(self, who: str = "p-1", method: str = "GET", **changes: Any) -> Reply:
        headers = {"cookie": f"who={who}"} if who else {}
        asked = request(self.web.application.id, **changes)
        if method == "POST":
            return await self.client.post("/oauth/authorize", asked, {**FORM, **headers})
        return await self.client.get(f"/oauth/authorize?{urlencode(asked)}", headers)

    async def answer(self, page: Reply, answer: str = "allow", who: str = "p-1") -> Reply:
        form = {"ticket": hidden(page.text, "ticket"), "answer": answer}
        return await self.client.post("/oauth/consent", form, {**FORM, "cookie": f"who={who}"})

    async def code(self, who: str = "p-1", **changes: Any) -> str:
        reply = await self.authorize(who, **changes)
        if reply.status == 200:
            reply = await self.answer(reply, who=who)
        assert reply.status == 303, reply.text
        found = answered(reply)
        assert found["iss"] == ISSUER, found
        return found["code"]

    # --- the application ---

    async def token(self, made: Made | None = None, headers: Mapping[str, str] | None = None, **form: Any) -> Reply:
        made = made or self.web
        given = {**FORM, **(basic(made) if made.secret else {}), **(headers or {})}
        if not made.secret:
            form = {"client_id": made.application.id, **form}
        return await self.client.post("/oauth/token", form, given)

    async def exchange(self, code: str, made: Made | None = None, **changes: Any) -> Reply:
        form: dict[str, Any] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        }
        return await self.token(made, **{**form, **changes})

    async def tokens(self, **changes: Any) -> dict[str, Any]:
        reply = await self.exchange(await self.code(**changes))
        assert reply.status == 200, reply.text
        found: dict[str, Any] = json.loads(reply.body)
        return found

    async def caller(self, token: str) -> Caller | None:
        return await self.provider.bearer(Credentials("GET", "/", authorization=f"Bearer {token}"))


async def furnished(database: Database, clock: FakeClock, folder: Path, lifetimes: Lifetimes | None = None) -> House:
    for tenant in ("mytown", "othertown"):
        await database.add_tenant(tenant)
    people = People(clock)
    seal = Seal(folder / "keys" / "provider.key")
    provider = Provider(database, clock, lambda: ISSUER, people, people, seal, lifetimes)
    live: Any = None
    console = Console([], load_words([OWN_PACKAGE, PACKAGE]), tenants=database.tenants, live=live)
    app = Starlette(routes=[*api.routes(provider), *page_routes(provider, console.page)])
    scopes = ["openid", "profile", "email", "ngsi-ld:read", "ngsi-ld:write"]
    web = await provider.applications.add(
        "mytown", "図書館アプリ", "confidential", scopes=scopes, redirect_uris=[BACK],
        logout_uris=["https://app.example.jp/bye"], made_by="person:operator",
    )  # fmt: skip
    spa = await provider.applications.add(
        "mytown", "map", "public", scopes=scopes, redirect_uris=["https://map.example.jp/cb"], is_own=True
    )
    return House(provider, people, Client(app), clock, database, web, spa)


def request(client: str, **changes: Any) -> dict[str, str]:
    """An authorization request in order; None takes a parameter away."""
    given: dict[str, Any] = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": BACK,
        "scope": "openid profile ngsi-ld:read",
        "state": "s-1",
        "nonce": "n-1",
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def answered(reply: Reply, to: str = BACK) -> dict[str, str]:
    """What stands in the query of where the browser is sent; it must be this address and no other."""
    location = reply.headers["location"]
    assert location.partition("?")[0] == to.partition("?")[0], location
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), location
    return dict(pairs)


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    _, _, rest = page.partition(f'name="{name}" value="')
    assert rest, page
    return rest.partition('"')[0]


def basic(made: Made) -> dict[str, str]:
    shown = b64encode(f"{made.application.id}:{made.secret}".encode()).decode()
    return {"authorization": f"Basic {shown}"}


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def next_of(reply: Reply) -> dict[str, str]:
    """By way of which page, and where that is to lead back to."""
    page, _, query = reply.headers["location"].partition("?")
    (back,) = parse_qs(query)["next"]
    assert len(back) <= 2048
    path, _, given = back.partition("?")
    return {"by": page, "path": path, **dict(parse_qsl(given))}
