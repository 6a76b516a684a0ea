"""Decisions: closed by default, roles and scopes, and that nothing is taken from memory after a change."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base import times
from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.errors import Forbidden, NonexistentTenant, Unauthenticated
from kumihimo.platform.access.decide import EVERYTHING, Access, Action, Grant
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.grants import ALL_ROWS, same_everywhere
from kumihimo.platform.access.models import ALL_RIGHTS, Names
from kumihimo.platform.access.standing import Looked
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.platform.access.words import IN_WORDS
from kumihimo.storage.database import Database

ACTIONS = get_args(Action)
SYSTEM, DEVICE, PERSON = Actor("system", "flood"), Actor("device", "g1"), Actor("person", "p-1")
SATO, PROGRAM = Actor("person", "p-2"), Actor("application", "a-1")
LEVEL = "https://example.org/level"
HIDDEN = f'forbid (principal, action == Action::"read", resource) when {{ context.attribute == "{LEVEL}" }};'


@pytest.fixture
async def database(database_factory: DatabaseFactory) -> Database:
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("town", "sabae"):
        await database.add_tenant(tenant)
    return database


@pytest.fixture
def rules(database: Database, fake_clock: FakeClock) -> StoredRules:
    return StoredRules(database, fake_clock)


@pytest.fixture
def access(rules: StoredRules, fake_clock: FakeClock) -> Access:
    access = Access(False, rules, fake_clock)
    rules.changes.told.append(access.forget)
    return access


async def may(access: Access, actor: Actor, action: Action, tenant: str = "town") -> bool:
    try:
        await access.decide(Call(tenant, actor), action)
    except (Forbidden, Unauthenticated):
        return False
    return True


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_open_house_lets_everybody_do_everything(action: Action) -> None:
    for actor in (ANONYMOUS, SYSTEM, DEVICE, PERSON):
        assert await Access(True).decide(Call("town", actor), action) == EVERYTHING
        assert await Access(True).rights(Call("town", actor), action) == ALL_RIGHTS


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_closed_house_is_closed_by_default(action: Action) -> None:
    access = Access(False)
    with pytest.raises(Unauthenticated, match=f"to {IN_WORDS[action]} here, log in"):
        await access.decide(Call("town", ANONYMOUS), action)
    with pytest.raises(Forbidden, match=r"roles held are none; a member with the role .*operator"):
        await access.decide(Call("town", PERSON), action)
    assert await access.decide(Call("town", SYSTEM), action) == EVERYTHING


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_device_writes_and_nothing_else(action: Action) -> None:
    if action == "write":
        assert await Access(False).decide(Call("town", DEVICE), "write") == EVERYTHING
        return
    with pytest.raises(Forbidden):
        await Access(False).decide(Call("town", DEVICE), action)


async def test_a_role_gives_what_its_policies_say_in_its_tenant(access: Access) -> None:
    await access.add_member("town", PERSON, "officer", "person:p-0")
    assert await access.decide(Call("town", PERSON), "read") == EVERYTHING
    assert not await may(access, PERSON, "write")
    assert not await may(access, PERSON, "read", "sabae")
    assert not await may(access, PERSON, "read", "")
    assert await access.roles("town", PERSON) == {"officer"}
    with pytest.raises(Forbidden, match="roles held are officer; a member with the role disaster-officer or"):
        await access.decide(Call("town", PERSON), "write")


async def test_an_operator_of_the_platform_is_one_everywhere_and_no_other_role_is(access: Access) -> None:
    await access.add_member("", PERSON, "operator", "person:p-0")
    await access.add_member("", SATO, "officer", "person:p-0")
    for tenant in ("", "town", "sabae"):
        for action in ACTIONS:
            assert await may(access, PERSON, action, tenant), (tenant, action)
    assert await may(access, SATO, "read", "")
    assert not await may(access, SATO, "read", "town")


async def test_only_the_platforms_own_people_are_told_which_tenants_there_are(access: Access) -> None:
    await access.add_member("", PERSON, "operator", "person:p-0")
    with pytest.raises(Unauthenticated):
        await access.decide(Call("nowhere", ANONYMOUS), "read")
    with pytest.raises(Forbidden):
        await access.decide(Call("nowhere", SATO), "read")
    with pytest.raises(NonexistentTenant):
        await access.decide(Call("nowhere", PERSON), "read")


@pytest.mark.parametrize(
    ("action", "scope"),
    [
        ("read", "ngsi-ld:read"),
        ("read", "feeds:read"),
        ("write", "ngsi-ld:write"),
        ("delete", "ngsi-ld:write"),
        ("subscribe", "ngsi-ld:subscribe"),
        ("members", ""),
        ("administer", ""),
    ],
)
async def test_a_token_does_what_its_scopes_cover(access: Access, action: Action, scope: str) -> None:
    await access.add_member("town", PROGRAM, "operator", "person:p-0")
    every = frozenset({"ngsi-ld:read", "ngsi-ld:write", "ngsi-ld:subscribe", "feeds:read", "openid", "devices:write"})
    too_few = every - {scope, "ngsi-ld:read", "feeds:read"}
    with pytest.raises(Forbidden, match=f"the token may not {IN_WORDS[action]}: "):
        await access.decide(Call("town", PROGRAM, scopes=too_few), action)
    with pytest.raises(Forbidden, match=f"the token may not {IN_WORDS[action]}: "):
        await access.rights(Call("town", PROGRAM, scopes=too_few), action)
    assert await access.decide(Call("town", PROGRAM, scopes=None), action) == EVERYTHING
    if scope:
        assert await access.decide(Call("town", PROGRAM, scopes=frozenset({scope})), action) == EVERYTHING


async def test_the_purpose_is_asked_of_and_kept_apart(access: Access, rules: StoredRules) -> None:
    text = 'permit (principal is Person, action == Action::"read", resource) when { context.purpose == "research" };'
    await rules.documents.put("town", "research", text, "person:p-0", "a study")
    assert await access.decide(Call("town", PERSON, "research"), "read") == EVERYTHING
    assert not await may(access, PERSON, "read")


async def test_anonymous_gets_what_a_policy_says_and_nothing_else(access: Access, rules: StoredRules) -> None:
    text = f'permit (principal is Anonymous, action == Action::"read", resource is Entity in EntityType::"{LEVEL}");'
    await rules.documents.put("town", "open-data", text, "person:p-0", "open data")
    grant = await access.decide(Call("town", ANONYMOUS), "read")
    assert not grant.restriction.everything
    assert not await may(access, ANONYMOUS, "write")


async def test_a_forbid_takes_one_attribute_away(access: Access, rules: StoredRules) -> None:
    await access.add_member("town", PERSON, "officer", "person:p-0")
    await rules.documents.put("town", "hidden", HIDDEN, "person:p-0", "secret")
    grant = await access.decide(Call("town", PERSON), "read")
    assert grant == Grant(ALL_ROWS, same_everywhere(Names(frozenset({LEVEL}), others=True)))
    (clause,) = (await access.rights(Call("town", PERSON), "read")).shown
    assert clause.names == Names(frozenset({LEVEL}), others=True)


async def test_every_change_is_seen_at_once(access: Access, rules: StoredRules) -> None:
    assert not await may(access, PERSON, "read")
    member = await rules.members.add("town", PERSON, "officer", "person:p-0")
    assert await may(access, PERSON, "read")
    only = f'permit (principal in Role::"officer", action, resource) when {{ context.attribute == "{LEVEL}" }};'
    await rules.documents.put("town", "officer", only, "person:p-0", "less")
    grant = await access.decide(Call("town", PERSON), "read")
    assert (grant.restriction, grant.visible) == (ALL_ROWS, same_everywhere(Names(frozenset({LEVEL}))))
    await rules.documents.roll_back("town", "officer", 0, "person:p-0", "back")
    assert await access.decide(Call("town", PERSON), "read") == EVERYTHING
    await rules.members.end("town", member.id, "person:p-0", "moved")
    assert not await may(access, PERSON, "read")


async def test_what_another_process_changed_is_seen_within_a_second(
    database: Database, access: Access, fake_clock: FakeClock
) -> None:
    elsewhere = StoredRules(database, fake_clock)
    told: list[str] = []
    access.tell(told.append)
    member = await elsewhere.members.add("town", PERSON, "officer", "person:p-0")
    assert await may(access, PERSON, "read")
    await elsewhere.members.end("town", member.id, "person:p-0", "moved")
    fake_clock.advance(0.5)
    assert await may(access, PERSON, "read"), "it is looked at once a second at most"
    fake_clock.advance(0.5)
    assert not await may(access, PERSON, "read")
    fake_clock.advance(1)
    assert not await may(access, PERSON, "read")
    await elsewhere.members.add("", PERSON, "operator", "person:p-0")
    fake_clock.advance(1)
    assert await may(access, PERSON, "read")
    assert set(told) <= {"town", ""}


async def test_a_decision_is_taken_from_memory_while_nothing_changed(
    access: Access, rules: StoredRules, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await access.add_member("town", PERSON, "officer", "person:p-0")
    first = await access.decide(Call("town", PERSON), "read")

    async def nothing(*_: object) -> object:
        raise AssertionError("looked at the store")

    monkeypatch.setattr(rules, "look", nothing)
    assert await access.decide(Call("town", PERSON), "read") is first
    fake_clock.advance(5)
    assert await access.decide(Call("town", PERSON), "read") is first, "only the revision was looked at"
    monkeypatch.setattr(rules, "revision", nothing)
    assert await access.decide(Call("town", PERSON), "read") is first
    fake_clock.advance(-3600)
    with pytest.raises(AssertionError):
        await access.decide(Call("town", PERSON), "read")


async def test_a_role_ends_by_itself(access: Access, fake_clock: FakeClock) -> None:
    now = times.micros(fake_clock.now())
    await access.add_member("town", PERSON, "officer", "person:p-0", now + 300_000)
    assert await may(access, PERSON, "read")
    fake_clock.advance(0.3)
    assert not await may(access, PERSON, "read")


async def test_a_change_while_a_decision_is_made_is_not_lost(
    access: Access, rules: StoredRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await rules.members.add("town", PERSON, "officer", "person:p-0")
    look, calls = rules.look, 0

    async def ended_meanwhile(scope: str, actor: Actor, now: int) -> object:
        nonlocal calls
        found = await look(scope, actor, now)
        calls += 1
        if calls == 1:
            await rules.members.end("town", member.id, "person:p-0", "moved")
        return found

    monkeypatch.setattr(rules, "look", ended_meanwhile)
    assert not await may(access, PERSON, "read")
    assert calls > 1


async def test_one_look_serves_all_who_wait_for_it_and_outlives_who_goes_away(
    access: Access, rules: StoredRules, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await access.add_member("town", PERSON, "officer", "person:p-0")
    assert await may(access, PERSON, "read")
    revision, looks, may_go = rules.revision, [], asyncio.Event()

    async def slowly(scope: str) -> int:
        looks.append(scope)
        await may_go.wait()
        return await revision(scope)

    monkeypatch.setattr(rules, "revision", slowly)
    fake_clock.advance(1)
    waiting = [asyncio.ensure_future(may(access, PERSON, "read")) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    may_go.set()
    assert await asyncio.gather(*waiting[1:]) == [True] * 19
    assert sorted(looks) == sorted(set(looks)), "each scope is looked at once"


async def test_who_comes_after_a_change_is_not_served_by_a_look_from_before(
    access: Access, rules: StoredRules, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await rules.members.add("town", PERSON, "officer", "person:p-0")
    assert await may(access, PERSON, "read")
    revision, may_go = rules.revision, asyncio.Event()

    async def slowly(scope: str) -> int:
        found = await revision(scope)
        await may_go.wait()
        return found

    fake_clock.advance(1)
    with monkeypatch.context() as patched:
        patched.setattr(rules, "revision", slowly)
        before = asyncio.ensure_future(may(access, PERSON, "read"))
        await asyncio.sleep(0)
    await rules.members.end("town", member.id, "person:p-0", "moved")
    assert not await may(access, PERSON, "read")
    may_go.set()
    await before  # it asked before the change; what it found is not kept
    assert not await may(access, PERSON, "read")


async def test_who_comes_after_a_change_does_not_wait_for_a_look_from_before(
    access: Access, rules: StoredRules, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that one will find is of before: another process may have changed something since."""
    await access.add_member("town", PERSON, "officer", "person:p-0")
    assert await may(access, PERSON, "read")
    revision, began, may_go, hangs = rules.revision, asyncio.Event(), asyncio.Event(), True

    async def hanging(scope: str) -> int:
        waits, found = hangs, await revision(scope)
        began.set()
        if waits:
            await may_go.wait()
        return found

    monkeypatch.setattr(rules, "revision", hanging)
    fake_clock.advance(1)
    before = asyncio.ensure_future(access.current("town"))
    await began.wait()
    hangs = False
    await rules.members.add("town", Actor("person", "p-9"), "officer", "person:p-0")
    after = asyncio.ensure_future(access.current("town"))
    try:
        done, _ = await asyncio.wait((after, before), timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert done == {after}
    finally:
        may_go.set()
        await asyncio.gather(before, after)


async def test_memory_is_bounded(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kumihimo.platform.access.decide._KEPT", 3)
    for number in range(10):
        await may(access, Actor("person", f"p-{number}"), "read")
        assert len(access._known) <= 3


async def test_what_ends_by_its_time_is_a_change_too(access: Access, fake_clock: FakeClock) -> None:
    ends = times.micros(fake_clock.now()) + 60_000_000
    await access.add_member("town", PERSON, "officer", "person:p-0", ends)
    assert await may(access, PERSON, "read")
    before = access.revision("town")
    fake_clock.advance(59)
    assert access.revision("town") == before
    fake_clock.advance(2)
    assert access.revision("town") > before
    assert not await may(access, PERSON, "read")


async def test_all_devices_of_a_tenant_are_decided_on_once(access: Access, rules: StoredRules) -> None:
    for number in range(10):
        assert await may(access, Actor("device", f"g{number}"), "write")
    assert len(access._known) == 1
    named = 'forbid (principal == Device::"g3", action, resource);'
    await rules.documents.put("town", "broken", named, "person:p-0", "it sends nonsense")
    found = [await may(access, Actor("device", f"g{number}"), "write") for number in range(5)]
    assert found == [True, True, True, False, True]
    assert await may(access, Actor("device", "g3"), "write", "sabae")


async def test_a_tenant_that_comes_to_be_after_it_was_asked_for_is_decided_on(
    access: Access, rules: StoredRules, database: Database, fake_clock: FakeClock
) -> None:
    """Another process makes it, so that nothing here is told."""
    assert not await may(access, ANONYMOUS, "read", "nowhere")
    assert len(access._known) == 0
    await database.add_tenant("nowhere")
    elsewhere = StoredRules(database, fake_clock)
    await elsewhere.documents.put("nowhere", "open", OPEN, "person:p-0", "for everybody")
    assert await may(access, ANONYMOUS, "read", "nowhere")


OPEN = 'permit (principal is Anonymous, action == Action::"read", resource is Entity);'


async def test_a_change_elsewhere_is_seen_within_a_second_though_others_were_decided_on_meanwhile(
    access: Access, rules: StoredRules, database: Database, fake_clock: FakeClock
) -> None:
    """What was looked at for one caller is good for another until a second behind that look, and no longer."""
    for actor in (PERSON, SATO):
        await access.add_member("town", actor, "officer", "person:p-0")
    elsewhere = StoredRules(database, fake_clock)
    assert await may(access, PERSON, "read")
    fake_clock.advance(0.9)
    assert await may(access, SATO, "read")
    fake_clock.advance(0.2)
    assert await may(access, PERSON, "read")
    fake_clock.advance(0.2)
    await elsewhere.documents.put("town", "shut", "forbid (principal, action, resource is Entity);", "person:p-0", "x")
    fake_clock.advance(0.65)
    assert await may(access, SATO, "read"), "by the look of 0.85 s ago"
    fake_clock.advance(0.4)
    assert not await may(access, SATO, "read")
    assert not await may(access, PERSON, "read")


async def test_who_holds_which_roles_is_not_read_again_until_something_changed(
    database: Database, rules: StoredRules, access: Access, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = rules.look

    async def counting(scope: str, actor: Actor, now: int) -> Looked:
        looked.append(scope)
        return await look(scope, actor, now)

    monkeypatch.setattr(rules, "look", counting)
    given = await rules.members.add("town", SATO, "officer", "x", until=times.micros(fake_clock.now()) + 60_000_000)
    for _ in range(3):
        assert await access.roles("town", SATO) == {"officer"}
    assert looked == ["town", ""]
    await rules.members.add("town", SATO, "auditor", "x")
    assert await access.roles("town", SATO) == {"auditor", "officer"}, "a role that is given counts at once"
    await rules.members.end("town", given.id, "x", "why")
    assert await access.roles("town", SATO) == {"auditor"}, "one that is taken away is gone at once"

    await rules.members.add("town", SATO, "officer", "x", until=times.micros(fake_clock.now()) + 60_000_000)
    assert await access.roles("town", SATO) == {"auditor", "officer"}
    other = StoredRules(database, fake_clock)
    await other.members.add("town", SATO, "business", "x")
    fake_clock.advance(1)
    assert await access.roles("town", SATO) == {"auditor", "business", "officer"}, "another process gave it"
    fake_clock.advance(60)
    assert await access.roles("town", SATO) == {"auditor", "business"}, "it ended by its time"


async def test_roles_of_somebody_in_a_tenant_that_is_not_there_are_never_kept(
    database: Database, access: Access
) -> None:
    with pytest.raises(NonexistentTenant):
        await access.roles("newtown", SATO)
    await database.add_tenant("newtown")
    assert await access.roles("newtown", SATO) == frozenset()
