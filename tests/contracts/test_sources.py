"""Folders and addresses looked at on a schedule, on both engines; the clock and the answers are moved by hand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import House

from kumihimo.base import times
from kumihimo.base.errors import (
    AddressRefused,
    AlreadyExists,
    BadRequestData,
    NonexistentTenant,
    ResourceNotFound,
    StorageRefused,
)
from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Query
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.observations import Layout
from kumihimo.platform.imports.store import SCHEMA as IMPORTS
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.sources import door, folder, take
from kumihimo.service.sources.door import Sources
from kumihimo.service.sources.models import Kind, Reading, Source
from kumihimo.service.sources.store import SCHEMA as SOURCES
from kumihimo.service.sources.take import Taker

GOOD = "id,time,level\n1,2025-06-23 00:00,1.5\n1,2025-06-23 00:10,1.6\n"
GAUGE = Reading("G", history=Layout(entity_type="G", units={"level": "MTR"}, columns=("level",)))
PLACE = "http://data.example.jp/levels.csv"


class Site:
    """What an address answers, and how it was asked."""

    def __init__(self) -> None:
        self.answer: HttpAnswer | Exception = HttpAnswer(200, {}, GOOD.encode())
        self.asked: list[Mapping[str, str]] = []
        self.was_asked = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def __call__(self, method: str, url: str, *, headers: Any = None, **_: Any) -> HttpAnswer:
        self.asked.append(dict(headers or {}))
        self.was_asked.set()
        assert (method, url) == ("GET", PLACE)
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Town(House):
    """A house with sources of the tenant "town"; inbox is a folder of files."""

    def __init__(self, database: Any, clock: FakeClock, inbox: Path) -> None:
        super().__init__(database, clock)
        self.site = Site()
        self.inbox = inbox
        self.sources = self.made()

    def made(self) -> Sources:
        """The sources as a process that begins has them."""
        imports = Imports(self.database, self.clock, self.nudges, remember_tx)
        taker = Taker(self.database, self.clock, self.broker, imports, Contexts(), self.site)
        return Sources(self.database, self.clock, taker, chance=lambda: 0.5)

    def put(self, name: str, text: str | bytes = GOOD, *, age: float = 60) -> Path:
        """A file that was last written to so many seconds ago."""
        path = self.inbox / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        at = self.clock.now().timestamp() - age
        os.utime(path, (at, at))
        return path

    async def add(
        self, reading: Reading = GAUGE, *, kind: Kind = "folder", name: str = "s", every: int = 600
    ) -> Source:
        place = str(self.inbox) if kind == "folder" else PLACE
        return await self.sources.add("town", Source(name, kind, place, every, reading))

    async def look(self) -> Source:
        """What came of a look of the schedule."""
        await self.sources.look()
        await asyncio.gather(*self.sources._running.values(), return_exceptions=True)
        return await self.source()

    async def source(self, name: str = "s") -> Source:
        return next(one for one in await self.sources.all("town") if one.name == name)

    async def aside(self) -> dict[str, str]:
        return {one.name: one.detail for one in await self.sources.set_aside("town", "s")}

    def wait(self, source: Source) -> int:
        """Seconds until the next look."""
        return (source.next_run - times.micros(self.clock.now())) // 1_000_000

    async def instances(self) -> int:
        return int((await self.rows("SELECT count(*) FROM history"))[0][0])


@pytest.fixture
async def town(any_database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> Town:
    database = await any_database_factory([SCHEMA, HISTORY, IMPORTS, SOURCES])
    await database.add_tenant("town")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return Town(database, fake_clock, inbox)


async def test_a_folder_is_looked_at_on_its_schedule_and_over_a_restart(town: Town) -> None:
    town.put("a.csv")
    await town.add()
    first = await town.look()
    assert (first.outcome, first.taken, first.refused, first.last_run) == ("taken", 2, 0, first.added_at)
    assert town.wait(first) == 630
    assert await town.instances() == 2
    town.put("b.csv", GOOD.replace("06-23", "06-24"))
    town.clock.advance(629)
    assert await town.look() == first
    town.sources = town.made()
    town.clock.advance(2)
    second = await town.look()
    assert (second.outcome, second.taken) == ("taken", 4)
    town.clock.advance(700)
    assert (await town.look()).outcome == "unchanged"
    assert await town.instances() == 4


async def test_files_into_the_current_state(town: Town) -> None:
    town.put("shelters.csv", "識別子,名称\n1,公民館\n2,小学校\n2,二度\n".encode("cp932"))
    await town.add(Reading("Shelter"))
    found = await town.look()
    assert (found.outcome, found.taken, found.refused) == ("taken", 2, 1)
    assert "line 4: its id urn:ngsi-ld:Shelter:2 stands in line 3 already" in found.reasons[0]
    assert len((await town.broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES))).entities) == 2


async def test_what_was_refused_is_told_until_other_content_is_found(town: Town) -> None:
    town.put("a.csv", GOOD + "1,yesterday,1.7\n")
    await town.add()
    first = await town.look()
    assert (first.outcome, first.refused) == ("taken", 1)
    assert first.reasons == ("line 4: 'yesterday' is no date and time",)
    for _ in range(2):
        town.clock.advance(700)
        found = await town.look()
        assert (found.outcome, found.reasons, found.detail) == ("unchanged", first.reasons, "")
    away = town.inbox.rename(town.inbox.with_name("away"))
    town.clock.advance(700)
    failed = await town.look()
    assert (failed.outcome, failed.reasons) == ("failed", first.reasons)
    assert "cannot be read" in failed.detail
    away.rename(town.inbox)
    town.clock.advance(1400)
    back = await town.look()
    assert (back.outcome, back.reasons, back.detail) == ("unchanged", first.reasons, "")
    town.put("b.csv", GOOD.replace("06-23", "06-24"))
    town.clock.advance(700)
    good = await town.look()
    assert (good.outcome, good.reasons) == ("taken", ())


async def test_only_what_may_hold_data_is_opened(town: Town) -> None:
    town.put(".hidden.csv")
    town.put("readme.pdf", "%PDF")
    (town.inbox / "folder.csv").mkdir()
    (town.inbox / "link.csv").symlink_to(town.inbox / ".hidden.csv")
    await town.add()
    assert (await town.look()).outcome == "unchanged"
    assert await town.instances() == 0


async def test_a_file_that_is_being_written_is_left_until_it_is_quiet(town: Town) -> None:
    town.put("a.csv", GOOD[:-5], age=3)
    town.put("ahead.csv", age=-3600)
    await town.add(every=20)
    assert (await town.look()).outcome == "unchanged"
    town.put("a.csv", age=0)
    town.clock.advance(25)
    found = await town.look()
    assert (found.outcome, found.taken) == ("taken", 4)
    assert await town.instances() == 2


async def test_a_file_that_is_written_to_while_it_is_read_is_read_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = town.put("a.csv")
    grows = iter([True, False])
    check = folder.Opened.check

    def grown(opened: folder.Opened) -> None:
        if next(grows, False):
            path.write_text(GOOD + "1,2025-06-23 00:20,1.7\n")
        check(opened)

    monkeypatch.setattr(folder.Opened, "check", grown)
    await town.add(every=20)
    assert (await town.look()).taken == 0
    os.utime(path, (town.clock.now().timestamp(),) * 2)
    town.clock.advance(25)
    assert (await town.look()).taken == 3
    assert await town.instances() == 3


async def test_what_cannot_be_read_is_told_once_and_set_aside(town: Town) -> None:
    town.put("bad.csv", "no,columns\n")
    town.put("good.csv")
    await town.add()
    first = await town.look()
    assert (first.outcome, first.taken, first.failures) == ("aside", 2, 0)
    assert first.reasons[0].startswith("bad.csv: no column says when")
    town.clock.advance(700)
    assert (await town.look()).outcome == "unchanged"
    assert list(await town.aside()) == ["bad.csv"]
    town.put("bad.csv", GOOD.replace("06-23", "06-25"))
    town.clock.advance(700)
    assert (await town.look()).taken == 4
    assert await town.aside() == {}
    town.put("bad.csv", "no,columns\n")
    town.clock.advance(700)
    await town.look()
    (town.inbox / "bad.csv").unlink()
    town.clock.advance(700)
    await town.look()
    assert await town.aside() == {}


async def test_a_file_over_the_limit_is_set_aside(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "MAX_WHOLE", 20)
    town.put("a.csv")
    await town.add(Reading("G"))
    await town.look()
    assert "at most 20 are read" in (await town.aside())["a.csv"]


async def test_many_files_come_in_parts_one_look_after_the_other(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "FILES_AT_ONCE", 2)
    for day in range(1, 6):
        town.put(f"{day}.csv", GOOD.replace("06-23", f"06-0{day}"))
    await town.add()
    assert [(await town.look()).taken for _ in range(3)] == [4, 8, 10]
    assert town.wait(await town.source()) == 630


async def test_failures_wait_longer_each_time_and_end_with_a_success(town: Town) -> None:
    town.site.answer = OSError("data.example.jp:80: nobody answers")
    await town.add(kind="url")
    waits = []
    for _ in range(8):
        found = await town.look()
        waits.append(town.wait(found))
        town.clock.advance(town.wait(found) + 1)
    assert waits == [1260, 2520, 5040, 10080, 20160, 22680, 22680, 22680]
    assert (found.outcome, found.failures) == ("failed", 8)
    assert "nobody answers" in found.detail
    town.site.answer = HttpAnswer(200, {}, GOOD.encode())
    assert ((await town.look()).failures, town.wait(await town.source())) == (0, 630)


async def test_a_store_that_refuses_is_a_failure_and_the_file_is_tried_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put("a.csv")
    await town.add()

    async def full(*_: Any) -> Any:
        raise StorageRefused("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Imports, "take", full)
        assert (await town.look()).detail == "the disk is full"
    town.clock.advance(2000)
    assert (await town.look()).taken == 2


async def test_a_url_is_asked_with_what_it_said_of_its_version(town: Town) -> None:
    town.site.answer = HttpAnswer(200, {"etag": '"1"', "last-modified": "Mon, 23 Jun 2025 00:00:00 GMT"}, GOOD.encode())
    await town.add(kind="url")
    assert (await town.look()).taken == 2
    town.site.answer = HttpAnswer(304, {}, b"")
    town.sources = town.made()
    town.clock.advance(700)
    assert (await town.look()).outcome == "unchanged"
    asked = {"If-None-Match": '"1"', "If-Modified-Since": "Mon, 23 Jun 2025 00:00:00 GMT"}
    assert town.site.asked == [{}, asked]
    town.site.answer = HttpAnswer(200, {}, GOOD.encode())
    town.clock.advance(700)
    assert ((await town.look()).outcome, town.site.asked[-1]) == ("unchanged", asked)
    town.site.answer = HttpAnswer(200, {}, b"no,columns\n")
    town.clock.advance(700)
    assert ((await town.look()).outcome, town.site.asked[-1]) == ("aside", {})
    town.clock.advance(700)
    assert (await town.look()).outcome == "unchanged"
    assert list(await town.aside()) == [""]


async def test_json_is_told_by_its_media_type(town: Town) -> None:
    body = b'[{"id":"urn:a:1","type":"G","level":{"type":"Property","value":1,"observedAt":"2025-06-23T00:00:00Z"}}]'
    town.site.answer = HttpAnswer(200, {"content-type": "application/ld+json; charset=utf-8"}, body)
    await town.add(kind="url")
    assert (await town.look()).taken == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (HttpAnswer(404, {}, b""), "it answered 404"),
        (HttpAnswer(302, {"location": "http://10.0.0.1/"}, b""), "leads to http://10.0.0.1/"),
        (AddressRefused("10.0.0.1 is private"), "10.0.0.1 is private"),
        (TimeoutError(), "TimeoutError"),
    ],
)
async def test_what_a_url_answers_else_is_a_failure(town: Town, answer: HttpAnswer | Exception, why: str) -> None:
    town.site.answer = answer
    await town.add(kind="url")
    found = await town.look()
    assert found.outcome == "failed"
    assert why in found.detail


async def test_one_look_at_a_time(town: Town) -> None:
    town.site.gate = asyncio.Event()
    await town.add(kind="url")
    await town.sources.look()
    await town.site.was_asked.wait()
    with pytest.raises(AlreadyExists, match="being looked at"):
        await town.sources.run_now("town", "s")
    other = town.made()
    await other.look()
    assert await asyncio.gather(*other._running.values(), return_exceptions=True) == []
    town.clock.advance(door.LEASE_SECONDS - 1)
    await other.look()
    assert not other._running
    town.site.gate.set()
    assert (await asyncio.gather(*town.sources._running.values()))[0].outcome == "taken"
    assert len(town.site.asked) == 1


async def test_of_two_processes_that_find_it_due_one_looks(town: Town) -> None:
    await town.add(kind="url")
    both = [one._claim("town", "s", due=True) for one in (town.sources, town.made())]
    assert sorted(one is None for one in await asyncio.gather(*both)) == [False, True]


async def test_a_look_that_a_kill_ended_is_begun_again(town: Town) -> None:
    town.put("a.csv")
    await town.add()
    assert await town.sources._claim("town", "s", due=True) is not None  # as a process does that is killed then
    town.sources = town.made()
    assert (await town.look()).outcome == "new"
    town.clock.advance(door.LEASE_SECONDS + 1)
    assert (await town.look()).taken == 2


async def test_a_source_runs_when_it_is_asked_to_and_is_gone_when_it_is_removed(town: Town) -> None:
    town.put("a.csv")
    await town.add()
    assert (await town.sources.run_now("town", "s")).taken == 2
    town.put("b.csv", GOOD.replace("06-23", "06-24"))
    assert (await town.sources.run_now("town", "s")).taken == 4
    assert await town.sources.remove("town", "s")
    assert not await town.sources.remove("town", "s")
    with pytest.raises(ResourceNotFound):
        await town.sources.run_now("town", "s")
    assert await town.rows("SELECT count(*) FROM source_content") == [(0,)]
    assert await town.instances() == 4


async def test_the_runner_goes_on_and_ends_what_is_under_way(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LOOK_SECONDS", 0.001)
    town.site.gate = asyncio.Event()
    await town.add(kind="url")
    runner = asyncio.create_task(town.sources.run())
    await town.site.was_asked.wait()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    assert not town.sources._running


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"name": "a b"}, "no name of a source"),
        ({"every": 9}, "every 10 seconds to 31 days"),
        ({"kind": "url", "place": "ftp://a/b"}, "no http or https address"),
        ({"kind": "url", "place": "http://me:secret@a/b"}, "user name or password"),
        ({"place": "inbox"}, "no absolute path"),
    ],
)
async def test_a_source_that_cannot_be_is_refused(town: Town, more: dict[str, Any], why: str) -> None:
    given = {"name": "s", "kind": "folder", "place": "/in", "every": 600, "reading": GAUGE, **more}
    with pytest.raises(BadRequestData, match=why):
        await town.sources.add("town", Source(**given))


async def test_names_are_taken_once_and_tenants_must_be_there(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.add()
    with pytest.raises(AlreadyExists):
        await town.add()
    monkeypatch.setattr(door, "MAX_SOURCES", 1)
    with pytest.raises(BadRequestData, match="has 1 sources"):
        await town.add(name="t")
    with pytest.raises(NonexistentTenant):
        await town.sources.add("city", Source("s", "folder", "/in", 600, GAUGE))
