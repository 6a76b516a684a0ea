"""A person allows an application in real Chromium, takes it back, and an operator sees the applications page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from tests.browser.conftest import Open, Serve
from tests.browser.watch import Watch
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.provider.house import House, furnished, request

from kumihimo.platform.provider import api
from kumihimo.platform.provider.pages import page_routes
from kumihimo.platform.provider.screens import PACKAGE, application_screens
from kumihimo.platform.provider.store import SCHEMA
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


async def landing(request: Request) -> HTMLResponse:
    """The application's own page, of another origin."""
    return HTMLResponse(f"<!doctype html><html lang=en><title>back</title><p>{sorted(request.query_params)}")


async def no_icon(_: Request) -> Response:
    """What a browser asks of every origin, whenever it likes."""
    return Response(status_code=204)


@pytest.fixture
async def house(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> House:
    return await furnished(await database_factory([SCHEMA]), fake_clock, tmp_path)


def application_of(house: House) -> Starlette:
    async def allow(call: Any) -> None:
        return None

    live: Any = None
    screens = application_screens(house.provider.applications, allow)
    console = Console(screens, load_words([OWN_PACKAGE, PACKAGE]), tenants=house.database.tenants, live=live)
    return Starlette(
        routes=[*api.routes(house.provider), *page_routes(house.provider, console.page), *console.routes()]
    )


async def looked_at(watch: Watch, shots: Path, name: str) -> None:
    """Accessible, quiet, and no wider than its window."""
    await watch.page.screenshot(path=shots / f"{name}.png", full_page=True)
    # The stream of the page's changes is not part of this house.
    problems = [one for one in watch.problems if "/live" not in one and "status of 500" not in one]
    assert (await watch.violations(), problems, await watch.overflow()) == ([], [], 0), name
    watch.problems.clear()


async def test_a_person_allows_an_application_and_takes_it_back(
    house: House, serve: Serve, open_page: Open, shots: Path
) -> None:
    there = await serve(Starlette(routes=[Route("/cb", landing), Route("/favicon.ico", no_icon)]))
    here = await serve(application_of(house))
    back = f"{there.url}/cb"
    made = await house.provider.applications.add(
        "mytown", "図書館", "confidential", scopes=["openid", "ngsi-ld:read"], redirect_uris=[back]
    )
    watch = await open_page("about:blank", lang="ja", width=390)
    await watch.context.add_cookies([{"name": "who", "value": "p-1", "url": here.url}])
    asked = request(made.application.id, redirect_uri=back, scope="openid ngsi-ld:read")
    await watch.page.goto(f"{here.url}/oauth/authorize?{urlencode(asked)}")
    await looked_at(watch, shots, "consent")
    await watch.page.get_by_role("link", name="やさしい日本語").click()
    await watch.page.wait_for_url("**lang=ja-easy*")
    await watch.page.get_by_text("データを つかいたいと").wait_for()
    await looked_at(watch, shots, "consent-easy")
    await watch.page.locator("button[value=allow]").click()
    await watch.page.wait_for_url(f"{back}?*")
    assert await watch.page.text_content("p") == "['code', 'iss', 'state']"
    await watch.page.goto(f"{here.url}/me/applications")
    await looked_at(watch, shots, "mine")
    await watch.page.locator("main form button").click()
    await watch.page.locator(".km-empty").wait_for()
    assert await house.provider.authorize.consents("p-1") == []
    await watch.page.goto(f"{here.url}/oauth/end-session")
    await looked_at(watch, shots, "logout")
    await watch.page.set_viewport_size({"width": 1280, "height": 900})
    await watch.page.goto(f"{here.url}/t/mytown/applications?lang=en")
    await looked_at(watch, shots, "applications")
    await watch.page.fill("#name", "csv")
    await watch.page.select_option("#kind", "key")
    await watch.page.check("[name='scope.ngsi-ld:read']")
    await watch.page.locator("button", has_text="Add an application").click()
    await watch.page.locator("#made-title").wait_for()
    await looked_at(watch, shots, "made")
    assert (await watch.page.locator(".km-command code").text_content() or "").startswith("kmh_")
    await watch.page.set_viewport_size({"width": 390, "height": 900})
    await watch.page.goto(f"{here.url}/t/mytown/applications/{made.application.id}?lang=ja")
    await looked_at(watch, shots, "application")
    await watch.page.fill("#redirect_uris", "http://evil.example/")
    await watch.page.locator("main button", has_text="保存する").click()
    await watch.page.locator("[role=alert]").wait_for()
    await watch.page.fill("#redirect_uris", back)
    await watch.page.fill("#name", "図書館 2")
    await watch.page.locator("main button", has_text="保存する").click()
    await watch.page.get_by_text("図書館 2").first.wait_for()
