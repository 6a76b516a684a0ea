"""Endpoints that misbehave, seen from outside: what they cost the others, and what they get once they are back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from tests.processes import Served, free_port
from tests.receiver import Notification, Receiver

pytestmark = pytest.mark.enable_socket
ROOT = "/ngsi-ld/v1"
LONGEST = 60_000
"""Milliseconds: the longest that an endpoint may be waited for, longer than the others' work takes on any machine."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("faults") / "data") as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def ask(served: Served, method: str, path: str, body: Any = None) -> Any:
    status, _, answer = served.ask(method, ROOT + path, body)
    assert status in (200, 201, 204), (status, answer)
    return json.loads(answer) if answer else None


def subscribe(served: Served, name: str, uri: str, kind: str, **endpoint: Any) -> str:
    id_ = f"urn:ngsi-ld:Subscription:{kind}:{name}"
    body = {
        "id": id_,
        "type": "Subscription",
        "entities": [{"type": kind}],
        "notification": {"endpoint": {"uri": uri, **endpoint}, "format": "keyValues"},
    }
    ask(served, "POST", "/subscriptions", body)
    return id_


def write(served: Served, kind: str, entities: int, level: int) -> None:
    """All entities of a type, with one request."""
    body = [
        {"id": f"urn:ngsi-ld:{kind}:{number:03}", "type": kind, "level": {"type": "Property", "value": level}}
        for number in range(entities)
    ]
    ask(served, "POST", "/entityOperations/upsert", body)


def account(served: Served, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(served, "GET", f"/subscriptions/{id_}")["notification"]
    return found


def failed(served: Served, id_: str) -> int:
    """How often sending to this subscription failed."""
    return int(account(served, id_).get("timesFailed", 0))


def levels(arrived: list[Notification], entity: str) -> list[int]:
    """What was told of an entity, doubles dropped by their id."""
    kept = {one.id: one for one in arrived}
    return [value for one in kept.values() for id_, value in one.values("level") if id_ == entity]


def test_what_hangs_resets_redirects_or_refuses_gets_all_of_it_in_order_once_it_is_back(
    served: Served, receiver: Receiver
) -> None:
    back = threading.Event()

    def hang(_: dict[str, Any]) -> int:
        back.wait(LONGEST / 1000)
        return 200

    faults = {"/hang": hang, "/reset": lambda _: None, "/redirect": lambda _: 307, "/broken": lambda _: 500}
    receiver.answers |= faults
    receiver.more_headers["/redirect"] = {"Location": receiver.address("/secret")}
    ids = {
        path: subscribe(served, path[1:], receiver.address(path), "Weir", timeout=200 if path == "/hang" else 10_000)
        for path in (*faults, "/good")
    }
    for level in range(5):
        write(served, "Weir", 2, level)
    entities = ["urn:ngsi-ld:Weir:000", "urn:ngsi-ld:Weir:001"]

    def told(path: str) -> bool:
        arrived = [one for one in receiver.arrived if one.path == path]
        return all(levels(arrived, one) == [0, 1, 2, 3, 4] for one in entities)

    receiver.until(lambda: told("/good"), "the good endpoint among bad ones")
    for path in faults:
        receiver.until(partial(failed, served, ids[path]), f"{path} failed")
        assert account(served, ids[path])["status"] == "failed"
        receiver.until(partial(receiver.at, path), f"{path} was asked")  # the first try may end before it is taken
        assert {level for one in receiver.at(path) for _, level in one.values("level")} == {0}, "it waits in its order"
    assert receiver.at("/secret") == [], "a redirect was followed"
    assert failed(served, ids["/good"]) == 0
    receiver.answers.clear()
    back.set()
    for path in faults:
        receiver.until(partial(told, path), f"{path} is back")
        again = [one for one in receiver.at(path) if one.id == receiver.at(path)[0].id]
        assert len(again) > 1, "what failed comes again under its id"
        assert all(one.entities == again[0].entities for one in again)


WAITED = "the others had to wait until those that hang were given up"


def test_dead_endpoints_delay_no_other(served: Served, receiver: Receiver) -> None:
    assert dead(served, receiver, "Dead", hung=5, closed=5, good=90) == [], WAITED


def test_many_that_hang_at_once_delay_no_other(served: Served, receiver: Receiver) -> None:
    assert dead(served, receiver, "Hung", hung=40, closed=0, good=5) == [], WAITED


def test_what_hangs_at_a_host_delays_no_other_path_of_it(served: Served, receiver: Receiver) -> None:
    assert dead(served, receiver, "Path", hung=5, closed=0, good=5, hosts=1) == [], WAITED


def dead(
    served: Served, receiver: Receiver, kind: str, *, hung: int, closed: int, good: int, hosts: int = 1_000
) -> list[str]:
    """Something waits for each of ten entities at all that are dead; then all, the good ones too, are told one more.

    The subscriptions of those that hang which were given up before the good ones had all been told.
    """
    never = threading.Event()

    def hang(_: dict[str, Any]) -> int:
        never.wait(LONGEST / 1000)
        return 200

    hanging, paths = [f"/hang{number}" for number in range(hung)], [f"/good{number}" for number in range(good)]
    receiver.answers |= dict.fromkeys(hanging, hang)
    uris = {path: receiver.address(path, host % hosts) for host, path in enumerate((*hanging, *paths))}
    ids = [subscribe(served, path[1:], uris[path], kind, timeout=LONGEST) for path in hanging]
    for _ in range(closed):
        port = free_port()
        subscribe(served, f"closed{port}", f"http://127.0.0.1:{port}/", kind)
    write(served, kind, 10, 1)
    receiver.until(lambda: {one.path for one in receiver.arrived} == set(hanging), "all of them hang")
    for path in paths:
        subscribe(served, path[1:], uris[path], kind)
    write(served, kind, 2, 2)

    def told() -> set[str]:
        return {one.path for one in receiver.arrived for _, level in one.values("level") if level == 2}

    try:
        receiver.until(lambda: told() >= set(paths), "the others among dead ones", LONGEST / 1000)
        return [id_ for id_ in ids if failed(served, id_)]
    finally:
        never.set()
        for id_ in ids:
            ask(served, "DELETE", f"/subscriptions/{id_}")
