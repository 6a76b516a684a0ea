"""Members, policies, agreements and emergencies as they are kept, on both engines."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import AlreadyExists, BadRequestData, Forbidden, NonexistentTenant, ResourceNotFound
from kumihimo.platform.access.agreements import MAX_DAYS
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.documents import Documents
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.members import MAX_ROLES, actor_of
from kumihimo.platform.access.records import CONFIRM_WITHIN, REMOVAL, Agreement
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.platform.access.words import MAX_DOCUMENTS, START_ROLES, PolicyRefused

SATO, TANAKA, PROGRAM = Actor("person", "p-1"), Actor("person", "p-2"), Actor("application", "a-1")
BY = "person:p-0"
DAY = 86_400_000_000
TEXT = 'permit (principal in Role::"officer", action == Action::"write", resource is Entity);'
SHARED = 'permit (principal in Role::"sabae/officer", action == Action::"read", resource is Entity);'


@pytest.fixture
async def rules(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> StoredRules:
    database = await any_database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("fukui", "sabae", "echizen"):
        await database.add_tenant(tenant)
    return StoredRules(database, fake_clock)


@pytest.fixture
def access(rules: StoredRules, fake_clock: FakeClock) -> Access:
    access = Access(False, rules, fake_clock)
    rules.changes.told.append(access.forget)
    return access


async def may_read(access: Access, actor: Actor, tenant: str = "fukui") -> bool:
    try:
        await access.decide(Call(tenant, actor), "read")
    except Forbidden:
        return False
    return True


# --- members ----------------------------------------------------------------------------------------------


async def test_a_role_is_given_and_ended_with_who_and_why(rules: StoredRules, fake_clock: FakeClock) -> None:
    made = await rules.members.add("fukui", SATO, "officer", BY, why="異動")
    assert await rules.members.list("fukui") == [made]
    assert await rules.members.list("sabae") == await rules.members.list("") == []
    assert (made.actor, made.role, made.by, made.why) == (SATO, "officer", BY, "異動")
    fake_clock.advance(1)
    await rules.members.end("fukui", made.id, "person:p-9", "退職")
    assert await rules.members.list("fukui") == await rules.members.held("fukui", SATO) == []
    (past,) = await rules.members.past("fukui")
    assert (past.id, past.ended_by, past.ended_why) == (made.id, "person:p-9", "退職")
    assert past.ended_at == times.micros(fake_clock.now())
    with pytest.raises(ResourceNotFound):
        await rules.members.end("fukui", made.id, BY, "again")


async def test_the_same_role_with_another_end_takes_the_place_of_the_first(
    rules: StoredRules, fake_clock: FakeClock
) -> None:
    until = times.micros(fake_clock.now()) + DAY
    await rules.members.add("fukui", SATO, "officer", BY, until)
    fake_clock.advance(1)
    await rules.members.add("fukui", SATO, "officer", BY)
    (held,) = await rules.members.held("fukui", SATO)
    assert held.until is None
    assert [one.until for one in await rules.members.past("fukui")] == [until]


async def test_a_role_is_not_held_after_its_end(rules: StoredRules, fake_clock: FakeClock) -> None:
    await rules.members.add("fukui", SATO, "officer", BY, times.micros(fake_clock.now()) + DAY)
    await rules.members.add("fukui", TANAKA, "officer", BY)
    fake_clock.advance(86_400)
    assert [one.actor for one in await rules.members.list("fukui")] == [TANAKA]
    assert [one.actor for one in await rules.members.past("fukui")] == [SATO]


async def test_what_cannot_be_a_member_is_refused(rules: StoredRules) -> None:
    for actor, role in (
        (Actor("device", "g1"), "officer"),
        (Actor("person", ""), "officer"),
        (Actor("person", "a b"), "officer"),
        (Actor("person", "x" * 200), "officer"),
        (SATO, "Officer"),
        (SATO, "sabae/officer"),
        (SATO, "emergency"),
    ):
        with pytest.raises(BadRequestData):
            await rules.members.add("fukui", actor, role, BY)
    assert await rules.members.list("fukui") == []


async def test_members_are_bounded_and_ends_lie_ahead(rules: StoredRules, fake_clock: FakeClock) -> None:
    with pytest.raises(BadRequestData, match="has passed"):
        await rules.members.add("fukui", SATO, "officer", BY, times.micros(fake_clock.now()))
    for number in range(MAX_ROLES):
        await rules.members.add("fukui", SATO, f"role-{number}", BY)
    with pytest.raises(BadRequestData, match="end one first"):
        await rules.members.add("fukui", SATO, "one-more", BY)
    await rules.members.add("fukui", SATO, "role-0", BY)
    with pytest.raises(NonexistentTenant):
        await rules.members.add("nowhere", SATO, "officer", BY)


async def test_the_platform_keeps_an_operator(rules: StoredRules) -> None:
    first = await rules.members.add("", SATO, "operator", BY)
    with pytest.raises(Forbidden, match="last operator"):
        await rules.members.end("", first.id, BY, "gone")
    assert await rules.members.held("", SATO) == [first]
    await rules.members.add("", PROGRAM, "operator", BY)
    with pytest.raises(Forbidden, match="last operator"):
        await rules.members.end("", first.id, BY, "an application does not count")
    await rules.members.add("", TANAKA, "operator", BY)
    await rules.members.end("", first.id, BY, "gone")
    assert await rules.members.held("", SATO) == []


def test_an_actor_is_written_by_its_kind() -> None:
    assert (actor_of("person:p-1"), actor_of(" application:a-1 ")) == (SATO, PROGRAM)
    for wrong in ("p-1", "device:g1", "system:flood", ":x"):
        with pytest.raises(BadRequestData):
            actor_of(wrong)


async def test_a_tenant_made_anew_has_nothing_of_the_one_before(
    rules: StoredRules, access: Access, fake_clock: FakeClock
) -> None:
    await rules.members.add("echizen", SATO, "officer", BY)
    await rules.documents.put("echizen", "all", TEXT.replace("officer", "resident"), BY, "why")
    assert await may_read(access, SATO, "echizen")
    await rules.changes.database.remove_tenant("echizen")
    await rules.changes.database.add_tenant("echizen")
    fake_clock.advance(1)
    elsewhere = StoredRules(rules.changes.database, fake_clock)
    for actor in (TANAKA, PROGRAM):
        await elsewhere.members.add("echizen", actor, "resident", BY)
    assert not await may_read(access, SATO, "echizen")
    with pytest.raises(Forbidden):
        await access.decide(Call("echizen", TANAKA), "write")


# --- policies ---------------------------------------------------------------------------------------------


async def test_every_version_stays_with_who_when_and_why(rules: StoredRules, fake_clock: FakeClock) -> None:
    documents = rules.documents
    assert {one.name for one in await documents.list("fukui")} == {*START_ROLES, "emergency"}
    await documents.put("fukui", "officer", TEXT, BY, "write too")
    fake_clock.advance(1)
    await documents.remove("fukui", "officer", "person:p-2", "not any more")
    assert "officer" not in {one.name for one in await documents.list("fukui")}
    await documents.roll_back("fukui", "officer", 1, BY, "again")
    versions = await documents.versions("fukui", "officer")
    assert [(one.number, one.by, one.why) for one in versions] == [
        (3, BY, "again"),
        (2, "person:p-2", "not any more"),
        (1, BY, "write too"),
        (0, "", ""),
    ]
    assert [one.text for one in versions[:3]] == [TEXT, "", TEXT]
    assert versions[1].at == times.micros(fake_clock.now())
    found = {one.name: one for one in await documents.list("fukui")}["officer"]
    assert (found.version, found.text, len(found.policies)) == (3, TEXT, 1)
    assert {one.version for one in await documents.list("sabae")} == {0}


async def test_what_is_refused_changes_nothing(rules: StoredRules) -> None:
    documents = rules.documents
    for text, why in ((TEXT[:-9], "why"), ("// nothing", "why"), (TEXT, "  "), (TEXT, "x" * 501)):
        with pytest.raises((PolicyRefused, BadRequestData)):
            await documents.put("fukui", "extra", text, BY, why)
    with pytest.raises(BadRequestData):
        await documents.put("fukui", "Extra!", TEXT, BY, "why")
    for name, number in (("officer", 4), ("extra", 0)):
        with pytest.raises(ResourceNotFound):
            await documents.roll_back("fukui", name, number, BY, "why")
    with pytest.raises(ResourceNotFound):
        await documents.remove("fukui", "extra", BY, "why")
    with pytest.raises(ResourceNotFound):
        await documents.versions("fukui", "extra")
    assert await rules.revision("fukui") == 0


async def test_nobody_locks_everybody_out(rules: StoredRules) -> None:
    documents: Documents = rules.documents
    with pytest.raises(PolicyRefused, match="operators could no longer change the policies"):
        await documents.remove("fukui", "operator", BY, "less")
    forbid = 'forbid (principal, action == Action::"members", resource);'
    with pytest.raises(PolicyRefused, match="operators could no longer change the members"):
        await documents.put("fukui", "none", forbid, BY, "less")


async def test_policies_are_bounded(rules: StoredRules, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_DOCUMENTS == 100
    monkeypatch.setattr("kumihimo.platform.access.documents.MAX_DOCUMENTS", 10)
    monkeypatch.setattr("kumihimo.platform.access.documents.MAX_POLICIES", 20)
    await rules.documents.put("fukui", "extra", TEXT, BY, "why")
    with pytest.raises(PolicyRefused, match="20 in all"):
        await rules.documents.put("fukui", "extra", TEXT * 10, BY, "why")
    with pytest.raises(PolicyRefused, match="10 documents"):
        await rules.documents.put("fukui", "more", TEXT, BY, "why")


# --- agreements -------------------------------------------------------------------------------------------


async def offered(rules: StoredRules, *, starts_in: int = 0, days: int = 10, text: str = SHARED) -> Agreement:
    now = rules.changes.now()
    starts_at = now + starts_in * DAY
    return await rules.agreements.offer(
        "fukui",
        "sabae",
        "officer",
        purpose="水防の共同対応",
        text=text,
        starts_at=starts_at,
        ends_at=starts_at + days * DAY,
        by=BY,
    )


async def test_an_agreement_counts_when_both_sides_said_so_and_ends_by_itself(
    rules: StoredRules, access: Access, fake_clock: FakeClock
) -> None:
    await rules.members.add("sabae", SATO, "officer", BY)
    await rules.members.add("sabae", TANAKA, "resident", BY)
    made = await offered(rules)
    assert not await may_read(access, SATO)
    await rules.agreements.accept("sabae", made.id, "person:p-9")
    assert await may_read(access, SATO)
    assert await access.roles("fukui", SATO) == {"sabae/officer"}
    for nobody in (TANAKA, PROGRAM, Actor("device", "p-1")):
        assert not await may_read(access, nobody)
    assert not await may_read(access, SATO, "echizen")
    fake_clock.advance(10 * 86_400)
    assert not await may_read(access, SATO)
    (kept,) = await rules.agreements.list("sabae")
    assert (kept.state(rules.changes.now()), kept.accepted_by, kept.purpose) == (
        "ended",
        "person:p-9",
        "水防の共同対応",
    )


@pytest.mark.parametrize("gone", ["fukui", "sabae"])
async def test_a_tenant_that_is_removed_leaves_no_agreement_behind(
    rules: StoredRules, access: Access, gone: str
) -> None:
    """Or one that is made anew under its name would have what was meant for another."""
    made, waiting = await offered(rules), await offered(rules)
    await rules.agreements.accept("sabae", made.id, BY)
    await rules.members.add("sabae", SATO, "officer", BY)
    assert await may_read(access, SATO)
    await rules.changes.database.remove_tenant(gone)
    await rules.changes.database.add_tenant(gone)
    await rules.members.add("sabae", SATO, "officer", BY)
    assert not await may_read(access, SATO), "at once, without a look after a while"
    for one in await rules.agreements.list("fukui" if gone == "sabae" else "sabae"):
        assert one.state(rules.changes.now()) == "ended"
        assert (one.ended_by, one.ended_why) == (REMOVAL, "")
        assert one.ended_at == rules.changes.now()
    for again in (made, waiting):
        with pytest.raises(Forbidden):
            await rules.agreements.accept("sabae", again.id, BY)


async def test_agreements_of_others_and_those_that_ended_stay_as_they_are(rules: StoredRules) -> None:
    running, ended = await offered(rules), await offered(rules)
    await rules.agreements.end("fukui", ended.id, BY, "why")
    await rules.changes.database.remove_tenant("echizen")
    assert [one.ended_by for one in await rules.agreements.list("fukui")] == ["", BY]
    await rules.changes.database.remove_tenant("sabae")
    assert {one.id: one.ended_by for one in await rules.agreements.list("fukui")} == {
        running.id: REMOVAL,
        ended.id: BY,
    }


async def test_an_agreement_begins_when_it_says(rules: StoredRules, access: Access, fake_clock: FakeClock) -> None:
    await rules.members.add("sabae", SATO, "officer", BY)
    made = await offered(rules, starts_in=1)
    await rules.agreements.accept("sabae", made.id, BY)
    assert not await may_read(access, SATO)
    fake_clock.advance(86_400)
    assert await may_read(access, SATO)


async def test_who_leaves_the_other_tenant_leaves_the_agreement(rules: StoredRules, access: Access) -> None:
    member = await rules.members.add("sabae", SATO, "officer", BY)
    made = await offered(rules)
    await rules.agreements.accept("sabae", made.id, BY)
    assert await may_read(access, SATO)
    await rules.members.end("sabae", member.id, BY, "moved")
    assert not await may_read(access, SATO)


@pytest.mark.parametrize("side", ["fukui", "sabae"])
async def test_either_side_ends_it_at_once(rules: StoredRules, access: Access, side: str) -> None:
    await rules.members.add("sabae", SATO, "officer", BY)
    made = await offered(rules)
    await rules.agreements.accept("sabae", made.id, BY)
    assert await may_read(access, SATO)
    with pytest.raises(ResourceNotFound):
        await rules.agreements.end("echizen", made.id, BY, "not ours")
    await rules.agreements.end(side, made.id, BY, "目的を達した")
    assert not await may_read(access, SATO)
    for again in (rules.agreements.end(side, made.id, BY, "x"), rules.agreements.accept("sabae", made.id, BY)):
        with pytest.raises(Forbidden):
            await again


async def test_only_the_taker_accepts_and_once(rules: StoredRules, fake_clock: FakeClock) -> None:
    made = await offered(rules)
    with pytest.raises(Forbidden):
        await rules.agreements.accept("fukui", made.id, BY)
    with pytest.raises(ResourceNotFound):
        await rules.agreements.accept("echizen", made.id, BY)
    await rules.agreements.accept("sabae", made.id, BY)
    with pytest.raises(Forbidden):
        await rules.agreements.accept("sabae", made.id, BY)
    late = await offered(rules)
    fake_clock.advance(11 * 86_400)
    with pytest.raises(Forbidden):
        await rules.agreements.accept("sabae", late.id, BY)
    assert await rules.agreements.list("echizen") == []


async def test_an_agreement_shares_entities_with_the_takers_role_alone(rules: StoredRules) -> None:
    for text in (
        "",
        SHARED.replace("permit", "forbid"),
        SHARED.replace("sabae/officer", "officer"),
        SHARED.replace("sabae/officer", "echizen/officer"),
        SHARED.replace('in Role::"sabae/officer"', "is Person"),
        SHARED.replace('action == Action::"read"', "action"),
        SHARED.replace("read", "members"),
        SHARED.replace("is Entity", "is Photo"),
    ):
        with pytest.raises(PolicyRefused):
            await offered(rules, text=text)
    assert await rules.agreements.list("fukui") == []


async def test_an_agreement_has_sides_and_an_end(rules: StoredRules, monkeypatch: pytest.MonkeyPatch) -> None:
    for days in (0, MAX_DAYS + 1):
        with pytest.raises(BadRequestData):
            await offered(rules, days=days)
    with pytest.raises(BadRequestData):
        await offered(rules, starts_in=-20)
    for taker in ("fukui", "nowhere"):
        with pytest.raises(BadRequestData):
            await rules.agreements.offer(
                "fukui", taker, "officer", purpose="x", text=SHARED, starts_at=0, ends_at=2**50, by=BY
            )
    monkeypatch.setattr("kumihimo.platform.access.agreements.MAX_RUNNING", 1)
    await offered(rules)
    with pytest.raises(BadRequestData, match="end one first"):
        await offered(rules)


# --- emergencies ------------------------------------------------------------------------------------------


async def roles(access: Access, actor: Actor) -> set[str]:
    return set(await access.roles("fukui", actor))


async def test_an_emergency_needs_two_persons_and_ends_by_itself(
    rules: StoredRules, access: Access, fake_clock: FakeClock
) -> None:
    told: list[str] = []
    rules.changes.told.append(told.append)
    for one in (SATO, TANAKA):
        await rules.members.add("fukui", one, "disaster-officer", BY)
    await rules.members.add("fukui", Actor("person", "p-3"), "officer", BY)
    asked = await rules.emergencies.ask("fukui", SATO, "足羽川氾濫危険水位", 12)
    with pytest.raises(Forbidden, match="two persons"):
        await rules.emergencies.open("fukui", asked.id, SATO)
    with pytest.raises(AlreadyExists):
        await rules.emergencies.ask("fukui", TANAKA, "again", 1)
    with pytest.raises(Forbidden):
        await access.decide(Call("fukui", SATO), "devices")
    told.clear()
    opened = await rules.emergencies.open("fukui", asked.id, TANAKA)
    assert told == ["fukui"]
    assert (opened.asked_by, opened.opened_by, opened.reason) == ("person:p-1", "person:p-2", "足羽川氾濫危険水位")
    await access.decide(Call("fukui", SATO), "devices")
    assert await roles(access, SATO) == {"disaster-officer", "emergency"}
    assert await roles(access, Actor("person", "p-3")) == {"officer"}
    with pytest.raises(Forbidden):
        await rules.emergencies.open("fukui", asked.id, Actor("person", "p-3"))
    fake_clock.advance(12 * 3600)
    assert await roles(access, SATO) == {"disaster-officer"}
    with pytest.raises(Forbidden):
        await access.decide(Call("fukui", SATO), "devices")
    (kept,) = await rules.emergencies.list("fukui")
    assert kept.state(rules.changes.now()) == "ended"


async def test_an_emergency_is_ended_by_one_and_asking_for_it_lapses(
    rules: StoredRules, access: Access, fake_clock: FakeClock
) -> None:
    await rules.members.add("fukui", SATO, "disaster-officer", BY)
    asked = await rules.emergencies.ask("fukui", SATO, "地震", 1)
    await rules.emergencies.open("fukui", asked.id, TANAKA)
    assert "emergency" in await roles(access, SATO)
    await rules.emergencies.end("fukui", asked.id, BY)
    assert "emergency" not in await roles(access, SATO)
    with pytest.raises(Forbidden):
        await rules.emergencies.end("fukui", asked.id, BY)
    late = await rules.emergencies.ask("fukui", SATO, "津波", 1)
    fake_clock.advance(CONFIRM_WITHIN / 1e6)
    with pytest.raises(Forbidden):
        await rules.emergencies.open("fukui", late.id, TANAKA)
    assert "emergency" not in await roles(access, SATO)


async def test_an_emergency_is_asked_for_by_persons_with_a_reason_for_hours(rules: StoredRules) -> None:
    for by, reason, hours, problem in (
        (PROGRAM, "x", 1, Forbidden),
        (SATO, " ", 1, BadRequestData),
        (SATO, "x", 0, BadRequestData),
        (SATO, "x", 73, BadRequestData),
    ):
        with pytest.raises(problem):
            await rules.emergencies.ask("fukui", by, reason, hours)
    asked = await rules.emergencies.ask("fukui", SATO, "x", 1)
    with pytest.raises(Forbidden):
        await rules.emergencies.open("fukui", asked.id, PROGRAM)
    with pytest.raises(ResourceNotFound):
        await rules.emergencies.open("sabae", asked.id, TANAKA)
