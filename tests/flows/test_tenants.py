"""One test runs every route, topic, live stream, cache and subscription as tenant a, looking for tenant b's canary.

SECRET stands in b's values and is never sent by a; CANARY stands in b's names, which a knows and asks for. An answer
to a question that holds a name of b's must be, word for word, the answer to the same question with a name that
nobody has: a learns not even whether it is there. The same walk as b finds the canary, so that the test can fail.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import aiomqtt
import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from tests.flows.differences import DIFFERS, forms_of, without_numbers
from tests.flows.town_data import FIRST, gauge, prop, thing

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Command
from kumihimo.device.registry.models import Device
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.platform.ngsild.table import PREFIX, LdRoute
from kumihimo.service.kpi.measures import Measure
from kumihimo.service.notices.lists import Lists
from kumihimo.service.sources.models import Reading, Source
from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.manifest import held
from kumihimo.solutions.wildlife import entities, telling
from kumihimo.solutions.wildlife.devices import Site, device_of, site_change
from kumihimo.solutions.wildlife.limits import SirenRule
from kumihimo.solutions.wildlife.rule import rule_change

pytestmark = pytest.mark.enable_socket

CANARY, NOBODY, SECRET = "kanaria7", "niemand7", "geheimnis9"
GAUGE = f"urn:ngsi-ld:RiverGauge:fukui-{CANARY}"
THING = f"urn:ngsi-ld:Thing:{CANARY}"
MEASURE, STARTS = f"m-{CANARY}", date(2026, 4, 1)
THING_TYPE, ATTRIBUTE = f"Type{CANARY}", f"attr{CANARY}"
SHOWS_NO_TENANT = {
    "/healthz": "the process",
    "/readyz": "the process",
    "/metrics": "the process",
    "/openapi.json": "the interface",
    "/t/{tenant}": "leads on",
    "/t/{tenant}/": "leads on",
    "/t/{tenant}/{rest:path}": "what there is not",
    PREFIX + "/{rest:path}": "what there is not",
    "/t/{tenant}/flood/replay": "the demonstration alone",
    "/t/{tenant}/wildlife/base.json": "shapes of areas, which need fifty reports; the page itself is walked",
    "/t/{tenant}/wildlife/method": "how the map is made, the same for whatever tenant",
    "/t/{tenant}/wildlife/worker.js": "a program, the same for whatever tenant",
    "/t/{tenant}/wildlife/replay": "the demonstration alone",
    "/t/{tenant}/wildlife/photos/{id}": "a photograph, which is asked for by the id of its report",
    "/t/{tenant}/live": "followed by itself, below",
    "/feeds/v1/{tenant}/entities": "followed by itself, below",
    PREFIX + "/jsonldContexts": "addresses drawn by lot; a must not see that of b, below",
    PREFIX + "/info/sourceIdentity": "a name drawn by lot",
    "/signing/v1/{tenant}/keys": "public keys drawn by lot",
    "/t/{tenant}/pack-planner": "what a town itself said it is like",
    "/t/{tenant}/usage": "counts alone",
    "/t/{tenant}/usage/split": "counts of every tenant, for whoever may see them",
    "/devices/v1/{tenant}/claim": "an empty form, the same for whatever tenant",
    "/t/{tenant}/kpi/{id}/effect": "numbers alone, of a KPI that the platform names",
    "/t/{tenant}/kpi/compare": "numbers of towns by their names; that who may not read one sees none of it is told in "
    "tests/app/test_compare_page.py",
    "/t/{tenant}/public/kpi": "what a town chose to show everybody; nothing is chosen here",
    "/t/{tenant}/kpi/export.xlsx": "as the CSV, in a form that hides every word",
    "/t/{tenant}/kpi/export.pdf": "as the CSV, in a form that hides every word",
    "/t/{tenant}/measures/{id}/sheet.xlsx": "as the CSV, in a form that hides every word",
    "/t/{tenant}/measures/{id}/sheet.pdf": "as the CSV, in a form that hides every word",
    "/platform/members": "the platform's own, for its operators",
    "/platform/audit": "the platform's own, for its operators",
    "/platform/audit.csv": "the platform's own, for its operators",
    "/platform/policies": "the platform's own, for its operators",
    "/platform/policies/{id}": "the platform's own, for its operators",
    "/login": "who one is",
    "/recover": "who one is",
    "/prove": "who one is",
    "/me": "who one is",
    "/welcome/{token}": "who one is",
    "/.well-known/openid-configuration": "the provider",
    "/.well-known/oauth-authorization-server": "the provider",
    "/oauth/jwks": "public keys drawn by lot",
    "/oauth/authorize": "finds out by itself who asks, for which application",
    "/oauth/userinfo": "the person behind a token",
    "/oauth/end-session": "whoever is logged in",
    "/me/applications": "whoever is logged in",
    "/login/with": "log-in belongs to the platform",
    "/login/with/{provider}": "log-in belongs to the platform",
    "/login/from/{provider}": "log-in belongs to the platform",
    "/login/keys/{provider}": "log-in belongs to the platform",
    "/login/left": "log-in belongs to the platform",
    "/me/outside": "log-in belongs to the platform",
    "/notices": "who one is",
    "/notices/worker.js": "a program, the same for whatever tenant",
    "/notices/v1/{tenant}/confirm/{token}": "a link of nobody, the same for whatever tenant",
    "/notices/v1/{tenant}/stop/{token}": "a link of nobody, the same for whatever tenant",
}
"""Routes on which b finds no canary either, and why. Every other GET must show it to b."""
ENDLESS = ("/t/{tenant}/live", "/feeds/v1/{tenant}/entities")
COUNTS = ("/t/{tenant}/usage",)
"""Here what is asked in this walk is counted, so that no two answers are the same."""
MADE_AT = ("/t/{tenant}/kpi/export.xlsx", "/t/{tenant}/kpi/export.pdf")
"""These say when they were made; what they hold is walked as CSV."""
SHEETS = ("/sheet.csv", "/sheet.xlsx", "/sheet.pdf")
"""So do these of a measure, of which a has none."""
OF_DEVICES = ("/devices/v1/{tenant}/{device}/authority", "/devices/v1/{tenant}/{device}/revoked")
"""For the device itself alone: b's own question without its key would be one more refusal on b's page."""
OF_EVERY_TOWN = ("/", "/t/{tenant}/kpi/compare", "/login/passkey/options")
"""The first page has no tenant: it shows of each town what its caller may read, in an open house all of them. That
who may not read a town sees its name alone is told in tests/solutions/flood/test_attention.py. A question to a passkey
is drawn by lot.
"""


@dataclass(frozen=True)
class Question:
    """A request; `sent` is the part a outsider chose, in which the names may be exchanged."""

    route: str
    method: str
    path: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def sent(self) -> str:
        return f"{self.path} {(self.body or b'').decode()}"


PLAIN = "Plain"
"""A type of b whose name tells nothing: what is found under it does."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: str

    def text(self) -> str:
        return f"{self.status} {sorted(self.headers.items())} {self.body}"


@dataclass
class Names:
    """What b has; a's questions hold these as their parameters, `twin` has the same shape and belongs to nobody."""

    ids: list[str] = field(default_factory=list)
    token: str = ""
    device: str = f"dev-{CANARY}"
    key: str = ""
    attribute: str = ATTRIBUTE
    type: str = THING_TYPE
    instance: str = ""
    context: str = ""
    application: str = ""

    def twin(self) -> Names:
        return Names(
            [other(one) for one in self.ids],
            other(self.token),
            other(self.device),
            other(self.key),
            other(self.attribute),
            other(self.type),
            other(self.instance),
            other(self.context),
            other(self.application),
        )


def other(name: str) -> str:
    """A name of the same shape that nobody has."""
    if CANARY in name:
        return name.replace(CANARY, NOBODY)
    return name[:-1] + ("0" if name[-1:] != "0" else "1")


# --- the house: b is filled ------------------------------------------------------------------------------


class House:
    def __init__(self, platform: Platform, session: aiohttp.ClientSession) -> None:
        self.platform = platform
        self.session = session
        self.base = f"http://127.0.0.1:{platform.http_port}"

    async def ask(self, tenant: str, question: Question, **more: str) -> Reply:
        headers = {"NGSILD-Tenant": tenant, "X-Request-Id": "the-same", "Origin": self.base, **more}
        headers |= dict(question.headers)
        async with self.session.request(
            question.method, self.base + question.path, data=question.body, headers=headers, allow_redirects=False
        ) as answer:
            body = (await answer.read()).decode("utf-8", "replace")
            kept = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "date"}
            return Reply(answer.status, kept, body)

    async def send(self, tenant: str, method: str, path: str, body: Any, *, kind: str = "application/json") -> Reply:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        reply = await self.ask(tenant, Question("", method, path, raw, (("Content-Type", kind),)))
        assert reply.status < 400, (path, reply)
        return reply

    async def form(self, path: str, **fields: str) -> Reply:
        return await self.send("", "POST", path, urlencode(fields), kind="application/x-www-form-urlencoded")

    async def reading(self, tenant: str, device: str, key: str, **values: Any) -> Reply:
        headers = (("Authorization", f"Bearer {key}"), ("Content-Type", "application/json"))
        path = f"/devices/v1/{tenant}/{device}/readings"
        reply = await self.ask(tenant, Question("", "POST", path, json.dumps(values).encode(), headers))
        assert reply.status == 201, reply
        return reply


def subscription(endpoint: str, word: str) -> dict[str, Any]:
    names = ["waterLevel", "state", "name", ATTRIBUTE, "precipitation", "mine"]
    target = {"uri": endpoint, "accept": "application/json"}
    return {
        "type": "Subscription",
        "description": word,
        "entities": [{"type": one, "idPattern": ".*"} for one in ("RiverGauge", THING_TYPE, "Sign", "Mine")],
        "watchedAttributes": names,
        "notification": {"endpoint": target},
    }


async def make_towns(house: House) -> None:
    """Both run every wing, so that its pages are there."""
    for tenant in ("a", "b"):
        await house.platform.database.add_tenant(tenant)
        for wing in ("flood", "wildlife"):
            await house.platform.packs.install(Call(tenant, Actor("system", "test")), house.platform.library.find(wing))


async def fill(house: House, endpoint: str) -> Names:
    """Tenant b with its canary everywhere: state, history, devices, alerts, decisions, figures, messages."""
    names = Names()
    await make_towns(house)
    operator = Call("b", Actor("system", "test"))
    await house.platform.rule_sets.put(operator, RULES, why=SECRET, on=True)
    await house.send("b", "POST", f"{PREFIX}/entities", gauge("b", GAUGE, SECRET))
    await until(lambda: house.platform.rule_sets.tasks(operator))
    await house.send("b", "POST", f"{PREFIX}/entities", thing(THING, THING_TYPE, ATTRIBUTE, SECRET))
    rain = thing(f"urn:ngsi-ld:RainGauge:{CANARY}", "RainGauge", "precipitation", SECRET)
    await house.send("b", "POST", f"{PREFIX}/entities", rain)
    plain = thing(f"urn:ngsi-ld:{PLAIN}:{CANARY}", PLAIN, ATTRIBUTE, SECRET)
    await house.send("b", "POST", f"{PREFIX}/entities", plain)
    made = await house.send("b", "POST", f"{PREFIX}/subscriptions", subscription(endpoint, SECRET))
    names.ids += [GAUGE, THING, CANARY, made.headers["location"].rpartition("/")[2], MEASURE]
    river = Device(names.device, "river-gauge", SECRET, GAUGE, DEFAULT_VOCAB + "RiverGauge")
    sign = Device(f"sign-{CANARY}", "sign", SECRET, f"urn:ngsi-ld:Sign:{CANARY}", DEFAULT_VOCAB + "Sign")
    names.key = await house.platform.registry.add("b", river)
    await house.platform.registry.add("b", sign, key=f"a-key-of-the-riverside-sign-{CANARY}")
    inbox = Source(f"s-{CANARY}", "folder", f"/srv/{SECRET}", 600, Reading("T"))
    await house.platform.sources.add("b", inbox)
    program = await house.platform.provider.applications.add("b", f"app-{SECRET}", "key", scopes=["ngsi-ld:read"])
    names.application = program.application.id
    await fill_access(house)
    await fill_packs(house)
    await fill_measures(house)

    async def looked_at() -> bool:
        return (await house.platform.sources.all("b"))[0].outcome == "failed"  # there is no such folder

    await until(looked_at, 30)
    for hour, level in enumerate((0.5, 1.5, 3.5)):
        await house.reading("b", names.device, names.key, level=level, observedAt=FIRST.format(hour))

    async def at_its_peak() -> list[str]:
        return [one.id for one in await house.platform.alerts.list("b", subject=GAUGE) if one.peak == 4]

    names.ids += [await fill_people(house), *await until(at_its_peak)]
    hosted = {"@context": {ATTRIBUTE: f"https://example.org/{SECRET}"}}
    kept = await house.send("b", "POST", f"{PREFIX}/jsonldContexts", hosted)
    names.context = kept.headers["location"].rpartition("/")[2]
    past = await house.ask("b", Question("", "GET", f"{PREFIX}/temporal/entities/{THING}"))
    known = re.search(r'"instanceId":"([^"]+)"', past.body)
    assert known, past
    names.instance = known[1]
    page = await house.ask("b", Question("", "GET", "/t/b/webhook"))
    found = re.search(r"/webhooks/b/([\w-]+)", page.body)
    assert found
    names.token = found[1]
    await house.send("", "POST", f"/webhooks/b/{names.token}", {"said": SECRET})
    await reject(house, names.ids[-1])
    await fill_alert_of_rule(house, names)
    await fill_wildlife(house, names)
    kpi = await house.ask("b", Question("", "GET", "/t/b/kpi"))
    figures = re.findall(r'href="/t/b/kpi/(?!export|compare)([^"/]+)"', kpi.body)
    assert figures
    names.ids.append(figures[0])
    return names


RULES = f"""name = "r-{CANARY}"
title_ja = "{SECRET}"

[[rule]]
name = "made"
types = ["RiverGauge"]
watch = ["name"]

[[rule.then]]
do = "task"
whom = "operator"
text = "{SECRET}"
minutes = 60

[[rule.then]]
do = "alert"
severity = 2
title_ja = "{SECRET}"
title_en = "{SECRET}"
"""


async def fill_alert_of_rule(house: House, names: Names) -> None:
    """What the rule raised, decided on."""

    async def raised() -> list[str]:
        return [one.id for one in await house.platform.alerts.list("b", source="rules")]

    [alert] = await until(raised)
    await house.form(f"/t/b/alerts/{alert}", verdict="rejected", reason=SECRET, who=SECRET, version="1")
    [decision] = await house.platform.alerts.decisions("b", alert)
    names.ids += [alert, decision.id]


async def fill_wildlife(house: House, names: Names) -> None:
    """An animal of b's that was seen and decided on, a trap, and b's rule for sirens."""
    own = Call("b", Actor("system", "test"), "test")
    sensor, trap = (Site(kind, CANARY, SECRET, SECRET, 136.2, 36.0) for kind in ("sensor", "trap"))
    rule = SirenRule(automatic=True, allowed_by=SECRET, reason=SECRET)
    damage = entities.change(
        f"urn:ngsi-ld:WildlifeDamage:{CANARY}", entities.DAMAGE, {entities.CROP: entities.prop(SECRET)}
    )
    changes = [site_change(sensor, simulated=False), site_change(trap, simulated=False), rule_change(rule), damage]
    for outcome in await house.platform.broker.apply(own, changes):
        assert outcome.problem is None, outcome
    key = await house.platform.registry.add("b", device_of(sensor))
    await house.reading("b", sensor.device_id, key, species="Ursus thibetanus", observedAt=FIRST.format(1))

    async def seen() -> list[str]:
        return [one.id for one in await house.platform.alerts.list("b") if one.source == "wildlife"]

    [animal] = await until(seen)
    version = str((await house.platform.alerts.get("b", animal)).version)
    await house.form(f"/t/b/wildlife/alerts/{animal}", verdict="rejected", reason=SECRET, who=SECRET, version=version)
    names.ids.append(animal)


async def fill_access(house: House) -> None:
    """Members, policies, an agreement with a third tenant and an emergency of b."""
    await house.platform.database.add_tenant("c")
    rules = house.platform.rules
    person = Actor("person", f"p-{CANARY}")
    await rules.members.add("b", person, "officer", SECRET, why=SECRET)
    text = 'permit (principal in Role::"{}officer", action == Action::"read", resource is Entity);'
    await rules.documents.put("b", CANARY, f"// {SECRET}\n{text.format('')}", SECRET, SECRET)
    now = rules.changes.now()
    await rules.agreements.offer(
        "b", "c", "officer", purpose=SECRET, text=text.format("c/"), starts_at=now, ends_at=now + 10**12, by=SECRET
    )
    await rules.emergencies.ask("b", person, SECRET, 1)


async def fill_people(house: House) -> str:
    """A list of b's; its id."""
    made = await Lists(house.platform.notices).make("b", SECRET, SECRET, (telling.BEAR,), "person:x")
    return made.id


async def fill_packs(house: House) -> None:
    """A pack of b's own name, whose words and entities are b's."""
    files = dict(read_path(Path(__file__).parents[1] / "solutions" / "packs" / "parking"))
    own = (("parking.free", f"{CANARY}.free"), ('id = "parking"', f'id = "{CANARY}"'), ("Free spaces in", SECRET))
    manifest = files[MANIFEST].decode().replace("市営駐車場の空き", SECRET).replace("Map of car parks", SECRET)
    for old, new in own:
        manifest = manifest.replace(old, new)
    words = f'{{ ja = "{SECRET}", en = "{SECRET}", ja-easy = "{SECRET}" }}'
    manifest += f"\n[persons]\nnotice = {words}\nconsent = {words}\n"
    files |= {
        MANIFEST: manifest.encode(),
        "start.jsonld": files["start.jsonld"].replace("高松市".encode(), SECRET.encode()),
    }
    call = Call("b", Actor("person", SECRET), "pack")
    await house.platform.packs.install(call, held(files, "outside", {}), unsigned=True)


async def fill_measures(house: House) -> None:
    """A measure of b's with a review."""
    own, measure = Call("b", Actor("system", "test")), Measure(MEASURE, "policy", {"ja": SECRET}, SECRET, STARTS)
    await house.platform.measures.put(own, measure, revision=0, why=SECRET)
    await house.platform.measures.note(own, MEASURE, "do", SECRET)


async def reject(house: House, alert: str) -> None:
    """Decides on b's alert of the river."""
    version = str((await house.platform.alerts.get("b", alert)).version)
    path = f"/t/b/flood/alerts/{alert}"
    await house.form(path, verdict="rejected", reason=SECRET, who=SECRET, version=version)


async def until(look: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.02)


# --- the walk --------------------------------------------------------------------------------------------


def route_table(platform: Platform) -> list[BaseRoute]:
    """The routes that the listener answers, out of the real table, whatever middleware stands before it."""
    layer: Any = build_http(platform)
    found: list[BaseRoute] = []
    while not isinstance(layer, Starlette):
        parts = vars(layer)
        for routes in (list(value.values()) for value in parts.values() if isinstance(value, dict)):
            found += [one for group in routes if isinstance(group, list) for one in group if isinstance(one, BaseRoute)]
        below = [parts[name] for name in ("_app", "_rest") if name in parts]
        assert len(below) == 1, f"the walk does not know what stands behind {layer!r}"
        layer = below[0]
    return list({id(route): route for route in [*found, *layer.routes]}.values())


def questions(routes: list[BaseRoute], tenant: str, names: Names) -> Iterator[Question]:
    """Every method of every route, with every name at each place where it fits."""
    for route in routes:
        if isinstance(route, Mount):
            yield Question(route.path, "GET", f"{route.path}/{quote(names.ids[0])}")
            continue
        if isinstance(route, WebSocketRoute) and route.path in ENDLESS:
            continue
        assert isinstance(route, Route), f"the walk does not know what {route!r} is"
        kinds = route.resource.operations if isinstance(route, LdRoute) else route.methods or {"GET", "POST"}
        for method in sorted(set(kinds) - {"HEAD"}):
            for path in paths(route.path, tenant, names):
                yield from variants(route, method, path, names)


def paths(template: str, tenant: str, names: Names) -> list[str]:
    """The route's path with each name that could stand at a parameter; an unknown parameter fails the test."""
    values = {
        "tenant": [tenant],
        "token": [names.token],
        "device": [names.device],
        "id": names.ids,
        "id:path": names.ids,
        "entityId": names.ids[:2],
        "attrId": [names.attribute, "name"],
        "instanceId": [names.instance],
        "type": [names.type, PLAIN],
        "subscriptionId": [names.ids[3]],
        "contextId": [names.context],
        "screen": ["list"],
        "rest:path": [names.ids[0]],
        "provider": ["nobody"],
        "application": [names.application],
        "name": [f"r-{CANARY}" if CANARY in names.attribute else f"r-{NOBODY}"],
    }
    found = [template]
    for parameter in re.findall(r"{([^}]+)}", template):
        assert parameter in values, f"{template}: the walk does not know the parameter {parameter!r}"
        found = [
            path.replace(f"{{{parameter}}}", quote(value, safe="")) for path in found for value in values[parameter]
        ]
    return found


def variants(route: Route, method: str, path: str, names: Names) -> Iterator[Question]:
    if method in ("GET", "DELETE"):
        for query in queries(route, names) if method == "GET" else [{}]:
            yield Question(route.path, method, path + (f"?{urlencode(query)}" if query else ""))
        return
    if not isinstance(route, LdRoute):
        body = urlencode({"action": "delete", "verdict": "accepted", "reason": "x", "who": "x", "version": "1"})
        bearer = ("Authorization", f"Bearer {names.key}")
        yield Question(route.path, method, path, body.encode(), (_FORM, bearer))
        return
    for given in bodies(route.path, names):
        yield Question(route.path, method, path, json.dumps(given).encode(), (("Content-Type", "application/json"),))


_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_ALL_TIME = {"timerel": "after", "timeAt": "1970-01-01T00:00:00Z"}


def queries(route: Route, names: Names) -> list[dict[str, str]]:
    if not isinstance(route, LdRoute):
        named = {"attribute": names.attribute, "type": names.type, "actor": "anonymous"}
        asked = [{"id": one, "q": one, "entity": one, **named} for one in names.ids]
        return [{}, {"lang": "en"}, *asked]
    time = _ALL_TIME if "timerel" in route.resource.operations["GET"].takes else {}
    if route.path.endswith("/entities"):
        chosen = [
            {"type": "RiverGauge"},
            {"type": names.type},
            {"attrs": names.attribute},
            {"type": "RiverGauge", "idPattern": ".*", "options": "sysAttrs"},
            {"id": names.ids[1], "type": names.type},
            {"q": names.attribute},
            {"georel": "near;maxDistance==900000", "geometry": "Point", "coordinates": "[136.2,36.0]"},
        ]
        return [{**one, **time} for one in chosen]
    details = [{"details": "true"}] if route.path.endswith(("/types", "/jsonldContexts", "{contextId}")) else []
    return [{**time}, *details]


def bodies(path: str, names: Names) -> list[Any]:
    mine = thing(names.ids[1], names.type, names.attribute, "mine")
    if path.endswith("/entityOperations/query"):
        kinds = [{"type": "RiverGauge"}, {"type": names.type}, {"type": names.type, "id": names.ids[1]}]
        return [{"type": "Query", "entities": [one]} for one in kinds]
    if path.endswith("/entityOperations/delete"):
        return [names.ids[:2]]
    if "/entityOperations/" in path:
        return [[mine]]
    if "/subscriptions" in path:
        made = subscription("http://127.0.0.1:9/", "mine")
        return [{**made, "id": names.ids[3], "isActive": False}]
    if path.endswith("/jsonldContexts"):
        return [{"@context": {names.attribute: "https://example.org/mine"}}]
    if "/attrs/" in path:
        return [mine[names.attribute]]
    fragment = {names.attribute: mine[names.attribute]}
    return [fragment] if "{entityId}" in path else [mine]


async def walk_as_b(house: House, routes: list[BaseRoute], names: Names) -> dict[str, str]:
    """b's own answers by question; every route that may show the canary must have shown it."""
    seen: dict[str, str] = {}
    shown: set[str] = set()
    asked: set[str] = set()
    for question in questions(routes, "b", names):
        if question.method != "GET" or question.route in (*ENDLESS, *OF_DEVICES):
            continue
        asked.add(question.route)
        reply = await house.ask("b", question)
        assert reply.status < 500, (question, reply)
        seen[question.path] = alike(reply, names)
        if SECRET in reply.body or (CANARY in reply.body and CANARY not in question.sent()):
            shown.add(question.route)
    posted = Question("", "POST", f"{PREFIX}/entityOperations/query", b'{"type":"Query","entities":[{"type":"Gauge"}]}')
    posted = replace(
        posted,
        headers=(("Content-Type", "application/json"),),
        body=(posted.body or b"").replace(b"Gauge", b"RiverGauge"),
    )
    assert SECRET in (await house.ask("b", posted)).body
    static = {route for route in asked if route.startswith("/static/")}
    assert asked - shown - static - set(SHOWS_NO_TENANT) == set(), "routes on which b finds nothing"
    assert set(SHOWS_NO_TENANT) - asked <= set(ENDLESS), "exceptions that there are not"
    return seen


async def walk_as_a(house: House, routes: list[BaseRoute], names: Names) -> None:
    """Reading first, then writing: what a wrote itself it may read again, and so what was refused of its devices."""
    pairs = list(zip(questions(routes, "a", names), questions(routes, "a", names.twin()), strict=True))
    pairs.sort(key=lambda pair: pair[0].method != "GET" or pair[0].route.startswith("/devices/v1/"))
    for question, twin in pairs:
        if question.route in ENDLESS or question.route in OF_EVERY_TOWN:
            continue
        # b asks first, so that a cache that forgets the tenant would have b's answer at hand.
        is_read = question.method == "GET" and question.route not in OF_DEVICES
        own = await house.ask("b", question) if is_read else None
        etag = {"If-None-Match": own.headers["etag"]} if own and "etag" in own.headers else {}
        reply, expected = await house.ask("a", question, **etag), await house.ask("a", twin)
        assert reply.status < 500, (question, reply)
        assert SECRET not in reply.text(), question
        assert reply.status != 304 or question.route.startswith("/static/"), question
        if question == twin or question.route in {"/metrics", *MADE_AT}:  # they differ from one answer to the next
            assert CANARY not in reply.text(), question
            assert names.context not in reply.text(), question
        else:
            texts = alike(reply, names), alike(expected, names.twin())
            if question.route.startswith(COUNTS):
                texts = without_numbers(texts[0]), without_numbers(texts[1])
            assert texts[0] == texts[1], (question, reply, expected)


def alike(reply: Reply, names: Names) -> str:
    """The answer with the names taken out, and what differs between any two answers."""
    text = reply.text()
    for place, name in enumerate(
        [
            *names.ids,
            names.token,
            names.device,
            names.key,
            names.attribute,
            names.type,
            names.context,
            names.application,
        ]
    ):
        for form in forms_of(name):
            text = text.replace(form, f"<{place}>")
    for pattern, instead in DIFFERS:
        text = pattern.sub(instead, text)
    return re.sub(rf"{CANARY}|{NOBODY}", "<name>", text)


# --- what is pushed --------------------------------------------------------------------------------------


@asynccontextmanager
async def endpoint() -> AsyncIterator[tuple[str, dict[str, list[str]]]]:
    """A real HTTP endpoint: what it was sent, by path."""
    got: dict[str, list[str]] = {"/a": [], "/b": []}

    async def take(request: web.Request) -> web.Response:
        got[request.path].append(f"{dict(request.headers)} {await request.text()}")
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/{tenant}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    finally:
        await runner.cleanup()


@asynccontextmanager
async def live(house: House, tenant: str, path: str = "/t/{}/live") -> AsyncIterator[list[str]]:
    """What the tenant's live stream, or its feed, says."""
    heard: list[str] = []

    async def listen() -> None:
        nonlocal heard
        async with house.session.get(house.base + path.format(tenant)) as stream:
            async for line in stream.content:
                heard += [line.decode()]

    task = asyncio.create_task(listen())
    try:
        await until(lambda: found(heard))
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def found(items: Any) -> bool:
    return bool(items)


def client_of(house: House, username: str | None = None, password: str | None = None) -> aiomqtt.Client:
    version = aiomqtt.ProtocolVersion.V5
    port = house.platform.mqtt_port
    return aiomqtt.Client("127.0.0.1", port, username=username, password=password, protocol=version)


@asynccontextmanager
async def mqtt(house: House, filters: list[str], *login: str) -> AsyncIterator[list[str]]:
    """What a client hears that asked for these topics, granted or not."""
    heard: list[str] = []
    client = client_of(house, *login)

    async def listen() -> None:
        nonlocal heard
        async for message in client.messages:
            heard += [f"{message.topic} {message.payload!r} {message.properties}"]

    async with client:
        task = asyncio.create_task(listen())
        for one in filters:
            await client.subscribe(one, qos=1)
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


FEED = "/feeds/v1/{}/entities?standing=true"
EVERYTHING = ["#", "+/+/#", "kumihimo/#", "kumihimo/b/#", "+/b/+/down/#", "$SYS/#", "$share/x/#"]


async def publish(house: House, topic: str, body: Any, *login: str) -> None:
    client = client_of(house, *login)
    async with client:
        await client.publish(topic, json.dumps(body), qos=1)


async def check_pushes(house: House, address: str, got: dict[str, list[str]]) -> None:
    """b changes by every way there is; a and strangers hear nothing of it, b does, and a still hears itself."""
    await house.send("a", "POST", f"{PREFIX}/subscriptions", subscription(f"{address}/a", "mine"))
    mine = Device("mine", "sign", "mine", "urn:ngsi-ld:Mine:1", DEFAULT_VOCAB + "Mine")
    key = await house.platform.registry.add("a", mine)
    sign, sign_key = f"sign-{CANARY}", f"a-key-of-the-riverside-sign-{CANARY}"
    as_sign = (f"b/{sign}", sign_key)
    got["/a"].clear()
    got["/b"].clear()
    async with (
        live(house, "a") as live_a,
        live(house, "b") as live_b,
        live(house, "a", FEED) as feed_a,
        live(house, "b", FEED) as feed_b,
        mqtt(house, EVERYTHING, "a/mine", key) as device_a,
        mqtt(house, EVERYTHING) as stranger,
        mqtt(house, [f"kumihimo/b/{sign}/down/#"], *as_sign) as device_b,
    ):
        body = {"state": SECRET, "observedAt": FIRST.format(5)}
        await publish(house, f"kumihimo/b/{sign}/up", body, *as_sign)
        await house.send("b", "PATCH", f"{PREFIX}/entities/{THING}/attrs", {"name": prop(SECRET + "!")})
        call = Call("b", Actor("person", SECRET), "decide")
        words = {"text": SECRET, "level": 2}
        await house.platform.arbiter(call, Command("b", sign, "show", words, SECRET))
        await until(lambda: found([one for one in device_b if SECRET in one]))
        await until(lambda: found([one for one in live_b if CANARY in one]))
        await until(lambda: found([one for one in feed_b if SECRET + "!" in one]))
        await until(lambda: found([one for one in got["/b"] if SECRET + "!" in one]))
        # The same pipes carry what is a's own, sent last, so that anything of b's would have come before it.
        await publish(
            house,
            "kumihimo/a/mine/up",
            {"state": "own", "observedAt": FIRST.format(6)},
            "a/mine",
            key,
        )
        await house.platform.arbiter(
            Call("a", Actor("person", "x"), "decide"), Command("a", "mine", "show", {"text": "own", "level": 1}, "own")
        )
        await publish(house, "open/topic", "own")
        await until(lambda: found([one for one in live_a if "Mine" in one]))
        await until(lambda: found([one for one in feed_a if "Mine" in one]))
        await until(lambda: found([one for one in got["/a"] if "own" in one]))
        await until(lambda: found([one for one in stranger if one.startswith("open/topic")]))
        for heard in (live_a, feed_a, device_a, stranger, got["/a"]):
            assert not [one for one in heard if CANARY in one or SECRET in one]


async def check_credentials(house: House, names: Names) -> None:
    """b's keys open nothing in a, and a's nothing in b."""
    for username, password in ((f"a/{names.device}", names.key), (f"b/{names.device}", "x" * 40), ("b/", "")):
        with pytest.raises(aiomqtt.MqttError):
            async with mqtt(house, [], username, password):
                pass


async def test_a_tenant_finds_nothing_of_another(platform: Platform) -> None:
    routes = route_table(platform)
    async with aiohttp.ClientSession() as session, endpoint() as (address, got):
        house = House(platform, session)
        public = json.loads((await house.ask("a", Question("", "GET", "/openapi.json"))).body)["paths"]
        assert set(public) <= {route.path for route in routes if isinstance(route, Route)}, "routes the walk misses"
        names = await fill(house, f"{address}/b")
        before = await walk_as_b(house, routes, names)
        await walk_as_a(house, routes, names)
        after = await walk_as_b(house, routes, names)
        counts = ("/metrics", *(path.replace("{tenant}", "b") for path in (*COUNTS, *MADE_AT)))
        changed = [
            path
            for path, seen in before.items()
            if after[path] != seen and not path.startswith(counts) and not path.partition("?")[0].endswith(SHEETS)
        ]
        assert changed == [], "a changed what is b's"
        await check_pushes(house, address, got)
        await check_credentials(house, names)
