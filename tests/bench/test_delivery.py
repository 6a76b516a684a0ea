"""What the runs of notifications measure with: the pace of writes, the endpoint that notes arrivals, who is dead."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import dead
import delivery
import load
import paced
import taker
from measures import compact

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def endpoint() -> Iterator[taker.Taker]:
    with taker.Taker() as one:
        yield one


def notification(values: list[int]) -> bytes:
    """As the platform tells of several entities at once."""
    return load.request("POST", "/x", compact({"data": [delivery.document(one, one) for one in values]}))


def test_writes_keep_their_rate_and_every_entity_of_a_notification_is_noted_once(endpoint: taker.Taker) -> None:
    written = paced.run(endpoint.port, lambda number: notification([2 * number, 2 * number + 1]), rate=100, seconds=0.5)
    count = len(written.sent)
    assert 1 < count <= 51
    assert 0 < written.rate <= 110
    assert endpoint.count() == 2 * count
    first = endpoint.arrivals()
    assert set(first) == set(range(2 * count))
    assert all(written.sent[one // 2] <= moment for one, moment in first.items())
    paced.run(endpoint.port, lambda _: notification([0]), rate=10, seconds=0.1)
    assert endpoint.arrivals() == first, "the first arrival counts"
    endpoint.clear()
    assert endpoint.count() == 0


def test_a_tenth_is_dead_and_half_of_that_hangs(endpoint: taker.Taker) -> None:
    town = dead.Town(1_000, endpoint, 9)
    assert (len(town.dead), len(town.well)) == (100, 900)
    uris = [town.uri(one) for one in town.dead]
    assert sum(one.endswith(taker.HANG) for one in uris) == sum(one.endswith(":9/") for one in uris) == 50
    assert len({town.uri(one).split("/")[2] for one in town.all}) == 1_000
    assert sum(town.is_due(number) for number in range(1_000)) == 900
    told = {town.write(number).split(b" ")[1] for number in range(10_000)}
    assert len(told) == 10_000, "every entity in its turn"


def test_a_line_says_p50_and_p99_and_nothing_where_nothing_came() -> None:
    assert delivery.said([one / 1000 for one in range(100)]) == "50.0 / 99.0"
    assert delivery.said([]) == "–"


def test_a_cell_in_its_smallest_form(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--subscriptions", "20", "--rates", "40", "--seconds", "0.5", "--patience", "60", "--endpoints", "3"]
    assert delivery.main(small) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("| 20 | 40 | single |")]
    *_, delivered, processor, _ = line.split("|")
    told, due = delivered.strip().split("/")
    assert float(processor) > 0
    assert told == due != "0"
