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
from pathlib import Path

import pytest
from tests.processes import Served

KILLS = 50
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
    with served:
        for run in range(kills):
            if run:
                served.start()
            clients = [
                subprocess.Popen([sys.executable, str(WRITER), str(served.port), str(journal), str(number), str(run)])
                for number, journal in enumerate(journals)
            ]
            time.sleep(0.25 + chance.random() * 0.5)
            served.kill()
            for client in clients:
                client.wait(10)
        served.start()
        total = 0
        for number, journal in enumerate(journals):
            total += check(served, f"urn:ngsi-ld:Kill:{number}", journal)
        assert served.stop() == 0
    return total


def check(served: Served, entity: str, journal: Path) -> int:
    asked, acknowledged = read(journal)
    held = history(served, entity)
    doubled = [write for write, times in Counter(held).items() if times > 1]
    assert not doubled
    assert set(acknowledged) <= set(held), sorted(set(acknowledged) - set(held))[:10]
    assert set(held) <= set(asked)
    _, _, body = served.ask("GET", f"/ngsi-ld/v1/entities/{entity}")
    count = json.loads(body)["count"]
    assert (int(count["unitCode"]), count["value"]) == max(held)
    return len(acknowledged)


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
