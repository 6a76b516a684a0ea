"""What may go next: the oldest of each entity, whatever comes in whichever order."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from kumihimo.platform.delivery.lanes import Lanes
from kumihimo.platform.delivery.models import Outgoing


def one(seq: int, *entities: str) -> Outgoing:
    lane = entities[0] if len(entities) == 1 else ""
    return Outgoing(f"n{seq}", "s", lane, "e", 0, "x" * seq, {}, seq=seq, entities=entities if not lane else ())


def taken(lanes: Lanes) -> list[Outgoing]:
    """All that may go now."""
    return [one for one in iter(lanes.take, None) if one is not None]


def ids(lanes: Lanes) -> list[str]:
    return [found.id for found in taken(lanes)]


def test_of_an_entity_one_goes_at_a_time() -> None:
    lanes, first = Lanes(more=False), one(1, "a")
    lanes.add([first, one(2, "a"), one(3, "b")])
    assert ids(lanes) == ["n1", "n3"]
    lanes.finish(first)
    assert ids(lanes) == ["n2"]


def test_one_of_several_entities_waits_for_each_and_is_waited_for() -> None:
    lanes = Lanes(more=False)
    a, b, both, behind = one(1, "a"), one(2, "b"), one(3, "a", "b"), one(4, "b")
    lanes.add([a, b, both, behind, one(5, "c")])
    assert ids(lanes) == ["n1", "n2", "n5"]
    lanes.finish(b)
    assert ids(lanes) == []
    lanes.finish(a)
    assert ids(lanes) == ["n3"]
    lanes.finish(both)
    assert ids(lanes) == ["n4"]


def test_what_is_forgotten_is_asked_for_again_without_what_is_under_way() -> None:
    lanes = Lanes(more=False)
    rows = [one(1, "a"), one(2, "a"), one(3, "b")]
    lanes.add(rows)
    first = lanes.take()
    assert first is rows[0]
    lanes.shed()
    assert (lanes.more, lanes.upto, lanes.count, lanes.size) == (True, 0, 1, 1)
    lanes.add(rows)
    lanes.more = False
    assert ids(lanes) == ["n3"]
    lanes.finish(first)
    assert ids(lanes) == ["n2"]
    assert lanes.count == 2
    for done in rows[1:]:
        lanes.finish(done)
    assert lanes.is_empty
    assert (lanes.count, lanes.size) == (0, 0)


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True), max_size=20), st.randoms())
def test_each_entity_hears_in_order_and_all_is_sent(told: list[list[str]], chance: Random) -> None:
    lanes = Lanes(more=False)
    under_way: list[Outgoing] = []
    heard: dict[str, list[int]] = defaultdict(list)
    lanes.add([one(seq, *entities) for seq, entities in enumerate(told, start=1)])
    while True:
        for found in taken(lanes):
            assert not {key for other in under_way for key in other.keys} & set(found.keys)
            under_way.append(found)
        if not under_way:
            break
        done = under_way.pop(chance.randrange(len(under_way)))
        for key in done.keys:
            heard[key].append(done.seq)
        lanes.finish(done)
    assert sum(map(len, heard.values())) == sum(map(len, told))
    assert all(seqs == sorted(seqs) for seqs in heard.values())
    assert lanes.is_empty
