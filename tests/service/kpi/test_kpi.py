"""KPIs are registered once, ordered, found by id, and never invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from kumihimo.base.errors import ResourceNotFound
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.models import Definition, Figure, Lineage

WORDS = {"ja": "例", "en": "example"}
DEFINITION = Definition("a.lead", WORDS, WORDS, WORDS)
READING = Lineage("urn:ngsi-ld:G:1", "https://x/level", "level", 60_000_000, 1.5, "m", WORDS)
KNOWN = Figure("a.lead.1", "a.lead", "urn:ngsi-ld:G:1", WORDS, 20, "known", 3.0, (READING,))
OPEN = replace(KNOWN, id="a.lead.0", at=10, state="not-reached", value=None)


@pytest.fixture
def kpi() -> Kpi:
    async def source(tenant: str) -> Sequence[Figure]:
        return [OPEN, KNOWN] if tenant == "town" else []

    made = Kpi()
    made.register(DEFINITION, source)
    return made


async def test_known_figures_come_first(kpi: Kpi) -> None:
    assert [figure.id for figure in await kpi.figures("town", "a.lead")] == ["a.lead.1", "a.lead.0"]
    assert await kpi.figures("other", "a.lead") == []


async def test_a_figure_is_found_in_its_own_tenant_only(kpi: Kpi) -> None:
    assert await kpi.figure("town", "a.lead.1") == (DEFINITION, KNOWN)
    for tenant, figure in (("other", "a.lead.1"), ("town", "a.lead.9"), ("town", "b.1")):
        with pytest.raises(ResourceNotFound):
            await kpi.figure(tenant, figure)
    with pytest.raises(ResourceNotFound):
        await kpi.figures("town", "b")


def test_a_kpi_is_registered_once(kpi: Kpi) -> None:
    async def nothing(tenant: str) -> Sequence[Figure]:
        return []

    with pytest.raises(ValueError, match="registered already"):
        kpi.register(DEFINITION, nothing)
    assert kpi.definitions() == [DEFINITION]


def test_the_readings_behind_a_figure_are_found_again_by_one_temporal_query() -> None:
    later = replace(READING, at=120_000_000)
    [path] = replace(KNOWN, lineage=(later, READING)).temporal_paths()
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    assert parts.path == "/ngsi-ld/v1/temporal/entities/urn%3Angsi-ld%3AG%3A1"
    assert query["timeAt"] == ["1970-01-01T00:00:59.000Z"]
    assert query["endTimeAt"] == ["1970-01-01T00:02:01.000Z"]
    other = replace(READING, entity_id="urn:ngsi-ld:G:2")
    assert len(replace(KNOWN, lineage=(READING, other)).temporal_paths()) == 2
    assert query["attrs"] == ["level"]
