"""Log-in through a provider outside into real accounts: the cookie is theirs, and so is its end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import SESSION, TOWN, Browser, Town

from kumihimo.app.federation import IdentityAccounts, open_paths
from kumihimo.base.call import NOBODY, Caller
from kumihimo.base.errors import Unauthenticated
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import SCHEMA as IDENTITY
from kumihimo.platform.outside.api import ENDED, LEAVE, MINE, routes
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
    identity = Identity(database, fake_clock, Seal(tmp_path / "keys" / "seal.key"))
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
    assert not await town.identity.is_operator(caller.actor.id)
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
