from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.platform.delivery.stand import TENANT, Stand
from tests.rights import only, rows

from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.errors import BadRequestData, Unauthenticated
from kumihimo.platform.access.decide import Access, Action, Grant
from kumihimo.platform.broker.log import position_tx
from kumihimo.platform.broker.models import Outcome
from kumihimo.platform.delivery import match
from kumihimo.platform.delivery.catalogue import Listing, Ready
from kumihimo.platform.delivery.match import READER
from kumihimo.platform.delivery.models import Outgoing
from kumihimo.platform.jsonld.contexts import Contexts


async def test_only_the_entities_asked_for(stand: Stand) -> None:
    await stand.subscribe(
        entities=[
            {"type": "Gauge", "id": "urn:x:1"},
            {"type": "Other", "id": ["urn:z:1", "urn:z:2"], "idPattern": "^urn:y:"},
            {"type": "Gauge", "idPattern": "^urn:y:[0-9]+$"},
        ]
    )
    for id_, type_ in (
        ("urn:x:1", "Gauge"),
        ("urn:z:2", "Other"),
        ("urn:z:3", "Other"),
        ("urn:x:2", "Gauge"),
        ("urn:y:3", "Gauge"),
        ("urn:y:a", "Gauge"),
        ("urn:y:4", "Other"),
    ):
        await stand.put(id_, type_, level=1)
    await stand.catch_up()
    assert sorted(stand.endpoint.ids()) == ["urn:x:1", "urn:y:3", "urn:z:2"]


@pytest.mark.parametrize("type_", ["Gauge", "Gauge,Other", "(Gauge)", "*"])
async def test_types_in_every_spelling(stand: Stand, type_: str) -> None:
    await stand.subscribe(entities=[{"type": type_}])
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 1


async def test_q_compares_moments_as_such(stand: Stand) -> None:
    """Clause 4.9: equal instants, whatever their offsets and fractions; a date is no date-time."""
    await stand.subscribe(q="begin>=2026-04-01T09:00:00+09:00")
    begins = {
        "urn:x:1": ("DateTime", "2026-04-01T00:00:00.000Z"),
        "urn:x:2": ("DateTime", "2026-03-31T23:59:59.999Z"),
        "urn:x:3": ("DateTime", "2026-04-01T00:00:00Z"),
        "urn:x:4": ("Date", "2026-04-02"),
    }
    for id_, (kind, text) in begins.items():
        await stand.write_entity(id_, begin={"value": {"@type": kind, "@value": text}})
    await stand.catch_up()
    assert stand.endpoint.ids() == ["urn:x:1", "urn:x:3"]


async def test_unwatched_attributes_do_not_notify(stand: Stand) -> None:
    await stand.subscribe(watchedAttributes=["level"])
    await stand.put(rain=1)
    await stand.put(rain=2)
    assert await stand.catch_up() == []
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 1


async def test_watched_attributes_without_entities(stand: Stand) -> None:
    await stand.subscribe(entities=None, watchedAttributes=["level"])
    await stand.put("urn:a:1", "Anything", level=1)
    await stand.put("urn:a:2", "Anything", rain=1)
    await stand.catch_up()
    assert stand.endpoint.ids() == ["urn:a:1"]


TELLS = {
    None: ["created", "updated", "added"],
    "entityCreated": ["created"],
    "entityUpdated": ["created", "updated", "added", "removed", "deleted"],
    "entityDeleted": ["deleted"],
    "attributeCreated": ["created", "added"],
    "attributeUpdated": ["updated"],
    "attributeDeleted": ["removed", "deleted"],
}


@pytest.mark.parametrize(("trigger", "expected"), TELLS.items())
async def test_each_trigger_fires_for_its_change(stand: Stand, trigger: str | None, expected: list[str]) -> None:
    await stand.subscribe(notificationTrigger=None if trigger is None else [trigger])
    told = []
    changes: dict[str, Callable[[], Awaitable[Outcome]]] = {
        "created": lambda: stand.put(level=1),
        "updated": lambda: stand.patch("urn:x:1", level=2),
        "added": lambda: stand.patch("urn:x:1", rain=1),
        "removed": lambda: stand.remove_attribute("urn:x:1", "rain"),
        "deleted": lambda: stand.remove("urn:x:1"),
    }
    for name, change in changes.items():
        await change()
        if await stand.catch_up():
            told.append(name)
    assert told == expected


async def test_deletions_are_told_as_such(stand: Stand) -> None:
    await stand.subscribe(notificationTrigger=["attributeDeleted", "entityDeleted"], notification={"sysAttrs": True})
    await stand.put(level=1, rain=2)
    await stand.remove_attribute("urn:x:1", "rain")
    (one,) = await stand.catch_up()
    assert one.entity["rain"]["value"] == "urn:ngsi-ld:null"
    assert one.entity["rain"]["deletedAt"] == "2026-01-01T00:00:00.000Z"
    assert one.entity["level"]["value"] == 1
    await stand.remove("urn:x:1")
    (one,) = await stand.catch_up()
    moment = "2026-01-01T00:00:00.000Z"
    stamps = {"createdAt": moment, "modifiedAt": moment, "deletedAt": moment}
    assert one.entity == {"id": "urn:x:1", "type": "Gauge", **stamps}


async def test_q_may_be_copied_from_an_address(stand: Stand) -> None:
    await stand.subscribe(q='name=="足羽%20川"')
    for number, name in enumerate(("足羽 川", "足羽%20川", "日野川")):
        await stand.put(f"urn:x:{number}", level=1, name=name)
    assert {one.entity["id"] for one in await stand.catch_up()} == {"urn:x:0", "urn:x:1"}


async def test_q_and_geo_choose_by_value(stand: Stand) -> None:
    await stand.subscribe(q="level>3")
    place = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [136.2, 36.0]}
    await stand.subscribe(geoQ=place, uri="http://near.example/")
    await stand.put("urn:x:1", level=3, location={"type": "Point", "coordinates": [136.2, 36.001]})
    await stand.put("urn:x:2", level=4, location={"type": "Point", "coordinates": [136.9, 36.0]})
    await stand.catch_up()
    assert sorted((one.url.split("/")[2], one.entity["id"]) for one in stand.endpoint.sent) == [
        ("endpoint.example", "urn:x:2"),
        ("near.example", "urn:x:1"),
    ]


async def test_paused_and_expired_subscriptions_are_silent(stand: Stand) -> None:
    paused = await stand.subscribe(isActive=False)
    expiring = await stand.subscribe(expiresAt="2026-01-01T00:01:00Z")
    await stand.put(level=1)
    assert [one.body["subscriptionId"] for one in await stand.catch_up()] == [expiring]
    stand.clock.advance(60)
    await stand.put(level=2)
    assert await stand.catch_up() == []
    assert (await stand.delivery.get(stand.call, expiring))["status"] == "expired"
    assert (await stand.delivery.get(stand.call, paused))["status"] == "paused"
    await stand.delivery.update(stand.call, paused, {"isActive": True}, stand.contexts.core)
    await stand.put(level=3)
    assert [one.body["subscriptionId"] for one in await stand.catch_up()] == [paused]


async def test_forms_and_choice_of_attributes(stand: Stand) -> None:
    await stand.subscribe(notification={"format": "simplified", "attributes": ["level"]}, uri="http://a.example/")
    await stand.subscribe(notification={"format": "concise", "omit": ["rain"]}, uri="http://b.example/")
    await stand.subscribe(
        notification={"pick": ["id", "rain"]}, endpoint={"accept": "application/ld+json"}, uri="http://c.example/"
    )
    await stand.subscribe(endpoint={"accept": "application/geo+json"}, uri="http://d.example/")
    await stand.put(level=1, rain=2)
    sent = {one.url: one for one in await stand.catch_up()}
    assert sent["http://a.example/"].entity == {"id": "urn:x:1", "type": "Gauge", "level": 1}
    assert sent["http://b.example/"].entity == {"id": "urn:x:1", "type": "Gauge", "level": 1}
    linked = sent["http://c.example/"]
    source = stand.contexts.core.source
    assert linked.entity == {"id": "urn:x:1", "rain": {"type": "Property", "value": 2}, "@context": source}
    assert linked.body["@context"] == stand.contexts.core.source
    assert (linked.headers["Content-Type"], "Link" in linked.headers) == ("application/ld+json", False)
    assert sent["http://d.example/"].body["data"]["features"][0]["properties"]["level"]["value"] == 1
    assert sent["http://a.example/"].headers["Link"].startswith("<https://uri.etsi.org/ngsi-ld/v1/")


async def test_an_inline_context_is_named_by_the_address_that_was_made_for_it(stand: Stand) -> None:
    stand.contexts = Contexts(address=lambda: "http://here.example")
    stand.restart()
    own = await stand.contexts.resolve({"水位": "https://uri.etsi.org/ngsi-ld/default-context/level"})
    document = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://endpoint.example/"}},
    }
    id_ = await stand.delivery.create(stand.call, document, own)
    address = (await stand.delivery.get(stand.call, id_))["jsonldContext"]
    assert address.startswith("http://here.example/ngsi-ld/v1/jsonldContexts/")
    await stand.put(level=2)
    [sent] = await stand.catch_up()
    assert sent.headers["Link"].startswith(f"<{address}>; rel=")
    assert "水位" in sent.entity
    assert (await stand.contexts.resolve(address, stand.call.tenant)).expand("水位").endswith("/level")


async def test_notifications_conform_to_the_version_asked_for(stand: Stand) -> None:
    await stand.subscribe(ngsildConformance="1.3")
    await stand.write_entity(name={"type": "LanguageProperty", "languageMap": {"ja": "川"}})
    (one,) = await stand.catch_up()
    assert one.entity["name"] == {"type": "Property", "value": {"ja": "川"}}


async def test_a_language_is_chosen(stand: Stand) -> None:
    await stand.subscribe(lang="ja")
    await stand.write_entity(name={"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}})
    (one,) = await stand.catch_up()
    assert one.entity["name"] == {"type": "Property", "value": "川", "lang": "ja"}


async def test_names_are_rendered_and_matched_in_the_subscriptions_own_context(stand: Stand) -> None:
    default = "https://uri.etsi.org/ngsi-ld/default-context/"
    own = await stand.contexts.resolve({"水位": default + "level", "水位計": default + "Gauge"})
    id_ = await stand.delivery.create(
        stand.call,
        {
            "type": "Subscription",
            "entities": [{"type": "(水位計;水位計)|Other"}],
            "watchedAttributes": ["水位"],
            "q": "水位>1",
            "notification": {"endpoint": {"uri": "http://endpoint.example/"}},
        },
        own,
    )
    await stand.put(level=2)
    stand.restart()
    (one,) = await stand.catch_up()
    assert one.entity["水位"]["value"] == 2
    assert (await stand.delivery.get(stand.call, id_))["watchedAttributes"] == ["水位"]
    shown = await stand.delivery.get(stand.call, id_, stand.contexts.core)
    assert shown["watchedAttributes"] == ["level"]
    assert shown["entities"] == [{"type": "(Gauge;Gauge)|Other"}]


async def test_a_change_keeps_the_meaning_of_what_it_does_not_touch(stand: Stand) -> None:
    own = await stand.contexts.resolve({"level": "https://example.org/level"})
    id_ = await stand.delivery.create(
        stand.call,
        {
            "type": "Subscription",
            "entities": [{"type": "Gauge"}],
            "watchedAttributes": ["level"],
            "notification": {"endpoint": {"uri": "http://endpoint.example/"}},
        },
        own,
    )
    await stand.delivery.update(stand.call, id_, {"description": "changed"}, stand.contexts.core)
    await stand.put("urn:x:1", "Gauge", **{"https://example.org/level": 1})
    assert len(await stand.catch_up()) == 1
    await stand.put(level=2)
    assert await stand.catch_up() == []


async def test_updates_are_checked_as_a_whole(stand: Stand) -> None:
    id_ = await stand.subscribe()
    for fragment in ({}, {"entities": None}, {"id": "urn:other"}, {"notification": {"endpoint": {"uri": "mailto:x"}}}):
        with pytest.raises(BadRequestData):
            await stand.delivery.update(stand.call, id_, fragment, stand.contexts.core)
    assert (await stand.delivery.get(stand.call, id_))["entities"] == [{"type": "Gauge"}]


async def test_a_closed_house_takes_no_anonymous_subscription(stand: Stand) -> None:
    await stand.subscribe()
    stand.delivery._access = Access(False)
    with pytest.raises(Unauthenticated):
        await stand.subscribe()
    with pytest.raises(Unauthenticated):
        await stand.delivery.list(Call(TENANT, ANONYMOUS))
    assert (await stand.delivery.list(Call(TENANT, Actor("system"))))[1] == 1


async def test_a_right_that_was_taken_away_silences_its_subscriptions(stand: Stand) -> None:
    await stand.subscribe()
    stand.delivery._catalogue._access = Access(False)
    await stand.put(level=1)
    assert await stand.catch_up() == []


async def test_the_position_moves_with_the_outbox(stand: Stand) -> None:
    await stand.subscribe()
    outcome = await stand.put(level=1)
    await stand.catch_up()
    assert await stand.database.read(TENANT, lambda tx: position_tx(tx, READER)) == outcome.seq


async def test_many_subscriptions_are_found_by_dictionary(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0
    plain = Listing.candidates

    def counted(self: Listing, record: object) -> list[Ready]:
        nonlocal looked_at
        found = list(plain(self, record))  # type: ignore[arg-type]  # plain is the method unbound
        looked_at += len(found)
        return found

    for number in range(50):
        await stand.subscribe(watchedAttributes=[f"a{number}"])
    monkeypatch.setattr(Listing, "candidates", counted)
    await stand.put(a7=1)
    await stand.catch_up()
    assert (len(stand.endpoint.sent), looked_at) == (1, 1)


async def test_order_is_kept_within_an_entity(stand: Stand) -> None:
    await stand.subscribe()
    for level in range(5):
        await stand.put(level=level)
        await stand.put("urn:x:2", level=level)
    await stand.catch_up()
    for id_ in ("urn:x:1", "urn:x:2"):
        levels = [one.entity["level"]["value"] for one in stand.endpoint.sent if one.entity["id"] == id_]
        assert levels == [0, 1, 2, 3, 4]


async def test_a_removed_and_remade_tenant_starts_empty(stand: Stand) -> None:
    await stand.subscribe()
    await stand.put(level=1)
    await stand.catch_up()
    await stand.database.remove_tenant(TENANT)
    await stand.database.add_tenant(TENANT)
    await stand.put(level=2)
    assert await stand.catch_up() == []
    stand.clock.advance(1)
    await stand.subscribe()
    await stand.put(level=3)
    assert len(await stand.catch_up()) == 1


async def test_one_subscription_that_cannot_be_served_holds_up_no_other(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await stand.subscribe()
    good = await stand.subscribe()
    plain = match._compose

    def broken(tenant: str, ready: Ready, *rest: Any) -> Outgoing:
        if ready.subscription.id == bad:
            raise ZeroDivisionError
        return plain(tenant, ready, *rest)

    monkeypatch.setattr(match, "_compose", broken)
    await stand.put(level=1)
    assert [one.body["subscriptionId"] for one in await stand.catch_up()] == [good]


class NarrowAccess(Access):
    """Shows one attribute, and entities of one id."""

    async def decide(self, call: Call, action: Action) -> Grant:
        level = "https://uri.etsi.org/ngsi-ld/default-context/level"
        return Grant(rows(ids=("urn:x:1",)), only(level))


async def test_a_subscription_sees_no_more_than_its_maker_may(stand: Stand) -> None:
    stand.delivery._catalogue._access = NarrowAccess(False)
    await stand.subscribe(uri="http://all.example/")
    await stand.subscribe(uri="http://probe.example/", q="secret>1")
    await stand.put(level=1, secret=5)
    await stand.put("urn:x:2", level=1)
    await stand.patch("urn:x:1", secret=6)
    await stand.catch_up()
    assert [(one.url, one.entity) for one in stand.endpoint.sent] == [
        ("http://all.example/", {"id": "urn:x:1", "type": "Gauge", "level": {"type": "Property", "value": 1}})
    ]
