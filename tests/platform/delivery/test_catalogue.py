from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from tests.platform.delivery.stand import subscription

from kumihimo.base.call import ANONYMOUS
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.decide import EVERYTHING
from kumihimo.platform.delivery.catalogue import Listing, Ready
from kumihimo.platform.delivery.checks import selects
from kumihimo.platform.delivery.compile import compile_subscription
from kumihimo.platform.delivery.match import noticed
from kumihimo.platform.delivery.models import TRIGGERS, StoredSubscription
from kumihimo.platform.delivery.seen import Seen
from kumihimo.platform.jsonld.contexts import Contexts

CORE = Contexts().core
TYPES = ["A", "B", "C"]
NAMES = ["x", "y", "z"]
IDS = ["urn:e:1", "urn:e:2"]

type_texts = st.sampled_from(["A", "B", "A,B", "(A;B)", "(A;B),C", "*"])
selectors = st.builds(
    lambda type_, more: {"type": type_, **more},
    type_texts,
    st.sampled_from([{}, {"id": IDS[0]}, {"idPattern": "2$"}]),
)
documents = st.builds(
    lambda entities, watched, triggers: subscription(
        entities=entities, watchedAttributes=watched, notificationTrigger=triggers
    ),
    st.lists(selectors, min_size=1, max_size=3),
    st.none() | st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
    st.none() | st.lists(st.sampled_from(TRIGGERS), min_size=1, max_size=2),
)


def ready(number: int, document: dict[str, Any]) -> Ready:
    stored = StoredSubscription(f"urn:s:{number}", document, None, {}, ANONYMOUS, 0, 0, 0)
    return Ready(compile_subscription(stored, CORE.expand), EVERYTHING, CORE)


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    there = draw(st.sets(st.sampled_from(NAMES)))
    changed = draw(st.sets(st.sampled_from(sorted(there)))) if there else set()
    deleted = draw(st.sets(st.sampled_from(NAMES))) - there
    instance = [{"type": "Property", "value": 1}]
    id_ = draw(st.sampled_from(IDS))
    return LogRecord(
        tenant="t",
        seq=1,
        at=0,
        kind=draw(st.sampled_from(["entityCreated", "entityUpdated", "entityDeleted"])),
        entity_id=id_,
        entity={
            "id": id_,
            "type": [CORE.expand(one) for one in sorted(draw(st.sets(st.sampled_from(TYPES), min_size=1)))],
            "attrs": {CORE.expand(name): instance for name in sorted(there)},
        },
        changed=tuple(CORE.expand(name) for name in sorted(changed)),
        deleted=tuple(CORE.expand(name) for name in sorted(deleted)),
        previous={CORE.expand(name): instance for name in sorted(deleted)},
    )


def nobody(entity_id: str) -> None:
    """Where no linked entities are asked about."""


@given(st.lists(documents, max_size=6), records())
def test_the_dictionaries_find_what_looking_at_all_would_find(given_: list[dict[str, Any]], record: LogRecord) -> None:
    every = [ready(number, document) for number, document in enumerate(given_)]
    found = {
        one.subscription.id for one in Listing(1, every).candidates(record) if noticed(one, Seen(record), 1, nobody)
    }
    wanted = {
        one.subscription.id
        for one in every
        if selects(one.subscription, record) and noticed(one, Seen(record), 1, nobody)
    }
    assert found == wanted


class Changed(NamedTuple):
    """A change of some of the subscriptions 0 to 4: a document for what it is now, None for one that is deleted."""

    by_number: dict[int, dict[str, Any] | None]


changes = st.builds(Changed, st.dictionaries(st.integers(0, 4), st.none() | documents, max_size=3))


@given(st.lists(changes, max_size=5), st.lists(records(), min_size=1, max_size=3))
def test_a_listing_that_changed_finds_what_a_new_one_would(steps: list[Changed], found: list[LogRecord]) -> None:
    there: dict[int, dict[str, Any]] = {}
    listings = [Listing(0)]
    for revision, step in enumerate(steps, start=1):
        made = {number: document for number, document in step.by_number.items() if document is not None}
        gone = [f"urn:s:{number}" for number, document in step.by_number.items() if document is None]
        before = told(listings[-1], found)
        listings.append(listings[-1].changed(revision, [ready(*one) for one in made.items()], gone))
        assert told(listings[-2], found) == before, "the earlier one stays as it was"
        there = {number: one for number, one in {**there, **made}.items() if f"urn:s:{number}" not in gone}
        fresh = Listing(revision, [ready(*one) for one in there.items()])
        assert told(listings[-1], found) == told(fresh, found)
        assert listings[-1].by_id.keys() == fresh.by_id.keys()


def told(listing: Listing, found: list[LogRecord]) -> list[set[str]]:
    return [{one.subscription.id for one in listing.candidates(record)} for record in found]
