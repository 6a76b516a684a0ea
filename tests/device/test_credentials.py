"""A device's page: what it says, what its forms do, and that no secret stays on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from starlette.applications import Starlette
from tests.device.enrolment import csr
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.device.credentials import credential_screen
from kumihimo.device.enrolment import authority
from kumihimo.device.enrolment.door import Enrolment, NotOurs
from kumihimo.device.enrolment.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.device.screens import PACKAGE
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words


@dataclass
class Screen:
    registry: Registry
    enrolment: Enrolment
    app: Any
    key: str = ""

    async def __call__(
        self, lang: str = "en", *, device: str = "g1", tenant: str = "a", **form: str
    ) -> tuple[int, str]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": urlencode(form).encode(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"town.example"), (b"accept-language", lang.encode())]
        headers += [(b"content-type", b"application/x-www-form-urlencoded"), (b"sec-fetch-site", b"same-origin")]
        scope = {
            "type": "http", "method": "POST" if form else "GET", "path": f"/t/{tenant}/devices/{device}",
            "scheme": "https", "server": ("town.example", 443), "headers": headers, "query_string": b"",
        }  # fmt: skip
        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()


@pytest.fixture
async def screen(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Screen:
    database = await database_factory([REGISTRY, SCHEMA, PLATFORM_SCHEMA])
    registry = Registry(database, fake_clock)
    enrolment = Enrolment(database, registry, fake_clock, bytes, bytes)

    async def allow(call: Call) -> None:
        if call.tenant != "a":
            raise Forbidden("no")

    for tenant in ("a", "b"):
        await database.add_tenant(tenant)
    made = Screen(registry, enrolment, None)
    made.key = await registry.add("a", Device("g1", "river-gauge", "九十九橋", "urn:x:g1", "t"))
    await registry.add("b", Device("g1", "river-gauge", "", "urn:x:g1", "t"))
    live: Any = None
    screens = [credential_screen(registry, enrolment, allow)]
    console = Console(screens, load_words([OWN_PACKAGE, PACKAGE]), tenants=database.tenants, live=live)
    made.app = Starlette(routes=console.routes())
    return made


def shown(page: str) -> list[str]:
    return re.findall(r"<pre[^>]*><code>([^<]*)</code>", page)


@pytest.mark.parametrize(
    ("lang", "words"), [("ja", ("いまの鍵", "登録コード", "証明書はまだ")), ("en", ("Present key", "Claim code"))]
)
async def test_the_page_speaks_both_languages_and_shows_no_secret(
    screen: Screen, lang: str, words: tuple[str, ...]
) -> None:
    status, page = await screen(lang)
    assert status == 200
    assert all(one in page for one in words)
    assert "device." not in re.sub(r"<[^>]*>", "", page), "a text without words"
    keys = await screen.registry.keys("a", "g1")
    assert keys is not None
    assert screen.key not in page
    assert keys.hashed not in page


async def test_a_changed_key_is_shown_once_and_the_old_one_works_for_a_while(
    screen: Screen, fake_clock: FakeClock
) -> None:
    status, page = await screen(action="rotate")
    assert status == 200
    new = shown(page)[0]
    assert [await screen.registry.authenticate("a", "g1", key) is not None for key in (screen.key, new)] == [True, True]
    _, page = await screen()
    assert new not in page
    assert "Key before" in page
    fake_clock.advance(7 * 24 * 3600)
    assert await screen.registry.authenticate("a", "g1", screen.key) is None
    _, page = await screen(action="rotate-now")
    assert [await screen.registry.authenticate("a", "g1", key) is not None for key in (new, shown(page)[0])] == [
        False, True,
    ]  # fmt: skip


async def test_a_revoked_key_is_gone(screen: Screen) -> None:
    _, page = await screen(action="revoke-key")
    assert "No key" in page
    assert await screen.registry.authenticate("a", "g1", screen.key) is None


async def test_a_claim_code_is_shown_once_with_its_picture(screen: Screen) -> None:
    _, page = await screen(action="claim")
    code = shown(page)[0]
    assert "data:image/svg+xml" in page
    assert "https://town.example/devices/v1/a/claim" in page
    _, page = await screen()
    assert code not in page
    assert "not used yet" in page
    _, page = await screen(action="unclaim")
    with pytest.raises(Unauthenticated):
        await screen.enrolment.redeem("a", code)


async def test_a_certificate_is_listed_and_revoked(screen: Screen) -> None:
    issued = await screen.enrolment.issue("a", "g1", csr.request())
    certificate = authority.der(x509.load_pem_x509_certificate(issued.pem.encode()))
    _, page = await screen()
    assert issued.record.serial in page
    _, page = await screen(action="revoke", serial=issued.record.serial)
    assert "Revoked" in page
    with pytest.raises(NotOurs, match="revoked"):
        await screen.enrolment.device_of(certificate)


async def test_who_may_not_and_what_there_is_not(screen: Screen) -> None:
    assert (await screen(device="g9"))[0] == 404
    assert (await screen(device="g9", action="rotate"))[0] == 404
    assert (await screen(device="g9", action="claim"))[0] == 404
    assert (await screen(action="format"))[0] == 400
    assert (await screen(action="revoke"))[0] == 400
    for form in ({}, {"action": "rotate"}, {"action": "claim"}, {"action": "revoke-key"}):
        assert (await screen(tenant="b", **form))[0] == 403
    assert await screen.enrolment.claimable("b", "g1") == 0
