"""A town with a mock provider, both in this process; browsers are moved by hand, so that one can stand for another."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.fakes import FakeClock

from kumihimo.base.call import NOBODY, Actor, Caller
from kumihimo.base.errors import StorageRefused
from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.outside.api import routes
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.outside.mock.app import mock_app
from kumihimo.platform.outside.mock.issuer import Client, MockIssuer
from kumihimo.platform.outside.mock.shapes import SHAPES, Shape
from kumihimo.platform.outside.models import Accounts, Entered, Provider, Visitor
from kumihimo.platform.outside.profiles import profile
from kumihimo.storage.database import Database

TOWN, IDP = "https://town.example.jp", "https://idp.example.jp"
CLIENT, SECRET = "RP00000001", "s3cret of the client"
SESSION, UNDER_WAY = "__Host-kumihimo", "__Host-kumihimo-with"
KEY = AESGCM(bytes(32))


class Sealing:
    """Implements Sealer under a key that everybody knows."""

    def seal(self, purpose: str, secret: bytes) -> str:
        nonce = secrets.token_bytes(12)
        return (nonce + KEY.encrypt(nonce, secret, purpose.encode())).hex()

    def unseal(self, purpose: str, sealed: str) -> bytes:
        try:
            raw = bytes.fromhex(sealed)
            return KEY.decrypt(raw[:12], raw[12:], purpose.encode())
        except (InvalidTag, ValueError) as problem:
            raise StorageRefused("it does not fit") from problem


@dataclass
class People:
    """Implements Accounts; a log-in is fresh until it is said not to be."""

    names: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    logins: dict[str, str] = field(default_factory=dict)
    visits: list[Visitor] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)
    ways: int = 0

    async def may_log_in(self, account: str) -> bool:
        return account in self.names and account not in self.disabled

    async def create(self, name: str, email: str, language: str) -> str:
        account = f"p-{len(self.names)}"
        self.names[account] = (name, email, language)
        return account

    async def log_in(self, account: str, visitor: Visitor) -> Entered:
        login = f"login-{len(self.visits)}"
        self.logins[login] = account
        self.visits.append(visitor)
        return Entered(SESSION, f"cookie-of-{login}", login)

    async def is_fresh(self, caller: Caller) -> bool:
        return caller.login not in self.stale

    async def own_ways(self, account: str) -> int:
        return self.ways

    async def end(self, account: str, login: str) -> None:
        if self.logins.get(login) == account:
            del self.logins[login]

    def caller(self, cookies: str) -> Caller:
        found = re.search(rf"{SESSION}=cookie-of-([\w-]+)", cookies)
        if found is None or found[1] not in self.logins:
            return NOBODY
        return Caller(Actor("person", self.logins[found[1]]), login=found[1])


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


async def send(app: ASGIApp, method: str, url: str, headers: Mapping[str, str], body: bytes, **state: Any) -> Page:
    """One request to an application in this process."""
    parts = urlsplit(url)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(b"host", parts.netloc.encode()), *raw],
        "client": ("203.0.113.7", 4711),
        "server": (parts.hostname, 443),
        "state": {"request_id": "r1", **state},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def keep(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, keep)
    pairs = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    cookies = tuple(value for name, value in pairs if name == "set-cookie")
    return Page(sent[0]["status"], dict(pairs), cookies, b"".join(one.get("body", b"") for one in sent[1:]))


Way = Callable[[str, str, Mapping[str, str], bytes], Awaitable[HttpAnswer]]


@dataclass
class Net:
    """Implements HttpFetch between the applications; `instead` answers for an address by its end."""

    apps: dict[str, ASGIApp] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    instead: dict[str, Way] = field(default_factory=dict)

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        self.asked.append((method, url, dict(headers or {}), body))
        for end, way in self.instead.items():
            if url.endswith(end):
                answer = await way(method, url, headers or {}, body)
                return HttpAnswer(answer.status, answer.headers, answer.body[:max_bytes])
        parts = urlsplit(url)
        app = self.apps.get(f"{parts.scheme}://{parts.netloc}")
        if app is None:
            raise OSError(f"{parts.hostname}: nobody is there")
        page = await send(app, method, url, headers or {}, body)
        return HttpAnswer(page.status, page.headers, page.body[:max_bytes])

    def count(self, end: str) -> int:
        return sum(url.endswith(end) for _, url, _, _ in self.asked)


KEYS: dict[str, RSAKey | ECKey] = {}


class QuickMock(MockIssuer):
    """A mock whose first key is made once for all tests; the next ones are its own."""

    def new_key(self) -> RSAKey | ECKey:
        if not hasattr(self, "key"):
            return KEYS.setdefault(self.shape.alg, KEYS.get(self.shape.alg) or super().new_key())
        return super().new_key()


class Town:
    """The platform's side, and the mock of a provider of this shape at which it is registered as `name`."""

    def __init__(
        self,
        database: Database,
        clock: FakeClock,
        shape: str = "keycloak",
        name: str = "idp",
        accounts: Accounts | None = None,
    ) -> None:
        self.clock = clock
        self.net = Net()
        self.people = People()
        self.database = database
        self.outside = Outside(database, clock, Sealing(), accounts or self.people, self.net, lambda: TOWN)
        self.app = Starlette(routes=list(routes(self.outside)))
        self.net.apps[TOWN] = self._with_caller
        self.shape: Shape = SHAPES[shape]
        self.name = name
        self.mock = self.add_mock(IDP, name)

    async def caller(self, cookies: str) -> Caller:
        """Who shows these cookies."""
        return self.people.caller(cookies)

    def add_mock(self, base: str, name: str, kind: type[MockIssuer] = QuickMock) -> MockIssuer:
        client = Client(
            CLIENT,
            (f"{TOWN}/login/from/{name}",),
            SECRET,
            f"{TOWN}/login/keys/{name}",
            f"{TOWN}/login/ended/{name}",
            (f"{TOWN}/login/left",),
        )
        mock = kind(base, self.shape, (client,), self.clock, self.net)
        self.net.apps[base] = mock_app(mock, self.net)
        return mock

    async def _with_caller(self, scope: Scope, receive: Receive, send_: Send) -> None:
        cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
        scope["state"]["caller"] = await self.caller(cookies)
        await self.app(scope, receive, send_)

    def provider(self, **more: Any) -> Provider:
        profiles = {"keycloak": "keycloak", "entra": "entra", "digital-auth-app": "digital-auth-app"}
        given = profile(profiles[self.shape.name], self.mock.issuer)
        return Provider(**{"name": self.name, "client_id": CLIENT, "signup": "anyone", **given, **more})

    async def register(self, **more: Any) -> Provider:
        one = self.provider(**{"signup": "anyone", **more})
        return await self.outside.providers.add(one, "" if one.auth == "private_key_jwt" else SECRET)

    async def log_in(self, browser: Browser, person: str = "taro", way: str = "/t/fukui/entities") -> Page:
        """The whole way; the page that the town answers with at last."""
        page = await browser.get(f"{TOWN}/login/with/{self.name}?{urlencode({'next': way})}")
        return await browser.get(await self.choose(browser, page.location, person))

    async def choose(self, browser: Browser, location: str, person: str = "taro") -> str:
        """Chooses somebody at the provider; the address to which it sends the browser back."""
        page = await browser.get(location)
        asked = re.search(r'name="asked" value="([^"]+)"', page.text)
        assert asked is not None, page
        return (await browser.post(location, {"asked": asked[1], "person": person})).location

    async def link(self, browser: Browser, person: str = "taro") -> Page:
        page = await browser.post(f"{TOWN}/me/outside", {"provider": self.name, "action": "link"})
        found = re.search(r'<a href="([^"]+)" rel="noreferrer">', page.text)
        if found is None:
            return page
        return await browser.get(await self.choose(browser, found[1].replace("&amp;", "&"), person))


class Browser:
    """Keeps cookies by host, sends forms as pages of the same origin do, follows nothing by itself."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.cookies: dict[str, dict[str, str]] = {}

    async def get(self, url: str) -> Page:
        return await self._send("GET", url, {}, b"")

    async def post(self, url: str, form: Mapping[str, str], **headers: str) -> Page:
        own = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **headers}
        return await self._send("POST", url, own, urlencode(form).encode())

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Page:
        url = urljoin(TOWN, url)
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        jar = self.cookies.setdefault(origin, {})
        cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        page = await send(self._town.net.apps[origin], method, url, {**headers, **cookie}, body)
        for one in page.cookies:
            name, _, value = one.partition(";")[0].partition("=")
            if "Max-Age=0" in one:
                jar.pop(name, None)
            else:
                jar[name] = value
        return page

    def enter(self, town: Town, account: str) -> None:
        """Is logged in as somebody, by a way of the town's own."""
        login = f"own-{account}"
        town.people.names.setdefault(account, (account, "", "ja"))
        town.people.logins[login] = account
        self.cookies.setdefault(TOWN, {})[SESSION] = f"cookie-of-{login}"


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))
