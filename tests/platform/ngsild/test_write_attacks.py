"""Ways to write, or to find out by writing, what one may not write or see."""

from __future__ import annotations

import json
from typing import Any

from tests.platform.ngsild.calls import LD
from tests.platform.ngsild.guarded import DARK, IS_OPEN, KNOWN, OPEN, VAULT, Guard, guard
from tests.platform.ngsild.test_attacks import ALIAS, PAST
from tests.platform.ngsild.writes import NULL, VOCAB, prop

from kumihimo.platform.access.models import ALL_NAMES, Clause, Names, Rights

__all__ = ["guard"]


async def _whole(guard: Guard, entity_id: str) -> Any:
    return (await guard.keeper("GET", f"/entities/{entity_id}")).json


REFUSED: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"secret": prop(1)}),
    ("PATCH", "", {"secret": NULL}),
    ("PATCH", "", {"absent": NULL}),
    ("PATCH", "", {"level": prop(1), VOCAB + "secret": prop(1)}),
    ("PATCH", "", {"type": "Vault"}),
    ("PATCH", "", {"scope": "/a"}),
    ("PUT", "", {"level": prop(1), "secret": prop(1)}),
    ("PUT", "", {"level": prop(1)}),
    ("POST", "/attrs", {"secret": prop(1)}),
    ("POST", "/attrs", {"absent": prop(1)}),
    ("POST", "/attrs", {"type": ["Gauge", "Vault"], "level": prop(1)}),
    ("PATCH", "/attrs", {"secret": prop(1)}),
    ("PATCH", "/attrs", {"absent": prop(1)}),
    ("PATCH", "/attrs/secret", prop(1)),
    ("PATCH", "/attrs/absent", prop(1)),
    ("PATCH", "/attrs/secret", {"datasetId": "urn:d:1", "value": 1}),
    ("PUT", "/attrs/secret", prop(1)),
    ("DELETE", "/attrs/secret", None),
    ("DELETE", "/attrs/absent", None),
    ("DELETE", "", None),
]


async def test_what_may_not_be_written_is_refused_be_it_there_or_not(guard: Guard) -> None:
    before = await _whole(guard, DARK)
    for method, path, body in REFUSED:
        reply = await guard.guest(method, f"/entities/{DARK}{path}", body)
        assert (reply.status, reply.kind) == (403, "Forbidden"), (method, path, body)
        hidden = await guard.guest(method, f"/entities/{VAULT}{path}", body)
        nowhere = await guard.guest(method, f"/entities/urn:v:2{path}", body)
        assert (hidden.status, hidden.kind) == (nowhere.status, nowhere.kind) == (404, "ResourceNotFound")
        assert hidden.json["detail"].replace(VAULT, "urn:v:2") == nowhere.json["detail"]
    assert await _whole(guard, DARK) == before


async def test_another_context_writes_no_other_attribute(guard: Guard) -> None:
    body = {"innocent": prop(1), **ALIAS}
    assert (await guard.guest("PATCH", f"/entities/{DARK}", body, media=LD)).status == 403
    turned = {"secret": prop(6), "@context": {"secret": VOCAB + "level"}}
    assert (await guard.guest("PATCH", f"/entities/{DARK}", turned, media=LD)).status == 204
    assert (await _whole(guard, DARK))["secret"][0]["value"] == 42


async def test_what_is_granted_is_written(guard: Guard) -> None:
    assert (await guard.guest("PATCH", f"/entities/{DARK}", {"level": prop(6), "type": "Gauge"})).status == 204
    assert (await guard.guest("POST", f"/entities/{DARK}/attrs", {"note": prop("a")})).status == 204
    assert (await guard.guest("DELETE", f"/entities/{DARK}/attrs/note")).status == 204
    new = {"id": "urn:x:3", "type": "Gauge", "level": prop(1)}
    assert (await guard.guest("POST", "/entities", new)).status == 201
    assert (await guard.guest("DELETE", "/entities/urn:x:3")).status == 204
    assert (await guard.guest("POST", "/entities", {**new, "secret": prop(1)})).status == 403
    assert (await guard.guest("POST", "/entities", {**new, "type": "Vault"})).status == 403


async def test_a_replacement_leaves_what_its_writer_cannot_see(guard: Guard) -> None:
    names = frozenset(VOCAB + name for name in ("level", "state", "note"))
    guard.access.given["guest"]["write"] = Rights((Clause(KNOWN.rows, Names(names)),))
    before = await _whole(guard, DARK)
    body = {"type": "Gauge", "state": prop("shut"), "note": prop("new")}
    assert (await guard.guest("PUT", f"/entities/{DARK}", body)).status == 204
    after = await _whole(guard, DARK)
    assert (after["secret"], after["owner"], after["site"]) == (before["secret"], before["owner"], before["site"])
    assert after["note"]["value"] == "new"
    assert "level" not in after
    # What it sees and may not write does not go by being left out.
    assert (await guard.guest("PUT", f"/entities/{OPEN}", body)).status == 403
    past = await guard.keeper("GET", f"{PAST}/{DARK}", query="timeproperty=modifiedAt")
    assert len(past.json["secret"]) == 2


async def test_a_write_does_not_move_an_entity_in_or_out_of_reach(guard: Guard) -> None:
    guard.access.given["guest"]["write"] = Rights((Clause(IS_OPEN, ALL_NAMES),))
    assert (await guard.guest("PATCH", f"/entities/{OPEN}", {"state": prop("shut")})).status == 403
    assert (await guard.guest("PATCH", f"/entities/{DARK}", {"state": prop("open")})).status == 403
    assert (await guard.guest("PATCH", f"/entities/{OPEN}", {"secret": prop(8)})).status == 204
    guard.access.given["guest"]["write"] = Rights((KNOWN,), (Clause(IS_OPEN, Names(frozenset({VOCAB + "secret"}))),))
    assert (await guard.guest("PATCH", f"/entities/{OPEN}", {"state": prop("shut")})).status == 403
    assert (await guard.guest("PATCH", f"/entities/{OPEN}", {"state": prop("open", note=prop(1))})).status == 204


async def test_a_batch_is_refused_entity_by_entity(guard: Guard) -> None:
    body = [
        {"id": DARK, "type": "Gauge", "level": prop(9)},
        {"id": OPEN, "type": "Gauge", "secret": prop(9)},
        {"id": VAULT, "type": "Vault", "level": prop(9)},
    ]
    for way in ("update", "merge"):
        reply = await guard.guest("POST", f"/entityOperations/{way}", body)
        assert reply.status == 207
        assert reply.json["success"] == [DARK]
        assert [(one["entityId"], one["error"]["status"]) for one in reply.json["errors"]] == [
            (OPEN, 403),
            (VAULT, 404),
        ]
    reply = await guard.guest("POST", "/entityOperations/upsert", body)
    assert {one["entityId"]: one["error"]["status"] for one in reply.json["errors"]} == {
        DARK: 403,
        OPEN: 403,
        VAULT: 403,
    }
    reply = await guard.guest("POST", "/entityOperations/delete", [DARK, VAULT, "urn:v:2"])
    assert [one["error"]["status"] for one in reply.json["errors"]] == [403, 404, 404]
    assert (await _whole(guard, DARK))["secret"][0]["value"] == 42


async def test_a_purge_takes_what_may_be_taken(guard: Guard) -> None:
    reply = await guard.guest("DELETE", "/entities", query="type=Gauge&drop=secret")
    assert (reply.status, [one["entityId"] for one in reply.json["errors"]]) == (207, [OPEN])
    assert (await guard.guest("DELETE", "/entities", query="type=Gauge,Vault&drop=level")).status == 204
    reply = await guard.guest("DELETE", "/entities", query="q=secret==42")
    assert reply.status == 204
    assert "level" not in await _whole(guard, DARK)
    assert (await _whole(guard, VAULT))["code"]["value"] == 9


async def test_the_taken_id_is_told_to_those_alone_who_could_take_it(guard: Guard) -> None:
    """What remains: ids are one space, so whoever may make an entity of an id learns that it is taken."""
    vault = {"id": VAULT, "type": "Vault", "level": prop(1)}
    assert (await guard.guest("POST", "/entities", vault)).status == 403
    assert (await guard.guest("POST", "/entities", {**vault, "id": "urn:v:2"})).status == 403
    assert (await guard.guest("POST", "/entities", {**vault, "type": "Gauge"})).status == 409


async def test_the_past_is_written_as_the_present(guard: Guard) -> None:
    at = {"observedAt": "2026-01-02T00:00:00Z"}
    for body, status in (({"level": [prop(1, **at)]}, 204), ({"secret": [prop(1, **at)]}, 403)):
        assert (await guard.guest("POST", f"{PAST}/{DARK}/attrs", body)).status == status
        assert (await guard.guest("POST", f"{PAST}/{VAULT}/attrs", body)).status == 404
        assert (await guard.guest("POST", PAST, {"id": DARK, "type": "Gauge", **body})).status == status
        assert (await guard.guest("POST", PAST, {"id": "urn:new:1", "type": "Vault", **body})).status == 403
    found = (await guard.keeper("GET", f"{PAST}/{DARK}")).json
    instance = found["secret"][0]["instanceId"]
    assert (await guard.guest("DELETE", f"{PAST}/{DARK}/attrs/secret/{instance}")).status == 403
    assert (await guard.guest("PATCH", f"{PAST}/{DARK}/attrs/secret/{instance}", prop(1))).status == 403
    assert (await guard.guest("DELETE", f"{PAST}/{DARK}/attrs/secret", query="deleteAll=true")).status == 403
    assert (await guard.guest("DELETE", f"{PAST}/{DARK}/attrs/absent")).status == 403
    assert (await guard.guest("DELETE", f"{PAST}/{DARK}")).status == 403
    assert (await guard.guest("DELETE", f"{PAST}/{VAULT}")).status == 404
    assert (await guard.guest("POST", f"{PAST}/{DARK}/attrs", {"type": "Vault", "level": [prop(2)]})).status == 403
    assert json.dumps(found["secret"]) == json.dumps((await guard.keeper("GET", f"{PAST}/{DARK}")).json["secret"])
