"""What is known of the next expiry stays right when a write comes while the store is being asked."""

from __future__ import annotations

from typing import Any, cast

from tests.fakes import FakeClock

from kumihimo.base import times
from kumihimo.platform.broker.expiry import Expiry
from kumihimo.platform.broker.models import Change, Op
from kumihimo.storage.database import Database

PAST = Change(Op.CREATE, "urn:x:1", {"id": "urn:x:1", "type": ["T"], "expiresAt": "2020-01-01T00:00:00Z", "attrs": {}})


class Asked:
    """A store that tells when the next thing is due, and lets a write in after it has looked."""

    def __init__(self) -> None:
        self.expiry: Expiry | None = None
        self.meanwhile: Change | None = None
        self.due: int = 1 << 62
        self.looks = 0
        self.taken = 0

    async def read(self, tenant: str, work: Any, *, quick: bool = False) -> int:
        self.looks += 1
        found = self.due
        if self.meanwhile is not None and self.expiry is not None:
            self.due = times.micros(times.parse("2020-01-01T00:00:00Z"))
            self.expiry.expect(tenant, [self.meanwhile])
            self.meanwhile = None
        return found

    async def write(self, tenant: str, work: Any) -> None:
        self.taken += 1
        self.due = 1 << 62


async def no_write(*given: Any) -> None:
    """Nothing is applied here."""


async def test_a_write_during_the_look_is_not_forgotten(fake_clock: FakeClock) -> None:
    store = Asked()
    store.expiry = Expiry(cast("Database", store), fake_clock, no_write, lambda tenant: None)
    store.meanwhile = PAST
    await store.expiry.look("town")
    assert store.taken == 0, "it was not there yet"
    await store.expiry.settle("town")
    assert store.taken == 1, "whoever reads next asks again"
    looks = store.looks
    await store.expiry.settle("town")
    assert store.looks == looks, "now it is known that nothing is due"
