"""Who this context source is (clauses 5.15, 5.2.40 and 6.33)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.platform.ngsild.api import routes
from kumihimo.platform.ngsild.identity import duration

INFO = "/info/sourceIdentity"


async def test_the_source_says_who_it_is(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    database = await any_database_factory(SCHEMAS)
    client = Client(Starlette(routes=routes(await make_face(database, fake_clock))))
    fake_clock.advance(3661)
    told = (await client("GET", INFO)).json
    assert told["type"] == "ContextSourceIdentity"
    assert told["id"].startswith("urn:ngsi-ld:ContextSourceIdentity:")
    assert told["contextSourceUptime"] == "PT1H1M1S"
    assert told["contextSourceTimeAt"] == "2026-01-01T01:01:01.000Z"
    assert told["contextSourceExtras"]["software"] == "Kumihimo"
    fukui, sabae = [(await client.of(name)("GET", INFO)).json for name in ("fukui", "sabae")]
    assert len({one["contextSourceAlias"] for one in (told, fukui, sabae)}) == 3
    restarted = Client(Starlette(routes=routes(await make_face(database, fake_clock))))
    assert (await restarted.of("fukui")("GET", INFO)).json["contextSourceAlias"] == fukui["contextSourceAlias"]


async def test_in_a_closed_house_nobody_is_told(database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    face = await make_face(await database_factory(SCHEMAS), fake_clock, open_house=False)
    assert (await Client(Starlette(routes=routes(face)))("GET", INFO)).kind == "Unauthenticated"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (-5, "PT0S"), (59.9, "PT59S"), (3600, "PT1H0S"), (86_400, "P1DT0S"), (90_061, "P1DT1H1M1S")],
)
def test_spans_are_iso_durations(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text
