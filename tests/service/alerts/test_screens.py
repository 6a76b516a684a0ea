"""The pages of alerts that rules raise: from the rule set's door to the decision; who may not see the entity whole
finds no trace of its alert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.contracts.test_rules import GAUGE, HIGH, OFFICER, STRANGER, World, rule, rule_set
from tests.fakes import DatabaseFactory, FakeClock
from tests.service.console.asgi_client import Client, Reply

from kumihimo.app.rules import SOURCE, about
from kumihimo.base.call import Actor, Call, Caller
from kumihimo.base.errors import Problem
from kumihimo.platform.access.store import PLATFORM_SCHEMA
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.service.alerts.chain import DecisionLog, Logged, Seat
from kumihimo.service.alerts.decision_pages import Happening, LogDoors
from kumihimo.service.alerts.facts import Titles
from kumihimo.service.alerts.models import Alert, Content, Sighting
from kumihimo.service.alerts.screens import AlertDoors, alert_screens
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.alerts.whole import Whole
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.kpi.models import temporal_path
from kumihimo.service.rules.store import SCHEMA as RULES

OTHER = "urn:ngsi-ld:Gauge:2"
ALERT = '\n[[rule.then]]\ndo = "alert"\nseverity = {}\ntitle_ja = "高い {}"\ntitle_en = "=high {}"\n'
TITLE = "{entity.id} {entity.level}"
HIDE = f"""permit (principal in Role::"officer", action == Action::"read", resource is Entity);
forbid (principal in Role::"officer", action == Action::"read", resource == Entity::"{GAUGE}")
  when {{ context.attribute == "{DEFAULT_VOCAB}%s" }};"""
AUDITOR = Call("town", Actor("person", "p-4"))


async def wings(tenant: str) -> tuple[str, ...]:
    """Those that run in the town."""
    return ("flood", "wildlife") if tenant == "town" else ()


class Pages:
    """The room's pages in the console's shell, with the town's real policies."""

    def __init__(self, world: World) -> None:
        self.world = world
        whole = Whole(world.alerts, world.house.broker, wings, about)
        compact = Contexts(None).core.compact
        doors = AlertDoors(
            world.alerts, world.house.broker, whole, self.rights, self.may_decide, compact, self.log(whole, compact)
        )
        words = load_words([OWN_PACKAGE, "kumihimo.service.alerts"])
        live: Any = None
        console = Console(
            alert_screens(doors), words, tenants=world.database.tenants, live=live, clock=world.clock, allow=self.allow
        )
        self.console = Starlette(routes=console.routes())
        self.caller = OFFICER.actor

    def log(self, whole: Whole, compact: Callable[[str], str]) -> LogDoors:
        seats = [Seat("", {"ja": "規則", "en": "Rules"}, "/alerts/{id}", whole)]
        log = DecisionLog(self.world.alerts, self.world.house.broker, seats)
        return LogDoors(self.world.alerts, log, self.rights, self.followed, compact, temporal_path, self.titles)

    async def titles(self, tenant: str) -> Titles:
        return {"level": {"ja": "水位計の<値>", "en": "Level <m>"}} if tenant == "town" else {}

    async def followed(self, call: Call, logged: Logged) -> list[Happening]:
        return [Happening(logged.decision.at, "task", {"ja": call.tenant, "en": "look there"}, "open")]

    def app(self) -> Callable[..., Any]:
        async def as_person(scope: Any, receive: Any, send: Any) -> None:
            await self.console({**scope, "state": {"caller": Caller(self.caller)}}, receive, send)

        return as_person

    async def rights(self, call: Call) -> Any:
        return await self.world.access.decide(call, "read")

    async def may_decide(self, call: Call) -> bool:
        try:
            await self.world.access.decide(call, "approve")
        except Problem:
            return False
        return True

    async def allow(self, call: Call, needs: str) -> None:
        action: Any = needs
        await self.world.access.decide(call, action)

    async def get(self, path: str, call: Call = OFFICER, lang: str = "en") -> Reply:
        self.caller = call.actor
        return await Client(self.app()).get(f"/t/town{path}", {"accept-language": lang})

    async def post(self, path: str, form: dict[str, str], call: Call = OFFICER) -> Reply:
        self.caller = call.actor
        return await Client(self.app()).post(f"/t/town{path}?lang=en", form)


@pytest.fixture
async def world(database_factory: DatabaseFactory, fake_clock: FakeClock) -> World:
    database = await database_factory([SCHEMA, HISTORY, ACCESS, PLATFORM_SCHEMA, ALERTS, RULES])
    await database.add_tenant("town")
    world = World(database, fake_clock)
    for person, role in ((OFFICER, "operator"), (STRANGER, "officer"), (AUDITOR, "auditor")):
        await world.rules.members.add("town", person.actor, role, "test")
    return world


@pytest.fixture
def pages(world: World) -> Pages:
    return Pages(world)


async def raised(world: World) -> list[Alert]:
    """Two alerts of rules over the rule sets' own door, the graver one about GAUGE, which has a note; GAUGE's first."""
    for number, (name, entity) in enumerate((("grave", GAUGE), ("light", OTHER))):
        when = f"condition = \"entity.level > 3 && entity.id == '{entity}'\""
        await world.put(rule_set(rule(name, when=when, then=ALERT.format(4 - 2 * number, TITLE, TITLE)), name=name))
    await world.level(8.125, note="CANARY")
    await world.level(4.0, OTHER)
    await world.go()
    found = await world.alerts.list("town", source=SOURCE)
    assert [about(one.subject) for one in found] == [GAUGE, OTHER]
    return found


async def test_a_rules_alert_is_shown_and_decided_on_once_with_reason_and_name(world: World, pages: Pages) -> None:
    assert "There is no alert" in (await pages.get("/alerts")).text
    assert "Nothing was decided" in (await pages.get("/alerts/decisions")).text
    alert, other = await raised(world)
    page = (await pages.get("/alerts")).text
    assert page.index(alert.content.title["en"]) < page.index(other.content.title["en"]), "the graver one first"
    path = f"/alerts/{alert.id}"
    for lang, title, row in (
        ("ja", f"高い {GAUGE} 8.125", "規則セット</th>"),
        ("en", f"=high {GAUGE} 8.125", '<th scope="row">Level &lt;m&gt;</th>'),
    ):
        page = (await pages.get(path, lang=lang)).text
        assert (row in page, "<code>note</code>" in page) == (True, True), "by its title, else by its plain name"
        assert all(word in page for word in (title, "grave", GAUGE, "CANARY", 'value="accepted"'))
    await world.level(9.25)
    assert "9.25" in (await pages.get(path)).text, "what stands now"
    assert 'value="accepted"' not in (await pages.get(path, STRANGER)).text
    form = {"version": str(alert.version), "verdict": "accepted"}
    assert (await pages.post(path, {**form, "reason": "no right"}, STRANGER)).status == 403
    for bad in (
        {**form, "reason": " "},
        {**form, "reason": "x", "verdict": "x"},
        {**form, "reason": "x", "version": ""},
    ):
        refused = await pages.post(path, bad)
        assert (refused.status, "The decision was not taken" in refused.text) == (400, True)
    old = await pages.post(path, {**form, "version": "9", "reason": "kept <words>"})
    assert (old.status, "has changed since" in old.text, "kept &lt;words&gt;" in old.text) == (409, True, True)
    taken = await pages.post(path, {**form, "reason": "=sandbags"})
    assert (taken.status, taken.headers["location"]) == (303, f"/t/town{path}")
    page = (await pages.get(path)).text
    assert all(word in page for word in ("=sandbags", "p-1", "This stage is decided", "Level &lt;m&gt;: 9.25"))
    assert (await pages.post(path, {**form, "reason": "again"})).status == 409
    page = (await pages.get("/alerts")).text
    assert page.index(other.content.title["en"]) < page.index(alert.content.title["en"]), "the undecided one first"
    assert "=sandbags" in (await pages.get("/alerts/decisions")).text
    table = (await pages.get("/alerts/decisions.csv")).body.decode("utf-8-sig")
    assert ",'=sandbags,grave / grave," in table, "no cell runs as a formula"
    assert table.splitlines()[1].split(",")[1] == f"'=high {GAUGE} 8.125"


async def test_an_alert_that_is_over_stands_behind_and_takes_no_decision(world: World, pages: Pages) -> None:
    then = ALERT.format(3, "{entity.id}", "{entity.id}")
    await world.put(rule_set(rule("rise", when=HIGH + '\nrepeat = "rise"', then=then)))
    for level in (4.0, 1.0):
        await world.level(level)
    await world.go()
    await world.level(4.0, OTHER)
    await world.go()
    page = (await pages.get("/alerts")).text
    assert page.index(f"=high {OTHER}") < page.index('id="alerts-closed"') < page.index(f"=high {GAUGE}")
    [closed] = [one for one in await world.alerts.list("town") if one.state == "closed"]
    assert "before anybody decided" in (await pages.get(f"/alerts/{closed.id}")).text
    form = {"version": str(closed.version), "verdict": "accepted", "reason": "late"}
    assert (await pages.post(f"/alerts/{closed.id}", form)).status == 409


@pytest.mark.parametrize("hidden", ["level", "note", "gone"])
async def test_where_one_attribute_of_its_entity_is_hidden_the_alert_is_not_there(
    world: World, pages: Pages, hidden: str
) -> None:
    """Also one that the entity no longer has: the alert may have been made from it."""
    alert, other = await raised(world)
    for one in (alert, other):
        form = {"version": "1", "verdict": "rejected", "reason": f"CANARY {one.content.title['en']}"}
        await pages.post(f"/alerts/{one.id}", form)
    before = (await pages.get(f"/alerts/{alert.id}", STRANGER)).status
    await world.rules.documents.put("town", "officer", HIDE % hidden, "test", "hidden")
    assert (before, (await pages.get(f"/alerts/{alert.id}", STRANGER)).status) == (200, 404)
    number = alert.id.rpartition(":")[2]
    nobody = await pages.get(f"/alerts/{alert.id.replace(number, 'none')}", STRANGER)
    there = await pages.get(f"/alerts/{alert.id}", STRANGER)
    assert there.text.replace(number, "none") == nobody.text
    for path in ("/alerts", "/alerts/decisions", "/alerts/decisions.csv", f"/alerts/{other.id}"):
        for lang in ("ja", "en"):
            page = await pages.get(path, STRANGER, lang)
            assert page.status == 200
            assert other.content.title[lang] in page.text, "what is about another entity is there"
            assert not any(word in page.text for word in (GAUGE, "8.125", alert.id)), path
    whole = Whole(world.alerts, world.house.broker, wings, about)
    grant = await pages.rights(STRANGER)
    assert [one.alert.id for one in await whole.list("town", grant, limit=1)] == [other.id], "it takes no place"
    assert len(await whole.decisions("town", grant, limit=1)) == 1


async def test_who_decided_goes_with_the_alerts_own_entity(world: World, pages: Pages) -> None:
    alert, _ = await raised(world)
    await pages.post(f"/alerts/{alert.id}", {"version": "1", "verdict": "accepted", "reason": "SECRET reason"})
    paths = (f"/alerts/{alert.id}", "/alerts/decisions", "/alerts/decisions.csv")
    for path in paths:
        assert "SECRET reason" in (await pages.get(path, STRANGER)).text
    text = f"""permit (principal in Role::"officer", action == Action::"read", resource is Entity)
      unless {{ resource.id == "{alert.id}" }};"""
    await world.rules.documents.put("town", "officer", text, "test", "not who decided")
    for path in paths:
        page = await pages.get(path, STRANGER)
        assert (page.status, "not shown to you" in page.text) == (200, True)
        assert "SECRET" not in page.text
        assert "(p-1)" not in page.text


async def test_alerts_of_wings_and_those_about_no_entity(world: World, pages: Pages) -> None:
    """A wing's are not here; what is about nothing, whoever reads everything sees, and no entity of that name helps."""
    system = Call("town", Actor("system", "test"))
    content = Content({"ja": "警報", "en": "CANARY alert"}, facts={"entity": ""})
    of_set = "urn:ngsi-ld:RuleSet:nightly"
    fake: Any = {"id": of_set, "type": [DEFAULT_VOCAB + "Gauge"], "attrs": {}}
    await world.house.broker.apply(system, [Change(Op.UPSERT, of_set, fake)])
    river = await world.alerts.sight(system, Sighting("flood", GAUGE, 3, 5, content))
    night = await world.alerts.sight(system, Sighting(SOURCE, f"{of_set}#nightly/night", 3, 5, content))
    assert river is not None
    assert night is not None
    assert (await pages.get(f"/alerts/{river.id}")).status == 404
    form = {"version": "1", "verdict": "accepted", "reason": "x"}
    assert (await pages.post(f"/alerts/{river.id}", form)).status == 404
    page = (await pages.get("/alerts")).text
    assert (night.id in page, river.id in page) == (True, False)
    assert "What stands now" not in (await pages.get(f"/alerts/{night.id}")).text
    await world.rules.documents.put("town", "officer", HIDE % "level", "test", "hidden")
    assert "CANARY" not in (await pages.get("/alerts", STRANGER)).text
    assert (await pages.get(f"/alerts/{night.id}", STRANGER)).status == 404
