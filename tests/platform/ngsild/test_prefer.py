"""`Prefer: ngsi-ld=1.x` (clauses 4.3.6.8 and 6.3.6)."""

from __future__ import annotations

import pytest
from tests.platform.ngsild.calls import Client, gauge

from kumihimo.platform.ngsild.prefer import Preference

ONE = "/entities/urn:ngsi-ld:Gauge:1"
KIND = {"kind": {"type": "VocabProperty", "vocab": "river"}}


@pytest.fixture
async def town(any_client: Client) -> Client:
    assert (await any_client("POST", "/entities", {**gauge(), **KIND})).status == 201
    return any_client


def prefer(text: str) -> dict[str, str]:
    return {"prefer": text}


async def test_an_earlier_version_gets_what_it_knows(town: Client) -> None:
    for method, path, body in (
        ("GET", ONE, None),
        ("GET", "/entities?type=Gauge", None),
        ("POST", "/entityOperations/query", {"type": "Query", "entities": [{"type": "Gauge"}]}),
        ("GET", "/temporal/entities?type=Gauge&timerel=after&timeAt=2000-01-01T00:00:00Z&timeproperty=createdAt", None),
        ("GET", "/temporal/entities/urn:ngsi-ld:Gauge:1", None),
    ):
        place, _, query = path.partition("?")
        older = await town(method, place, body, query=query, headers=prefer("ngsi-ld=1.5"))
        assert (older.status, older.header("preference-applied")) == (203, "ngsi-ld=1.5"), path
        assert b"VocabProperty" not in older.body
        newest = await town(method, place, body, query=query, headers=prefer("ngsi-ld=1.9"))
        assert (newest.status, newest.header("preference-applied")) == (200, "ngsi-ld=1.9")
        assert b"VocabProperty" in newest.body
        plain = await town(method, place, body, query=query)
        assert (plain.status, plain.header("preference-applied")) == (200, None)
        assert plain.body == newest.body


@pytest.mark.parametrize("form", ["concise", "simplified"])
async def test_every_form_is_amended(town: Client, form: str) -> None:
    older = await town("GET", ONE, query={"format": form}, headers=prefer("ngsi-ld=1.5"))
    assert (older.status, older.json["kind"]) == (203, "river")
    geo = await town(
        "GET", "/entities", query={"type": "Gauge"}, headers={**prefer("ngsi-ld=1.5"), "accept": "application/geo+json"}
    )
    assert geo.json["features"][0]["properties"]["kind"] == {"type": "Property", "value": "river"}


async def test_203_is_for_what_was_changed_in_what_is_shown(town: Client) -> None:
    for query in ({"pick": "level"}, {"omit": "kind"}):
        answer = await town("GET", ONE, query=query, headers=prefer("ngsi-ld=1.5"))
        assert (answer.status, answer.header("preference-applied")) == (200, "ngsi-ld=1.5")


async def test_a_version_beside_entities_changes_nothing_but_is_told(town: Client) -> None:
    for path in ("/types", "/subscriptions", "/jsonldContexts", "/info/sourceIdentity"):
        answer = await town("GET", path, headers=prefer("ngsi-ld=1.0"))
        assert (answer.status, answer.header("preference-applied")) == (200, "ngsi-ld=1.0")
    refused = await town("GET", ONE + "9", headers=prefer("ngsi-ld=1.0"))
    assert (refused.status, refused.header("preference-applied")) == (404, None)
    gone = await town("DELETE", ONE, headers=prefer("ngsi-ld=1.0"))
    assert (gone.status, gone.header("preference-applied")) == (204, None)


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("ngsi-ld=1.0", (1, 0)),
        ("NGSI-LD=1.0", (1, 0)),
        ('ngsi-ld="1.0"', (1, 0)),
        ("ngsi-ld = 1.0;q=0.1", (1, 0)),
        ("respond-async, ngsi-ld=1.0", (1, 0)),
        ('return=representation; body="a, ngsi-ld=1.1", ngsi-ld=1.0', (1, 0)),
        ("ngsi-ld=1.0, ngsi-ld=1.5", (1, 0)),
        ("ngsi-ld=1.9.1", (1, 9)),
        ("ngsi-ld=1.10", (1, 9)),
        ("ngsi-ld=2.0", (1, 9)),
        ("ngsi-ld=newest", None),
        ("respond-async", None),
        ("x-ngsi-ld=1.0", None),
        ("ngsi-ld", None),
        ("", None),
        (",,;=", None),
    ],
)
def test_the_header_is_read_as_rfc_7240_has_it(header: str, version: tuple[int, int] | None) -> None:
    assert Preference(header).version == version


def test_a_hostile_header_takes_no_time() -> None:
    for header in ("a=" + '"x" ' * 20_000 + "b", "," * 50_000, "a" * 50_000 + '"', "a=" + '"' * 49_999):
        assert Preference(header).version is None
