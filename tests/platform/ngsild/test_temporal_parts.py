"""Evolutions too long for one answer are given in parts (clause 6.3.10)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.platform.history import evolve, query
from kumihimo.platform.history.query import History
from kumihimo.platform.ngsild.api import routes

PAST = "/temporal/entities"
PAGE = 10
_RANGE = re.compile(r"date-time (\S+Z)-(\S+Z)/(\S+)\Z")


@pytest.fixture
async def client(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Client:
    face = await make_face(await any_database_factory(SCHEMAS), fake_clock)
    face.history = History(face.database, PAGE)
    return Client(Starlette(routes=routes(face)))


def minute(number: int, day: int = 1) -> str:
    return f"2026-01-{day:02}T01:{number:02}:00.000Z"


def series(count: int, day: int = 1, first: int = 0) -> list[dict[str, Any]]:
    return [{"type": "Property", "value": n, "observedAt": minute(n, day)} for n in range(first, first + count)]


def name(number: int) -> str:
    return f"urn:ngsi-ld:Gauge:{number}"


async def make(client: Client, number: int, **attrs: Any) -> None:
    body = {"id": name(number), "type": "Gauge", **attrs}
    assert (await client("POST", PAST, body)).status == 201


def extent(answer: Any) -> tuple[str, str, str]:
    assert answer.status == 206, answer.body
    given = _RANGE.match(answer.header("content-range") or "")
    assert given is not None, answer.header("content-range")
    return given[1], given[2], given[3]


PARTS: list[Any] = [
    ("", (minute(0), minute(9), "*"), range(10)),
    (f"timerel=before&timeAt={minute(30)}", (minute(0), minute(9), "*"), range(10)),
    (f"timerel=after&timeAt={minute(5)}", (minute(5), minute(14), "*"), range(5, 15)),
    (
        f"timerel=between&timeAt=2025-12-31T00:00:00Z&endTimeAt={minute(30)}",
        ("2025-12-31T00:00:00.000Z", minute(9), "*"),
        range(10),
    ),
    ("lastN=20", (minute(19), minute(10), "20"), range(10, 20)),
    (f"timerel=before&timeAt={minute(18)}&lastN=15", (minute(18), minute(8), "15"), range(8, 18)),
    (f"timerel=after&timeAt={minute(2)}&lastN=15", (minute(19), minute(10), "15"), range(10, 20)),
    (
        f"timerel=between&timeAt={minute(0)}&endTimeAt={minute(40)}&lastN=15",
        (minute(40), minute(10), "15"),
        range(10, 20),
    ),
]


async def test_a_part_says_what_it_is(client: Client) -> None:
    await make(client, 1, level=series(20))
    for query_, expected, values in PARTS:
        for form in ("", "&options=temporalValues"):
            answer = await client("GET", f"{PAST}/{name(1)}", query=query_ + form)
            assert extent(answer) == expected, query_
            level = answer.json["level"]
            given = [value for value, _ in level["values"]] if form else [each["value"] for each in level]
            assert given == list(values), query_


WHOLE = ["lastN=10", f"timerel=after&timeAt={minute(10)}", f"timerel=before&timeAt={minute(10)}&lastN=50"]


async def test_what_fits_is_no_part(client: Client) -> None:
    await make(client, 1, level=series(20))
    for query_ in WHOLE:
        answer = await client("GET", f"{PAST}/{name(1)}", query=query_)
        assert (answer.status, answer.header("content-range")) == (200, None), query_
        assert len(answer.json["level"]) == 10, query_


async def test_all_attributes_end_together(client: Client) -> None:
    await make(client, 1, level=series(12), rain=series(12, day=2), wind=series(3, first=4))
    answer = await client("GET", f"{PAST}/{name(1)}")
    assert extent(answer) == (minute(0), minute(9), "*")
    assert [len(answer.json[one]) for one in ("level", "rain", "wind")] == [10, 0, 3]
    simple = (await client("GET", f"{PAST}/{name(1)}", query="format=temporalValues")).json
    assert simple["rain"] == {"type": "Property", "values": []}
    back = await client("GET", f"{PAST}/{name(1)}", query="lastN=40")
    assert extent(back) == (minute(11, 2), minute(2, 2), "40")
    assert [len(back.json[one]) for one in ("level", "rain", "wind")] == [0, 10, 0]


async def test_a_page_of_entities_ends_together(client: Client) -> None:
    await make(client, 1, level=series(15))
    await make(client, 2, level=series(5, first=5), rain=series(2, day=3))
    query_ = f"type=Gauge&timerel=after&timeAt={minute(0)}"
    answer = await client("GET", PAST, query=query_)
    assert extent(answer) == (minute(0), minute(9), "*")
    assert [[len(one.get(attr, ())) for attr in ("level", "rain")] for one in answer.json] == [[10, 0], [5, 0]]
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": {"timerel": "after", "timeAt": minute(0)}}
    assert extent(await client("POST", "/temporal/entityOperations/query", body)) == (minute(0), minute(9), "*")


async def test_following_the_range_gives_all(client: Client) -> None:
    await make(client, 1, level=series(47), rain=series(33, first=20))
    seen: dict[str, set[int]] = {"level": set(), "rain": set()}
    start = minute(0)
    for _ in range(12):
        answer = await client("GET", f"{PAST}/{name(1)}", query=f"timerel=after&timeAt={start}")
        for attr in seen:
            seen[attr] |= {each["value"] for each in answer.json.get(attr, ())}
        if answer.status == 200:
            break
        start = extent(answer)[1]
    assert seen == {"level": set(range(47)), "rain": set(range(20, 53))}


async def test_one_moment_is_not_cut(client: Client) -> None:
    same = [{"type": "Property", "value": n, "observedAt": minute(0), "datasetId": f"urn:d:{n}"} for n in range(14)]
    await make(client, 1, level=[*same, *series(3, first=1)])
    answer = await client("GET", f"{PAST}/{name(1)}")
    assert extent(answer) == (minute(0), minute(0), "*")
    assert len(answer.json["level"]) == 14
    last = await client("GET", f"{PAST}/{name(1)}", query="lastN=4")
    assert (last.status, len(last.json["level"])) == (200, 17)


async def test_an_answer_has_an_end(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolve, "MAX_INSTANCES", 12)
    monkeypatch.setattr(query, "MAX_INSTANCES", 12)
    await make(client, 1, level=series(9), rain=series(9), wind=series(2))
    answer = await client("GET", f"{PAST}/{name(1)}")
    assert extent(answer) == (minute(0), minute(4), "*")
    assert [len(answer.json[one]) for one in ("level", "rain", "wind")] == [5, 5, 2]
    for number in (2, 3):
        await make(client, number, level=series(8))
    page = await client("GET", PAST, query=f"type=Gauge&timerel=after&timeAt={minute(0)}&attrs=level")
    assert ([one["id"] for one in page.json], page.status) == ([name(1)], 200)
    following = (page.header("link") or "").partition('>; rel="next"')[0].rpartition("?")[2]
    more = await client("GET", PAST, query=following)
    assert [one["id"] for one in more.json] == [name(2)]
    same = [{"type": "Property", "value": n, "observedAt": minute(0), "datasetId": f"urn:d:{n}"} for n in range(14)]
    await make(client, 4, level=same)
    assert (await client("GET", f"{PAST}/{name(4)}")).kind == "TooManyResults"
