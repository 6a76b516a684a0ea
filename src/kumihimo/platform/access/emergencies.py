"""Break-glass for disasters: more rights for disaster officers, for hours, by two persons, with a reason on record."""

from __future__ import annotations

import logging
from typing import Final

from kumihimo.base.call import Actor
from kumihimo.base.errors import AlreadyExists, BadRequestData, Forbidden, ResourceNotFound
from kumihimo.base.ids import new_token
from kumihimo.platform.access import store
from kumihimo.platform.access.changes import Changes, check_words
from kumihimo.platform.access.records import Emergency
from kumihimo.storage.database import Tx

log = logging.getLogger(__name__)
MAX_HOURS: Final = 72
_HOUR: Final = 3_600_000_000
SHOWN: Final = 50


class Emergencies:
    """The emergencies of all tenants. Who may ask and open is the caller's to check (the action "approve")."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def ask(self, tenant: str, by: Actor, reason: str, hours: int) -> Emergency:
        """The first of two persons. AlreadyExists where one is open or asked for already."""
        now = self._changes.now()
        _check_person(by)
        if not 1 <= hours <= MAX_HOURS:
            raise BadRequestData(f"hours: 1 to {MAX_HOURS}").worded("refused.hours", most=MAX_HOURS)
        made = Emergency(new_token(8), check_words(reason, "reason"), hours, now, str(by))

        async def work(tx: Tx) -> None:
            if any(one.state(now) != "ended" for one in await store.emergencies_tx(tx, SHOWN)):
                raise AlreadyExists("an emergency is open or asked for already").worded("refused.emergency.exists")
            await store.add_emergency_tx(tx, made)

        await self._changes.write(tenant, work)
        return made

    async def open(self, tenant: str, id_: str, by: Actor) -> Emergency:
        """The second person, who is another one. From now on it runs, for as many hours as were asked for."""
        now = self._changes.now()
        _check_person(by)

        async def work(tx: Tx) -> Emergency:
            found = await _found_tx(tx, id_)
            if found.asked_by == str(by):
                said = "an emergency needs two persons: another one opens what you asked for"
                raise Forbidden(said).worded("refused.emergency.two")
            if found.state(now) != "asked":
                raise Forbidden("this is open already or has ended; ask anew").worded("refused.emergency.done")
            if not await store.open_emergency_tx(tx, id_, now, str(by), now + found.hours * _HOUR):
                raise Forbidden("this is open already or has ended; ask anew").worded("refused.emergency.done")
            return await _found_tx(tx, id_)

        opened = await self._changes.write(tenant, work)
        log.warning("an emergency was opened", extra={"tenant": tenant, "emergency": id_, "hours": opened.hours})
        return opened

    async def end(self, tenant: str, id_: str, by: str) -> Emergency:
        """Ends it before its time, or takes the asking back. One person is enough."""
        now = self._changes.now()

        async def work(tx: Tx) -> Emergency:
            found = await _found_tx(tx, id_)
            if found.state(now) == "ended" or not await store.end_emergency_tx(tx, id_, now, by):
                raise Forbidden("this emergency has ended already").worded("refused.emergency.ended")
            return await _found_tx(tx, id_)

        ended = await self._changes.write(tenant, work)
        log.warning("an emergency was ended", extra={"tenant": tenant, "emergency": id_})
        return ended

    async def list(self, tenant: str) -> list[Emergency]:
        """The emergencies, the newest first."""
        return await self._changes.database.read(tenant, lambda tx: store.emergencies_tx(tx, SHOWN))


async def _found_tx(tx: Tx, id_: str) -> Emergency:
    found = await store.emergency_tx(tx, id_)
    if found is None:
        raise ResourceNotFound(f"there is no emergency {id_[:40]!r}").worded("refused.emergency.none")
    return found


def _check_person(by: Actor) -> None:
    if by.kind != "person":
        raise Forbidden("an emergency is asked for and opened by persons").worded("refused.emergency.person")
