"""The pages of members, policies, agreements and emergencies in a real browser: accessible, and fit for a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from tests.browser.conftest import Open, Serve
from tests.fakes import FakeClock
from tests.platform.access.directory import OneSato
from tests.service.console.console_town import SCHEMAS, Factory

from kumihimo.base.call import Actor, Call
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.explain import Subject
from kumihimo.platform.access.screens import access_screens, platform_screens
from kumihimo.platform.access.sharing import PACKAGE, Names
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

RIVER = Subject("urn:ngsi-ld:River:1", ("https://example.org/River",), ("/fukui",), {"https://example.org/level": (1,)})
FORBID = 'forbid (principal, action, resource) when { context.attribute == "https://example.org/level" };'
SHARED = 'permit (principal in Role::"sabae/officer", action == Action::"read", resource is Entity);'
TRIED = "actor=person:p-1&action=read&entity=urn:ngsi-ld:River:1&attribute="
PAGES = {
    "members": "/members",
    "policies": "/policies",
    "policy": "/policies/levels?version=2",
    "check": "/access-check",
    "check-yes": f"/access-check?{TRIED}name",
    "check-no": f"/access-check?{TRIED}level",
    "agreements": "/agreements",
    "emergency": "/emergency",
}
OFFER = {"taker": "sabae", "role": "officer", "purpose": "水防", "starts": "2026-01-01", "ends": "2026-12-31"}
ABOVE = {"members": "/members", "policies": "/policies", "policy": "/policies/operator"}
"""Those of the platform itself."""


@pytest.fixture
async def app(database_factory: Factory, fake_clock: FakeClock) -> Starlette:
    """Something on every page."""
    database = await database_factory([*SCHEMAS, SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("fukui", "sabae"):
        await database.add_tenant(tenant)
    rules = StoredRules(database, fake_clock)
    person = Actor("person", "p-1")
    await rules.members.add("", person, "operator", "command line", why="導入")
    await rules.members.add("fukui", person, "officer", "command line", why="異動")
    gone = await rules.members.add("fukui", Actor("application", "a-1"), "business", "person:p-1")
    await rules.members.end("fukui", gone.id, "person:p-1", "契約終了")
    for text in (FORBID, f"// 水位\n{FORBID}"):
        await rules.documents.put("fukui", "levels", text, "person:p-1", "試験")
    now = rules.changes.now()
    for giver, taker in (("fukui", "sabae"), ("sabae", "fukui")):
        await rules.agreements.offer(
            giver,
            taker,
            "officer",
            purpose="水防の共同対応",
            text=SHARED.replace("sabae", taker),
            starts_at=now,
            ends_at=now + 10**13,
            by="person:p-1",
        )
    past = await rules.emergencies.ask("fukui", person, "訓練", 1)
    await rules.emergencies.end("fukui", past.id, "person:p-1")
    await rules.emergencies.ask("fukui", person, "足羽川氾濫", 24)

    async def look(tenant: str, id_: str) -> Subject | None:
        return RIVER if (tenant, id_) == ("fukui", RIVER.id) else None

    async def kinds(call: Call) -> list[str]:
        return ["Pond", "River"] if call.tenant == "fukui" else []

    access = Access(True, rules, fake_clock)
    live = Live(database, MemoryBus(), access, Contexts().core.compact)
    screens = access_screens(access, rules, look, Names(lambda term: f"https://example.org/{term}", kinds), OneSato())
    words = load_words([OWN_PACKAGE, PACKAGE])
    above = platform_screens(access, rules, str, OneSato())
    console = Console(screens, words, tenants=database.tenants, live=live, clock=fake_clock, platform=above)
    return Starlette(routes=console.routes())


async def test_pages_of_access_are_accessible_and_fit_a_phone(
    app: Starlette, serve: Serve, open_page: Open, shots: Path
) -> None:
    served = await serve(app)
    watch = await open_page(served.url, lang="ja", width=360)
    found = {}
    places = {name: f"/t/fukui{path}" for name, path in PAGES.items()}
    places |= {f"platform-{name}": f"/platform{path}" for name, path in ABOVE.items()}
    for name, path in places.items():
        await watch.page.goto(f"{served.url}{path}")
        await watch.page.screenshot(path=shots / f"access-{name}.png", full_page=True)
        found[name] = (await watch.violations(), await watch.overflow())
    await watch.page.goto(f"{served.url}/t/fukui/agreements")
    for name, value in OFFER.items():
        await watch.page.fill(f"#{name}", value)
    await watch.page.check('[name="type.River"]')
    for step, types in (("wrong", 'a"b'), ("checked", "Lake")):
        await watch.page.fill("#types", types)
        await watch.page.click('button[value="check"]')
        await watch.page.wait_for_selector("#types-wrong" if step == "wrong" else 'button[value="offer"]')
        await watch.page.screenshot(path=shots / f"access-agreement-{step}.png", full_page=True)
        found[step] = (await watch.violations(), await watch.overflow())
    assert {name: value for name, value in found.items() if value != ([], 0)} == {}
