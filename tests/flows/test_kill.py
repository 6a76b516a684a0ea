"""Kill -9 under load: an outside client's own journal against what the API says afterwards (SQLite).

Nothing acknowledged may be missing, nothing may stand twice in history, and the state is the last write that was
acknowledged, or the one that was on its way.
"""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.processes import Served

KILLS = 12  # `make soak` has fifty, again and again
WRITERS = 4
WRITER = Path(__file__).parents[1] / "writer.py"


@pytest.mark.slow
@pytest.mark.enable_socket
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    assert story(tmp_path, KILLS, random.Random(20240623)) > KILLS * WRITERS


def story(folder: Path, kills: int, chance: random.Random) -> int:
    """Kills the platform so many times under load and checks all journals; how many writes were acknowledged."""
    served = Served(folder / "data")
    journals = [folder / f"journal-{number}" for number in range(WRITERS)]
    with served, writers(served.port, journals) as told:
        for run in range(kills):
            if run:
                served.start()
            told(run)
            wait_for_an_acknowledgement(journals, run)
            time.sleep(chance.random() * 0.5)  # the kill comes at no moment in particular
            served.kill()
        served.start()
        counts = [check(served, f"urn:ngsi-ld:Kill:{number}", journal) for number, journal in enumerate(journals)]
        assert served.stop() == 0
    assert all(set(count) == set(range(kills)) for count in counts), "a kill while nothing was written"
    return sum(count.total() for count in counts)


@contextmanager
def writers(port: int, journals: list[Path]) -> Iterator[Callable[[int], None]]:
    """Clients in processes of their own; calling what is given begins a round. None is left at the end."""
    command = [sys.executable, str(WRITER), str(port)]
    clients = [
        subprocess.Popen([*command, str(journal), str(number)], stdin=subprocess.PIPE, text=True)
        for number, journal in enumerate(journals)
    ]

    def tell(run: int) -> None:
        for client in clients:
            assert client.stdin is not None
            client.stdin.write(f"{run}\n")
            client.stdin.flush()

    try:
        yield tell
    finally:
        for client in clients:
            client.communicate(timeout=10)


def wait_for_an_acknowledgement(journals: list[Path], run: int) -> None:
    """Returns once each writer had an answer in this round, so that every kill meets the work of all."""
    until = time.monotonic() + 20
    while not all(journal.exists() and f"acknowledged {run} " in journal.read_text() for journal in journals):
        assert time.monotonic() < until, f"nothing was acknowledged in round {run}"
        time.sleep(0.01)


def check(served: Served, entity: str, journal: Path) -> Counter[int]:
    """Compares a journal with what the platform says; how many writes were acknowledged, by round."""
    asked, acknowledged = read(journal)
    held = history(served, entity)
    doubled = [write for write, times in Counter(held).items() if times > 1]
    assert not doubled
    assert set(acknowledged) <= set(held), sorted(set(acknowledged) - set(held))[:10]
    assert set(held) <= set(asked)
    _, _, body = served.ask("GET", f"/ngsi-ld/v1/entities/{entity}")
    count = json.loads(body)["count"]
    assert (int(count["unitCode"]), count["value"]) == max(held)
    return Counter(run for run, _ in acknowledged)


def read(journal: Path) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Writes that were asked for and writes that were acknowledged, each as (run, value)."""
    asked: list[tuple[int, int]] = []
    acknowledged: list[tuple[int, int]] = []
    for line in journal.read_text().splitlines():
        word, run, value, *_ = line.split()
        assert word != "refused", line
        (asked if word == "asked" else acknowledged).append((int(run), int(value)))
    return asked, acknowledged


def history(served: Served, entity: str) -> list[tuple[int, int]]:
    """Every instance that the temporal API gives, page after page by time, as (run, value)."""
    found: list[tuple[int, int]] = []
    since = "2000-01-01T00:00:00Z"
    root = f"/ngsi-ld/v1/temporal/entities/{entity}?timerel=after&timeproperty=modifiedAt&options=sysAttrs"
    while True:
        path = f"{root}&timeAt={since}"
        status, _, body = served.ask("GET", path)
        if status == 404:
            return found
        assert status in (200, 206), body
        instances = json.loads(body).get("count", [])
        instances = instances if isinstance(instances, list) else [instances]
        if not instances:
            return found
        found += [(int(one["unitCode"]), one["value"]) for one in instances]
        since = max(one["modifiedAt"] for one in instances)
        if status == 200:
            return found
