"""A town with something to hide, and callers by name who see more or less of it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import Client, place
from tests.platform.ngsild.conftest import SCHEMAS, make_face
from tests.platform.ngsild.writes import VOCAB, link, prop

from kumihimo.base.call import Actor, Call, Caller
from kumihimo.base.errors import Forbidden
from kumihimo.platform.access.decide import EVERYTHING, Access, Action, Grant
from kumihimo.platform.access.models import (
    ALL_NAMES,
    EVERY_ROW,
    Clause,
    Names,
    QPath,
    QTerm,
    Rights,
    RowNot,
    RowQ,
    RowTypes,
)
from kumihimo.platform.ngsild.api import Face, routes

DARK, OPEN, PERSON, VAULT = "urn:x:1", "urn:x:2", "urn:p:1", "urn:v:1"
IS_OPEN = RowQ(QTerm(QPath((VOCAB + "state",)), "==", ("open",)))
KNOWN = Clause(RowTypes(frozenset({VOCAB + "Gauge", VOCAB + "Person"})), ALL_NAMES)
HIDDEN = frozenset(VOCAB + name for name in ("secret", "owner", "site"))
GUEST = Rights(
    shown=(KNOWN,),
    hidden=(Clause(RowNot(IS_OPEN), Names(HIDDEN)), Clause(EVERY_ROW, Names(frozenset({VOCAB + "phone"})))),
)
"""A guest knows gauges and persons; of gauges that are not open neither secret, nor owner, nor site; nobody's phone."""
WRITES = Rights(
    shown=(Clause(RowTypes(frozenset({VOCAB + "Gauge"})), Names(frozenset({VOCAB + "level", VOCAB + "note"}))),),
)
"""A guest writes level and note of gauges."""


def gauge(id_: str, status: str, secret: int, longitude: float) -> dict[str, Any]:
    return {
        "id": id_,
        "type": "Gauge",
        "state": prop(status),
        "level": prop(5, observedAt="2026-01-01T00:00:00Z"),
        "secret": [
            prop(secret, observedAt="2026-01-01T00:00:00Z", note=prop("from below")),
            prop(secret + 1, datasetId="urn:d:1", observedAt="2026-01-01T00:00:00Z"),
        ],
        "owner": link(PERSON),
        "site": place(longitude, 36.0),
    }


TOWN = [
    gauge(DARK, "shut", 42, 136.0),
    gauge(OPEN, "open", 7, 137.0),
    {"id": PERSON, "type": "Person", "name": prop("花子"), "phone": prop("0776-00-0000")},
    {"id": VAULT, "type": "Vault", "code": prop(9)},
]


class Guarded(Access):
    """Rights by the caller's name; whoever is named nowhere may do everything."""

    def __init__(self) -> None:
        super().__init__(open_house=False)
        self.given: dict[str, dict[str, Rights]] = {
            "guest": {"read": GUEST, "write": WRITES, "delete": WRITES, "subscribe": GUEST}
        }
        self.number = 0

    def revision(self, tenant: str) -> int:
        return self.number

    async def decide(self, call: Call, action: Action) -> Grant:
        of_caller = self.given.get(call.actor.id)
        if of_caller is None:
            return EVERYTHING
        if action not in of_caller:
            raise Forbidden(f"{call.actor} holds no right to {action} here")
        return Grant.of(of_caller[action])


def known_as(app: ASGIApp, name: str) -> ASGIApp:
    """The application as it is called by somebody whose credentials were checked."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"caller": Caller(Actor("person", name))}
        await app(scope, receive, send)

    return called


class Guard:
    """The town's face, and its clients: the keeper, who may do everything, and the guest."""

    def __init__(self, face: Face, access: Guarded) -> None:
        app = Starlette(routes=routes(face))
        self.face, self.access = face, access
        self.keeper, self.guest = Client(known_as(app, "keeper")), Client(known_as(app, "guest"))

    async def ids(self, query: str, client: Client | None = None) -> list[str]:
        """Whom a query finds, for the guest where nobody else is named; the count must say the same."""
        reply = await (client or self.guest)("GET", "/entities", query=query + "&count=true&local=true")
        assert reply.status == 200, reply.body
        found = [one["id"] for one in reply.json]
        assert reply.header("ngsild-results-count") == str(len(found))
        return found


async def make_guard(factory: DatabaseFactory, clock: FakeClock) -> Guard:
    access = Guarded()
    face = await make_face(await factory(SCHEMAS), clock, access=access)
    guard = Guard(face, access)
    assert (await guard.keeper("POST", "/entityOperations/create", TOWN)).status == 201
    return guard


@pytest.fixture
async def guard(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Guard:
    return await make_guard(database_factory, fake_clock)
