from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.retained import Retained
from kumihimo.network.mqtt.topics import matches

NOW = datetime(2026, 6, 1, tzinfo=UTC)
levels = st.sampled_from(["a", "b", "", "$x", "川"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.builds(
    lambda head, tail: "/".join(head + tail),
    st.lists(levels | st.just("+"), max_size=4),
    st.sampled_from([["#"], ["a"], ["+"]]),
)


def message(topic: str, payload: bytes = b"x", tenant: str | None = "", seconds: int | None = None) -> Message:
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Message(topic, payload, 0, True, tenant, expires_at=until)


def found(kept: Retained, topic_filter: str, now: datetime = NOW) -> list[tuple[str | None, str]]:
    return sorted((one.tenant or "", one.topic) for one in kept.matching(topic_filter, now).messages)


@given(st.lists(st.tuples(topics, st.sampled_from(["", "t"]), st.booleans()), max_size=20), filters)
def test_it_finds_what_the_filter_takes_in(given_: list[tuple[str, str, bool]], topic_filter: str) -> None:
    kept, wanted = Retained(1000, 1 << 20), set()
    for topic, tenant, is_kept in given_:
        kept.keep(message(topic, b"x" if is_kept else b"", tenant))
        wanted.discard((tenant, topic))
        if is_kept:
            wanted.add((tenant, topic))
    assert len(kept) == len(wanted)
    assert found(kept, topic_filter) == sorted(one for one in wanted if matches(topic_filter, one[1]))


@pytest.mark.timed
def test_a_filter_looks_at_its_own_branch_alone() -> None:
    kept = Retained(20_000, 1 << 30)
    for number in range(10_000):
        kept.keep(message(f"r/{number}"))
    assert kept.matching("zz/#", NOW).looked_at <= 2
    assert kept.matching("r/7", NOW).looked_at <= 3
    began = time.perf_counter()
    for number in range(10_000):
        assert len(kept.matching(f"r/{number}", NOW).messages) == 1
    assert time.perf_counter() - began < 5


def test_what_has_expired_is_dropped_when_it_is_met() -> None:
    kept = Retained(10, 1 << 20)
    kept.keep(message("a/b", seconds=10))
    kept.keep(message("a/c"))
    assert found(kept, "a/+", NOW + timedelta(seconds=10)) == [("", "a/c")]
    assert len(kept) == 1


def test_at_the_cap_new_topics_are_refused_and_known_ones_change() -> None:
    kept = Retained(2, 1 << 20)
    assert kept.keep(message("a"))
    assert kept.keep(message("b"))
    assert not kept.keep(message("c"))
    assert kept.keep(message("a", b"new"))
    assert (len(kept), kept.refused) == (2, 1)


def test_the_levels_of_a_topic_cost_something_and_are_given_back() -> None:
    """A short message on a topic of many levels holds many branches."""
    kept = Retained(1000, 100_000)
    deep = ["/".join([str(number)] * 64) for number in range(100)]
    assert 1 < sum(kept.keep(message(topic)) for topic in deep) < 10
    for topic in deep:
        kept.keep(message(topic, b""))
    assert len(kept) == 0
    assert kept.keep(message(deep[0]))
