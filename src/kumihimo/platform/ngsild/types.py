"""Which entity types and attributes there are (clauses 6.25 to 6.28)."""

from __future__ import annotations

from typing import Any

from kumihimo.base.errors import ResourceNotFound
from kumihimo.base.ids import new_id
from kumihimo.platform.broker.census import Tally
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.names import check_name
from kumihimo.platform.ngsild.answers import Answer, choose_media, represent
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import request_context
from kumihimo.platform.ngsild.parameters import check_local, read_flag
from kumihimo.platform.ngsild.table import Operation, Resource


async def list_types(ask: Ask) -> Answer:
    """Clause 6.25.3.1 (5.7.5): gives the entity types there are; with details=true also their attributes (5.7.6).

    200 with an EntityTypeList (clause 5.2.24) or an array of EntityType (5.2.25).
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    details = read_flag(ask.query, "details")
    check_local(ask.query)
    context = await request_context(ask)
    found = await ask.face.broker.types(ask.tenant, grant.restriction, grant.visible)
    if not details:
        names = [context.compact(iri) for iri, _, _ in found]
        listed = {"id": new_id("EntityTypeList"), "type": "EntityTypeList", "typeList": names}
        return represent(listed, context, media)
    detailed = [
        {
            "id": iri,
            "type": "EntityType",
            "typeName": context.compact(iri),
            "attributeNames": [context.compact(name) for name in attrs],
        }
        for iri, attrs, _ in found
    ]
    return represent(detailed, context, media)


async def retrieve_type(ask: Ask) -> Answer:
    """Clause 6.26.3.1 (5.7.7): gives one entity type with the attributes that its entities have.

    200 with an EntityTypeInfo (clause 5.2.26); 404 where there is no entity of this type, 400 for what can name none.
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    check_local(ask.query)
    context = await request_context(ask)
    iri = context.expand_type(check_name(ask.names[0], "the name of a type"))
    found = await ask.face.broker.census(ask.tenant, grant.restriction, grant.visible, iri)
    if iri not in found.types:
        raise ResourceNotFound(f"there is no entity of type {ask.names[0][:200]}")
    tally = found.types[iri]
    details = [
        {"id": name, "type": "Attribute", "attributeName": context.compact(name), "attributeTypes": sorted(kinds)}
        for name, kinds in sorted(tally.attributes.items())
    ]
    info = {
        "id": iri,
        "type": "EntityTypeInfo",
        "typeName": context.compact(iri),
        "entityCount": tally.count,
        "attributeDetails": details,
    }
    return represent(info, context, media)


async def list_attributes(ask: Ask) -> Answer:
    """Clause 6.27.3.1 (5.7.8): gives the attributes there are; with details=true also whose they are (5.7.9).

    200 with an AttributeList (clause 5.2.27) or an array of Attribute (5.2.28).
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    details = read_flag(ask.query, "details")
    check_local(ask.query)
    context = await request_context(ask)
    found = sorted((await ask.face.broker.census(ask.tenant, grant.restriction, grant.visible)).attributes.items())
    if details:
        return represent([_attribute(name, tally, context) for name, tally in found], context, media)
    names = [context.compact(name) for name, _ in found]
    listed = {"id": new_id("AttributeList"), "type": "AttributeList", "attributeList": names}
    return represent(listed, context, media)


async def retrieve_attribute(ask: Ask) -> Answer:
    """Clause 6.28.3.1 (5.7.10): gives one attribute: how many instances there are, of which kinds, of which types.

    200 with an Attribute (clause 5.2.28); 404 where no entity has it, 400 for what can name none.
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    check_local(ask.query)
    context = await request_context(ask)
    iri = context.expand(check_name(ask.names[0], "the name of an attribute"))
    found = (await ask.face.broker.census(ask.tenant, grant.restriction, grant.visible)).attributes
    if iri not in found:
        raise ResourceNotFound(f"no entity has the attribute {ask.names[0][:200]}")
    told = {**_attribute(iri, found[iri], context), "attributeCount": found[iri].count}
    return represent({**told, "attributeTypes": sorted(found[iri].kinds)}, context, media)


def _attribute(iri: str, tally: Tally, context: Context) -> dict[str, Any]:
    """What the list with details says of an attribute."""
    names = sorted(context.compact(one) for one in tally.types)
    return {"id": iri, "type": "Attribute", "attributeName": context.compact(iri), "typeNames": names}


RESOURCES = (
    Resource("/types", {"GET": Operation(list_types, frozenset({"details"}))}),
    Resource("/types/{type}", {"GET": Operation(retrieve_type)}),
    Resource("/attributes", {"GET": Operation(list_attributes, frozenset({"details"}))}),
    Resource("/attributes/{attrId}", {"GET": Operation(retrieve_attribute)}),
)
