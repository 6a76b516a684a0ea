"""Kill -9 in the middle of delivery: an outside subscriber's own book against what was acknowledged to the writers.

At least once and none missing; in order for each entity and subscription; what comes again has the id that it had, so
that the receiver can drop it; counters and throttling are as they were.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.processes import Served
from tests.receiver import Notification, Receiver

pytestmark = pytest.mark.enable_socket
ROOT = "/ngsi-ld/v1"
SLOW = 0.03
"""Seconds that the slow endpoint takes, so that at every kill something is under way and something waits."""
PATHS = ("/quick", "/slow", "/wavering")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    return {"KUMIHIMO_DATABASE_URL": request.getfixturevalue("postgres_url")}


def test_a_kill_in_mid_delivery_loses_nothing_and_keeps_the_order(tmp_path: Path, environ: dict[str, str]) -> None:
    assert story(tmp_path, 2, random.Random(20261126), environ).due > 0


@dataclass
class Account:
    """What a story came to."""

    acknowledged: int = 0
    due: int = 0
    """Acknowledged changes, each once for every subscription; all were delivered, or the story would have failed."""
    notifications: int = 0
    doubled: int = 0


def story(folder: Path, kills: int, chance: random.Random, environ: dict[str, str]) -> Account:
    """Kills the platform so many times while it delivers, and compares the receiver's book with the writers'."""
    served = Served(folder / "data")
    served.environ |= environ
    account = Account()
    with Receiver() as receiver, served:
        receiver.answers = {"/slow": slowly, "/wavering": wavering(chance)}
        for path in PATHS:
            subscribe(served, receiver, path)
        subscribe(served, receiver, "/throttled", throttling=86_400)
        writers = [Single("single", 3), Batch("batch", 3)]
        for writer in writers:
            writer.make(served)
        throttled = counted(served, "/throttled", lambda: 1)
        for number in range(kills):
            if number:
                served.start()
            with writing(served.port, writers):
                until_in_the_midst(receiver, writers)
                time.sleep(chance.random() * 0.5)  # the kill comes at no moment in particular
                until_in_hand(receiver, chance)
                served.kill()
        served.start()
        told = {path: book(served, receiver, path, writers) for path in PATHS}
        assert notification(served, "/throttled") == throttled
        assert len(receiver.at("/throttled")) == 1, "the day is not over"
        assert served.stop() == 0
    account.acknowledged = sum(len(one.acknowledged) for one in writers)
    account.due = account.acknowledged * len(PATHS)
    account.notifications = sum(map(len, told.values()))
    account.doubled = sum(len(receiver.at(path)) for path in PATHS) - account.notifications
    return account


def slowly(_: dict[str, Any]) -> int:
    time.sleep(SLOW)
    return 200


def wavering(chance: random.Random) -> Callable[[dict[str, Any]], int | None]:
    """Takes nearly all; a few it refuses, and of a few it cuts the connection, though it has read them."""

    def answer(_: dict[str, Any]) -> int | None:
        return chance.choices((200, 503, None), (400, 1, 1))[0]

    return answer


def subscribe(served: Served, receiver: Receiver, path: str, **members: Any) -> None:
    body = {
        "id": f"urn:ngsi-ld:Subscription:{path[1:]}",
        "type": "Subscription",
        "entities": [{"type": "Kill"}],
        "watchedAttributes": ["count"],
        "notification": {"endpoint": {"uri": receiver.address(path)}, "format": "keyValues"},
        **members,
    }
    status, _, answer = served.ask("POST", f"{ROOT}/subscriptions", body)
    assert status == 201, answer


# --- the writers ------------------------------------------------------------------------------------------


@dataclass
class Writer:
    """Writes ever greater values to entities of its own, and notes what it asked for and what was acknowledged."""

    name: str
    entities: int
    value: int = 0
    asked: set[tuple[str, int]] = field(default_factory=set)
    acknowledged: set[tuple[str, int]] = field(default_factory=set)

    def ids(self) -> list[str]:
        return [f"urn:ngsi-ld:Kill:{self.name}-{number}" for number in range(self.entities)]

    def make(self, served: Served) -> None:
        """Its entities, all with the value 0."""
        for id_ in self.ids():
            self.asked.add((id_, 0))
            status, _, _ = served.ask("POST", f"{ROOT}/entities", {"id": id_, "type": "Kill", **count(0)})
            assert status == 201
            self.acknowledged.add((id_, 0))

    def write(self, line: http.client.HTTPConnection) -> None:
        """One request more, with the next value."""
        raise NotImplementedError

    def send(self, line: http.client.HTTPConnection, method: str, path: str, ids: list[str], body: Any) -> None:
        written = {(id_, self.value) for id_ in ids}
        self.asked |= written
        line.request(method, f"{ROOT}/{path}", json.dumps(body), {"Content-Type": "application/json"})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 204, answer.status
        self.acknowledged |= written


class Single(Writer):
    """One entity with each request, in turn."""

    def write(self, line: http.client.HTTPConnection) -> None:
        self.value += 1
        id_ = self.ids()[self.value % self.entities]
        self.send(line, "PATCH", f"entities/{id_}/attrs", [id_], count(self.value))


class Batch(Writer):
    """All its entities with each request."""

    def write(self, line: http.client.HTTPConnection) -> None:
        self.value += 1
        body = [{"id": id_, "type": "Kill", **count(self.value)} for id_ in self.ids()]
        self.send(line, "POST", "entityOperations/update", self.ids(), body)


def count(value: int) -> dict[str, Any]:
    return {"count": {"type": "Property", "value": value}}


@contextmanager
def writing(port: int, writers: list[Writer]) -> Iterator[None]:
    """Each writes in a thread of its own until the platform is gone; what else goes wrong with it is raised."""
    with ThreadPoolExecutor(len(writers)) as threads:
        running = [threads.submit(write_on, one, port) for one in writers]
        yield
    for one in running:
        one.result()


def write_on(writer: Writer, port: int) -> None:
    """Writes and writes, until nobody answers any more."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        while True:
            writer.write(line)
            time.sleep(0.01)  # some 70 a second, so that what waits can be worked off at the end
    except (OSError, http.client.HTTPException):
        return
    finally:
        line.close()


def until_in_the_midst(receiver: Receiver, writers: list[Writer]) -> None:
    """Returns once every writer had an answer since, and every path a notification."""
    values, arrived = [one.value for one in writers], len(receiver.arrived)

    def so() -> bool:
        moved = all(one.value > before + 1 for one, before in zip(writers, values, strict=True))
        return moved and {one.path for one in receiver.arrived[arrived:]} >= {"/quick", "/slow"}

    receiver.until(so, "in the midst")


def until_in_hand(receiver: Receiver, chance: random.Random) -> None:
    """Returns shortly after a notification reached the receiver: before, at or after the moment of its answer."""
    arrived = len(receiver.arrived)
    receiver.until(lambda: len(receiver.arrived) > arrived and receiver.in_hand > 0, "something on its way")
    time.sleep(chance.random() * SLOW * 1.5)


# --- the comparison ---------------------------------------------------------------------------------------


def book(served: Served, receiver: Receiver, path: str, writers: list[Writer]) -> set[str]:
    """Waits until all that is due here came, and checks it; the ids of its notifications."""
    due = {write for one in writers for write in one.acknowledged}
    asked = {write for one in writers for write in one.asked}

    def came() -> set[tuple[str, int]]:
        return {pair for one in receiver.arrived if one.path == path for pair in one.values("count")}

    receiver.until(lambda: due <= came(), f"{path}: not all that was acknowledged came")
    # Over all kills every notification is counted as taken once: when it left the outbox.
    account = counted(served, path, lambda: len({one.id for one in receiver.at(path)}))
    assert account["timesSent"] <= len(receiver.at(path))
    assert came() <= asked, "told of what nobody wrote"
    return check_order(receiver.at(path))


def check_order(arrived: list[Notification]) -> set[str]:
    """Doubles have the id and the words of the first, and without them every entity's values only grow."""
    first: dict[str, Notification] = {}
    values: dict[str, list[int]] = defaultdict(list)
    for one in arrived:
        if one.id in first:
            assert one.entities == first[one.id].entities, "the same id over other words"
            continue
        first[one.id] = one
        for id_, value in one.values("count"):
            values[id_].append(value)
    for id_, told in values.items():
        disorder = [pair for pair in pairwise(told) if pair[0] >= pair[1]]
        assert not disorder, f"{id_}: {disorder[:5]}"
    return set(first)


def counted(served: Served, path: str, wanted: Callable[[], int]) -> dict[str, Any]:
    """The path's account once so many are counted as taken: the outcome of what arrived is written a little later.

    And what was written though its answer was never seen may still be on its way.
    """
    until = time.monotonic() + 60
    while taken(account := notification(served, path)) != wanted() or account.get("status") != "ok":
        assert time.monotonic() < until, (account, wanted())
        time.sleep(0.05)
    return account


def taken(account: dict[str, Any]) -> int:
    return int(account.get("timesSent", 0)) - int(account.get("timesFailed", 0))


def notification(served: Served, path: str) -> dict[str, Any]:
    """The notification member of the path's subscription, with its counters."""
    status, _, body = served.ask("GET", f"{ROOT}/subscriptions/urn:ngsi-ld:Subscription:{path[1:]}")
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)["notification"]
    return found
