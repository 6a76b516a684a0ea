from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden
from kumihimo.base.ports import Command, MqttRefused, ReadingOutcome
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.enrolment.store import PLATFORM_SCHEMA as ENROLMENT_ROOT
from kumihimo.device.enrolment.store import SCHEMA as ENROLMENT
from kumihimo.device.gateway import Gateway
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.device.screens import PACKAGE, device_screens
from kumihimo.device.words import Words
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words


class Page:
    """The devices page of tenant a in the console's shell."""

    def __init__(self, registry: Registry, arbiter: Arbiter, gateway: Gateway, app: Starlette) -> None:
        self.gateway = gateway
        self.registry = registry
        self.arbiter = arbiter
        self.app = app

    async def get(self, lang: str) -> tuple[int, str]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/t/a/devices", "scheme": "http", "server": ("localhost", 80),
            "headers": [(b"host", b"localhost"), (b"accept-language", lang.encode())], "query_string": b"",
        }  # fmt: skip
        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()


@pytest.fixture
async def page(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Page:
    database = await database_factory([REGISTRY, ACTUATION, ENROLMENT, ENROLMENT_ROOT])
    await database.add_tenant("a")
    registry = Registry(database, fake_clock)

    async def down(
        topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        return 0

    async def allow(call: Call) -> None:
        if call.tenant != "a":
            raise Forbidden("no")

    async def ingest(call: Call, readings: Any) -> list[ReadingOutcome]:
        return []

    arbiter = Arbiter(database, registry, down, fake_clock)
    gateway = Gateway(registry, ingest, fake_clock, False, arbiter.result)
    live: Any = None
    enrolment = Enrolment(database, registry, fake_clock, bytes, bytes)
    screens = device_screens(registry, arbiter, enrolment, allow, gateway.counters)
    console = Console(screens, load_words([OWN_PACKAGE, PACKAGE]), tenants=database.tenants, live=live)
    return Page(registry, arbiter, gateway, Starlette(routes=console.routes()))


async def test_an_empty_page_says_how_to_begin(page: Page) -> None:
    status, text = await page.get("en")
    assert status == 200
    assert "kumihimo device add gauge-1 --tenant a --family river-gauge" in text
    status, text = await page.get("ja")
    assert "端末はまだ登録されていません" in text


async def test_the_page_shows_devices_refusals_and_commands_in_the_readers_language(page: Page) -> None:
    await page.registry.add("a", Device("g1", "river-gauge", "<b>九十九橋", "urn:ngsi-ld:X:1", "t"))
    await page.registry.add("a", Device("sign-1", "sign", "表示板", "urn:ngsi-ld:X:2", "t"))
    page.registry.accept("a", "g1", 7)
    page.registry.refuse("a", "g1", "up", Words("電池切れ", "battery low"))
    await page.registry.authenticate("a", "stranger", "x")
    call = Call("a", Actor("person", "officer"))
    await page.arbiter(call, Command("a", "sign-1", "show", {"text": "避難", "level": 3}, "水位上昇"))
    _, text = await page.get("en")
    for wanted in ("&lt;b&gt;九十九橋", "River gauge", ">7<", "battery low", "stranger", "水位上昇", "not connected"):
        assert wanted in text
    _, text = await page.get("ja")
    for wanted in ("水位計", "電池切れ", "端末がつながっていません", "受け付けなかった通信"):
        assert wanted in text
    assert "battery low" not in text
    assert 'href="/t/a/entities/urn%3Angsi-ld%3AX%3A1"' in text


async def test_devices_stand_in_the_order_of_their_numbers(page: Page) -> None:
    for name in ("gauge-10", "gauge-2", "gauge-1", "sign-b"):
        await page.registry.add("a", Device(name, "river-gauge", name, "urn:ngsi-ld:X:1", "t"))
    _, text = await page.get("en")
    assert re.findall(r'id="device-([^"]+)"', text) == ["gauge-1", "gauge-2", "gauge-10", "sign-b"]


async def test_what_was_refused_and_belongs_to_no_tenant_is_counted_on_the_page(page: Page) -> None:
    assert await page.registry.authenticate("nowhere", "g1", "x") is None
    for _ in range(3):
        with pytest.raises(MqttRefused):
            await page.gateway.connect("c", None, None)
    _, text = await page.get("en")
    assert "refused 3 MQTT connections without a key, and 1 attempts under a tenant" in text
