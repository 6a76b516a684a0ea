"""KPIs are registered once, ordered, found by id, and never invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import ALL_ROWS, EVERYTHING, NO_ATTRIBUTES, NOTHING, Grant, Restriction
from kumihimo.platform.access.models import ALL_NAMES, EVERY_ROW, Clause, Names, Rights, RowIds, RowNot, RowTypes
from kumihimo.platform.broker.masks import admits
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.door import Kpi, Source, extent, readable
from kumihimo.service.kpi.models import Definition, Figure, Lineage

WORDS = {"ja": "例", "en": "example"}
DEFINITION = Definition("a.lead", WORDS, WORDS, WORDS, "https://x/Gauge", ("https://x/level", "https://x/name"))
READING = Lineage("urn:ngsi-ld:G:1", "https://x/level", "level", 60_000_000, 1.5, "m", WORDS)
KNOWN = Figure("a.lead.1", "a.lead", "urn:ngsi-ld:G:1", WORDS, 20, "known", 3.0, (READING,))
OPEN = replace(KNOWN, id="a.lead.0", at=10, state="not-reached", value=None)


@pytest.fixture
def kpi() -> Kpi:
    async def source(tenant: str, restriction: Restriction) -> Sequence[Figure]:
        return [OPEN, KNOWN] if tenant == "town" else []

    made = Kpi()
    made.register(DEFINITION, source)
    return made


async def test_known_figures_come_first(kpi: Kpi) -> None:
    assert [figure.id for figure in await kpi.figures("town", "a.lead", EVERYTHING)] == ["a.lead.1", "a.lead.0"]
    assert await kpi.figures("other", "a.lead", EVERYTHING) == []


async def test_a_figure_is_found_in_its_own_tenant_only(kpi: Kpi) -> None:
    assert await kpi.figure("town", "a.lead.1", EVERYTHING) == (DEFINITION, KNOWN)
    for tenant, figure in (("other", "a.lead.1"), ("town", "a.lead.9"), ("town", "b.1")):
        with pytest.raises(ResourceNotFound):
            await kpi.figure(tenant, figure, EVERYTHING)
    with pytest.raises(ResourceNotFound):
        await kpi.figures("town", "b", EVERYTHING)


async def test_a_kpi_is_registered_once(kpi: Kpi) -> None:
    async def nothing(tenant: str, restriction: Restriction) -> Sequence[Figure]:
        return []

    with pytest.raises(ValueError, match="registered already"):
        kpi.register(DEFINITION, nothing)
    assert kpi.registered() == await kpi.definitions("town") == [DEFINITION]


async def test_a_kpi_is_there_only_in_the_tenants_that_measure_it(kpi: Kpi) -> None:
    wing, own = replace(DEFINITION, id="b.wing"), replace(DEFINITION, id="c.own")
    figures = {one.id: replace(KNOWN, id=f"{one.id}.1", kpi=one.id) for one in (wing, own)}

    async def measured(one: Definition, tenant: str, restriction: Restriction) -> Sequence[Figure]:
        return [figures[one.id]]

    async def here(tenant: str) -> bool:
        return tenant == "town"

    async def offered(tenant: str) -> Sequence[tuple[Definition, Source]]:
        # An own KPI that goes by the name of the platform's is none.
        return [(one, partial(measured, one)) for one in (own, DEFINITION)] if tenant == "village" else []

    kpi.register(wing, partial(measured, wing), here)
    kpi.offer(offered)
    assert [one.id for one in kpi.registered()] == ["a.lead", "b.wing"]
    for tenant, ids in (("town", ["a.lead", "b.wing"]), ("village", ["a.lead", "c.own"]), ("hamlet", ["a.lead"])):
        assert [one.id for one in await kpi.definitions(tenant)] == ids
        for one in ("b.wing", "c.own"):
            if one in ids:
                assert await kpi.figures(tenant, one, EVERYTHING) == [figures[one]]
                assert (await kpi.figure(tenant, f"{one}.1", EVERYTHING))[1] == figures[one]
                continue
            with pytest.raises(ResourceNotFound):
                await kpi.figures(tenant, one, EVERYTHING)
            with pytest.raises(ResourceNotFound):
                await kpi.figure(tenant, f"{one}.1", EVERYTHING)
    assert await kpi.figures("village", "a.lead", EVERYTHING) == []


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


def without(name: str, *ids: str) -> Grant:
    """Everything but one attribute, of all entities or of these."""
    rows = RowIds(frozenset(ids)) if ids else EVERY_ROW
    hidden = Clause(rows, Names(frozenset({f"https://x/{name}"})))
    return Grant.of(Rights((Clause(EVERY_ROW, ALL_NAMES),), (hidden,)))


async def test_figures_are_for_who_may_read_all_that_they_rest_on(kpi: Kpi) -> None:
    gauges = Clause(RowTypes(frozenset({"https://x/Gauge"})), ALL_NAMES)
    for grant, told in (
        (EVERYTHING, "all"),
        (without("other"), "all"),
        (Grant.of(Rights((gauges,))), "all"),
        (without("name", "urn:ngsi-ld:G:1"), "part"),
        (without("level"), "none"),
        (Grant(ALL_ROWS, NO_ATTRIBUTES), "none"),
        (NOTHING, "none"),
    ):
        assert extent(DEFINITION, grant) == told
        assert bool(await kpi.figures("town", "a.lead", grant)) is (told != "none")
    with pytest.raises(ResourceNotFound):
        await kpi.figure("town", "a.lead.1", without("level"))
    assert DEFINITION.rests_on("en") == "Gauge (level, name)"


def test_what_rests_on_two_types_is_for_who_may_read_of_both() -> None:
    both = replace(DEFINITION, also=(("https://x/Catch", ("https://x/count",)),))
    only = Grant.of(Rights((Clause(RowTypes(frozenset({"https://x/Gauge"})), ALL_NAMES),)))
    two = Grant.of(Rights((Clause(RowTypes(frozenset({"https://x/Gauge", "https://x/Catch"})), ALL_NAMES),)))
    # A catch may be a gauge as well, and then it may be read by who may read gauges.
    assert [extent(both, one) for one in (EVERYTHING, two, only, without("count"))] == ["all", "all", "part", "none"]
    assert extent(both, without("count", "urn:ngsi-ld:C:1")) == "part"
    seen = readable(both, without("count", "urn:ngsi-ld:C:1"))
    docs = [{"id": f"urn:ngsi-ld:{one[0]}:1", "type": [f"https://x/{one}"], "attrs": {}} for one in ("Gauge", "Catch")]
    assert [admits(seen, cast("EntityDoc", one)) for one in docs] == [True, False]
    assert both.rests_on("ja") == "Gauge（level, name）、Catch（count）"


async def test_a_source_is_asked_for_the_entities_alone_of_which_all_may_be_read() -> None:
    asked: list[Restriction] = []

    async def source(tenant: str, restriction: Restriction) -> Sequence[Figure]:
        asked.append(restriction)
        return []

    kpi = Kpi()
    kpi.register(DEFINITION, source)
    grant = without("level", "urn:ngsi-ld:G:1")
    await kpi.figures("town", "a.lead", grant)
    assert asked == [readable(DEFINITION, grant)]
    assert asked[0].rows == RowNot(RowIds(frozenset({"urn:ngsi-ld:G:1"})))
