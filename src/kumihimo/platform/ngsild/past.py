"""Writing into the past: the temporal evolution of entities (clauses 6.18 to 6.22), apart from their current state."""

from __future__ import annotations

from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.history import change
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.expand import expand_temporal
from kumihimo.platform.jsonld.instance import MEMBERS
from kumihimo.platform.jsonld.models import Instance
from kumihimo.platform.ngsild.answers import Answer, created, done
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import read_object, request_context
from kumihimo.platform.ngsild.entities import check_same_id
from kumihimo.platform.ngsild.parameters import check_name, read_which
from kumihimo.platform.ngsild.problems import not_allowed
from kumihimo.platform.ngsild.table import PREFIX, Operation, Resource


async def upsert_temporal(ask: Ask) -> Answer:
    """Clause 6.18.3.1 (5.6.11): adds to the temporal evolution of an entity, which comes to be where there is none.

    201 with its address, 204 where it was there.
    """
    allowed = await ask.allowed("write")
    body, context = await read_object(ask)
    doc = expand_temporal(body, context)
    if "id" not in doc:
        raise BadRequestData("the entity has no id")
    now = ask.face.clock.now()
    made = await ask.face.database.write(ask.tenant, lambda tx: change.upsert_tx(tx, doc, now, allowed))
    return created(f"{PREFIX}/temporal/entities", doc["id"]) if made else done()


async def delete_temporal(ask: Ask) -> Answer:
    """Clause 6.19.3.2 (5.6.16): deletes the temporal evolution of an entity; its current state stays.

    204; 404 where there is none.
    """
    allowed = await ask.allowed("delete")
    entity_id = ask.uri(0, "the entity id")
    await ask.face.database.write(ask.tenant, lambda tx: change.erase_tx(tx, entity_id, allowed))
    return done()


async def append_temporal(ask: Ask) -> Answer:
    """Clause 6.20.3.1 (5.6.12): adds instances of attributes to the temporal evolution of an entity.

    Types that are new are added too. 204; 404 where there is none.
    """
    allowed = await ask.allowed("write")
    entity_id = ask.uri(0, "the entity id")
    body, context = await read_object(ask)
    doc = expand_temporal(body, context)
    check_same_id(doc, entity_id)
    if not doc["attrs"]:
        raise BadRequestData("the fragment holds no attribute")
    now = ask.face.clock.now()
    await ask.face.database.write(ask.tenant, lambda tx: change.append_tx(tx, entity_id, doc, now, allowed))
    return done()


async def delete_temporal_attribute(ask: Ask) -> Answer:
    """Clause 6.21.3.1 (5.6.13): deletes the default instances of an attribute, those of datasetId, or all (deleteAll).

    204; 404 where there is no such entity or it never had them.
    """
    allowed = await ask.allowed("write")
    entity_id, name = ask.uri(0, "the entity id"), _name(ask)
    context = await request_context(ask)
    every, dataset = read_which(ask.query)
    iri, now = context.expand(name), ask.face.clock.now()
    await ask.face.database.write(
        ask.tenant, lambda tx: change.erase_attribute_tx(tx, entity_id, iri, dataset, now, every=every, allowed=allowed)
    )
    return done()


async def modify_instance(ask: Ask) -> Answer:
    """Clause 6.22.3.1 (5.6.14): replaces one instance in the temporal evolution of an entity; it keeps its id.

    The body is the instance, or a fragment of the entity with it alone. 204; 404 where there is no such instance;
    405 where the path lacks the attribute's name: then it is an attribute's, which has no PATCH.
    """
    allowed = await ask.allowed("write")
    if not ask.names[1]:
        raise not_allowed("PATCH", "DELETE", "a name is missing between two slashes")
    entity_id, name, instance_id = _instance(ask)
    body, context = await read_object(ask)
    if not body:
        raise BadRequestData("the fragment holds nothing to write")
    iri = context.expand(name)
    new, now = _one_instance(body, name, context), ask.face.clock.now()
    await ask.face.database.write(
        ask.tenant, lambda tx: change.modify_tx(tx, entity_id, iri, instance_id, new, now, allowed)
    )
    return done()


async def delete_instance(ask: Ask) -> Answer:
    """Clause 6.22.3.2 (5.6.15): deletes one instance from the temporal evolution of an entity.

    204; 404 where there is no such instance.
    """
    allowed = await ask.allowed("write")
    entity_id, name, instance_id = _instance(ask)
    context = await request_context(ask)
    iri, now = context.expand(name), ask.face.clock.now()
    await ask.face.database.write(
        ask.tenant, lambda tx: change.erase_instance_tx(tx, entity_id, iri, instance_id, now, allowed)
    )
    return done()


def _one_instance(body: dict[str, Any], name: str, context: Context) -> Instance:
    """The instance that the body is or holds; BadRequestData where that is not one, or not of this attribute."""
    iri, named = context.expand(name), body.keys() - {"id", "type"}
    within = {context.expand(one) for one in named} == {iri}
    inside = context.into(name)
    if not within and not any(inside.lookup(one) in MEMBERS for one in body):
        raise BadRequestData(
            f"the body is no instance with a type or a value, and no fragment of an entity with {name[:64]!r} alone"
        )
    attrs = expand_temporal(body if within else {name: [body]}, context)["attrs"]
    found = attrs[iri]
    if len(found) != 1:
        raise BadRequestData(f"{len(found)} instances are given; one is to be replaced")
    return found[0]


def _instance(ask: Ask) -> tuple[str, str, str]:
    return ask.uri(0, "the entity id"), _name(ask), ask.uri(2, "the instance id")


def _name(ask: Ask) -> str:
    """The attribute's name; over time the scope is one (clause 4.5.6)."""
    return ask.names[1] if ask.names[1] == "scope" else check_name(ask.names[1])


TEMPORAL_ENTITIES = {"POST": Operation(upsert_temporal, creates=True)}
"""What stands beside the query at /temporal/entities."""
TEMPORAL_ENTITY = {"DELETE": Operation(delete_temporal)}
"""What stands beside the retrieval at /temporal/entities/{entityId}."""
RESOURCES = (
    Resource("/temporal/entities/{entityId}/attrs", {"POST": Operation(append_temporal)}),
    Resource(
        "/temporal/entities/{entityId}/attrs/{attrId}",
        {"DELETE": Operation(delete_temporal_attribute, frozenset({"datasetId", "deleteAll"}))},
    ),
    Resource(
        "/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
        {"PATCH": Operation(modify_instance), "DELETE": Operation(delete_instance)},
    ),
)
