"""What the dialects ask of each engine gives the same answer on both."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import FakeClock
from tests.postgres_server import PostgresServer

from kumihimo.storage.database import EACH, Database, Tx
from kumihimo.storage.engines import sqlite_functions
from kumihimo.storage.opening import database_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(url: str | None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """A database with the tenant "a" and no tables of any room: one for all tests here, as they only read."""
    made = database_for(tmp_path_factory.mktemp("data"), url, [], FakeClock())
    await made.open()
    await made.add_tenant("a")
    yield made
    await made.close()


async def one(database: Database, sql: str, *parameters: Any) -> Any:
    async def one_tx(tx: Tx) -> Any:
        row = await tx.fetch_one(sql, *parameters)
        return None if row is None else row[0]

    return await database.read("a", one_tx)


DOCUMENT = {
    "水位": [
        {"value": 2.5, "unitCode": "MTR", "ok": True, "note": None, "tags": ["堤防", "橋"]},
        {"value": 10, "ok": False, "deep": {"it's": {'say "hi"': "引用"}}},
        {"value": [1, 2, [3, 4]], "big": 12345678901234567890123},
        "alone",
    ],
    "0": {"$1": "dollar", "a.b": "dot", "*x": "star"},
    "empty": [],
    "object": {"k": 1},
    "huge": 10**320,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["水位", "*", "value"], [*[("number", n, None) for n in (2.5, 10, 1, 2)], ("object", None, None)]),
        (["水位", "*", "unitCode"], [("string", None, "MTR")]),
        (["水位", "*", "ok"], [("boolean", None, "true"), ("boolean", None, "false")]),
        (["水位", "*", "note"], [("null", None, None)]),
        (["水位", "*", "tags"], [("string", None, "堤防"), ("string", None, "橋")]),
        (["水位", "*", "tags", "*"], [("string", None, "堤防"), ("string", None, "橋")]),
        (["水位", "*", "deep", "it's", 'say "hi"'], [("string", None, "引用")]),
        (["水位", "*", "big"], [("number", 12345678901234567890123.0, None)]),
        (["水位"], [("object", None, None)] * 3 + [("string", None, "alone")]),
        (["0", "$1"], [("string", None, "dollar")]),
        (["0", "a.b"], [("string", None, "dot")]),
        (["0", "*x"], [("string", None, "star")]),
        (["水位", "0"], []),
        (["empty"], []),
        (["missing"], []),
        (["missing", "*", "value"], []),
        (["object", "*"], []),
        (["object"], [("object", None, None)]),
        (["object", "k", "deeper"], []),
        (["huge"], [("number", float("inf"), None)]),
    ],
)
async def test_json_values(database: Database, path: list[str], expected: list[tuple[Any, ...]]) -> None:
    async def values_tx(tx: Tx) -> list[tuple[Any, ...]]:
        table = tx.dialect.json_values("t.doc", path)
        exists = f"SELECT EXISTS (SELECT 1 FROM {table} AS v) FROM (SELECT CAST($1 AS TEXT) AS doc) AS t"
        found = await tx.fetch_one(exists, json.dumps(DOCUMENT))
        assert found is not None
        assert bool(found[0]) is bool(expected)
        table = tx.dialect.json_values("CAST($1 AS TEXT)", path)
        return await tx.fetch(f"SELECT v.kind, v.num, v.txt FROM {table} AS v", json.dumps(DOCUMENT))

    assert await database.read("a", values_tx) == expected


TYPED = {
    "a": [
        {"value": "x", "is": "X"},
        {"value": {"@value": 1, "@type": "int"}},
        {"value": [{"@value": "y", "@type": "Y"}, {"@value": ["z", 2]}, {"@type": "none"}, "plain"]},
        "alone",
    ],
    "b": {"c": {"@value": True, "@type": "flag"}},
}


@pytest.mark.parametrize(
    ("path", "beside", "expected"),
    [
        (["a", "*", "value", EACH, "@value"], "@type", [("1.0", "int"), ("y", "Y"), ("z", None), ("2.0", None)]),
        (["b", "c", EACH, "@value"], "@type", [("true", "flag")]),
        (["b", "c", "@value"], "@type", [("true", "flag")]),
        (["b", "c", EACH, "@value"], "", [("true", None)]),
        (["b", "missing", EACH, "@value"], "@type", []),
        (["a", "*", "is"], "value", [("X", "x")]),
    ],
)
async def test_what_stands_beside_json_values(
    database: Database, path: list[str], beside: str, expected: list[tuple[Any, ...]]
) -> None:
    async def values_tx(tx: Tx) -> list[tuple[Any, ...]]:
        table = tx.dialect.json_values("CAST($1 AS TEXT)", path, beside)
        return await tx.fetch(f"SELECT v.kind, v.num, v.txt, v.beside FROM {table} AS v", json.dumps(TYPED))

    found = await database.read("a", values_tx)
    told = [(txt or (kind if num is None else str(num)), named) for kind, num, txt, named in found]
    assert told == expected


async def test_json_values_of_no_document(database: Database) -> None:
    async def values_tx(tx: Tx) -> list[tuple[Any, ...]]:
        return await tx.fetch(f"SELECT v.kind FROM {tx.dialect.json_values('CAST($1 AS TEXT)', ['a'])} AS v", None)

    assert await database.read("a", values_tx) == []


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [("福井", ["福井", "鯖江"], True), ("x", ["y"], False), ("x", [], False), ("it's", ["it's"], True)],
)
async def test_any_of(database: Database, text: str, wanted: list[str], expected: bool) -> None:
    condition = database.dialect.any_of("CAST($1 AS TEXT)", "$2")
    assert bool(await one(database, f"SELECT {condition}", text, json.dumps(wanted))) is expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("はん濫危険", "^はん濫.険$", True),
        ("urn:ngsi-ld:Gauge:足羽川", "足羽", True),
        ("abc", "^[b-d]", False),
        ("abc", "(a|x)b+c?$", True),
        ("line", "^$", False),
        ("a.b", r"a\.b", True),
        ("acb", r"a\.b", False),
        (None, "a", None),
    ],
)
async def test_patterns(database: Database, text: str | None, pattern: str, expected: bool | None) -> None:
    found = await one(database, f"SELECT {database.dialect.matches_pattern('CAST($1 AS TEXT)', '$2')}", text, pattern)
    assert (None if found is None else bool(found)) is expected


def point(lon: float, lat: float) -> str:
    return json.dumps({"type": "Point", "coordinates": [lon, lat]})


def box(west: float, south: float, east: float, north: float) -> str:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


def line(*points: tuple[float, float]) -> str:
    return json.dumps({"type": "LineString", "coordinates": points})


FUKUI = box(136.0, 36.0, 136.4, 36.2)


@pytest.mark.parametrize(
    ("stored", "relation", "asked", "expected"),
    [
        (point(136.2, 36.1), "within", FUKUI, True),
        (point(137.2, 36.1), "within", FUKUI, False),
        (FUKUI, "contains", point(136.2, 36.1), True),
        (point(136.2, 36.1), "contains", FUKUI, False),
        (FUKUI, "within", point(136.2, 36.1), False),
        (point(136.0, 36.1), "within", FUKUI, False),  # on the edge
        (point(136.0, 36.1), "intersects", FUKUI, True),
        (point(137.0, 36.1), "disjoint", FUKUI, True),
        (FUKUI, "equals", box(136.0, 36.0, 136.4, 36.2), True),
        (line((0, 0), (2, 2)), "equals", line((2, 2), (1, 1), (0, 0)), True),
        (FUKUI, "overlaps", box(136.3, 36.1, 136.6, 36.3), True),
        (FUKUI, "overlaps", box(136.1, 36.05, 136.2, 36.1), False),
        (None, "within", FUKUI, None),
    ],
)
async def test_geo_relations(
    database: Database, stored: str | None, relation: str, asked: str, expected: bool | None
) -> None:
    condition = database.dialect.geo_relation("CAST($1 AS TEXT)", relation, "$2")
    found = await one(database, f"SELECT {condition}", stored, asked)
    assert (None if found is None else bool(found)) is expected


@pytest.mark.parametrize(
    ("stored", "asked", "metres"),
    [
        (point(136.22, 36.06), point(136.22, 36.06), 0.0),
        (point(0, 0), point(1, 0), 111319.49),
        (point(0, 0), point(0, 1), 110574.39),
        (point(139.767, 35.681), point(135.495, 34.703), 402971.0),  # Tokyo to Osaka
        (point(179.9, 0), point(-179.9, 0), 22263.9),  # across the date line
        (point(136.2, 36.1), FUKUI, 0.0),
        (point(136.5, 36.1), FUKUI, 9003.0),
        (point(136.2, 36.3), FUKUI, 11096.5),
        (line((136.0, 36.3), (136.5, 36.5)), FUKUI, 11096.5),
        (line((135.0, 60.0), (135.0, 60.5)), point(135.2, 60.25), 11073.0),
        (line((136.0, 36.0), (136.4, 36.0)), point(136.2, 36.0), 18.5),  # an edge is no parallel
        (line((136.0, 36.0), (136.4, 36.0)), line((136.2, 35.9), (136.2, 36.1)), 0.0),
        (line((136.0, 36.0), (136.4, 36.0)), line((136.0, 36.0), (136.0, 37.0)), 0.0),
    ],
)
async def test_geo_distance(database: Database, stored: str, asked: str, metres: float) -> None:
    for one_way, other_way in ((stored, asked), (asked, stored)):
        expression = database.dialect.geo_distance("CAST($1 AS TEXT)", "$2")
        found = await one(database, f"SELECT {expression}", one_way, other_way)
        assert found == pytest.approx(metres, rel=0.005, abs=0.01)


async def test_geo_distance_of_nothing(database: Database) -> None:
    expression = database.dialect.geo_distance("CAST($1 AS TEXT)", "$2")
    assert await one(database, f"SELECT {expression}", None, FUKUI) is None


coordinates = st.tuples(st.floats(130.0, 145.0), st.floats(31.0, 45.0))


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@settings(max_examples=60)
@given(start=coordinates, end=coordinates, asked=coordinates)
async def test_distances_agree_over_japan(
    database: Database, start: tuple[float, float], end: tuple[float, float], asked: tuple[float, float]
) -> None:
    """A river of up to 30 km anywhere in Japan and a gauge up to 30 km from it."""
    near = (start[0] + (end[0] - 137.5) / 30, start[1] + (end[1] - 38.0) / 30)
    gauge = (start[0] + (asked[0] - 137.5) / 30, start[1] + (asked[1] - 38.0) / 30)
    stored, wanted = line(start, near), point(*gauge)
    expression = database.dialect.geo_distance("CAST($1 AS TEXT)", "$2")
    expected = await one(database, f"SELECT {expression}", stored, wanted)
    assert sqlite_functions.geo_distance(stored, wanted) == pytest.approx(expected, rel=0.005, abs=0.5)
