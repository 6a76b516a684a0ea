"""The page of the records of rights: who did what, narrowed down, counted on, as a table, and for whom it is."""

from __future__ import annotations

import csv
import io
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.access.directory import OneSato
from tests.service.console.asgi_client import Client

from kumihimo.base import times
from kumihimo.base.call import Actor, Call, Caller
from kumihimo.platform.access.audit import Audit, Deed, Wanted
from kumihimo.platform.access.audit_pages import ON_A_PAGE, PACKAGE, audit_screens
from kumihimo.platform.access.decide import Access, Action
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words

SATO, AUDITOR, OFFICER = Actor("person", "p-1"), Actor("person", "p-2"), Actor("person", "p-3")
TEXT = 'permit (principal in Role::"officer", action == Action::"read", resource is Entity);'
SHARED = 'permit (principal in Role::"sabae/officer", action == Action::"read", resource is Entity);'
DAY = 86_400_000_000
PAGE = "/t/fukui/audit"


class House:
    """Two towns in which something was done, a day apart, and the page of the first as somebody sees it."""

    def __init__(self, rules: StoredRules, clock: FakeClock) -> None:
        self.rules = rules
        self.elsewhere: list[Deed] = []
        access = Access(False, rules, clock)
        rules.changes.told.append(access.forget)

        async def more(tenant: str, wanted: Wanted, limit: int) -> list[Deed]:
            return self.elsewhere[:limit] if tenant == "fukui" and wanted.by in ("", "person:p-1") else []

        self.audit = Audit(rules.changes, more)
        screens = audit_screens(access, self.audit, OneSato())
        nobody_listens: Any = None

        async def allow(call: Call, needs: str) -> None:
            await access.decide(call, cast("Action", needs))

        self.console = Console(
            screens,
            load_words([OWN_PACKAGE, PACKAGE]),
            tenants=rules.changes.database.tenants,
            live=nobody_listens,
            platform=screens,
            allow=allow,
        )

    def as_(self, who: Actor) -> Client:
        app = Starlette(routes=self.console.routes())

        async def known(scope: Any, receive: Any, send: Any) -> None:
            scope["state"] = {"caller": Caller(who)}
            await app(scope, receive, send)

        return Client(known)


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("fukui", "sabae", "echizen"):
        await database.add_tenant(tenant)
    rules = StoredRules(database, fake_clock)
    now = times.micros(fake_clock.now())
    await rules.members.add("fukui", AUDITOR, "auditor", "person:p-1", why="秘密の理由")
    held = await rules.members.add("fukui", OFFICER, "officer", "person:p-1")
    await rules.members.add("echizen", OFFICER, "business", "person:p-9")
    fake_clock.advance(24 * 3600)
    await rules.members.end("fukui", held.id, "person:p-4", "left")
    await rules.members.add("fukui", OFFICER, "disaster-officer", "person:p-4")
    await rules.members.add("fukui", SATO, "disaster-officer", "person:p-4")
    fake_clock.advance(1)
    await rules.documents.put("fukui", "extra", TEXT, "person:p-4", "why")
    fake_clock.advance(1)
    await rules.documents.remove("fukui", "extra", "person:p-4", "why")
    fake_clock.advance(1)
    offer = await rules.agreements.offer(
        "fukui", "sabae", "officer", purpose="x", text=SHARED, starts_at=now, ends_at=now + 30 * DAY, by="person:p-1"
    )
    fake_clock.advance(1)
    await rules.agreements.accept("sabae", offer.id, "person:p-5")
    fake_clock.advance(1)
    asked = await rules.emergencies.ask("fukui", SATO, "flood", 3)
    fake_clock.advance(1)
    await rules.emergencies.open("fukui", asked.id, OFFICER)
    return House(rules, fake_clock)


async def test_all_that_was_done_is_told_the_newest_first_to_each_side_of_it(house: House) -> None:
    found = await house.audit.deeds("fukui", Wanted(), 100)
    assert [(one.kind, one.by, one.subject, one.detail) for one in found] == [
        ("emergency.opened", "person:p-3", "", "3"),
        ("emergency.asked", "person:p-1", "", "3"),
        ("agreement.accepted", "person:p-5", "fukui → sabae/officer", ""),
        ("agreement.offered", "person:p-1", "fukui → sabae/officer", ""),
        ("policy.removed", "person:p-4", "extra", "2"),
        ("policy.written", "person:p-4", "extra", "1"),
        ("member.ended", "person:p-4", "person:p-3", "officer"),
        ("member.given", "person:p-4", "person:p-1", "disaster-officer"),
        ("member.given", "person:p-4", "person:p-3", "disaster-officer"),
        ("member.given", "person:p-1", "person:p-2", "auditor"),
        ("member.given", "person:p-1", "person:p-3", "officer"),
    ]
    other = await house.audit.deeds("sabae", Wanted(), 100)
    assert [one.kind for one in other] == ["agreement.accepted", "agreement.offered"]
    assert [one.subject for one in await house.audit.deeds("echizen", Wanted(), 100)] == ["person:p-3"]
    assert await house.audit.deeds("", Wanted(), 100) == []


async def test_it_is_narrowed_down_by_time_person_and_kind(house: House, fake_clock: FakeClock) -> None:
    every = await house.audit.deeds("fukui", Wanted(), 100)
    middle = every[4].at
    assert await house.audit.deeds("fukui", Wanted(until=middle), 100) == every[5:]
    assert await house.audit.deeds("fukui", Wanted(since=middle), 100) == every[:5]
    assert await house.audit.deeds("fukui", Wanted(by="person:p-1"), 100) == [
        one for one in every if one.by == "person:p-1"
    ]
    assert await house.audit.deeds("fukui", Wanted(part="agreements"), 100) == every[2:4]
    pieces = [await house.audit.deeds("fukui", Wanted(), 3, offset) for offset in range(0, 12, 3)]
    assert [one for piece in pieces for one in piece] == every
    page = house.as_(AUDITOR)
    shown = (await page.get(f"{PAGE}?part=policies&lang=en")).text
    assert ("wrote policies" in shown, "gave a role" in shown) == (True, False)
    day = f"{fake_clock.now().astimezone(times.JST):%Y-%m-%d}"
    assert "gave a role" in (await page.get(f"{PAGE}?from={day}&who=person:p-4&lang=en")).text
    assert "No record fits these conditions" in (await page.get(f"{PAGE}?from={day}&who=person:p-99&lang=en")).text
    for wrong in ("part=x", "page=-1", "page=99999", "from=today", "who=application:"):
        reply = await page.get(f"{PAGE}?{wrong}")
        is_fine = wrong.startswith("who")
        assert reply.status == (200 if is_fine else 400), wrong
        assert ("audit.csv" in reply.text, "<table" in reply.text) == (is_fine, False), wrong


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_page_names_who_acted_and_nobody_else(house: House, lang: str) -> None:
    text = (await house.as_(AUDITOR).get(f"{PAGE}?lang={lang}")).text
    assert "佐藤 (sato)" in text, "who acted"
    assert '<span class="km-id">person:p-1</span>' in text, "whom a role was given to"
    assert "秘密" not in text


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("ja", ["コマンド(サーバー上)", "最初の起動", "基盤 (removal)", ">監査人<", ">防災担当<", ">hunter<"]),
        (
            "en",
            [">command line<", ">first start<", "platform (removal)", ">Auditor<", ">Disaster officer<", ">hunter<"],
        ),
    ],
)
async def test_roles_and_doers_without_a_name_are_told_in_the_readers_words(
    house: House, lang: str, told: list[str]
) -> None:
    await house.rules.members.add("fukui", OFFICER, "hunter", "command line")
    house.elsewhere = [
        Deed(2, "first start", "application.added", "a-1"),
        Deed(1, "system:removal", "application.disabled", "a-1"),
    ]
    text = (await house.as_(AUDITOR).get(f"{PAGE}?lang={lang}")).text
    assert [one for one in told if one not in text] == []
    assert [one for one in (">auditor<", ">disaster-officer<", "system:") if one in text] == []


@pytest.mark.parametrize(("lang", "title"), [("ja", ">猟友会<"), ("en", ">Hunters<")])
async def test_a_role_that_policies_title_is_told_by_its_title(house: House, lang: str, title: str) -> None:
    titled = f'@role_ja("猟友会") @role_en("Hunters") {TEXT.replace("officer", "hunter")}'
    await house.rules.documents.put("fukui", "more", titled, "x", "x")
    await house.rules.members.add("fukui", OFFICER, "hunter", "command line")
    text = (await house.as_(AUDITOR).get(f"{PAGE}?lang={lang}")).text
    assert (title in text, ">hunter<" in text) == (True, False)


async def test_a_long_record_is_counted_on_page_by_page(house: House) -> None:
    house.elsewhere = [Deed(10 - one, "person:p-1", "application.added", f"a-{one}") for one in range(ON_A_PAGE)]
    page = house.as_(AUDITOR)
    first, second = [(await page.get(f"{PAGE}?lang=en&page={number}")).text for number in (0, 1)]
    assert ("page=1" in first, "page=2" in second) == (True, False)
    assert ("emergency" in first, f"a-{ON_A_PAGE - 1}<" in first, f"a-{ON_A_PAGE - 1}<" in second) == (
        True,
        False,
        True,
    )
    assert "Back to the newest" in second


async def test_the_table_holds_what_the_page_does_and_no_formula(house: House) -> None:
    house.elsewhere = [Deed(1, "=1+1", "application.rotated", "a-1")]
    reply = await house.as_(AUDITOR).get("/t/fukui/audit.csv?lang=en")
    rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert rows[0] == ["When", "Who", "What", "Of what", "Detail"]
    assert len(rows) == 13
    assert rows[-1] == ["1970-01-01 09:00:00", "'=1+1", "gave an application a new key", "a-1", ""]
    assert "佐藤 (sato)" in [row[1] for row in rows]


async def test_it_is_for_those_who_may_see_the_records(house: House) -> None:
    await house.rules.members.add("echizen", SATO, "operator", "x")
    for path in ("audit", "audit.csv", "audit?who=sato"):
        assert (await house.as_(AUDITOR).get(f"/t/fukui/{path}")).status == 200
        assert (await house.as_(SATO).get(f"/t/echizen/{path}")).status == 200
        for who in (Actor("person", "p-9"), Actor("anonymous")):
            assert (await house.as_(who).get(f"/t/fukui/{path}")).status in (401, 403)
        assert (await house.as_(AUDITOR).get(f"/t/echizen/{path}")).status == 403
        assert (await house.as_(AUDITOR).get(f"/platform/{path}")).status == 403
    await house.rules.members.add("", SATO, "auditor", "person:p-7")
    assert "person:p-7" in (await house.as_(SATO).get("/platform/audit")).text
