"""A guest's subscriptions tell of a town with secrets just what they would tell of one that never had them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.delivery.stand import SCHEMAS, TENANT, Stand, subscription
from tests.platform.delivery.test_rights import GUEST_CALL, VOCAB, Guarded, guarded

DARK, OPEN = "urn:x:1", "urn:x:2"
EVERY = ["entityCreated", "entityUpdated", "entityDeleted", "attributeCreated", "attributeUpdated", "attributeDeleted"]

NEAR = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [136, 36]}
SUBSCRIPTIONS: list[dict[str, Any]] = [
    {},
    {"notificationTrigger": EVERY},
    {"notificationTrigger": EVERY, "notification": {"showChanges": True}},
    {"notificationTrigger": ["attributeCreated"]},
    {"notificationTrigger": ["attributeDeleted"], "notification": {"showChanges": True}},
    {"watchedAttributes": ["secret"], "notificationTrigger": EVERY[3:]},
    {"watchedAttributes": ["secret", "level"]},
    {"q": "secret>0"},
    {"q": "secret==42"},
    {"q": "!secret"},
    {"q": "secret!=42"},
    {"q": "secret>0|level>100"},
    {"q": "modifiedAt>2020-01-01T00:00:00Z;secret"},
    {"notification": {"attributes": ["secret"]}},
    {"notification": {"attributes": ["secret", "level"], "format": "keyValues"}},
    {"notification": {"pick": ["id", "secret"]}},
    {"notification": {"omit": ["level"]}},
    {"notification": {"format": "concise", "showChanges": True}},
    {"notification": {"endpoint": {"uri": "http://endpoint.example/geo", "accept": "application/geo+json"}}},
    {"datasetId": ["urn:d:1"]},
    {"geoQ": {**NEAR, "geoproperty": "secret"}},
    {"watchedAttributes": [VOCAB + "secret"]},
    {"q": VOCAB + "secret>0"},
]  # fmt: skip
Step = Callable[[Stand], Awaitable[Any]]
BOTH, HIDDEN = True, False
SECRET: list[Any] = [
    {"type": "Property", "value": 42, "observedAt": "2026-01-01T00:00:00Z"},
    {"type": "Property", "value": 43, "datasetId": "urn:d:1"},
]
PLACE = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.0, 36.0]}}
STORY: list[tuple[bool, Step]] = [
    (BOTH, lambda stand: stand.put(DARK, state="shut", level=1)),
    (BOTH, lambda stand: stand.put(OPEN, state="open", level=1, secret=42)),
    (HIDDEN, lambda stand: stand.write(DARK, secret=SECRET)),
    (HIDDEN, lambda stand: stand.patch(DARK, secret=44)),
    (BOTH, lambda stand: stand.patch(DARK, level=2)),
    (HIDDEN, lambda stand: stand.write(DARK, secret=PLACE)),
    (BOTH, lambda stand: stand.patch(OPEN, secret=43)),
    (HIDDEN, lambda stand: stand.remove_attribute(DARK, "secret", "urn:d:1")),
    (BOTH, lambda stand: stand.patch(DARK, level=3)),
    (HIDDEN, lambda stand: stand.remove_attribute(DARK, "secret", every=True)),
    (HIDDEN, lambda stand: stand.patch(DARK, secret=45)),
    (BOTH, lambda stand: stand.remove_attribute(OPEN, "secret")),
    (BOTH, lambda stand: stand.remove(DARK)),
    (BOTH, lambda stand: stand.remove(OPEN)),
]
"""Whether it happens in both worlds, and what happens."""


async def heard(stand: Stand, *, with_secrets: bool) -> list[list[str]]:
    """What each step has the subscriptions send, without the names and moments that are made anew for each world."""
    guarded(stand, Guarded())
    names = [await stand.delivery.create(GUEST_CALL, subscription(**one), stand.contexts.core) for one in SUBSCRIPTIONS]
    found = []
    for in_both, step in STORY:
        stand.clock.advance(1)
        if in_both or with_secrets:
            await step(stand)
        sent = await stand.catch_up()
        told = [json.dumps([names.index(one.body["subscriptionId"]), one.body["data"]], sort_keys=True) for one in sent]
        found.append(sorted(told))
    return found


async def test_a_town_with_secrets_tells_a_guest_no_more_than_one_without(
    database_factory: DatabaseFactory,
) -> None:
    worlds = []
    for with_secrets in (True, False):
        database = await database_factory(SCHEMAS)
        await database.add_tenant(TENANT)
        worlds.append(await heard(Stand(database, FakeClock()), with_secrets=with_secrets))
    for number, (whole, bare) in enumerate(zip(*worlds, strict=True)):
        assert whole == bare, f"step {number}"
    assert sum(map(len, worlds[0])) > len(SUBSCRIPTIONS), "they do tell"
