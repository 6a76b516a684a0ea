"""In which tenants somebody has anything to do, on both engines: by role, by agreement, by what is published."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import ANONYMOUS, Actor
from kumihimo.base.errors import NonexistentTenant, StorageRefused
from kumihimo.platform.access import store
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.places import Places
from kumihimo.platform.access.standing import Looked
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA

TOWNS = ["echizen", "fukui", "obama", "sabae"]
SATO, OTHER, OPERATOR = Actor("person", "p-1"), Actor("person", "p-2"), Actor("application", "a-1")
BY = "person:p-0"
OPEN = 'permit (principal is Anonymous, action == Action::"read", resource in Scope::"/open");'
SHARED = 'permit (principal in Role::"sabae/officer", action == Action::"read", resource is Entity);'


class House:
    def __init__(self, rules: StoredRules, clock: FakeClock) -> None:
        self.rules = rules
        self.access = Access(False, rules, clock)
        rules.changes.told.append(self.access.forget)
        self.places = Places(self.access, rules, clock)
        self.clock = clock

    async def of(self, actor: Actor) -> list[str]:
        return sorted(await self.places.of(actor, TOWNS))


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in TOWNS:
        await database.add_tenant(tenant)
    return House(StoredRules(database, fake_clock), fake_clock)


async def test_a_role_a_platforms_operator_and_an_agreement_lead_into_a_tenant(house: House) -> None:
    assert await house.of(SATO) == []
    await house.rules.members.add("sabae", SATO, "officer", BY)
    await house.rules.members.add("obama", SATO, "officer", BY)
    await house.rules.members.add("", OPERATOR, "operator", BY)
    assert await house.of(SATO) == ["obama", "sabae"]
    assert await house.of(OPERATOR) == TOWNS
    assert await house.of(OTHER) == []
    now = house.rules.changes.now()
    offered = await house.rules.agreements.offer(
        "fukui", "sabae", "officer", purpose="x", text=SHARED, starts_at=now, ends_at=now + 10**9, by=BY
    )
    assert await house.of(SATO) == ["obama", "sabae"]
    await house.rules.agreements.accept("sabae", offered.id, BY)
    assert await house.of(SATO) == ["fukui", "obama", "sabae"]
    # A role that ended leaves its mark in the index, and leads nowhere.
    [held] = await house.rules.members.held("obama", SATO)
    await house.rules.members.end("obama", held.id, BY, "moved away")
    assert await house.of(SATO) == ["fukui", "sabae"]


async def test_what_is_published_is_everybodys(house: House) -> None:
    await house.rules.documents.put("obama", "published", OPEN, BY, "for everybody")
    assert await house.places.published() == {"obama"}
    for actor in (ANONYMOUS, SATO, Actor("device", "g1")):
        assert await house.of(actor) == ["obama"]
    await house.rules.documents.remove("obama", "published", BY, "it was a mistake")
    assert await house.of(ANONYMOUS) == await house.of(SATO) == []


async def test_what_another_process_changed_is_seen_within_its_time(house: House) -> None:
    assert await house.of(SATO) == await house.of(ANONYMOUS) == []
    elsewhere = StoredRules(house.rules.changes.database, house.clock)
    await elsewhere.members.add("fukui", SATO, "officer", BY)
    await elsewhere.documents.put("obama", "published", OPEN, BY, "for everybody")
    house.clock.advance(1)
    assert "fukui" in await house.of(SATO)
    house.clock.advance(10)
    assert await house.of(ANONYMOUS) == ["obama"]


async def test_what_the_index_lacks_is_entered_at_the_start(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the platform's own file was put back from a copy that is older than the tenants'."""
    await house.rules.members.add("fukui", SATO, "officer", BY)
    assert await house.places.index() == 0
    await house.rules.members.add("fukui", OTHER, "officer", BY)
    await house.rules.documents.put("obama", "published", OPEN, BY, "for everybody")
    database = house.rules.changes.database
    await database.write("", lambda tx: tx.execute("DELETE FROM access_place WHERE actor <> $1", SATO.id))
    house.access.forget("")
    assert await house.of(OTHER) == []
    assert await house.places.of(ANONYMOUS, ["obama"]) == frozenset()
    read, away = database.read, "fukui"

    async def one_is_away(scope: str, *given: object, **more: object) -> object:
        if scope == away:
            raise StorageRefused("a test")
        return await read(scope, *given, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(database, "read", one_is_away)
        assert await house.places.index() == 1, "one that is away keeps no other out"
    assert await house.places.index() == 1
    assert await house.places.index() == 0
    house.access.forget("")
    assert await house.of(OTHER) == ["fukui", "obama"]


async def test_what_is_older_than_the_index_is_entered_once(house: House) -> None:
    await house.rules.members.add("fukui", SATO, "officer", BY)
    await house.rules.documents.put("obama", "published", OPEN, BY, "for everybody")
    database = house.rules.changes.database
    await database.write("", lambda tx: tx.execute("DELETE FROM access_place"))
    house.access.forget("")
    assert await house.of(SATO) == []
    # Asked for by name a tenant is found all the same.
    assert await house.places.of(SATO, ["fukui"]) == {"fukui"}
    assert await house.places.of(ANONYMOUS, ["obama"]) == frozenset(), "closed until it is entered"
    assert await house.places.index() == 2
    assert await house.places.index() == 0
    house.access.forget("")
    assert await house.of(SATO) == ["fukui", "obama"]


async def test_nothing_is_entered_of_a_tenant_that_there_is_not(house: House) -> None:
    with pytest.raises(NonexistentTenant):
        await house.rules.members.add("nowhere", SATO, "officer", BY)
    assert await house.rules.changes.database.read("", lambda tx: store.places_tx(tx, SATO)) == []


async def test_strangers_who_guess_names_have_no_tenant_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = house.rules.look

    async def counted(scope: str, actor: Actor, now: int) -> Looked:
        looked.append(scope)
        return await look(scope, actor, now)

    monkeypatch.setattr(house.rules, "look", counted)
    for name in ("fukui", "nowhere", "sabae", "x" * 64):
        assert not await house.places.publishes(name)
    assert set(looked) <= {""}


async def test_a_page_costs_as_many_looks_on_a_platform_of_many_tenants(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.rules.members.add("sabae", SATO, "officer", BY)
    looked: list[str] = []
    look, revision = house.rules.look, house.rules.revision

    async def counted_look(scope: str, actor: Actor, now: int) -> Looked:
        looked.append(scope)
        return await look(scope, actor, now)

    async def counted_revision(scope: str) -> int:
        looked.append(scope)
        return await revision(scope)

    monkeypatch.setattr(house.rules, "look", counted_look)
    monkeypatch.setattr(house.rules, "revision", counted_revision)
    many = [*TOWNS, *(f"town-{number}" for number in range(1000))]
    assert await house.places.of(SATO, many) == {"sabae"}
    assert set(looked) == {"", "sabae"}
    first = len(looked)
    assert first < 10
    await house.places.of(SATO, many)
    assert len(looked) <= first + 2
