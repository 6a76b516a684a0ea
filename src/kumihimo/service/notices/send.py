"""Sends what waits in the outbox: at least once, each message with an id by which whoever gets it twice can tell.

A message is held for as long as its sending can take, so that one whose sender was killed is sent again. What a server
refuses for now comes later, each time after twice as long; a mail server that is away gets no letter at all meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AddressRefused, NonexistentTenant, Problem
from kumihimo.base.ports import HttpFetch, MailRefused, SendMail
from kumihimo.service.notices import store
from kumihimo.service.notices.compose import Composer, topic_of
from kumihimo.service.notices.counters import Counters
from kumihimo.service.notices.models import (
    CHANNELS,
    CONFIRM_FOR,
    DAY,
    HOUR,
    PER_HOUR,
    Browser,
    Channel,
    Entitled,
    Handed,
    Message,
    Notice,
    Recipient,
    Told,
    Why,
)
from kumihimo.service.notices.seals import Seals
from kumihimo.service.notices.webpush import authorization, encrypt
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 5.0
"""How often it is asked what is due, beside when something was added here."""
LEASE: Final = 300 * 1_000_000
"""Microseconds for which claimed messages are held; longer than a batch can take."""
BATCH: Final = 20
FIRST_WAIT: Final = 30
LONGEST_WAIT: Final = 3600
MAX_TRIES: Final = 12
LONGEST_PAUSE: Final = 900
"""Seconds for which a mail server that is away is left alone at most."""
HELD_BACK: Final = 600
"""Seconds after which it is asked again whether somebody who got many notices may have the next."""
KEEP: Final = 30 * DAY
PUSH_SECONDS: Final = 10.0
_TAKEN: Final = (200, 201, 202, 204)
_GONE: Final = (404, 410)
_SECOND: Final = 1_000_000


class Later(Exception):
    """Not now; seconds until the next try, and whether this one counts."""

    def __init__(self, seconds: float, *, counts: bool) -> None:
        super().__init__(f"in {seconds:g} s")
        self.seconds = seconds
        self.counts = counts


class Dropped(Exception):
    """Not at all."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Circuit:
    """Leaves a server alone that is away: each failure in a row doubles the pause, the first success ends it."""

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0

    def failed(self, now: int) -> None:
        """One more failure; those while it is open already (letters that were under way) count no further."""
        if now < self.until:
            return
        pause = min(FIRST_WAIT * 2**self.failures, LONGEST_PAUSE)
        self.failures = min(self.failures + 1, 10)
        self.until = now + pause * _SECOND

    def answered(self) -> None:
        """The server is there."""
        self.failures = self.until = 0


class Sender:
    """The outboxes of all tenants. mail is None where no mail server was named; then letters wait until they expire."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        seals: Seals,
        composer: Composer,
        mail: SendMail | None,
        fetch: HttpFetch,
        subject: Callable[[], str],
        entitled: Entitled,
    ) -> None:
        self._database = database
        self._clock = clock
        self._seals = seals
        self._composer = composer
        self.mail = mail
        self._fetch = fetch
        self._subject = subject
        self._entitled = entitled
        self.circuit = Circuit()
        self.counters = Counters()
        self.handed: list[Handed] = []
        """Told of each notice when it was first handed over."""
        self._woken = asyncio.Event()
        self._running: dict[tuple[str, Channel], asyncio.Task[None]] = {}
        self._purged_at = 0

    # --- the schedule ------------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Something was added."""
        self._woken.set()

    async def run(self) -> None:
        """Sends what is due, until it is cancelled."""
        try:
            while True:
                self._woken.clear()
                await self.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._woken.wait()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begins to send where something is due and nobody sends it; once a day forgets what is old."""
        now = self._now()
        purging = now - self._purged_at >= DAY
        try:
            tenants = await self._database.tenants()
        except Problem as problem:
            log.warning("notices wait for the store", extra={"why": problem.title})
            return
        for tenant in tenants:
            try:
                if purging:
                    await self._database.write(tenant, lambda tx: store.purge_tx(tx, now - KEEP))
                if not await self._database.read(tenant, lambda tx: store.due_tx(tx, now), quick=True):
                    continue
            except NonexistentTenant:
                continue
            except Problem as problem:
                log.warning("notices wait for the tenant's store", extra={"tenant": tenant, "why": problem.title})
                continue
            for channel in CHANNELS:
                self._start(tenant, channel)
        self._purged_at = now if purging else self._purged_at

    def _start(self, tenant: str, channel: Channel) -> None:
        key = (tenant, channel)
        if key in self._running or not self._may_send(channel):
            return
        task = asyncio.create_task(self._all(tenant, channel), name=f"notices-{tenant}-{channel}")
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    def _may_send(self, channel: Channel) -> bool:
        return channel != "email" or (self.mail is not None and self._now() >= self.circuit.until)

    async def _all(self, tenant: str, channel: Channel) -> None:
        try:
            while self._may_send(channel) and await self.round(tenant, channel):
                pass
        except NonexistentTenant:
            return
        except Problem as problem:
            log.warning("notices wait for the tenant's store", extra={"tenant": tenant, "why": problem.title})
        except Exception:
            log.exception("notices of a tenant could not be sent", extra={"tenant": tenant, "channel": channel})

    async def round(self, tenant: str, channel: Channel) -> int:
        """Sends one batch of what is due; how many messages that were. After a failure of the mail server one letter
        is tried alone.
        """
        if not self._may_send(channel):
            return 0
        now = self._now()
        limit = 1 if channel == "email" and self.circuit.failures else BATCH
        due = await self._database.write(tenant, lambda tx: store.claim_tx(tx, channel, now, now + LEASE, limit))
        found = await asyncio.gather(*(self._one(tenant, message) for message in due), return_exceptions=True)
        for problem in found:
            if isinstance(problem, BaseException):
                raise problem
        return len(due)

    # --- one message -------------------------------------------------------------------------------------

    async def _one(self, tenant: str, message: Message) -> None:
        try:
            told = await self._send(tenant, message)
        except Later as later:
            await self._later(tenant, message, later)
        except Dropped as dropped:
            await self._done(tenant, message, dropped.why)
        else:
            await self._handed(tenant, message, told)

    async def _send(self, tenant: str, message: Message) -> Told | None:
        kept, told, sent = await self._database.read(tenant, lambda tx: _looked_tx(tx, message, self._now() - HOUR))
        if kept is None:
            raise Dropped("stopped")
        to = self._seals.open(tenant, kept)
        if to.account and not await self._entitled(tenant, to.account):
            raise Dropped("unentitled")
        if message.notice == "":
            await self._ask(tenant, message, to)
            return None
        if told is None or self._now() >= told.until:
            raise Dropped("expired")
        if sent >= PER_HOUR and not told.notice.urgent:
            raise Later(HELD_BACK, counts=False)
        if message.channel == "email":
            await self._mail(tenant, message, told.notice, to)
        else:
            await self._push(tenant, message, told, to)
        return told

    async def _ask(self, tenant: str, message: Message, to: Recipient) -> None:
        """Whether the address is right."""
        if not to.email or to.confirmed_at or not to.confirm:
            raise Dropped("stopped")
        if self._now() >= message.made_at + CONFIRM_FOR:
            raise Dropped("expired")
        people = await self._database.read(tenant, lambda tx: store.list_tx(tx, to.list)) if to.list else None
        letter = self._composer.question(tenant, message, to, people.name if people is not None else "")
        await self._hand_over(lambda mail: mail(letter), message)

    async def _mail(self, tenant: str, message: Message, notice: Notice, to: Recipient) -> None:
        if "email" not in to.channels:
            raise Dropped("stopped")
        letter = self._composer.letter(tenant, message, notice, to)
        await self._hand_over(lambda mail: mail(letter), message)

    async def _hand_over(self, send: Callable[[SendMail], Awaitable[None]], message: Message) -> None:
        if self.mail is None:
            raise Later(HELD_BACK, counts=False)
        try:
            await send(self.mail)
        except MailRefused as problem:
            self.circuit.answered()
            if problem.is_final:
                raise Dropped("refused") from problem
            raise Later(_wait(message.tries), counts=True) from problem
        except OSError as problem:
            was_there = not self.circuit.failures
            self.circuit.failed(self._now())
            if was_there:
                log.warning("the mail server takes no letters now", extra={"why": str(problem)})
            raise Later((self.circuit.until - self._now()) / _SECOND, counts=False) from problem
        self.circuit.answered()

    async def _push(self, tenant: str, message: Message, told: Told, to: Recipient) -> None:
        browser = next((one for one in to.browsers if one.id == message.browser), None)
        if browser is None:
            raise Dropped("gone")
        try:
            status, patience = await self._post(tenant, told, to, browser)
        except AddressRefused as problem:
            log.warning("a browser named an address that is not reached", extra={"tenant": tenant})
            await self.drop_browser(tenant, to.id, browser.id, "refused")
            raise Dropped("refused") from problem
        except OSError as problem:
            raise Later(_wait(message.tries), counts=True) from problem
        if status in _GONE:
            await self.drop_browser(tenant, to.id, browser.id)
            raise Dropped("gone")
        if status == 429 or status >= 500:
            raise Later(max(_wait(message.tries), patience), counts=True)
        if status not in _TAKEN:
            log.warning("a push service refused a message", extra={"tenant": tenant, "status": status})
            raise Dropped("refused")

    async def _post(self, tenant: str, told: Told, to: Recipient, browser: Browser) -> tuple[int, float]:
        """What the push service answered, and after how many seconds it wants to be asked again (RFC 8030, 8292)."""
        key = await self._seals.push_key()
        now, notice = self._now(), told.notice
        headers = {
            "Authorization": authorization(key, browser.endpoint, self._subject(), now // _SECOND),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(0, (told.until - now) // _SECOND)),
            "Topic": topic_of(notice.id),
            "Urgency": "high" if notice.urgent else "normal",
        }
        body = encrypt(self._composer.push(tenant, notice, to), browser.p256dh, browser.auth)
        answer = await self._fetch(
            "POST", browser.endpoint, headers=headers, body=body, timeout=PUSH_SECONDS, max_bytes=4096
        )
        asked = answer.headers.get("retry-after", "")
        return answer.status, float(min(int(asked), LONGEST_WAIT)) if asked.isascii() and asked.isdigit() else 0.0

    # --- what became of it -------------------------------------------------------------------------------

    async def _later(self, tenant: str, message: Message, later: Later) -> None:
        tries = message.tries + later.counts
        if tries >= MAX_TRIES:
            await self._done(tenant, message, "failed")
            return
        self.counters.add("put_off", message.channel)
        due = self._now() + int(later.seconds * _SECOND)
        await self._database.write(tenant, lambda tx: store.later_tx(tx, message.id, due, tries))

    async def _done(self, tenant: str, message: Message, why: Why) -> None:
        now = self._now()
        if await self._database.write(tenant, lambda tx: store.dropped_tx(tx, message.id, why, now)):
            self.counters.dropped(why, message.channel)

    async def _handed(self, tenant: str, message: Message, told: Told | None) -> None:
        """Notes that it was handed over, and in the same transaction when its notice was first."""
        now = self._now()

        async def work(tx: Tx) -> bool:
            await store.sent_tx(tx, message.id, now)
            return told is not None and not told.handed_at and await store.handed_tx(tx, told.notice.id, now)

        is_first = await self._database.write(tenant, work)
        self.counters.add("handed", message.channel)
        if told is None or not is_first:
            return
        for tell in self.handed:
            try:
                await tell(tenant, told.notice, now)
            except Exception:  # whoever wants to know must not keep the rest from being sent
                log.exception("what a handing over leads to failed", extra={"tenant": tenant})

    async def drop_browser(self, tenant: str, recipient: str, browser: str, why: Why = "gone") -> None:
        """Forgets a browser's subscription, and drops what waits for it."""
        now = self._now()

        async def work(tx: Tx) -> int:
            kept = await store.recipient_tx(tx, recipient)
            if kept is not None:
                one = self._seals.open(tenant, kept)
                left = tuple(each for each in one.browsers if each.id != browser)
                await store.put_recipient_tx(tx, self._seals.close(tenant, replace(one, browsers=left)))
            return await store.drop_browser_tx(tx, recipient, browser, why, now)

        self.counters.dropped(why, "push", await self._database.write(tenant, work))

    def _now(self) -> int:
        return times.micros(self._clock.now())


async def _looked_tx(tx: Tx, message: Message, since: int) -> tuple[store.Kept | None, Told | None, int]:
    return (
        await store.recipient_tx(tx, message.recipient),
        await store.told_tx(tx, message.notice) if message.notice else None,
        await store.sent_since_tx(tx, message.recipient, message.channel, since),
    )


def _wait(tries: int) -> float:
    """Seconds before the next try."""
    return float(min(FIRST_WAIT * 2**tries, LONGEST_WAIT))
