"""The demonstration's people on a whole platform without listeners: who gets in where, with what, and for how long."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from rich.cells import cell_len
from tests.flows.browser import Surfer

from kumihimo.app import personas
from kumihimo.app.http import build_http
from kumihimo.app.personas import DISASTER, HUNTER, PERSONAS, Given, Personas
from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor
from kumihimo.base.clock import SystemClock
from kumihimo.base.errors import AlreadyExists
from kumihimo.base.settings import Settings
from kumihimo.platform.access.words import GIVEN_ROLES
from kumihimo.platform.identity import door
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANTS

TYPES = "/ngsi-ld/v1/types"


@pytest.fixture
async def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setattr(door, "owasp_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    made = wire(Settings(data=str(tmp_path / "data")), SystemClock())
    async with open_database(made):
        for tenant in TENANTS:
            await made.database.add_tenant(tenant)
            await Personas(made).join(tenant)
        await made.database.add_tenant("a-visitors-own")
        yield made


@pytest.fixture
def app(platform: Platform) -> Any:
    """What answers over HTTP."""
    return build_http(platform)


async def logged_in(app: Any, name: str, password: str) -> tuple[Surfer, int]:
    """A browser, and what the log-in form answered: 303 is in."""
    surfer = Surfer(app)
    reply = await surfer.post("/login", {"name": name, "password": password, "next": "/"})
    return surfer, reply.status


async def towns(surfer: Surfer) -> list[str]:
    return sorted(re.findall(r'id="town-([^"]+)"', (await surfer.get("/")).text))


async def with_key(app: Any, key: str, method: str = "GET", path: str = TYPES, body: bytes = b"") -> int:
    given = {
        "authorization": f"Bearer {key}",
        "ngsild-tenant": PREFECTURE,
        "content-type": "application/json",
        "accept": "*/*",
    }
    return (await Surfer(app).send(method, path, body, given)).status


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_there_is_a_persona_for_every_role_that_one_can_be_given() -> None:
    assert {one.role for one in PERSONAS} == set(GIVEN_ROLES)
    assert {town for one in PERSONAS for town in one.towns} == {*TENANTS, ""}


async def test_each_gets_in_by_the_real_form_and_sees_their_towns_alone(platform: Platform, app: Any) -> None:
    given = await Personas(platform).settle(renew=False)
    assert list(given.passwords) == [one.sign_in for one in PERSONAS]
    for one in PERSONAS:
        surfer, status = await logged_in(app, one.sign_in, given.passwords[one.sign_in])
        assert status == 303, one
        assert await towns(surfer) == sorted([*TENANTS, "a-visitors-own"] if "" in one.towns else one.towns), one
        assert one.name in (await surfer.get("/me")).text
    _, status = await logged_in(app, DISASTER.sign_in, given.passwords["demo-officer"])
    assert status == 401


async def test_every_entry_of_their_navigation_leads_somewhere(platform: Platform, app: Any) -> None:
    given = await Personas(platform).settle(renew=False)
    for one in PERSONAS:
        surfer, _ = await logged_in(app, one.sign_in, given.passwords[one.sign_in])
        town = one.towns[-1] or TENANTS[0]
        head = (await surfer.get(f"/t/{town}/flood")).text.partition("<main")[0]
        entries = set(re.findall(rf'href="(/t/{town}/[^"?#]+)"', head))
        assert len(entries) > 3
        assert {path: reply.status for path in entries if (reply := await surfer.get(path)).status != 200} == {}, one


async def test_passwords_key_and_link_stand_nowhere_on_the_disk(platform: Platform, tmp_path: Path) -> None:
    given = await Personas(platform).settle(renew=False)
    kept = all_bytes(tmp_path)
    assert b"p-demo-disaster" in kept, "the files are the right ones"
    for secret in (*given.passwords.values(), given.key, given.link):
        assert len(secret) >= 19
        assert secret.encode() not in kept
    assert len(set(given.passwords.values())) == len(PERSONAS)
    assert not any(secret in repr(given) for secret in (*given.passwords.values(), given.key, given.link))


async def test_a_later_start_leaves_them_as_they_are_and_makes_a_fresh_link(platform: Platform, app: Any) -> None:
    first = await Personas(platform).settle(renew=False)
    held = await platform.rules.members.held(PREFECTURE, DISASTER.actor)
    await platform.rules.members.end(PREFECTURE, held[0].id, "test", "taken away by hand")
    later = await Personas(platform).settle(renew=False)
    assert (later.passwords, later.key) == ({}, "")
    assert (await logged_in(app, "demo-disaster", first.passwords["demo-disaster"]))[1] == 303
    assert await platform.rules.members.held(PREFECTURE, DISASTER.actor) == [], "what was taken away stays so"
    assert await with_key(app, first.key) == 200
    surfer = Surfer(app)
    assert (await surfer.get(f"/welcome/{first.link}")).status == 410
    own = {"name": "", "shown": "", "password": "a-password-of-ones-own"}
    assert (await surfer.post(f"/welcome/{later.link}", own)).status == 303
    assert await towns(surfer) == sorted(set(TENANTS) - {PREFECTURE})


async def test_new_passwords_end_the_old_ones_with_their_log_ins_and_the_key(platform: Platform, app: Any) -> None:
    first = await Personas(platform).settle(renew=False)
    surfer, _ = await logged_in(app, "demo-auditor", first.passwords["demo-auditor"])
    renewed = await Personas(platform).settle(renew=True)
    assert (await surfer.get("/")).status == 303, "led to the log-in page"
    for one in PERSONAS:
        assert (await logged_in(app, one.sign_in, renewed.passwords[one.sign_in]))[1] == 303
    assert (await logged_in(app, "demo-auditor", first.passwords["demo-auditor"]))[1] == 401
    assert [await with_key(app, key) for key in (first.key, renewed.key)] == [401, 200]


async def test_the_key_reads_the_prefecture_and_does_no_more(platform: Platform, app: Any) -> None:
    key = (await Personas(platform).settle(renew=False)).key
    body = b'{"id": "urn:ngsi-ld:Thing:1", "type": "Thing"}'
    assert await with_key(app, key) == 200
    assert await with_key(app, key, "POST", "/ngsi-ld/v1/entities", body) == 403
    other = {"authorization": f"Bearer {key}", "ngsild-tenant": TENANTS[1], "accept": "*/*"}
    assert (await Surfer(app).send("GET", TYPES, b"", other)).status == 403


async def test_who_was_a_member_is_one_again_where_a_town_is_made_anew(platform: Platform, app: Any) -> None:
    people = Personas(platform)
    given = await people.settle(renew=False)
    surfer, _ = await logged_in(app, "demo-resident", given.passwords["demo-resident"])
    await platform.database.remove_tenant(PREFECTURE)
    await platform.database.add_tenant(PREFECTURE)
    assert PREFECTURE not in await towns(Surfer(app, jar=surfer.jar))
    await people.join(PREFECTURE)
    await people.join(PREFECTURE)
    assert PREFECTURE in await towns(surfer)
    assert await with_key(app, given.key) == 200
    members = await platform.rules.members.list(PREFECTURE)
    assert {one.by for one in members} == {"demo"}
    assert len(members) == len({one.actor for one in members}) == 6


async def test_the_hunter_comes_with_the_demonstration_of_wildlife_alone(platform: Platform, app: Any) -> None:
    people = Personas(platform)
    without = await people.settle(renew=False)
    await people.visit("a-visitors-own")
    assert HUNTER not in without.people
    assert HUNTER.actor not in {one.actor for one in await platform.rules.members.list("a-visitors-own")}
    given = await people.settle(renew=False, wildlife=True)
    assert list(given.passwords) == ["demo-hunter"]
    await people.visit("a-visitors-own")
    surfer, status = await logged_in(app, "demo-hunter", given.passwords["demo-hunter"])
    assert (status, await towns(surfer)) == (303, ["a-visitors-own"])
    held = await platform.rules.members.held("a-visitors-own", HUNTER.actor)
    assert [one.role for one in held] == ["hunter"]
    await platform.rules.members.end("a-visitors-own", held[0].id, "test", "taken away by hand")
    await people.visit("a-visitors-own")
    assert await platform.rules.members.held("a-visitors-own", HUNTER.actor) == [], "what was taken away stays so"
    renewed = await people.settle(renew=True)
    assert "demo-hunter" in renewed.passwords, "who is there once is given a new password with all others"
    assert any("demo-hunter" in line for line in personas.instructions(renewed, "http://localhost:8080"))


async def test_a_name_that_is_somebody_elses_is_left_alone(platform: Platform) -> None:
    await platform.identity.add("demo-resident", "山田 花子")
    with pytest.raises(AlreadyExists, match="'demo-resident' is none of the demonstration's own"):
        await Personas(platform).settle(renew=True)
    assert [(one.sign_in, one.password) for one in await platform.identity.accounts()] == [("demo-resident", "")]


async def test_a_key_out_of_use_is_made_anew(platform: Platform, app: Any) -> None:
    await Personas(platform).settle(renew=False)
    [application] = await platform.provider.applications.all(PREFECTURE)
    await platform.provider.applications.disable(PREFECTURE, application.id)
    key = (await Personas(platform).settle(renew=False)).key
    assert await with_key(app, key) == 200
    held = await platform.rules.members.held(PREFECTURE, Actor("application", application.id))
    assert [one.role for one in held] == ["officer"], "who took it out of use may take its role away too"


@pytest.mark.parametrize("names", [[], [one.sign_in for one in PERSONAS]])
def test_what_is_said_fits_a_terminal_of_80_columns_and_stands_apart(names: list[str]) -> None:
    given = Given(
        PERSONAS, {name: personas.new_password() for name in names}, "kmh_" + "k" * 43 if names else "", "l" * 43
    )
    lines = personas.instructions(given, "http://localhost:8080")
    assert [line for line in lines if cell_len(line) > 80] == []
    said = "\n".join(lines)
    assert all(password in said for password in given.passwords.values())
    assert ("--new-passwords" in said) is not bool(names)
    assert ("export KUMIHIMO_KEY=kmh_" in said) is bool(names)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://localhost:8080"),
        ("::", "http://localhost:8080"),
        ("localhost", "http://localhost:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
    ],
)
def test_a_platform_that_listens_everywhere_is_reached_by_a_name_at_which_one_can_log_in(
    tmp_path: Path, host: str, address: str
) -> None:
    made = wire(Settings(data=str(tmp_path), host=host), SystemClock())
    made.http_port = 8080
    assert made.address == address
