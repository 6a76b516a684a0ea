"""Two platforms on one PostgreSQL: a right that one changes reaches what the other keeps, within a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock

from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import Change, Op
from kumihimo.service.console.live import Mailbox

pytestmark = pytest.mark.postgres
SATO, SYSTEM = Actor("person", "p-1"), Actor("system", "test")
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
LEVEL, SECRET = VOCAB + "level", VOCAB + "secret"
HIDDEN = f"""forbid (principal, action in [Action::"read", Action::"subscribe"], resource)
when {{ context.attribute == "{SECRET}" }};"""
SUBSCRIPTION = {
    "type": "Subscription",
    "entities": [{"type": "Gauge"}],
    "notification": {"endpoint": {"uri": "http://127.0.0.1:9/x"}},
}


@pytest.fixture
async def two(tmp_path: Path, postgres_url: str, fake_clock: FakeClock) -> AsyncIterator[tuple[Platform, Platform]]:
    made = [
        wire(Settings(data=str(tmp_path / name), database_url=postgres_url, port=0, mqtt_port=-1), fake_clock)
        for name in ("one", "two")
    ]
    async with AsyncExitStack() as stack:
        for platform in made:
            await stack.enter_async_context(open_database(platform))
        await made[0].database.add_tenant("town")
        await made[0].rules.members.add("town", SATO, "officer", "person:p-0")
        yield made[0], made[1]


async def write(platform: Platform, level: int) -> None:
    doc: Any = {
        "id": "urn:x:1",
        "type": [VOCAB + "Gauge"],
        "attrs": {name: [{"type": "Property", "value": level}] for name in (LEVEL, SECRET)},
    }
    [outcome] = await platform.broker.apply(Call("town", SYSTEM), [Change(Op.UPSERT, "urn:x:1", doc)])
    assert outcome.problem is None


async def test_a_right_that_another_process_changes_reaches_subscriptions_feeds_and_live_pages(
    two: tuple[Platform, Platform], fake_clock: FakeClock
) -> None:
    here, there = two
    call = Call("town", SATO)
    await here.delivery.create(call, SUBSCRIPTION, here.contexts.core)
    box = Mailbox(call, await here.access.decide(call, "read"), here.access.revision("town"))
    here.live._boxes["town"] = {box}
    watch = await here.delivery.watch(call, SUBSCRIPTION, here.contexts.core)

    async def told() -> tuple[bool, bool, bool]:
        """Whether the subscription, the page and the feed may tell of what is secret."""
        ready = next(iter((await here.delivery._catalogue.listing("town")).by_id.values()), None)
        await here.live._judge("town")
        feed = await watch.decide()
        grants = [None if ready is None else ready.grant, box.grant, feed]
        found = [grant is not None and SECRET in grant.visible.names(lambda _: True) for grant in grants]
        return found[0], found[1], found[2]

    await write(here, 1)
    assert await told() == (True, True, True)
    await there.rules.documents.put("town", "secrets", HIDDEN, "person:p-0", "it is nobody's business")
    fake_clock.advance(1)
    assert await told() == (False, False, False)
    assert box.take()["entities"] == []
    await there.rules.documents.remove("town", "secrets", "person:p-0", "it is everybody's")
    fake_clock.advance(1)
    assert await told() == (True, True, True)
    [held] = await there.rules.members.held("town", SATO)
    await there.rules.members.end("town", held.id, "person:p-0", "moved away")
    fake_clock.advance(1)
    await here.live._judge("town")
    assert box.is_over
    assert not (await here.delivery._catalogue.listing("town")).by_id
    with pytest.raises(Forbidden):
        await watch.decide()


async def test_the_store_is_looked_at_once_a_second_whoever_asks(
    two: tuple[Platform, Platform], fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    await here.access.decide(Call("town", SATO), "read")
    looked: list[str] = []
    revision = here.rules.revision

    async def counted(scope: str) -> int:
        looked.append(scope)
        return await revision(scope)

    monkeypatch.setattr(here.rules, "revision", counted)
    for seconds in (1, 0.4, 0.4, 0.4):
        fake_clock.advance(seconds)
        for _ in range(10):
            await here.access.current("town")
    assert sorted(looked) == ["", "", "town", "town"]
