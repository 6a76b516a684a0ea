"""What is hidden is as if it had never been written: two towns are asked the same by somebody from whom of the one
something is hidden that the other never had, and every answer is the same, letter for letter.

A leak is found wherever it is: in a body, a status, a header, a count, an order, a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild import guarded
from tests.platform.ngsild.calls import LD, Reply, place
from tests.platform.ngsild.guarded import DARK, IS_OPEN, KNOWN, OPEN, PERSON, VAULT, WRITES, Guard, gauge, make_guard
from tests.platform.ngsild.writes import NULL, VOCAB, link, prop

from kumihimo.platform.access.models import EVERY_ROW, Clause, Names, Rights, RowNot

CORE = "https://uri.etsi.org/ngsi-ld/"
HIDDEN = ("secret", "owner", "site", "motto", "kind", "blob", "row", "owners", "location")
RIGHTS = Rights(
    shown=(KNOWN,),
    hidden=(
        Clause(RowNot(IS_OPEN), Names(frozenset((CORE if one == "location" else VOCAB) + one for one in HIDDEN))),
        Clause(EVERY_ROW, Names(frozenset({VOCAB + "phone"}))),
    ),
)
"""A guest sees of a gauge that is not open none of these, be they of whatever kind; nobody's phone; no vault at all."""


def rich(id_: str, status: str, secret: int, longitude: float) -> dict[str, Any]:
    """A gauge that has one attribute of every kind."""
    return {
        **gauge(id_, status, secret, longitude),
        "location": place(longitude, 36.0),
        "motto": {"type": "LanguageProperty", "languageMap": {"ja": f"秘密{secret}", "en": f"hidden {secret}"}},
        "kind": {"type": "VocabProperty", "vocab": f"k{secret}"},
        "blob": {"type": "JsonProperty", "json": {"a": secret}},
        "row": {"type": "ListProperty", "valueList": [secret, 1]},
        "owners": {"type": "ListRelationship", "objectList": [{"object": PERSON}]},
    }


WHOLE: list[dict[str, Any]] = [
    rich(DARK, "shut", 42, 136.0),
    rich(OPEN, "open", 7, 137.0),
    {"id": PERSON, "type": "Person", "name": prop("花子"), "phone": prop("0776-00-0000")},
    {"id": VAULT, "type": "Vault", "code": prop(9)},
]
BARE: list[dict[str, Any]] = [
    {name: value for name, value in WHOLE[0].items() if name not in HIDDEN},
    WHOLE[1],
    {name: value for name, value in WHOLE[2].items() if name != "phone"},
]

NEAR = "georel=near;maxDistance==1000&geometry=Point&coordinates=[136.0,36.0]"
AWAY = "georel=disjoint&geometry=Polygon&coordinates=[[[135,35],[136.5,35],[136.5,37],[135,37],[135,35]]]"
FORMS = [
    "", "options=concise", "options=keyValues", "options=sysAttrs", "lang=ja", "lang=en&options=keyValues",
    "join=inline&joinLevel=2", "join=flat", "count=true&limit=1", "count=true&limit=1&offset=1", "omit=secret",
    "omit=state,level,secret,owner", "pick=secret", "pick=id,secret", "pick=level,secret", "attrs=secret",
    "attrs=secret,level", "datasetId=urn:d:1", "datasetId=@none,urn:d:1", "expandValues=kind", "jsonKeys=blob",
    "splitEntities=true", "geometryProperty=site", f"containedBy={DARK}&join=inline", "idPattern=urn:v.*",
    "q=owner{name}&join=inline", "q=owners{name}&join=inline", "q=owner{phone}&join=inline",
    "pick=owner{name}&join=inline", "attrs=owner&join=inline", "scopeQ=/%23",
]  # fmt: skip
ASKED = [
    'motto[ja]=="秘密42"', "motto[ja]", "!motto[ja]", 'kind=="k42"', "kind", "blob[a]==42", "blob[a]", "row", "row==42",
    "owners", "owner", "!owner", 'secret.note=="from below"', "!secret.note",
    "secret==40..50", "secret==42,43", "secret!=42", "!secret", "!secret|level==9", "(secret==42|level==5)",
    "(secret!=42;level==5)", "secret>0|phone", "secret.observedAt>2020-01-01T00:00:00Z",
    "secret.modifiedAt>2020-01-01T00:00:00Z", 'secret.datasetId=="urn:d:1"', 'secret~="4."', 'secret!~="4."', "phone",
    'phone~=".*"', "location", "site", "site.type", "code", "!code",
]  # fmt: skip
STATUSES = {"reads": 200, "past": 200, "by other names": 200, "refused writes": 403}
PLACES = [NEAR, f"{NEAR}&geoproperty=site", AWAY, f"{AWAY}&geoproperty=site", f"{AWAY}&geoproperty=phone"]
ORDERS = [
    f"{key}{way}"
    for key in ("secret", "motto[ja]", "kind", "blob[a]", "row", "owner", "owners", "secret.note", "secret.observedAt")
    for way in ("", ";desc")
]
DISTANCES = [
    f"orderBy={name};dist-{way}&orderFrom=[136.0,36.0]" for name in ("site", "location") for way in ("asc", "desc")
]
SPANS = [
    "timerel=after&timeAt=2020-01-01T00:00:00Z",
    "timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=modifiedAt&options=sysAttrs",
    "timerel=before&timeAt=2030-01-01T00:00:00Z&lastN=1&options=temporalValues&timeproperty=createdAt",
    "timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=deletedAt",
    "timerel=after&timeAt=2020-01-01T00:00:00Z&aggrPeriodDuration=P1D&aggrMethods=max,sum,totalCount,distinctCount,avg",
]
CONTEXTS: list[Any] = [
    {"@vocab": VOCAB},
    [{"innocent": VOCAB + "secret", "Gauge": VOCAB + "Gauge"}],
    {"innocent": {"@id": VOCAB + "owner", "@type": "@id"}, "Gauge": VOCAB + "Gauge"},
    {"innocent": {"@id": VOCAB + "motto", "@container": "@language"}, "Gauge": VOCAB + "Gauge"},
    {"p": VOCAB, "innocent": "p:secret", "Gauge": "p:Gauge"},
    {"innocent": CORE + "location", "Gauge": VOCAB + "Gauge"},
]
QUERIES: list[dict[str, Any]] = [
    {"q": "innocent"}, {"q": "innocent==42"}, {"q": "!innocent"}, {"attrs": ["innocent"]}, {"pick": ["id", "innocent"]},
    {"omit": ["innocent"]}, {"q": VOCAB + "secret==42"}, {"attrs": ["p:secret"]}, {"orderBy": ["innocent;desc"]},
    {"geoQ": {"georel": "near;maxDistance==9", "geometry": "Point", "coordinates": [136, 36], "geoproperty": "p:site"}},
]  # fmt: skip
WRITTEN = [
    prop(1), {"type": "Property", "value": 1, "datasetId": "urn:d:1"}, {"type": "Property", "value": NULL},
    place(1.0, 1.0), link("urn:a:b"),
]  # fmt: skip

SAFE = "=&;:,@/[]{}()!~<>|.*%"
Question = tuple[str, str, str, Any, dict[str, str]]


def reads() -> Iterator[Question]:
    """Entities and what is found of them."""
    queries = [*FORMS, *(f"q={one}" for one in ASKED), *PLACES, *(f"orderBy={one}" for one in ORDERS), *DISTANCES]
    for query in queries:
        if "geometryProperty" not in query:
            yield "GET", "/entities", f"type=Gauge,Person,Vault&{query}", None, {}
    for query in (*FORMS, *PLACES):
        yield "GET", "/entities", f"type=Gauge,Person&{query}", None, {"accept": "application/geo+json"}
    for query in FORMS:
        for one in (DARK, PERSON, VAULT):
            if not query.startswith(("count", "idPattern", "scopeQ", "splitEntities", "geometry")):
                yield "GET", f"/entities/{one}", query, None, {}
    yield "GET", f"/entities/{DARK}", "geometryProperty=site", None, {"accept": "application/geo+json"}
    for name in (*HIDDEN, "phone", "code"):
        yield "GET", f"/attributes/{name}", "", None, {}
    for path in ("/types", "/attributes", "/types/Gauge", "/types/Vault", "/types/Person"):
        yield "GET", path, "", None, {}
        yield "GET", path, "details=true", None, {}


def past() -> Iterator[Question]:
    """What was, and figures of it."""
    for span in SPANS:
        for query in ("", "attrs=secret", "pick=secret,level", *(f"q={one}" for one in ASKED[:12:2]), *PLACES[1:4:2]):
            yield "GET", "/temporal/entities", f"{span}&type=Gauge,Person,Vault&{query}", None, {}
        for one in (DARK, PERSON, VAULT):
            yield "GET", f"/temporal/entities/{one}", span, None, {}
            yield "GET", f"/temporal/entities/{one}", f"{span}&attrs=secret", None, {}


def by_other_names() -> Iterator[Question]:
    """By contexts of the asker's own."""
    for context in CONTEXTS:
        for query in QUERIES:
            body = {"type": "Query", "entities": [{"type": "Gauge"}], **query, "@context": context}
            yield "POST", "/entityOperations/query", "", body, {"content-type": LD}
            if "orderBy" not in query:
                temporal = {"temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}}
                yield "POST", "/temporal/entityOperations/query", "", {**body, **temporal}, {"content-type": LD}


def refused_writes() -> Iterator[Question]:
    """What the guest may not write, and learns nothing by."""
    for one in (DARK, VAULT):
        for name in ("secret", "site", "owner", "nothing"):
            for value in WRITTEN:
                yield "PATCH", f"/entities/{one}/attrs/{name}", "", value, {}
                yield "PUT", f"/entities/{one}/attrs/{name}", "", value, {}
                yield "POST", f"/entities/{one}/attrs", "options=noOverwrite", {name: value}, {}
                yield "PATCH", f"/entities/{one}", "", {name: value}, {}
                for way in ("update", "merge", "upsert"):
                    whole = [{"id": one, "type": "Gauge", name: value}]
                    yield "POST", f"/entityOperations/{way}", "", whole, {}
            for query in ("", "datasetId=urn:d:1", "deleteAll=true"):
                yield "DELETE", f"/entities/{one}/attrs/{name}", query, None, {}
            yield "DELETE", f"/temporal/entities/{one}/attrs/{name}", "", None, {}
        yield "DELETE", f"/entities/{one}", "", None, {}
        yield "POST", "/entityOperations/delete", "", [one], {}
    for query in ("q=secret==42", "q=!secret", "q=phone"):
        yield "DELETE", "/entities", f"type=Person&{query}&drop=name", None, {}


def told(reply: Reply) -> tuple[int, str, list[tuple[str, str]]]:
    """All of an answer but the names that are made anew for each."""
    text = re.sub(r"(?<=List:)[0-9a-f]{32}|(?<=\"instanceId\":\")[^\"]+", "anew", reply.text)
    return reply.status, text, sorted(reply.headers)


async def two_worlds(factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch) -> tuple[Guard, Guard]:
    made = []
    for town in (WHOLE, BARE):
        monkeypatch.setattr(guarded, "TOWN", town)
        guard = await make_guard(factory, FakeClock())
        guard.access.given["guest"] = {"read": RIGHTS, "write": WRITES, "delete": WRITES}
        made.append(guard)
    return made[0], made[1]


QUESTIONS = {"reads": reads, "past": past, "by other names": by_other_names, "refused writes": refused_writes}


async def compared(whole: Guard, bare: Guard, questions: Sequence[Question]) -> set[int]:
    """Asks both, and gives the kinds of answers that there were."""
    kinds = set()
    for method, path, query, body, headers in questions:
        text = quote(query, safe=SAFE)
        one, other = [await world.guest(method, path, body, query=text, headers=headers) for world in (whole, bare)]
        assert told(one) == told(other), (method, path, query, body)
        kinds.add(one.status)
    return kinds


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_what_is_hidden_is_as_if_it_had_never_been_written(
    kind: str, database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, bare = await two_worlds(database_factory, monkeypatch)
    kinds = await compared(whole, bare, list(QUESTIONS[kind]()))
    assert STATUSES[kind] in kinds
    left = await whole.keeper("GET", f"/entities/{DARK}")
    assert left.json["secret"][0]["value"] == 42, "nothing was written meanwhile"


async def test_a_few_of_these_on_each_engine(
    any_database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, bare = await two_worlds(any_database_factory, monkeypatch)
    questions = [*reads(), *past(), *by_other_names()][::11]
    assert 200 in await compared(whole, bare, questions)
    # That they are asked of what is there: to who may see all, the two worlds differ.
    same = 0
    for method, path, query, body, headers in questions:
        text = quote(query, safe=SAFE)
        one, other = [await world.keeper(method, path, body, query=text, headers=headers) for world in (whole, bare)]
        same += told(one) == told(other)
    assert same < len(questions) / 3
