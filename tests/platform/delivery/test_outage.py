"""An endpoint that answers 500 for an hour: few attempts, nothing lost, all in order once it is back."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from tests.platform.delivery.stand import Sent, Stand

from kumihimo.platform.delivery.send import SendNumbers

HOUR, STEP = 3600, 15
"""Seconds; the clock goes on so many at a time."""
ENTITIES = [f"urn:x:{number}" for number in range(3)]


async def down(url: str, body: bytes) -> int:
    del url, body
    return 500


def told(arrived: list[Sent]) -> dict[str, list[int]]:
    """What a receiver knows of each entity that drops by its id what came again."""
    values: dict[str, list[int]] = defaultdict(list)
    for body in {one.body["id"]: one.body for one in arrived}.values():
        for entity in body["data"]:
            values[entity["id"]].append(entity["level"]["value"])
    return values


async def test_an_hour_of_500_loses_nothing_and_is_not_answered_with_a_storm(stand: Stand) -> None:
    stand.numbers = SendNumbers()
    stand.restart()
    id_ = await stand.subscribe()
    stand.endpoint.answer = down
    moments: list[int] = []
    for second in range(0, HOUR, STEP):
        if second % 300 == 0:
            for entity in ENTITIES:
                await stand.put(entity, level=second)
        if second == HOUR // 2:
            stand.restart()  # what is known of the outage is lost with it; what waits is not
        moments += [second] * len(await stand.catch_up())
        stand.clock.advance(STEP)
    # Twice (there was a restart) three at once and then some twenty: pauses grow to five minutes or half of that.
    assert 15 <= len(moments) <= 60
    late = [one for one in moments if HOUR // 2 - 600 <= one < HOUR // 2]
    assert all(after - before >= 150 for before, after in pairwise(late))
    failing = await account(stand, id_)
    assert (failing["status"], failing["timesSent"], failing["timesFailed"]) == ("failed", len(moments), len(moments))
    assert set(map(tuple, told(stand.endpoint.sent).values())) == {(0,)}, "what is behind the first waits for it"

    stand.endpoint.answer = None
    for _ in range(0, 300, STEP):
        stand.clock.advance(STEP)
        await stand.catch_up()
    assert told(stand.endpoint.sent) == {entity: list(range(0, HOUR, 300)) for entity in ENTITIES}
    words: dict[str, dict[str, Any]] = {}
    for one in stand.endpoint.sent:
        assert words.setdefault(one.body["id"], one.body) == one.body, "the same id over other words"
    well = await account(stand, id_)
    assert (well["status"], well["timesSent"] - well["timesFailed"]) == ("ok", len(words))
    assert well["timesFailed"] == failing["timesFailed"]


async def account(stand: Stand, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = (await stand.delivery.get(stand.call, id_))["notification"]
    return found
