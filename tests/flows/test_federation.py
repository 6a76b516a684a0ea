"""Log-in through a provider outside into real accounts: the cookie is theirs, and so is its end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.flows.browser import Surfer
from tests.platform.identity.house import operates_nothing
from tests.platform.outside.house import (
    CLIENT,
    IDP,
    SECRET,
    SESSION,
    TOWN,
    Browser,
    Net,
    QuickMock,
    Town,
    send,
)

from kumihimo.app.federation import IdentityAccounts, federation_of, open_paths
from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.call import NOBODY, Caller
from kumihimo.base.errors import Unauthenticated
from kumihimo.base.ports import Credentials
from kumihimo.base.settings import Settings
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import SCHEMA as IDENTITY
from kumihimo.platform.outside.api import ENDED, LEAVE, MINE, routes
from kumihimo.platform.outside.mock.app import mock_app
from kumihimo.platform.outside.mock.issuer import Client
from kumihimo.platform.outside.mock.shapes import SHAPES
from kumihimo.platform.outside.models import Provider
from kumihimo.platform.outside.profiles import profile
from kumihimo.platform.outside.store import SCHEMA


class RealTown(Town):
    """A town whose accounts are those of the identity room."""

    identity: Identity

    async def caller(self, cookies: str) -> Caller:
        shown = Credentials("GET", "/", cookie=cookies, secure=True)
        try:
            return await self.identity.authenticate(shown) or NOBODY
        except Unauthenticated:
            return NOBODY


@pytest.fixture
async def town(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> RealTown:
    database = await database_factory([IDENTITY, SCHEMA])
    identity = Identity(database, fake_clock, Seal(tmp_path / "keys" / "seal.key"), operates_nothing)
    town = RealTown(database, fake_clock, accounts=IdentityAccounts(identity))
    town.identity = identity
    return town


async def caller_of(town: RealTown, browser: Browser) -> Caller:
    return await town.caller(f"{SESSION}={browser.cookies[TOWN].get(SESSION, '')}")


async def test_who_comes_from_outside_is_a_person_without_rights_and_leaves_with_the_providers_logout(
    town: RealTown,
) -> None:
    await town.register()
    browser = Browser(town)
    assert (await town.log_in(browser)).status == 303
    caller = await caller_of(town, browser)
    assert caller.actor.kind == "person"
    mine = await town.identity.mine(caller.actor.id)
    assert (mine.account.name, mine.account.password) == ("架空 太郎", "")
    assert mine.account.email == "taro@town.example.jp"
    assert [(one.how, one.address) for one in mine.logins] == [("outside", "203.0.113.7")]
    (grant,) = town.mock.sessions.values()
    await browser.post(f"/login/ended/{town.name}", {"logout_token": town.mock.logout_token(grant)})
    assert await caller_of(town, browser) == NOBODY


async def test_a_link_needs_the_proof_that_the_accounts_ask_for(town: RealTown, fake_clock: FakeClock) -> None:
    await town.register()
    browser = Browser(town)
    await town.log_in(browser)
    other = town.add_mock("https://other.example.jp", "other")
    await town.outside.providers.add(town.provider(name="other", issuer=other.issuer), "s3cret of the client")
    town.name = "other"
    fake_clock.advance(601)
    assert (await town.link(browser)).status == 403
    town.name = "idp"
    await town.log_in(browser)
    town.name = "other"
    assert (await town.link(browser, "hanako")).status == 303
    page = await browser.post("/me/outside", {"provider": "other", "action": "unlink"})
    assert page.status == 303
    page = await browser.post("/me/outside", {"provider": "idp", "action": "unlink"})
    assert page.status == 403


async def test_a_disabled_person_and_one_that_left_do_not_come_in_again(town: RealTown) -> None:
    await town.register()
    browser = Browser(town)
    await town.log_in(browser)
    await browser.post("/login/leave", {})
    assert await caller_of(town, browser) == NOBODY
    assert (await town.log_in(browser)).status == 303
    await town.identity.disable((await caller_of(town, browser)).actor.id)
    assert (await town.log_in(Browser(town))).status == 403


async def test_strangers_may_ask_for_what_a_log_in_needs_and_nothing_else(town: RealTown) -> None:
    def is_open(method: str, path: str) -> bool:
        asked = path.replace("{provider}", "idp")
        return any(method in one.methods and re.fullmatch(one.path, asked) for one in open_paths())

    every = {
        (method, route.path) for route in routes(town.outside) for method in route.methods or () if method != "HEAD"
    }
    closed = {one for one in every if not is_open(*one)}
    assert closed == {("POST", LEAVE), ("GET", MINE), ("POST", MINE)}
    assert ("POST", ENDED) in every


# --- the whole platform -------------------------------------------------------------------------------------

HERE = "http://localhost:8080"


@pytest.fixture
async def platform(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Platform]:
    """A closed platform, whose way out to providers leads to the mock of a Keycloak."""
    settings = Settings(data=str(tmp_path / "data"), port=8080, mqtt_port=-1)
    platform = wire(settings, fake_clock)
    net = Net()
    seal = Seal(tmp_path / "data" / "keys" / "seal.key")
    made = (platform.database, fake_clock, seal, platform.identity, net, lambda: HERE)
    platform.federation = federation_of(*made)
    client = Client(CLIENT, (f"{HERE}/login/from/idp",), SECRET, ended=f"{HERE}/login/ended/idp")
    mock = QuickMock(IDP, SHAPES["keycloak"], (client,), fake_clock, net)
    net.apps[IDP] = mock_app(mock, net)
    async with open_database(platform):
        await platform.database.add_tenant("kawa")
        platform.ready = True
        given = profile("keycloak", mock.issuer)
        one = Provider("idp", client_id=CLIENT, title_ja="町の職員", title_en="Town staff", signup="anyone", **given)
        await platform.federation.providers.add(one, SECRET)
        net.apps[HERE] = build_http(platform)
        yield platform


async def test_a_stranger_finds_the_provider_logs_in_by_it_and_has_no_right_to_any_town(platform: Platform) -> None:
    app = build_http(platform)
    surfer = Surfer(app)
    page = await surfer.get("/login?next=/me")
    assert 'href="/login/with/idp?next=/me"' in page.text
    assert "町の職員でログイン" in page.text
    assert "Log in with Town staff" in (await Surfer(app, lang="en").get("/login")).text
    location = (await surfer.get("/login/with/idp?next=/me")).header("location")
    net = platform.federation.party._fetch
    assert isinstance(net, Net)
    asked = await send(net.apps[IDP], "GET", location, {}, b"")
    name = re.search(r'name="asked" value="([^"]+)"', asked.text)
    assert name is not None
    form = {"content-type": "application/x-www-form-urlencoded"}
    chosen = await send(net.apps[IDP], "POST", location, form, f"asked={name[1]}&person=taro".encode())
    reply = await surfer.get(chosen.location.removeprefix(HERE), sec_fetch_site="cross-site")
    assert (reply.status, reply.header("location")) == (303, "/me")
    mine = await surfer.get("/me")
    assert "架空 太郎" in mine.text
    assert 'href="/me/outside"' in mine.text
    assert "町の職員" in (await surfer.get("/me/outside")).text
    assert (await surfer.get("/t/kawa/entities")).status in (403, 404)
    assert (await surfer.post("/login/leave")).status == 200
    assert (await surfer.get("/me")).header("location").startswith("/login")
