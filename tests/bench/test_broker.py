"""The broker runs of bench/: their entities have the stated sizes, their table says what was found, and they run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import broker
import harness
import load
import query
import shape
import update
from measures import QUICK, Measure, Refused, Sample, Stage, Target, compact

BENCH = harness.PAGE.parent
PEER = Target("Peer", 1, durability="none")
OURS = Target("ours", 2)


def giving(values: dict[str, list[float]], unit: str = "1/s", bound: float | None = None) -> Measure:
    """A measure that gives these values in turn, and is refused where there are none left."""

    def take(target: Target) -> Sample:
        if not values[target.name]:
            raise Refused("HTTP/1.1 501 Not | Implemented")
        value = values[target.name].pop(0)
        return Sample(value, f"note of {value:g}")

    return Measure("this", unit, take, bound)


def lines(measure: Measure, targets: Sequence[Target] = (OURS, PEER)) -> list[broker.Line]:
    return list(broker.take("run", Stage([measure]), replace(QUICK, rounds=3), targets))


def test_entities_have_the_sizes_that_are_stated() -> None:
    assert {len(compact(query.station(number))) for number in (0, 9, 10_000, 99_999)} == {1188}
    assert 540 <= len(compact(shape.vehicle(1))) <= 560
    assert 350 <= len(compact(update.store(1))) <= 390
    assert sum(isinstance(value, dict) and "type" in value for value in shape.vehicle(1).values()) == 5


def test_every_question_has_a_full_page_among_the_fewest_entities() -> None:
    stations = [query.station(number) for number in range(1000)]
    good = [one for one in stations if one["type"] == "Station0" and one["quality"] == query.text("good")]
    levels = [one["level"][0]["value"] for one in good]  # type: ignore[index]  # a station's readings
    assert min(sum(level > bound for level in levels) for bound in range(40, 60)) >= query.PAGE
    basins = [one["basin"] for one in stations if one["type"] == "Station0"]
    assert all(basins.count(one) >= query.PAGE for one in basins)


def test_the_middle_round_stands_in_the_table_with_its_own_note() -> None:
    (line,) = lines(giving({"ours": [3, 9, 1], "Peer": [6, 2, 4]}))
    assert line.found["ours"] == Sample(3, "note of 3")
    assert line.ratio("Peer") == "**0.750**"
    assert "| run | this | 3.00 | 4.00 | **0.750** | 1/s | note of 3 |" in broker.table([line], [PEER], "head")


def test_where_less_is_better_the_ratio_is_turned_and_a_bound_counts() -> None:
    (line,) = lines(giving({"ours": [250, 250, 250], "Peer": [500, 500, 500]}, "ms", 200))
    assert (line.ratio("Peer"), line.broken) == ("**2.000**", True)
    assert "bound 200 ms" in line.note


class Working(harness.Platform):
    """A platform that runs nowhere and takes so many seconds of processor time for each measure."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.taken = seconds, 0.0

    def cpu(self) -> float:
        self.taken += self.seconds
        return self.taken


@pytest.mark.parametrize(("with_policies", "kept", "loses"), [(1.1, "**0.909**", False), (1.25, "**0.800**", True)])
def test_what_policies_cost_is_judged_by_processor_time(with_policies: float, kept: str, loses: bool) -> None:
    targets = (replace(OURS, platform=Working(1)), Target(broker.GUARDED, 3, platform=Working(with_policies)))
    (line,) = lines(giving({"ours": [100] * 6, broker.GUARDED: [160] * 6}, "ms"), targets)
    assert (line.ratio(broker.GUARDED), line.broken) == ("**0.625**", loses)
    table = broker.table([line], targets[1:], "head")
    assert "| ours | policies | policies / ours | by processor time | unit |" in table
    assert f"| 100.00 | 160.00 | **0.625** | {kept} | ms |" in table


def test_a_rate_costs_what_each_took() -> None:
    def ten_a_second(_: Target) -> Sample:
        time.sleep(0.1)
        return Sample(10)

    found = broker.cost(Measure("this", "1/s", ten_a_second), replace(OURS, platform=Working(2)))
    assert 0.5 < found <= 2  # two seconds for the one that a tenth of a second brings, for more where it took longer


@pytest.mark.parametrize("at_once", [True, False])
def test_both_are_asked_at_once_where_they_can_be(at_once: bool) -> None:
    meeting = threading.Barrier(2)
    met: list[bool] = []

    def take(_: Target) -> Sample:
        try:
            meeting.wait(5 if at_once else 0.01)
        except threading.BrokenBarrierError:
            meeting.reset()
            met.append(False)
        else:
            met.append(True)
        return Sample(1)

    both = [replace(OURS, platform=Working(1)), Target(broker.GUARDED, 3, platform=Working(2))]
    assert broker.kept(Measure("this", "ms", take, at_once=at_once), both, 1) == 0.5
    assert met == [at_once, at_once]


def test_what_a_peer_refuses_is_said_and_what_ours_refuses_ends_the_run() -> None:
    (line,) = lines(giving({"ours": [1, 1, 1], "Peer": [1]}))
    assert (line.value("Peer"), line.ratio("Peer")) == ("refused", "–")
    assert "Peer: HTTP/1.1 501 Not / Implemented" in line.note
    with pytest.raises(SystemExit, match="501"):
        lines(giving({"ours": [1], "Peer": [1, 1, 1]}))


def test_a_peer_is_named_by_its_address_and_its_durability() -> None:
    assert broker.read_peer("X=http://localhost:9090 fsync per commit") == Target(
        "X", 9090, "localhost", "fsync per commit"
    )
    for wrong in ("http://localhost", "X=localhost:1", "X=ftp://localhost"):
        with pytest.raises(ArgumentTypeError):
            broker.read_peer(wrong)


def test_a_table_is_kept_between_its_own_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\n")
    harness.keep("a", "new", page)
    assert page.read_text() == "before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\n"
    with pytest.raises(SystemExit, match="c"):
        harness.keep("c", "new", page)


def test_the_page_has_the_marks_of_all_tables() -> None:
    for mark in ("table", "notify", "dead", "broker sqlite", "broker postgresql", "broker sqlite policies"):
        assert f"<!-- {mark} -->" in harness.PAGE.read_text()
        assert f"<!-- /{mark} -->" in harness.PAGE.read_text()


@pytest.mark.parametrize(
    ("buffer", "length"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 27),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP", 40),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 59),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 0),
        (b"HTTP/1.1 200 OK\r\n", 0),
    ],
)
def test_an_answer_is_as_long_as_it_says(buffer: bytes, length: int) -> None:
    assert load.whole(buffer) == length


def test_the_smallest_run_in_its_quick_form() -> None:
    command = [sys.executable, str(BENCH / "run.py"), "--broker", "shape", "--quick", "--policies"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    # What policies cost is not to be judged by half a second on a busy machine; every answer must have been right.
    assert done.returncode == 0 or "losing more than" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("| shape |") == 3
    assert "refused" not in done.stdout
    assert "of a second's work" in done.stdout
    assert "fsync per commit" in done.stdout
