"""The door of the room: tells notices, keeps what people want to hear of, and what the links in mails do."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, NonexistentTenant, StorageRefused, TooManyRequests
from kumihimo.base.rates import Rates
from kumihimo.service.notices import store
from kumihimo.service.notices.match import messages, wants
from kumihimo.service.notices.models import (
    CHANNELS,
    CONFIRM_FOR,
    DAY,
    HOUR,
    LANGUAGES,
    MAX_AREAS,
    MAX_CONFIRMS,
    MAX_DEVICES,
    MAX_NAME,
    MAX_RECIPIENTS,
    Area,
    Browser,
    Channel,
    Message,
    Most,
    NamedAreas,
    Notice,
    Numbers,
    Offered,
    Reached,
    Recipient,
    Told,
    Took,
    Topic,
    Unconfirmable,
    fresh,
    took,
)
from kumihimo.service.notices.seals import Seals
from kumihimo.service.notices.send import Sender
from kumihimo.service.notices.store import Kept
from kumihimo.service.notices.webpush import check_subscription, point_of, text_of
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\Z"
)
_TOKEN: Final = re.compile(r"([0-9a-f]{24})\.([A-Za-z0-9_-]{43})\Z")
RECENT: Final = 10
ASKED_PER_DAY: Final = 2 * MAX_CONFIRMS
"""Addresses that one account gives in a day, over all towns; counted in this process."""
TEST: Final = "test:"
"""How the id begins of a notice that somebody sends to themselves, to see that it arrives."""
TEST_FOR: Final = 600


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose. quiet: hours of local time, None for none."""

    topics: tuple[str, ...]
    everywhere: bool
    quiet: tuple[int, int] | None
    lang: str


class Notices:
    """Notices of all tenants. topics: what there is to hear of; named: the areas of a tenant with a name; offered: the
    topics of a tenant, without it all of them.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        seals: Seals,
        sender: Sender,
        topics: Sequence[Topic],
        named: NamedAreas,
        offered: Offered | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.seals = seals
        self.sender = sender
        self.topics = {one.id: one for one in topics}
        self.named = named
        self._offered = offered
        self._asking = Rates(ASKED_PER_DAY / 86_400, burst_seconds=86_400)
        """Beside what is kept of each recipient, which goes where somebody is forgotten."""

    @property
    def has_mail(self) -> bool:
        """Whether a mail server was named."""
        return self.sender.mail is not None

    async def run(self) -> None:
        """Sends, until it is cancelled."""
        await self.sender.run()

    def now(self) -> int:
        """The platform's own time in microseconds."""
        return times.micros(self.clock.now())

    async def topics_of(self, tenant: str) -> list[Topic]:
        """Of what there is anything to hear in a tenant now."""
        here = self.topics if self._offered is None else await self._offered(tenant)
        return [one for one in self.topics.values() if one.id in here]

    # --- telling -----------------------------------------------------------------------------------------

    async def tell(self, tenant: str, notice: Notice, most: Most | None = None) -> int:
        """As models.Tell; returns once the messages are kept, so that none is lost from here on.

        TooManyRequests where `most` of such notices were told in the hour before.
        """
        now = self.now()
        if await self.database.read(tenant, lambda tx: store.told_tx(tx, notice.id), quick=True) is not None:
            return 0
        waiting = await self._matched(tenant, notice, now)
        told = Told(notice, now, now + notice.good_for * 1_000_000)

        async def work(tx: Tx) -> int:
            if not await store.put_told_tx(tx, told):
                return 0
            if most and await store.told_since_tx(tx, most.beginning, now - HOUR) > most.in_hour:
                raise TooManyRequests(f"{most.in_hour} such notices an hour are told", retry_after=3600)
            await store.add_messages_tx(tx, waiting)
            return len(waiting)

        made = await self.database.write(tenant, work)
        if made:
            self._queued(waiting)
        return made

    def _queued(self, waiting: Sequence[Message]) -> None:
        for channel in CHANNELS:
            self.sender.counters.add("queued", channel, sum(one.channel == channel for one in waiting))
        self.sender.nudge()

    async def reached(self, tenant: str, notice: str) -> Reached:
        """For how many the notice of this id was put on its way."""
        return await self.database.read(tenant, lambda tx: store.reached_tx(tx, notice))

    async def took(self, tenant: str, only: str = "") -> Mapping[str, Took]:
        """As models.TookFor."""

        async def work(tx: Tx) -> Sequence[Told | None]:
            return [await store.told_tx(tx, only)] if only else await store.handed_all_tx(tx)

        found = [one for one in await self.database.read(tenant, work) if one is not None and one.handed_at]
        return {one.notice.id: took(one.notice, one.handed_at) for one in found if one.notice.since}

    async def _matched(self, tenant: str, notice: Notice, now: int) -> list[Message]:
        lists = {one.id: one.topics for one, _ in await self.database.read(tenant, store.lists_tx)}
        found: list[Message] = []
        after = ""
        while True:
            rows = await self.database.read(tenant, lambda tx: store.recipients_tx(tx, after))  # noqa: B023
            if not rows:
                return found
            found += await asyncio.to_thread(self._page, tenant, notice, rows, lists, now)
            after = rows[-1].id

    def _page(
        self, tenant: str, notice: Notice, rows: Sequence[Kept], lists: dict[str, tuple[str, ...]], now: int
    ) -> list[Message]:
        found: list[Message] = []
        unreadable = 0
        for row in rows:
            try:
                one = self.seals.open(tenant, row)
            except StorageRefused:
                unreadable += 1
                continue
            if wants(notice, one, lists.get(one.list, ()) if one.list else one.topics):
                found += messages(notice, one, now)
        if unreadable:
            log.warning("recipients cannot be unsealed", extra={"tenant": tenant, "count": unreadable})
        return found

    # --- one's own ---------------------------------------------------------------------------------------

    async def mine(self, tenant: str, account: str) -> Recipient | None:
        """What this account wants to hear of in this tenant, None for nothing yet."""
        kept = await self.database.read(tenant, lambda tx: store.recipient_of_tx(tx, account))
        return None if kept is None else self.seals.open(tenant, kept)

    async def choose(self, tenant: str, account: str, choice: Choice) -> None:
        """Keeps what somebody chose; topics of which there is nothing to hear here at present stay as they were.

        BadRequestData for topics that they cannot choose, or hours that are none.
        """
        offered = {one.id for one in await self.topics_of(tenant) if not one.is_closed}
        unknown = set(choice.topics) - offered
        hours = choice.quiet or (0, 0)
        if unknown or choice.lang not in LANGUAGES or not all(0 <= hour <= 23 for hour in hours):
            raise BadRequestData("this is not to be chosen here").worded("notices.refused.choice")
        await self.change(
            tenant,
            account,
            lambda one: replace(
                one,
                topics=(*choice.topics, *(each for each in one.topics if each not in offered)),
                everywhere=choice.everywhere,
                quiet=choice.quiet,
                lang=choice.lang,
            ),
            choice.lang,
        )

    async def add_area(self, tenant: str, account: str, area: Area, lang: str) -> None:
        """One more place; the same circle once. BadRequestData for more than five."""

        def add(one: Recipient) -> Recipient:
            left = tuple(each for each in one.areas if (each.lon, each.lat) != (area.lon, area.lat))
            if len(left) >= MAX_AREAS:
                raise BadRequestData(f"there are {MAX_AREAS} places already").worded(
                    "notices.refused.areas", most=MAX_AREAS
                )
            return replace(one, areas=(*left, area))

        await self.change(tenant, account, add, lang)

    async def drop_area(self, tenant: str, account: str, number: int) -> None:
        """One place less, by its number from 0; one that is not there is none."""
        await self.change(
            tenant,
            account,
            lambda one: replace(one, areas=tuple(area for at, area in enumerate(one.areas) if at != number)),
        )

    async def set_email(self, tenant: str, account: str, email: str, lang: str) -> None:
        """Writes to this address once its owner followed the link that is sent to it; "" takes it away.

        BadRequestData for what is no address, TooManyRequests where the day has seen enough links.
        """
        address = check_email(email) if email.strip() else ""
        now = self.now()
        if address and self._asking.take(account, now / 1_000_000):
            raise _asked_enough()
        made = await self.change(tenant, account, lambda one: with_email(one, address, now), lang)
        if address and not made.confirmed_at:
            await self.ask(tenant, [made])
        if not address:
            many = await self.database.write(tenant, lambda tx: store.drop_addressed_tx(tx, made.id, "email", now))
            self.sender.counters.dropped("stopped", "email", many)

    async def add_browser(self, tenant: str, account: str, browser: Browser, lang: str) -> None:
        """One more browser that shows notices; the oldest makes room for a sixth. BadRequestData."""
        check_subscription(browser.endpoint, browser.p256dh, browser.auth)
        fresh_one = replace(browser, id=secrets.token_hex(8), name=browser.name[:MAX_NAME], made_at=self.now())

        def add(one: Recipient) -> Recipient:
            others = [each for each in one.browsers if each.endpoint != browser.endpoint]
            return replace(one, browsers=(*others[1 - MAX_DEVICES :], fresh_one))

        await self.change(tenant, account, add, lang)

    async def drop_browser(self, tenant: str, account: str, browser: str) -> None:
        """One browser less."""
        one = await self.mine(tenant, account)
        if one is not None:
            await self.sender.drop_browser(tenant, one.id, browser)

    async def forget(self, tenant: str, account: str) -> bool:
        """Forgets all that is kept of this account here; whether there was anything."""
        one = await self.database.read(tenant, lambda tx: store.recipient_of_tx(tx, account))
        if one is None:
            return False

        async def work(tx: Tx) -> tuple[bool, dict[Channel, int]]:
            waiting = await store.waiting_tx(tx, one.id)
            return await store.forget_recipient_tx(tx, one.id), waiting

        was_there, waiting = await self.database.write(tenant, work)
        self._stopped(waiting)
        return was_there

    def _stopped(self, waiting: Mapping[Channel, int]) -> None:
        for channel, many in waiting.items():
            self.sender.counters.dropped("stopped", channel, many)

    async def test(self, tenant: str, account: str, notice: Notice) -> int:
        """Sends a notice to oneself alone; by how many ways. TooManyRequests for a second one within a minute."""
        one, now = await self.mine(tenant, account), self.now()
        if one is None:
            return 0
        told = replace(notice, id=f"{TEST}{one.id}:{now // 60_000_000}", good_for=TEST_FOR)
        waiting = list(messages(told, one, now))

        async def work(tx: Tx) -> None:
            if not await store.put_told_tx(tx, Told(told, now, now + TEST_FOR * 1_000_000)):
                raise TooManyRequests("one test a minute is sent", retry_after=60).worded("notices.refused.test")
            await store.add_messages_tx(tx, waiting)

        await self.database.write(tenant, work)
        self._queued(waiting)
        return len(waiting)

    async def recent(self, tenant: str, recipient: Recipient) -> list[tuple[Message, Notice]]:
        """The newest messages about notices to somebody, the newest first."""

        async def work(tx: Tx) -> list[tuple[Message, Notice]]:
            found = []
            for message in await store.messages_of_tx(tx, recipient.id, 3 * RECENT):
                told = await store.told_tx(tx, message.notice) if message.notice else None
                if told is not None:
                    found.append((message, told.notice))
            return found[:RECENT]

        return await self.database.read(tenant, work)

    async def numbers(self, tenant: str) -> Numbers:
        """What became of the tenant's messages."""
        return await self.database.read(tenant, store.numbers_tx)

    async def push_key(self) -> str:
        """The public key that a browser needs to subscribe (applicationServerKey), in base64url."""
        return text_of(point_of(await self.seals.push_key()))

    async def change(
        self, tenant: str, account: str, work: Callable[[Recipient], Recipient], lang: str = "ja"
    ) -> Recipient:
        """Changes what this account wants, made where there is nothing yet; what it is now."""
        now = self.now()

        async def changed(tx: Tx) -> Recipient:
            kept = await store.recipient_of_tx(tx, account)
            if kept is None and await store.count_tx(tx) >= MAX_RECIPIENTS:
                said = f"this town tells {MAX_RECIPIENTS} people; more are not kept"
                raise BadRequestData(said).worded("notices.refused.full")
            before = fresh(account, now=now, lang=lang) if kept is None else self.seals.open(tenant, kept)
            after = work(before)
            await store.put_recipient_tx(tx, self.seals.close(tenant, after))
            return after

        return await self.database.write(tenant, changed)

    # --- links in mails ----------------------------------------------------------------------------------

    async def ask(self, tenant: str, recipients: Sequence[Recipient]) -> None:
        """Puts the mails into the outbox that ask whether an address is right."""
        now = self.now()
        waiting = [Message(secrets.token_hex(16), "", one.id, "email", "", now, 0, now) for one in recipients]
        await self.database.write(tenant, lambda tx: store.add_messages_tx(tx, waiting))
        self._queued(waiting)

    async def by_token(self, tenant: str, what: str, token: str) -> Recipient:
        """Who holds the link. Unconfirmable where it is over, or there was never such a one, or no such tenant."""
        found = _TOKEN.match(token)
        if found is None or what not in ("confirm", "stop"):
            raise gone()
        try:
            kept = await self.database.read(tenant, lambda tx: store.recipient_tx(tx, found[1]), quick=True)
        except NonexistentTenant:
            raise gone() from None
        return self._held(tenant, kept, what, found[2])

    def _held(self, tenant: str, kept: Kept | None, what: str, secret: str) -> Recipient:
        one = None if kept is None else self.seals.open(tenant, kept)
        known = "" if one is None else one.confirm if what == "confirm" else one.stop
        if one is None or not known or not secrets.compare_digest(known.encode(), secret.encode()):
            raise gone()
        if what == "confirm" and self.now() >= one.confirm_until:
            raise gone()
        return one

    async def confirm(self, tenant: str, token: str) -> Recipient:
        """The address is right; the link is over. Unconfirmable."""
        return await self._by_link(tenant, "confirm", token)

    async def stop(self, tenant: str, token: str) -> Recipient:
        """No mail any more: somebody on a list leaves it, somebody with an account has no address here any more.

        Unconfirmable.
        """
        return await self._by_link(tenant, "stop", token)

    async def _by_link(self, tenant: str, what: str, token: str) -> Recipient:
        one = await self.by_token(tenant, what, token)
        now, secret = self.now(), token.partition(".")[2]
        mark = await self.seals.mark(tenant, one.list, one.email) if one.list and one.email else ""

        async def work(tx: Tx) -> tuple[Recipient, dict[Channel, int]]:
            found = self._held(tenant, await store.recipient_tx(tx, one.id), what, secret)
            if what == "confirm":
                after = replace(found, confirmed_at=now, confirm="", confirm_until=0)
                await store.put_recipient_tx(tx, self.seals.close(tenant, after))
                return after, {}
            if found.list:
                waiting = await store.waiting_tx(tx, found.id)
                await store.put_stopped_tx(tx, found.list, mark, now)
                await store.forget_recipient_tx(tx, found.id)
                return found, waiting
            after = replace(found, email="", confirmed_at=0, confirm="", confirm_until=0)
            await store.put_recipient_tx(tx, self.seals.close(tenant, after))
            return after, {"email": await store.drop_addressed_tx(tx, found.id, "email", now)}

        after, waiting = await self.database.write(tenant, work)
        self._stopped(waiting)
        return after


def gone() -> Unconfirmable:
    """What is said of every link that does nothing."""
    return Unconfirmable("this link is over, or was never valid; ask for a new one").worded("notices.refused.link")


def with_email(one: Recipient, address: str, now: int) -> Recipient:
    """With another address, to be asked whether it is right; one that was confirmed and is the same stays so.

    TooManyRequests where it was asked often enough today, whatever the address was.
    """
    if not address:
        return replace(one, email="", confirmed_at=0, confirm="", confirm_until=0)
    if address == one.email and one.confirmed_at:
        return one
    lately = tuple(at for at in one.asked if at > now - DAY)
    if len(lately) >= MAX_CONFIRMS:
        raise _asked_enough()
    return replace(
        one,
        email=address,
        confirmed_at=0,
        confirm=secrets.token_urlsafe(32),
        confirm_until=now + CONFIRM_FOR,
        asked=(*lately, now),
    )


def _asked_enough() -> TooManyRequests:
    said = f"{MAX_CONFIRMS} confirmation mails a day are sent"
    return TooManyRequests(said, retry_after=3600).worded("notices.refused.asked", most=MAX_CONFIRMS)


def check_email(text: str) -> str:
    """The address, its domain in lower case. BadRequestData for what is none, or not of ASCII letters."""
    address = text.strip()
    if len(address) > 254 or not _EMAIL.match(address) or ".." in address or address.startswith("."):
        raise BadRequestData("this is no e-mail address that is written to").worded("notices.refused.email")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"
