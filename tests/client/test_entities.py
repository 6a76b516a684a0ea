"""Entities through the client that blocks; the asynchronous one does the work beneath it."""

from __future__ import annotations

import pytest
from tests.processes import Served, free_port

from kumihimo.client import Client, NotFound, Refused, Unreachable, Written
from kumihimo.client import entities as module

pytestmark = pytest.mark.enable_socket
ODD = "urn:ngsi-ld:Gauge:九頭竜川/中角?1"


def gauges(count: int) -> list[dict[str, object]]:
    return [{"id": f"urn:ngsi-ld:Gauge:{n:03}", "type": "Gauge", "level": n} for n in range(count)]


def test_an_entity_is_written_read_changed_and_deleted(town: Client) -> None:
    made = town.entities.create({"id": ODD, "type": "Gauge", "level": 1.5, "name": {"ja": "中角"}})
    assert made == ODD
    assert town.entities.get(ODD) == {"id": ODD, "type": "Gauge", "level": 1.5, "name": {"ja": "中角"}}
    town.entities.update(ODD, {"level": {"value": 2, "unitCode": "MTR"}})
    assert town.entities.get(ODD, format="concise", pick=["level"])["level"] == {"value": 2, "unitCode": "MTR"}
    town.entities.delete_attribute(ODD, "name")
    assert "modifiedAt" in town.entities.get(ODD, sysAttrs=True)
    town.entities.replace(ODD, {"id": ODD, "type": "Gauge", "flow": 3})
    assert town.entities.get(ODD) == {"id": ODD, "type": "Gauge", "flow": 3}
    assert town.entities.types() == ["Gauge", "Town"]
    town.entities.delete(ODD)
    with pytest.raises(NotFound) as missing:
        town.entities.get(ODD)
    assert (missing.value.status, missing.value.type) == (404, "ResourceNotFound")
    assert ODD in missing.value.detail


def test_queries_follow_the_pages_and_end_where_they_are_left(town: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 7)
    assert town.entities.upsert(gauges(20), batch=6) == Written(created=20)
    found = [one["level"] for one in town.entities.query(type="Gauge", q="level>=2")]
    assert found == list(range(2, 20))
    assert [one["level"] for one in town.entities.query(type="Gauge", limit=9)] == list(range(9))
    assert [one["level"] for one in town.entities.query(type="Gauge", orderBy=["level;desc"], limit=8)] == [
        *range(19, 11, -1)
    ]
    assert next(town.entities.query(type="Gauge"))["level"] == 0
    assert town.entities.count(q="level<5") == 5
    assert town.entities.count() == 21
    assert len(list(town.entities.query())) == 21


def test_near_finds_by_distance(town: Client) -> None:
    place = {"type": "Point", "coordinates": [136.205, 36.099]}
    town.entities.create({"id": "urn:a:1", "type": "Gauge", "location": place})
    assert town.entities.count(near=(136.206, 36.099, 200)) == 1
    assert town.entities.count(near=(136.206, 36.099, 50)) == 0


def test_of_many_each_succeeds_or_fails_alone(town: Client) -> None:
    town.entities.upsert(gauges(1))
    written = town.entities.upsert(
        [*gauges(3), {"id": "urn:a:bad", "type": "Gauge", "location": {"type": "GeoProperty"}}]
    )
    assert written.created + written.updated == 3
    assert list(written.refused) == ["urn:a:bad"]
    assert written.refused["urn:a:bad"]


def test_what_is_wrong_is_said(town: Client, address: str) -> None:
    with pytest.raises(Refused) as refused:
        town.entities.create({"id": "no uri", "type": "Gauge"})
    assert (refused.value.status, refused.value.type) == (400, "BadRequestData")
    with pytest.raises(Refused, match="409 AlreadyExists"):
        town.entities.create({"id": "urn:ngsi-ld:Town:1", "type": "Town"})
    with Client(address, "nobody") as other, pytest.raises(NotFound, match="NonexistentTenant"):
        list(other.entities.query(type="Gauge"))
    with Client(f"http://127.0.0.1:{free_port()}") as nobody, pytest.raises(Unreachable):
        nobody.entities.types()
    with pytest.raises(ValueError, match="JSON"):
        town.entities.create({"id": "urn:a:nan", "type": "Gauge", "level": float("nan")})


async def test_the_client_that_blocks_works_where_a_loop_runs_already(
    address: str, tenant: str, served: Served
) -> None:
    with Client(address, tenant) as town:
        town.entities.create({"id": "urn:a:1", "type": "Gauge", "level": 1})
        assert town.entities.get("urn:a:1")["level"] == 1
