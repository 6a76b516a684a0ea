"""Attributes of an entity: append, update, partial update, replace, delete (clauses 6.6 and 6.7)."""

from __future__ import annotations

from dataclasses import replace

from kumihimo.base.errors import BadRequestData, InvalidRequest, ResourceNotFound
from kumihimo.platform.broker.models import Allowed, Change, Op
from kumihimo.platform.history.change import end_attribute_tx
from kumihimo.platform.jsonld.expand import expand_attribute, expand_fragment, expand_partial
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, EntityDoc
from kumihimo.platform.ngsild.answers import Answer, done
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import read_object, request_context
from kumihimo.platform.ngsild.entities import check_same_id
from kumihimo.platform.ngsild.outcomes import apply_one, check_type, standing, update_answer
from kumihimo.platform.ngsild.parameters import check_name, read_which, split_list
from kumihimo.platform.ngsild.table import Operation, Resource


async def append_attributes(ask: Ask) -> Answer:
    """Clause 6.6.3.1 (5.6.3): adds attributes to an entity; those it has are overwritten, unless noOverwrite.

    204; 207 where some were left as they were; 404 where there is no such entity.
    """
    only_new = "noOverwrite" in read_options(ask, "noOverwrite")
    return await _write(ask, Op.APPEND_NEW if only_new else Op.APPEND)


async def update_attributes(ask: Ask) -> Answer:
    """Clause 6.6.3.2 (5.6.2): overwrites attributes of an entity and adds those that it lacks.

    204; 207 where there is nothing to delete, or no scope to replace; 404 where there is no such entity.
    """
    return await _write(ask, Op.UPDATE)


async def _write(ask: Ask, op: Op) -> Answer:
    allowed = await ask.allowed("write")
    entity_id = ask.uri(0, "the entity id")
    body, context = await read_object(ask)
    doc = expand_fragment(body, context, nulls=op is Op.UPDATE)
    check_same_id(doc, entity_id)
    if not doc["attrs"] and not doc.keys() & {"type", "scope", "expiresAt"}:
        raise BadRequestData("the fragment holds nothing to write")
    await check_type(ask, entity_id, context, allowed.eyes)
    return update_answer(await apply_one(ask, Change(op, entity_id, doc, allowed=allowed)))


async def partial_update(ask: Ask) -> Answer:
    """Clause 6.7.3.1 (5.6.4): overwrites members of one attribute instance; the body's datasetId says of which.

    204; 404 where there is no such entity or instance.
    """
    allowed = await ask.allowed("write")
    entity_id, name = ask.uri(0, "the entity id"), check_name(ask.names[1])
    body, context = await read_object(ask)
    if not body:
        raise BadRequestData("the fragment holds nothing to write")
    iri = context.expand(name)
    instance = expand_partial(body, context.into(name))
    await check_type(ask, entity_id, context, allowed.eyes)
    dataset = instance.get("datasetId", "")
    doc: EntityDoc = {"attrs": {iri: [instance]}}
    change = Change(Op.PARTIAL_UPDATE, entity_id, doc, attribute=iri, dataset=dataset, allowed=allowed)
    await apply_one(ask, change)
    return done()


async def replace_attribute(ask: Ask) -> Answer:
    """Clause 6.7.3.3 (5.6.19): replaces one attribute instance whole; the body's datasetId says which.

    204; 404 where there is no such entity or instance.
    """
    allowed = await ask.allowed("write")
    entity_id, name = ask.uri(0, "the entity id"), check_name(ask.names[1])
    body, context = await read_object(ask)
    iri = context.expand(name)
    instances = expand_attribute(name, body, context)
    await check_type(ask, entity_id, context, allowed.eyes)
    doc: EntityDoc = {"attrs": {iri: instances}}
    await apply_one(ask, Change(Op.REPLACE_ATTRIBUTE, entity_id, doc, allowed=allowed))
    return done()


async def delete_attribute(ask: Ask) -> Answer:
    """Clause 6.7.3.2 (5.6.5): deletes the default instance of an attribute, that of datasetId, or all (deleteAll).

    204; 404 where there is no such entity or instance. The scope of an entity is deleted in the same way. An entity
    that was written into the past alone is not unknown: there its attribute ends, and the past tells when.
    """
    allowed = await ask.allowed("write")
    entity_id, name = ask.uri(0, "the entity id"), ask.names[1]
    context = await request_context(ask)
    every, dataset = read_which(ask.query)
    await check_type(ask, entity_id, context, allowed.eyes)
    iri = context.expand(name if name == "scope" else check_name(name))
    try:
        if name == "scope":
            await _delete_scope(ask, entity_id, allowed)
        else:
            change = Change(Op.DELETE_ATTRIBUTE, entity_id, attribute=iri, dataset=dataset, every=every)
            await apply_one(ask, replace(change, allowed=allowed))
    except ResourceNotFound:
        now = ask.face.clock.now()
        ended = await ask.face.database.write(
            ask.tenant, lambda tx: end_attribute_tx(tx, entity_id, iri, dataset, now, every=every, allowed=allowed)
        )
        if not ended:
            raise
    return done()


async def _delete_scope(ask: Ask, entity_id: str, allowed: Allowed) -> None:
    doc = await standing(ask, entity_id, allowed.eyes)
    if not doc.get("scope"):
        raise ResourceNotFound(f"entity {entity_id} has no scope")
    await apply_one(ask, Change(Op.MERGE, entity_id, {"scope": [NGSI_LD_NULL], "attrs": {}}, allowed=allowed))


def read_options(ask: Ask, *known: str) -> list[str]:
    """The values of `options`; InvalidRequest for one that the operation does not have."""
    given = split_list(ask.query.get("options", ""))
    for one in given:
        if one not in known:
            raise InvalidRequest(f"options has {one[:64]!r}; this operation takes {', '.join(known)}")
    return given


_ATTRIBUTE_TYPE = frozenset({"type"})
RESOURCES = (
    Resource(
        "/entities/{entityId}/attrs",
        {
            "POST": Operation(append_attributes, frozenset({"options", "type"})),
            "PATCH": Operation(update_attributes, _ATTRIBUTE_TYPE),
        },
    ),
    Resource(
        "/entities/{entityId}/attrs/{attrId}",
        {
            "PATCH": Operation(partial_update, _ATTRIBUTE_TYPE),
            "PUT": Operation(replace_attribute, _ATTRIBUTE_TYPE),
            "DELETE": Operation(delete_attribute, frozenset({"type", "datasetId", "deleteAll"})),
        },
    ),
)
