"""Why somebody may or may not do something, and what would have to change."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.explain import Need, Subject
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA

SATO = Actor("person", "p-1")
LEVEL, OPEN = "https://example.org/level", "https://example.org/open"
RIVER = Subject(
    "urn:ngsi-ld:River:1", ("https://example.org/River",), ("/fukui/sabae",), {LEVEL: (3, "高い"), OPEN: (True,)}
)
FORBID = f'// no levels\nforbid (principal, action, resource) when {{ context.attribute == "{LEVEL}" }};'
DAY = 86_400_000_000


@pytest.fixture
async def rules(database_factory: DatabaseFactory, fake_clock: FakeClock) -> StoredRules:
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("fukui", "sabae"):
        await database.add_tenant(tenant)
    return StoredRules(database, fake_clock)


@pytest.fixture
def access(rules: StoredRules, fake_clock: FakeClock) -> Access:
    access = Access(False, rules, fake_clock)
    rules.changes.told.append(access.forget)
    return access


async def test_a_yes_names_the_policy_that_permits(access: Access) -> None:
    await access.add_member("fukui", SATO, "officer", "x")
    for subject in (RIVER, None):
        found = await access.explain(Call("fukui", SATO), "read", subject)
        assert (found.allowed, found.roles, found.needs) == (True, frozenset({"officer"}), ())
        (cause,) = found.causes
        assert (cause.document, cause.line, cause.effect) == ("officer", 2, "permit")
        assert cause.text.startswith("permit (")


async def test_a_no_names_the_roles_that_may(access: Access) -> None:
    await access.add_member("fukui", SATO, "officer", "x")
    found = await access.explain(Call("fukui", SATO), "write", RIVER, LEVEL)
    assert not found.allowed
    assert not found.causes
    roles = ["disaster-officer", "data-manager", "operator", "emergency"]
    assert found.needs == tuple(Need("role", role) for role in roles)
    told = await access.explain(Call("fukui", SATO), "members")
    assert told.needs == (Need("role", "operator"),)


async def test_a_forbid_that_stands_in_the_way_is_named(access: Access, rules: StoredRules) -> None:
    await access.add_member("fukui", SATO, "operator", "x")
    await rules.documents.put("fukui", "levels", FORBID, "x", "secret")
    found = await access.explain(Call("fukui", SATO), "read", RIVER, LEVEL)
    assert (found.allowed, found.needs) == (False, (Need("forbid", "levels", "2"),))
    assert [(one.document, one.effect) for one in found.causes] == [("levels", "forbid")]
    assert (await access.explain(Call("fukui", SATO), "read", RIVER, OPEN)).allowed
    await rules.documents.put("fukui", "levels", 'forbid (principal, action == Action::"read", resource);', "x", "all")
    found = await access.explain(Call("fukui", SATO), "read")
    assert (found.allowed, found.needs) == (False, (Need("forbid", "levels", "1"),))


async def test_what_is_lacking_beside_a_role_is_said(access: Access, rules: StoredRules) -> None:
    nobody = await access.explain(Call("fukui", ANONYMOUS), "read", RIVER)
    assert nobody.needs[0] == Need("login")
    await access.add_member("fukui", SATO, "officer", "x")
    limited = await access.explain(Call("fukui", SATO, scopes=frozenset({"openid"})), "read", RIVER)
    assert (limited.allowed, limited.needs) == (False, (Need("scope", "feeds:read ngsi-ld:read"),))
    assert limited.causes, "the policies would permit it"
    text = 'permit (principal is Person, action == Action::"usage", resource) when { context.purpose == "research" };'
    await rules.documents.put("fukui", "research", text, "x", "a study")
    found = await access.explain(Call("fukui", SATO), "usage")
    assert Need("purpose", "research") in found.needs


async def test_conditions_of_the_entity_are_asked(access: Access, rules: StoredRules) -> None:
    head = 'permit (principal is Person, action == Action::"write", resource in Scope::"/fukui")'
    await rules.documents.put(
        "fukui", "own", f'{head} when {{ resource has "{LEVEL}" && resource["{LEVEL}"].contains("高い") }};', "x", "x"
    )
    assert (await access.explain(Call("fukui", SATO), "write", RIVER)).allowed
    elsewhere = Subject(RIVER.id, RIVER.types, ("/fukuiken",), RIVER.values)
    assert not (await access.explain(Call("fukui", SATO), "write", elsewhere)).allowed
    low = Subject(RIVER.id, RIVER.types, RIVER.scopes, {LEVEL: (3,)})
    assert not (await access.explain(Call("fukui", SATO), "write", low)).allowed


async def test_an_agreement_that_would_allow_it_is_named(
    access: Access, rules: StoredRules, fake_clock: FakeClock
) -> None:
    await access.add_member("sabae", SATO, "officer", "x")
    now = rules.changes.now()
    made = await rules.agreements.offer(
        "fukui",
        "sabae",
        "officer",
        purpose="水防",
        text='permit (principal in Role::"sabae/officer", action == Action::"read", resource is Entity);',
        starts_at=now + DAY,
        ends_at=now + 2 * DAY,
        by="x",
    )

    async def stands() -> list[str]:
        found = await access.explain(Call("fukui", SATO), "read", RIVER)
        assert not found.allowed
        return [need.detail for need in found.needs if need.kind == "agreement" and need.what == made.id]

    assert await stands() == ["offered"]
    await rules.agreements.accept("sabae", made.id, "x")
    assert await stands() == ["coming"]
    fake_clock.advance(86_400)
    found = await access.explain(Call("fukui", SATO), "read", RIVER)
    assert found.allowed
    assert [one.document for one in found.causes] == [f"agreement {made.id}"]
    fake_clock.advance(86_400)
    assert await stands() == ["ended"]
    assert not [need for need in (await access.explain(Call("fukui", SATO), "write")).needs if need.kind == "agreement"]


async def test_where_nothing_would_help_a_policy_is_lacking(access: Access, rules: StoredRules) -> None:
    for name in ("auditor", "operator"):
        text = f'permit (principal in Role::"{name}", action in [Action::"members", Action::"policies"], resource);'
        await rules.documents.put("fukui", name, text, "x", "less")
    await rules.documents.remove("fukui", "emergency", "x", "less")
    found = await access.explain(Call("fukui", SATO), "audit")
    assert found.needs == (Need("policy"),)


async def test_parts_of_the_platform_may(access: Access) -> None:
    assert (await access.explain(Call("fukui", Actor("system", "flood")), "administer")).allowed
