"""When sessions begin, end and come back, and when a will is said (MQTT 5.0 sections 3.1.2.4, 3.1.2.5, 3.1.2.11.2)."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from datetime import datetime, timedelta

from kumihimo.base import times
from kumihimo.base.ports import (
    MqttMessageRow,
    MqttPeer,
    MqttReceivedRow,
    MqttRefused,
    MqttRetainedRow,
    MqttRow,
    MqttSessionRow,
    MqttSubscriptionRow,
)
from kumihimo.network.mqtt import errors, rows
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.limits import NEVER
from kumihimo.network.mqtt.packets import Will
from kumihimo.network.mqtt.routing import Routing
from kumihimo.network.mqtt.session import Key, Link, Session

log = logging.getLogger(__name__)


class Lifetimes:
    """Opens, leaves and ends the sessions of one hub; `sweep` ends those whose time is over."""

    def __init__(self, hub: Hub, routing: Routing) -> None:
        self._hub = hub
        self._routing = routing
        self._due: list[tuple[datetime, int, Session]] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._saying: set[asyncio.Task[None]] = set()

    # --- beginning -----------------------------------------------------------------------------------------

    async def open(
        self, peer: MqttPeer, client_id: str, link: Link, *, clean: bool, expiry: int, will: Will | None
    ) -> tuple[Session, bool]:
        """The client's session and whether it was there before; returns once it is durable where it must be.

        A connection with the same client id is cut off first (3.1.4-3). MqttError where there are too many.
        """
        key = (peer.tenant, peer.device, client_id)
        before = self._hub.sessions.get(key)
        self._check_room(peer, before, expiry)
        is_present = before is not None and before.is_kept and not clean and not before.is_revoked
        changes = []
        if before is not None:
            self._take_over(before, is_present)
        if before is not None and is_present:
            session = before
            self._hub.counters.resumed += 1
            session.resume()
        else:
            session = Session(key, peer, self._hub.limits, self._hub.tenancy(peer.tenant))
            if expiry or (before is not None and before.is_kept):
                changes += rows.drop(rows.session_row(session))
            if before is not None:
                self._forget(before)
            self._hub.sessions[key] = session
        was_kept = session.is_kept
        session.peer, session.link, session.will, session.left_at = peer, link, will, None
        self._set_expiry(session, expiry)
        self._hub.connected += 1
        session.tenancy.clients += 1
        if session.is_kept or was_kept:
            changes += rows.put(rows.session_row(session))
        try:
            await self._hub.journal.commit(peer.tenant, changes)
        except BaseException:
            self.leave(session, link, is_clean=True, expiry=None)
            raise
        return session, is_present

    def _check_room(self, peer: MqttPeer, before: Session | None, expiry: int) -> None:
        limits, tenancy = self._hub.limits, self._hub.tenancy(peer.tenant)
        if before is None or before.link is None:
            if self._hub.connected >= limits.max_clients:
                raise MqttError(errors.SERVER_BUSY, "there are as many clients as the listener takes")
            if tenancy.clients >= limits.max_tenant_clients:
                raise MqttError(errors.QUOTA_EXCEEDED, "there are as many clients of this tenant as may be")
        if expiry and (before is None or not before.is_kept) and not tenancy.may_keep(peer.device):
            raise MqttError(
                errors.QUOTA_EXCEEDED,
                "as many sessions are kept as may be; ask for none (session expiry 0) or end another",
            )

    def _take_over(self, before: Session, is_present: bool) -> None:
        """The connection of a session that another one takes ends; its will is said unless it may still wait."""
        link, will = before.link, before.will
        if link is not None:
            self._hub.counters.taken_over += 1
            self._unlink(before)
            link.end(errors.TAKEN_OVER, "another connection came with this client id")
        before.will = None
        if will is not None and not (is_present and (link is None or will.delay)):
            self._say(before, will)

    def _unlink(self, session: Session) -> None:
        if session.link is not None:
            session.link = None
            self._hub.connected -= 1
            session.tenancy.clients -= 1

    def _set_expiry(self, session: Session, expiry: int) -> None:
        kept = session.tenancy.kept
        kept[session.key[1]] += (expiry > 0) - session.is_kept
        if not kept[session.key[1]]:
            del kept[session.key[1]]
        session.expiry = expiry

    # --- leaving -------------------------------------------------------------------------------------------

    def leave(self, session: Session, link: Link, *, is_clean: bool, expiry: int | None) -> Will | None:
        """The connection is over; the will that is to be said at once. Harmless where another one took the session.

        is_clean: it ended with DISCONNECT, without the wish for the will; expiry: what DISCONNECT asked for.
        """
        if session.link is not link:
            return None
        self._unlink(session)
        if is_clean or session.is_revoked:
            session.will = None
        if not session.is_kept or session.is_revoked:
            return self.end(session)
        if expiry is not None:
            self._set_expiry(session, expiry)
            if not expiry:
                return self.end(session, was_kept=True)
        will = None
        if session.will is not None and not session.will.delay:
            will, session.will = session.will, None
        session.left_at = self._hub.clock.now()
        self._hub.journal.note(session.key[0], *rows.put(rows.session_row(session)))
        self._schedule(session)
        return will

    def end(self, session: Session, *, was_kept: bool = False) -> Will | None:
        """The session is over for good; the will that is still to be said."""
        will, session.will = session.will, None
        if session.is_kept or was_kept:
            self._hub.journal.note(session.key[0], *rows.drop(rows.session_row(session)))
        self._forget(session)
        return will

    def revoke(self, tenant: str, device: str) -> int:
        """Ends all sessions of a device whose credential was taken away, without their wills; how many these were."""
        found = self._hub.note_cut(tenant, device)
        for session in found:
            session.is_revoked = True
            session.will = None
            link = session.link
            if link is None:
                self.end(session)
            else:
                link.end(errors.NOT_AUTHORIZED, "the credential is no longer valid")
        return len(found)

    def _forget(self, session: Session) -> None:
        self._set_expiry(session, 0)
        self._hub.forget(session)
        session.end()

    # --- what time brings ----------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Ends sessions whose time is over and says wills that are due; sets the clock for the next."""
        now = self._hub.clock.now()
        while self._due and self._due[0][0] <= now:
            _, _, session = heapq.heappop(self._due)
            session.due_at = None
            if session.link is None and not session.has_ended:
                self._look(session, now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            wait = max((self._due[0][0] - now).total_seconds(), 0.001)
            self._timer = asyncio.get_running_loop().call_later(wait, self.sweep)

    def _look(self, session: Session, now: datetime) -> None:
        ends_at, will_at = _ends_at(session), _will_at(session)
        will = None
        if ends_at is not None and ends_at <= now:
            self._hub.counters.sessions_expired += 1
            will = self.end(session)
        elif will_at is not None and will_at <= now:
            will, session.will = session.will, None
            self._hub.journal.note(session.key[0], *rows.put(rows.session_row(session)))
            self._schedule(session)
        else:
            self._schedule(session)
        if will is not None:
            self._say(session, will)

    def _schedule(self, session: Session) -> None:
        """One entry for each session: an earlier one looks again by itself."""
        due = [one for one in (_ends_at(session), _will_at(session)) if one is not None]
        if not due or (session.due_at is not None and session.due_at <= min(due)):
            return
        session.due_at = min(due)
        heapq.heappush(self._due, (session.due_at, next(self._count), session))
        if self._due[0][2] is session:
            self.sweep()

    def _say(self, session: Session, will: Will) -> None:
        task = asyncio.create_task(self.say(session.peer, session.key, will))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def say(self, peer: MqttPeer, key: Key, will: Will) -> None:
        """Publishes a will; nobody is left to be told how it went, so that a refusal is only counted."""
        try:
            await self._routing.say_will(peer, key, will)
        except MqttRefused:
            self._hub.counters.publishes_refused += 1
        except Exception:
            self._hub.counters.publishes_failed += 1
            log.exception("mqtt will failed", extra={"tenant": peer.tenant})

    async def close(self) -> None:
        """Waits for the wills that are being said."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._saying:
            await asyncio.wait(self._saying)

    # --- after a start -------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Takes back the sessions of the store. Those that were connected when the process ended left just now."""
        store = self._hub.store
        if store is None:
            return
        for tenant in await store.tenants():
            try:
                found = await store.load(tenant)
            except Exception:
                # One tenant whose store is damaged must not keep all others' clients out.
                log.exception("the MQTT sessions of a tenant could not be read", extra={"tenant": tenant})
                continue
            self._restore_retained(tenant, rows.of_kind(found, MqttRetainedRow))
            sessions = [self._restore(tenant, row) for row in rows.of_kind(found, MqttSessionRow)]
            self._restore_parts(tenant, found)
            for session in sessions:
                self._settle(session)
        self.sweep()

    def _restore_retained(self, tenant: str, found: list[MqttRetainedRow]) -> None:
        now = self._hub.clock.now()
        for row in found:
            message = rows.retained_of(row, tenant)
            if message.is_expired(now):
                self._hub.journal.note(tenant, *rows.drop(row))
            else:
                self._hub.retained.keep(message)

    def _restore(self, tenant: str, row: MqttSessionRow) -> Session:
        key = (tenant, row.device, row.client_id)
        peer = MqttPeer(row.client_id, tenant, row.device)
        session = Session(key, peer, self._hub.limits, self._hub.tenancy(tenant), will=rows.will_of(row))
        self._set_expiry(session, row.expiry)
        session.left_at = None if row.left_at is None else times.from_micros(row.left_at)
        self._hub.sessions[key] = session
        return session

    def _restore_parts(self, tenant: str, found: list[MqttRow]) -> None:
        for row in found:
            if isinstance(row, MqttSessionRow | MqttRetainedRow):
                continue
            session = self._hub.sessions.get((tenant, row.device, row.client_id))
            if session is None:
                continue
            if isinstance(row, MqttSubscriptionRow):
                self._hub.subscribe(session, rows.subscription_of(row))
            elif isinstance(row, MqttReceivedRow):
                session.received.add(row.packet_id)
            elif isinstance(row, MqttMessageRow):
                _restore_message(session, row, tenant)

    def _settle(self, session: Session) -> None:
        if not session.is_kept:
            self.end(session, was_kept=True)
            return
        if session.left_at is None:
            session.left_at = self._hub.clock.now()
            self._hub.journal.note(session.key[0], *rows.put(rows.session_row(session)))
        self._schedule(session)


def _restore_message(session: Session, row: MqttMessageRow, tenant: str) -> None:
    if row.packet:
        session.restore(rows.delivery_of(row, tenant))
    else:
        session.restore_released(row.packet_id, row.number)


def _ends_at(session: Session) -> datetime | None:
    if session.left_at is None or session.expiry == NEVER:
        return None
    return session.left_at + timedelta(seconds=session.expiry)


def _will_at(session: Session) -> datetime | None:
    if session.left_at is None or session.will is None:
        return None
    return session.left_at + timedelta(seconds=session.will.delay)
