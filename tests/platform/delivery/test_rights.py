"""What a subscription may tell is what its maker may see when it is sent, before and after the change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.platform.delivery.stand import TENANT, Stand, subscription

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.platform.access.decide import EVERYTHING, Access, Action, Grant
from kumihimo.platform.access.models import ALL_NAMES, EVERY_ROW, Clause, Names, QPath, QTerm, Rights, RowNot, RowQ
from kumihimo.platform.broker.models import Op

VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
IS_OPEN = RowQ(QTerm(QPath((VOCAB + "state",)), "==", ("open",)))
WHOLE = Clause(EVERY_ROW, ALL_NAMES)
SECRET = Names(frozenset({VOCAB + "secret"}))
GUEST = Rights((WHOLE,), (Clause(RowNot(IS_OPEN), SECRET),))
"""All, but the secret of what is not open."""
GUEST_CALL = Call(TENANT, Actor("person", "guest"), scopes=frozenset({"ngsi-ld:subscribe"}))


class Guarded(Access):
    def __init__(self) -> None:
        super().__init__(open_house=False)
        self.guest: Rights | None = GUEST
        self.number = 0
        self.asked: list[Call] = []

    def revision(self, tenant: str) -> int:
        return self.number

    async def decide(self, call: Call, action: Action) -> Grant:
        self.asked.append(call)
        if call.actor != GUEST_CALL.actor:
            return EVERYTHING
        if self.guest is None:
            raise Forbidden("not any more")
        return Grant.of(self.guest)


def guarded(stand: Stand, access: Guarded) -> Guarded:
    """The stand's delivery asks this of rights from now on."""
    for holder in (stand.delivery, stand.delivery._catalogue):
        holder._access = access
    stand.delivery._why = replace(stand.delivery._why, access=access)
    return access


@pytest.fixture
def access(stand: Stand) -> Guarded:
    return guarded(stand, Guarded())


async def subscribed(stand: Stand, **members: Any) -> str:
    return await stand.delivery.create(GUEST_CALL, subscription(**members), stand.contexts.core)


async def told(stand: Stand) -> list[dict[str, Any]]:
    stand.endpoint.sent.clear()
    return [one for sent in await stand.catch_up() for one in sent.body["data"]]


async def test_a_hidden_attribute_triggers_nothing_and_is_not_told(stand: Stand, access: Guarded) -> None:
    await subscribed(stand)
    await stand.put(state="shut", secret=1, level=1)
    (one,) = await told(stand)
    assert "secret" not in one
    await stand.patch("urn:x:1", secret=2)
    assert await told(stand) == []
    await stand.patch("urn:x:1", state="open")
    assert "secret" in (await told(stand))[0]
    await stand.patch("urn:x:1", secret=3)
    assert len(await told(stand)) == 1


async def test_what_was_hidden_before_is_not_told_as_what_was(stand: Stand, access: Guarded) -> None:
    await subscribed(stand, notification={"showChanges": True})
    await stand.put(state="shut", secret=41)
    await told(stand)
    await stand.patch("urn:x:1", state="open", secret=42)
    assert "41" not in str(await told(stand))
    await stand.patch("urn:x:1", secret=43)
    assert (await told(stand))[0]["secret"]["previousValue"] == 42
    await stand.patch("urn:x:1", state="shut", secret=44)
    left = str(await told(stand))
    assert "43" not in left
    assert "44" not in left


async def test_of_a_lost_attribute_only_what_was_seen_is_told(stand: Stand, access: Guarded) -> None:
    await subscribed(
        stand, notificationTrigger=["attributeDeleted", "entityDeleted"], notification={"showChanges": True}
    )
    await stand.put(state="shut", secret=41)
    await stand.put("urn:x:2", state="open", secret=42)
    await told(stand)
    await stand.remove_attribute("urn:x:1", VOCAB + "secret")
    assert await told(stand) == []
    await stand.remove_attribute("urn:x:2", VOCAB + "secret")
    assert (await told(stand))[0]["secret"]["previousValue"] == 42
    await stand.patch("urn:x:1", secret=51)
    await told(stand)
    await stand.remove("urn:x:1")
    (gone,) = await told(stand)
    assert "deletedAt" in gone
    assert "secret" not in gone


async def test_a_filter_asks_of_what_its_maker_may_see(stand: Stand, access: Guarded) -> None:
    await subscribed(stand, q="secret==42")
    await stand.put(state="shut", secret=42)
    assert await told(stand) == []
    await stand.put("urn:x:2", state="open", secret=42)
    assert [one["id"] for one in await told(stand)] == ["urn:x:2"]


async def test_another_context_names_no_other_attribute(stand: Stand, access: Guarded) -> None:
    context = await stand.contexts.resolve({"innocent": VOCAB + "secret"}, TENANT)
    await stand.delivery.create(GUEST_CALL, subscription(q="innocent>0"), context)
    watching = subscription(watchedAttributes=["innocent"])
    await stand.delivery.create(GUEST_CALL, watching, context)
    await stand.put(state="shut", secret=42)
    assert await told(stand) == []


async def test_rights_of_the_time_of_sending_count(stand: Stand, access: Guarded) -> None:
    """What throttling held back is told with what may be seen once it goes out."""
    await subscribed(stand, throttling=10)
    await stand.put(state="open", secret=1)
    assert len(await told(stand)) == 1
    await stand.patch("urn:x:1", secret=42, level=2)
    assert await told(stand) == []
    access.guest, access.number = Rights((WHOLE,), (Clause(EVERY_ROW, SECRET),)), 1
    stand.clock.advance(11)
    (one,) = await told(stand)
    assert (one["level"]["value"], "secret" in one) == (2, False)


async def test_a_right_that_is_taken_away_ends_what_is_told(stand: Stand, access: Guarded) -> None:
    id_ = await subscribed(stand)
    await stand.put(state="open", secret=1)
    assert len(await told(stand)) == 1
    access.guest, access.number = None, 1
    await stand.patch("urn:x:1", level=2)
    assert await told(stand) == []
    assert (await stand.delivery.explain(stand.call, id_, "urn:x:1")).is_aside
    access.guest, access.number = GUEST, 2
    await stand.patch("urn:x:1", level=3)
    assert len(await told(stand)) == 1


async def test_the_token_by_which_it_was_made_limits_it(stand: Stand, access: Guarded) -> None:
    await subscribed(stand)
    access.asked.clear()
    await stand.put(level=1)
    await stand.catch_up()
    assert {(one.actor, one.scopes) for one in access.asked} == {(GUEST_CALL.actor, GUEST_CALL.scopes)}


async def test_who_sees_less_has_their_own_subscriptions_alone(stand: Stand, access: Guarded) -> None:
    """Another's goes on with its maker's rights, and may hold an endpoint's secret, or what the caller cannot see."""
    delivery, core = stand.delivery, stand.contexts.core
    theirs = await delivery.create(stand.call, subscription(), core)
    own = await subscribed(stand)
    for fragment in ({"isActive": False}, {"notification": {"endpoint": {"uri": "http://guest.example/"}}}):
        with pytest.raises(ResourceNotFound):
            await delivery.update(GUEST_CALL, theirs, fragment, core)
    for asked in (delivery.get(GUEST_CALL, theirs), delivery.delete(GUEST_CALL, theirs)):
        with pytest.raises(ResourceNotFound):
            await asked
    (listed,), total = await delivery.list(GUEST_CALL)
    assert (listed["id"], total) == (own, 1)
    assert await delivery.list(GUEST_CALL, 1, 1) == ([], 1)
    assert (await delivery.list(stand.call))[1] == 2
    await delivery.update(GUEST_CALL, own, {"q": "level>0"}, core)
    await delivery.update(stand.call, own, {"q": "level>1"}, core)
    await delivery.delete(GUEST_CALL, own)
    assert [one["id"] for one in (await delivery.list(stand.call))[0]] == [theirs]


async def test_what_was_given_up_is_sent_again_by_its_maker_alone(stand: Stand, access: Guarded) -> None:
    theirs = await stand.delivery.create(stand.call, subscription(), stand.contexts.core)

    async def broken(url: str, body: bytes) -> int:
        return 500

    stand.endpoint.answer = broken
    await stand.put(level=1)
    for _ in range(stand.numbers.attempts):
        await stand.catch_up()
        stand.clock.advance(600)
    (dead,) = await stand.delivery.dead_letters(TENANT, theirs)
    with pytest.raises(ResourceNotFound):
        await stand.delivery.replay(GUEST_CALL, theirs, dead.id)
    await stand.delivery.replay(stand.call, theirs, dead.id)


async def test_the_explanation_is_no_oracle(stand: Stand, access: Guarded) -> None:
    """Whether somebody else's filter was passed would tell of what it asks."""
    of_keeper = await stand.delivery.create(stand.call, subscription(q="secret==42"), stand.contexts.core)
    own = await subscribed(stand, q="secret==42")
    await stand.put(state="shut", secret=42)
    await stand.write("urn:x:1", Op.APPEND, secret={"type": "Property", "value": 43})
    await stand.catch_up()
    with pytest.raises(ResourceNotFound):
        await stand.delivery.explain(GUEST_CALL, of_keeper, "urn:x:1")
    found = await stand.delivery.explain(GUEST_CALL, own, "urn:x:1")
    assert not any(number in str(found.changes) for number in ("'42'", "43"))
    assert {one.name for change in found.changes for one in change.touched} == {"state"}
