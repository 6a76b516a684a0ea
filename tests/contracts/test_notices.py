"""Notices to people on both engines: who is told, when, how often, and what becomes of messages that do not arrive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.push_service import Phone, PushService

from kumihimo.base import times
from kumihimo.base.errors import AddressRefused, BadRequestData, ResourceNotFound, TooManyRequests
from kumihimo.base.ports import HttpAnswer, Letter, MailRefused
from kumihimo.platform.identity.seal import Seal
from kumihimo.service.notices import door as notices_door
from kumihimo.service.notices import lists, models
from kumihimo.service.notices.compose import Composer
from kumihimo.service.notices.door import ASKED_PER_DAY, Choice, Notices
from kumihimo.service.notices.lists import Lists
from kumihimo.service.notices.models import (
    CONFIRM_FOR,
    MAX_CONFIRMS,
    PER_HOUR,
    Area,
    Most,
    Notice,
    Reached,
    Took,
    Topic,
    Unconfirmable,
)
from kumihimo.service.notices.seals import Seals
from kumihimo.service.notices.send import LEASE, MAX_TRIES, Sender
from kumihimo.service.notices.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.storage.database import Database

TOPICS = (Topic("bear", {"ja": "クマ", "en": "Bears"}), Topic("trap", {"ja": "わな", "en": "Traps"}, is_closed=True))
FIELD = Area("うちの畑", 136.65, 36.55, 2000)
BEAR = Notice(
    "n1",
    "bear",
    {"ja": "山田町：クマを検知", "en": "Yamada: bear detected"},
    {"ja": "屋内に入ってください。", "en": "Go indoors."},
    1_767_225_600_000_000,
    (136.66, 36.551),
    {"ja": "山田町", "en": "Yamada"},
)
"""0.9 km from the field; told at the hour at which the clock of these tests stands (09:00 in Japan)."""


class Post:
    """A mail server: what it took, and what it says next."""

    def __init__(self) -> None:
        self.took: list[Letter] = []
        self.says: list[Exception] = []

    async def __call__(self, letter: Letter) -> None:
        if self.says:
            raise self.says.pop(0)
        self.took.append(letter)


class Killed(BaseException):
    """The process ends in the middle of something."""


class Town:
    def __init__(self, database: Database, clock: FakeClock, folder: Path) -> None:
        self.database, self.clock = database, clock
        self.post, self.phone, self.second = Post(), Phone(), Phone()
        self.push = PushService(self.phone, self.second)
        self.out: set[str] = set()
        self.seal = Seal(folder / "keys" / "seal.key")
        self.notices = self.made()

    def made(self) -> Notices:
        """The notices as a process that begins has them."""

        async def entitled(tenant: str, account: str) -> bool:
            return account not in self.out

        async def named(tenant: str) -> list[Area]:
            return []

        seals = Seals(self.database, self.seal)
        composer = Composer(lambda: "https://data.example.jp", lambda _, lang: {"en": "Town"}.get(lang, "山田町"))
        sender = Sender(
            self.database, self.clock, seals, composer, self.post, self.push, lambda: "mailto:a@example.jp", entitled
        )
        return Notices(self.database, self.clock, seals, sender, TOPICS, named)

    async def settle(self, account: str = "p1", *, email: str = "p1@example.jp", quiet: Any = None) -> None:
        """Somebody who wants to hear of bears near the field by mail, whose address is confirmed."""
        await self.notices.choose("town", account, Choice(("bear",), False, quiet, "ja"))
        await self.notices.add_area("town", account, FIELD, "ja")
        if email:
            await self.notices.set_email("town", account, email, "ja")
            await self.send()
            await self.notices.confirm("town", self.token("confirm"))
            self.post.took.clear()

    def token(self, what: str) -> str:
        """The link in the newest letter."""
        return self.post.took[-1].text.split(f"/notices/v1/town/{what}/")[1].split()[0]

    async def send(self) -> int:
        return sum([await self.notices.sender.round("town", one) for one in ("email", "push")])

    async def messages(self, account: str = "p1") -> list[tuple[str, str]]:
        one = await self.notices.mine("town", account)
        assert one is not None
        return [(message.state, message.why) for message, _ in await self.notices.recent("town", one)]


@pytest.fixture
async def town(any_database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> Town:
    database = await any_database_factory([SCHEMA, PLATFORM_SCHEMA])
    await database.add_tenant("town")
    return Town(database, fake_clock, tmp_path)


async def test_whoever_is_near_is_told_once(town: Town) -> None:
    await town.settle()
    await town.notices.choose("town", "far", Choice(("bear",), False, None, "ja"))
    await town.notices.add_area("town", "far", Area("", 136.9, 36.9, 2000), "ja")
    await town.notices.add_browser("town", "far", town.second.browser(), "ja")
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    assert await town.notices.tell("town", BEAR) == 2
    assert await town.notices.tell("town", BEAR) == 0, "the same notice again"
    assert await town.send() == 2
    assert await town.send() == 0
    (letter,) = town.post.took
    assert letter.to == "p1@example.jp"
    assert letter.subject == "【山田町】山田町：クマを検知"
    assert "場所: 山田町（「うちの畑」から約 0.9 km）" in letter.text
    assert "時刻: 2026-01-01 09:00" in letter.text
    assert "屋内に入ってください。" in letter.text
    assert letter.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter.headers["List-Unsubscribe"].startswith("<https://data.example.jp/notices/v1/town/stop/")
    ((url, shown, headers),) = town.push.came
    assert (url, shown["title"], headers["Urgency"]) == (town.phone.endpoint, "山田町: 山田町：クマを検知", "normal")
    assert headers["Topic"] == shown["tag"]
    assert await town.messages() == [("sent", ""), ("sent", "")]
    assert await town.messages("far") == []


async def test_nothing_is_sent_to_an_address_that_nobody_confirmed(town: Town) -> None:
    await town.notices.choose("town", "p1", Choice(("bear",), True, None, "en"))
    await town.notices.set_email("town", "p1", "P1@Example.JP", "en")
    assert await town.notices.tell("town", BEAR) == 0
    await town.send()
    (question,) = town.post.took
    assert (question.to, "Go indoors" in question.text) == ("P1@example.jp", False)
    with pytest.raises(Unconfirmable):
        await town.notices.confirm("town", town.token("confirm")[:-1] + "_")
    await town.notices.confirm("town", town.token("confirm"))
    with pytest.raises(Unconfirmable):
        await town.notices.confirm("town", town.token("confirm"))
    assert await town.notices.tell("town", replace(BEAR, id="n2")) == 1


async def test_a_link_ends_after_three_days_and_with_another_address(town: Town) -> None:
    await town.notices.set_email("town", "p1", "a@example.jp", "ja")
    await town.send()
    first = town.token("confirm")
    await town.notices.set_email("town", "p1", "b@example.jp", "ja")
    await town.send()
    with pytest.raises(Unconfirmable):
        await town.notices.confirm("town", first)
    town.clock.advance(CONFIRM_FOR / 1_000_000)
    with pytest.raises(Unconfirmable):
        await town.notices.confirm("town", town.token("confirm"))
    with pytest.raises(Unconfirmable):
        await town.notices.confirm("nowhere", town.token("confirm"))


async def test_nobody_has_another_persons_letter_box_filled(town: Town) -> None:
    for number in range(MAX_CONFIRMS):
        await town.notices.set_email("town", "p1", f"victim{number % 2}@example.jp", "ja")
    with pytest.raises(TooManyRequests):
        await town.notices.set_email("town", "p1", "victim@example.jp", "ja")
    await town.send()
    assert len(town.post.took) <= MAX_CONFIRMS
    town.clock.advance(86_400)
    await town.notices.set_email("town", "p1", "victim@example.jp", "ja")


async def test_nobody_has_a_letter_box_filled_by_forgetting_either(town: Town) -> None:
    """What is kept of somebody goes at once; how often they had others asked does not begin anew with it."""
    for _ in range(ASKED_PER_DAY):
        await town.notices.set_email("town", "p1", "victim@example.jp", "ja")
        await town.send()
        await town.notices.forget("town", "p1")
    with pytest.raises(TooManyRequests):
        await town.notices.set_email("town", "p1", "victim@example.jp", "ja")
    assert (await town.send(), len(town.post.took)) == (0, ASKED_PER_DAY)
    await town.notices.set_email("town", "p2", "p2@example.jp", "ja")
    town.clock.advance(86_400)
    await town.notices.set_email("town", "p1", "p1@example.jp", "ja")


async def test_quiet_hours_hold_what_is_not_urgent(town: Town) -> None:
    await town.settle(quiet=(8, 11))  # it is nine o'clock in Japan
    await town.notices.tell("town", BEAR)
    await town.notices.tell("town", replace(BEAR, id="n2", urgent=True))
    await town.send()
    assert len(town.post.took) == 1
    town.clock.advance(2 * 3600 - 1)
    await town.send()
    assert len(town.post.took) == 1
    town.clock.advance(1)
    await town.send()
    assert len(town.post.took) == 2


async def test_no_more_than_so_many_notices_an_hour_but_for_urgent_ones(town: Town) -> None:
    await town.settle()
    for number in range(PER_HOUR + 2):
        await town.notices.tell("town", replace(BEAR, id=f"n{number}"))
        await town.send()
    await town.notices.tell("town", replace(BEAR, id="urgent", urgent=True))
    await town.send()
    assert len(town.post.took) == PER_HOUR + 1
    town.clock.advance(3601)
    await town.send()
    assert len(town.post.took) == PER_HOUR + 3


async def test_a_process_that_was_killed_while_sending_loses_none(town: Town) -> None:
    await town.settle()
    await town.notices.tell("town", BEAR)
    held = town.notices.sender

    async def killed(letter: Letter) -> None:
        raise Killed

    held.mail = killed
    with pytest.raises(Killed):
        await held.round("town", "email")
    town.notices = town.made()
    assert await town.send() == 0, "it is held until the first sender must be done"
    town.clock.advance(LEASE / 1_000_000)
    assert await town.send() == 1
    assert len(town.post.took) == 1
    again = town.post.took[0].headers["Message-ID"]
    assert await town.messages() == [("sent", "")]
    assert again.endswith("@data.example.jp>")


async def test_a_mail_server_that_is_away_is_left_alone_and_nothing_is_lost(town: Town) -> None:
    await town.settle()
    for number in range(3):
        await town.notices.tell("town", replace(BEAR, id=f"n{number}"))
    town.post.says = [OSError("gone")] * 3
    assert await town.send() == 3
    assert await town.send() == 0, "the circuit is open"
    town.clock.advance(30)
    town.post.says = [OSError("gone")]
    assert await town.send() == 1, "one letter tries whether it is there again"
    town.clock.advance(30)
    assert await town.send() == 0, "the pause has doubled"
    town.clock.advance(30)
    assert await town.send() == 1
    assert await town.send() == 2
    assert len(town.post.took) == 3
    assert not town.notices.sender.circuit.failures


async def test_what_the_server_refuses_comes_later_or_not_at_all(town: Town) -> None:
    await town.settle()
    await town.notices.tell("town", BEAR)
    town.post.says = [MailRefused(451, is_final=False), MailRefused(550, is_final=True)]
    await town.send()
    assert await town.messages() == [("waiting", "")]
    assert await town.send() == 0
    town.clock.advance(30)
    await town.send()
    assert await town.messages() == [("dropped", "refused")]
    await town.notices.tell("town", replace(BEAR, id="n2", good_for=10**7))
    town.post.says = [MailRefused(451, is_final=False)] * MAX_TRIES
    for _ in range(MAX_TRIES):
        await town.send()
        town.clock.advance(3600)
    assert (await town.messages())[0] == ("dropped", "failed")


async def test_what_is_too_old_is_not_sent(town: Town) -> None:
    await town.settle()
    await town.notices.tell("town", BEAR)
    town.clock.advance(BEAR.good_for)
    await town.send()
    assert (town.post.took, await town.messages()) == ([], [("dropped", "expired")])


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(town: Town, status: int) -> None:
    await town.settle(email="")
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    await town.notices.add_browser("town", "p1", town.second.browser(), "ja")
    town.push.answers[town.phone.endpoint] = HttpAnswer(status, {}, b"")
    await town.notices.tell("town", BEAR)
    await town.send()
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert [browser.endpoint for browser in one.browsers] == [town.second.endpoint]
    assert sorted(await town.messages()) == [("dropped", "gone"), ("sent", "")]


async def test_a_push_service_that_is_busy_says_when(town: Town) -> None:
    await town.settle(email="")
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    town.push.answers[town.phone.endpoint] = HttpAnswer(429, {"retry-after": "120"}, b"")
    await town.notices.tell("town", BEAR)
    await town.send()
    town.push.answers[town.phone.endpoint] = OSError("away")
    town.clock.advance(119)
    assert await town.send() == 0
    town.clock.advance(1)
    await town.send()
    town.push.answers.clear()
    town.clock.advance(60)
    await town.send()
    assert (len(town.push.came), await town.messages()) == (3, [("sent", "")])


async def test_an_address_within_is_never_asked_again(town: Town) -> None:
    await town.settle(email="")
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    town.push.answers[town.phone.endpoint] = AddressRefused("private")
    await town.notices.tell("town", BEAR)
    await town.send()
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert (one.browsers, await town.messages()) == ((), [("dropped", "refused")])


async def test_whoever_has_nothing_to_do_in_the_town_any_more_is_not_told(town: Town) -> None:
    await town.settle()
    await town.notices.tell("town", BEAR)
    town.out.add("p1")
    await town.send()
    assert (town.post.took, await town.messages()) == ([], [("dropped", "unentitled")])


async def test_everything_of_somebody_is_forgotten_at_once(town: Town) -> None:
    await town.settle()
    await town.notices.tell("town", BEAR)
    assert await town.notices.forget("town", "p1")
    assert not await town.notices.forget("town", "p1")
    assert await town.send() == 0

    async def rows(tx: Any) -> list[int]:
        return [
            (await tx.fetch_one(f"SELECT COUNT(*) FROM {name}"))[0] for name in ("notice_recipient", "notice_outbox")
        ]

    assert await town.database.read("town", rows) == [0, 0]


async def test_no_address_or_place_stands_in_the_store_in_the_clear(town: Town) -> None:
    await town.settle()
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    await town.notices.tell("town", BEAR)

    async def all_rows(tx: Any) -> str:
        names = ("notice_recipient", "notice_outbox", "notice_told", "notice_list", "notice_stopped")
        return " ".join([str(await tx.fetch(f"SELECT * FROM {name}")) for name in names])

    told = await town.database.read("town", all_rows)
    assert "p1" in told, "whose it is stands beside"
    for secret in ("p1@example.jp", "畑", "136.65", town.phone.endpoint):
        assert secret not in told


async def test_what_is_for_lists_alone_nobody_chooses(town: Town) -> None:
    with pytest.raises(BadRequestData):
        await town.notices.choose("town", "p1", Choice(("trap",), True, None, "ja"))


async def test_what_a_town_does_not_tell_nobody_chooses_there_and_what_was_chosen_stays(town: Town) -> None:
    await town.settle(email="")
    offered: list[str] = []

    async def here(tenant: str) -> list[str]:
        assert tenant == "town"
        return offered

    notices = town.notices
    town.notices = Notices(town.database, town.clock, notices.seals, notices.sender, TOPICS, notices.named, here)
    assert await town.notices.topics_of("town") == []
    with pytest.raises(BadRequestData):
        await town.notices.choose("town", "p1", Choice(("bear",), True, None, "ja"))
    with pytest.raises(BadRequestData):
        await Lists(town.notices).make("town", "猟友会", "わなの作動を知らせる", ("trap",), "person:x")
    await town.notices.choose("town", "p1", Choice((), True, None, "en"))
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert (one.topics, one.everywhere, one.lang) == (("bear",), True, "en")
    offered.append("bear")
    await town.notices.choose("town", "p1", Choice((), True, None, "en"))
    assert (one := await town.notices.mine("town", "p1")) is not None
    assert one.topics == ()


async def test_a_test_goes_to_oneself_alone_once_a_minute(town: Town) -> None:
    await town.settle()
    await town.settle("p2", email="p2@example.jp")
    notice = replace(BEAR, place=None)
    assert await town.notices.test("town", "p1", notice) == 1
    with pytest.raises(TooManyRequests):
        await town.notices.test("town", "p1", notice)
    await town.send()
    assert [letter.to for letter in town.post.took] == ["p1@example.jp"]


ROWS = (
    "\ufeff氏名,メールアドレス,緯度,経度,半径\n山,yama@example.jp,36.55,136.65,3000\n川,kawa@example.jp,,,\n"
    "谷,tani,,,\n,umi@example.jp,99,136,\n"
)


async def test_a_list_is_told_once_its_people_said_yes_and_who_leaves_stays_away(town: Town) -> None:
    lists = Lists(town.notices)
    hunters = await lists.make("town", "猟友会", "わなの作動を知らせる", ("trap",), "person:x")
    taken = await lists.take("town", hunters.id, ROWS)
    assert (taken.added, taken.refused) == (2, ((4, "notices.refused.email"), (5, "notices.refused.place")))
    await town.send()
    assert "名簿「猟友会」" in town.post.took[0].text
    tokens = {one.to: one.text.split("/confirm/")[1].split()[0] for one in town.post.took}
    for token in tokens.values():
        await town.notices.confirm("town", token)
    town.post.took.clear()
    trap = replace(BEAR, id="t1", topic="trap", place=(136.9, 36.55))
    assert await town.notices.tell("town", trap) == 1, "one of them is told of places near the field alone"
    await town.send()
    assert town.post.took[-1].to == "kawa@example.jp"
    await town.notices.stop("town", town.token("stop"))
    again = await lists.take("town", hunters.id, ROWS)
    assert (again.added, again.known, again.stopped) == (0, 1, 1)
    people, entries = await lists.one("town", hunters.id)
    assert [one.email for one in entries] == ["yama@example.jp"]
    assert not await lists.remove_entry("town", "other", entries[0].id)
    assert await lists.remove_entry("town", hunters.id, entries[0].id)
    assert await lists.remove("town", people.id)
    with pytest.raises(ResourceNotFound):
        await lists.one("town", people.id)


async def test_asking_a_list_again_undoes_nothing_that_its_people_do_meanwhile(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = Lists(town.notices)
    hunters = await lists.make("town", "猟友会", "わなの作動を知らせる", ("trap",), "person:x")
    rows = "メール\nyama@example.jp\nkawa@example.jp\ntani@example.jp\n"
    assert (await lists.take("town", hunters.id, rows)).added == 3
    await town.send()
    tokens = {one.to: one.text.split("/confirm/")[1].split()[0] for one in town.post.took}
    _, before = await lists.one("town", hunters.id)
    stops = {one.email: f"{one.id}.{one.stop}" for one in before}
    write = town.database.write

    async def meanwhile(scope: Any, work: Any) -> Any:
        monkeypatch.setattr(town.database, "write", write)
        await town.notices.confirm("town", tokens["yama@example.jp"])
        await town.notices.stop("town", stops["kawa@example.jp"])
        return await write(scope, work)

    monkeypatch.setattr(town.database, "write", meanwhile)
    assert await lists.ask_again("town", hunters.id) == 1
    _, after = await lists.one("town", hunters.id)
    assert {one.email: bool(one.confirmed_at) for one in after} == {"yama@example.jp": True, "tani@example.jp": False}


async def test_whoever_stops_the_mails_keeps_the_rest(town: Town) -> None:
    await town.settle()
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    await town.notices.tell("town", BEAR)
    await town.send()
    await town.notices.tell("town", replace(BEAR, id="n2"))
    await town.notices.stop("town", town.token("stop"))
    await town.send()
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert (one.email, len(one.browsers), len(town.post.took), len(town.push.came)) == ("", 1, 1, 2)


async def test_the_first_hand_over_is_told(town: Town) -> None:
    told: list[tuple[str, str]] = []

    async def handed(tenant: str, notice: Notice, at: int) -> None:
        told.append((tenant, notice.id))

    town.notices.sender.handed.append(handed)
    await town.settle()
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    await town.notices.tell("town", replace(BEAR, since=times.micros(town.clock.now())))
    await town.notices.tell("town", replace(BEAR, id="n2"))
    town.clock.advance(2.5)
    await town.send()
    town.clock.advance(60)
    assert sorted(told) == [("town", "n1"), ("town", "n2")]
    assert await town.notices.took("town") == {"n1": Took(BEAR.at, 2.5)}, "n2 does not say since when"
    assert await town.notices.took("town", "n1") == {"n1": Took(BEAR.at, 2.5)}
    assert [await town.notices.took("town", one) for one in ("n2", "n3")] == [{}, {}]


async def test_whoever_wants_to_know_of_a_hand_over_and_fails_keeps_nothing_from_being_sent(town: Town) -> None:
    async def fails(tenant: str, notice: Notice, at: int) -> None:
        raise RuntimeError("no")

    town.notices.sender.handed.append(fails)
    await town.settle()
    for number in range(3):
        await town.notices.tell("town", replace(BEAR, id=f"n{number}"))
    assert await town.send() == 3
    assert await town.messages() == [("sent", "")] * 3


async def test_how_many_were_told_is_known_afterwards_and_too_many_an_hour_are_refused_whole(town: Town) -> None:
    await town.settle()
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    await town.settle("p2", email="p2@example.jp")
    most = Most("rule:a/b/", 2)
    for number in range(2):
        await town.notices.tell("town", replace(BEAR, id=f"rule:a/b/{number}"), most)
    assert await town.notices.reached("town", "rule:a/b/0") == Reached(2, 3)
    with pytest.raises(TooManyRequests):
        await town.notices.tell("town", replace(BEAR, id="rule:a/b/2"), most)
    assert await town.notices.reached("town", "rule:a/b/2") == Reached()
    assert await town.notices.tell("town", replace(BEAR, id="rule:a/c/0"), Most("rule:a/c/", 2)) == 3, "another's"
    town.clock.advance(3601)
    assert await town.notices.tell("town", replace(BEAR, id="rule:a/b/2"), most) == 3, "what was refused was not told"


async def test_what_became_of_messages_is_counted_by_channel(town: Town) -> None:
    await town.settle()
    await town.notices.add_browser("town", "p1", town.phone.browser(), "ja")
    before = town.notices.sender.counters.numbers()
    await town.notices.tell("town", BEAR)
    town.post.says.append(MailRefused(451, is_final=False))
    await town.send()
    town.clock.advance(60)
    await town.send()
    await town.notices.tell("town", replace(BEAR, id="n2"))
    await town.notices.set_email("town", "p1", "", "ja")
    town.push.answers[town.phone.endpoint] = HttpAnswer(410, {}, b"")
    await town.send()
    after = town.notices.sender.counters.numbers()
    assert {name: many - before[name] for name, many in after.items() if many != before[name]} == {
        "queued_email_total": 2,
        "queued_push_total": 2,
        "put_off_email_total": 1,
        "handed_email_total": 1,
        "handed_push_total": 1,
        "dropped_push_gone_total": 1,
        "dropped_email_stopped_total": 1,
    }


async def test_places_browsers_and_lists_are_so_many(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(models.MAX_AREAS):
        await town.notices.add_area("town", "near", Area("", 136.0 + number / 10, 36.5, 2000), "ja")
    with pytest.raises(BadRequestData, match="5 places"):
        await town.notices.add_area("town", "near", Area("", 137.5, 36.5, 2000), "ja")
    kept = await town.notices.mine("town", "near")
    assert kept is not None
    assert len(kept.areas) == models.MAX_AREAS
    phone = Phone()
    for number in range(models.MAX_DEVICES + 1):
        one = models.Browser("", f"https://push.example/{number}", phone.p256dh, phone.auth)
        await town.notices.add_browser("town", "near", one, "ja")
    kept = await town.notices.mine("town", "near")
    assert kept is not None
    assert [each.endpoint[-1] for each in kept.browsers] == ["1", "2", "3", "4", "5"], "the oldest made room"
    assert (models.MAX_LISTS, models.MAX_ENTRIES) == (50, 5000)
    monkeypatch.setattr(lists, "MAX_LISTS", 1)
    monkeypatch.setattr(lists, "MAX_ENTRIES", 1)
    door = Lists(town.notices)
    hunters = await door.make("town", "猟友会", "知らせる", ("trap",), "person:x")
    with pytest.raises(BadRequestData, match="1 lists"):
        await door.make("town", "農家", "知らせる", ("trap",), "person:x")
    await door.take("town", hunters.id, "メールアドレス\na@example.jp\n")
    with pytest.raises(BadRequestData, match="1 people"):
        await door.take("town", hunters.id, "メールアドレス\nb@example.jp\n")


async def test_a_town_tells_so_many_people_and_those_who_are_there_stay(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.settle(email="")
    for module in (notices_door, lists):
        monkeypatch.setattr(module, "MAX_RECIPIENTS", 1)
    with pytest.raises(BadRequestData, match="tells 1 people"):
        await town.settle("p2", email="")
    assert await town.notices.mine("town", "p2") is None
    door = Lists(town.notices)
    hunters = await door.make("town", "猟友会", "知らせる", ("trap",), "person:x")
    with pytest.raises(BadRequestData, match="tells 1 people"):
        await door.take("town", hunters.id, "メールアドレス\na@example.jp\n")
    await town.notices.add_area("town", "p1", Area("", 136.9, 36.9, 2000), "ja")
    kept = await town.notices.mine("town", "p1")
    assert kept is not None
    assert len(kept.areas) == 2


async def test_what_became_of_a_message_is_forgotten_after_thirty_days(town: Town) -> None:
    await town.settle()
    await town.notices.tell("town", BEAR)
    await town.send()
    town.clock.advance(29 * 86_400)
    await town.notices.sender.look()
    assert ("sent", "") in await town.messages()
    town.clock.advance(2 * 86_400)
    await town.notices.sender.look()
    assert await town.messages() == []
