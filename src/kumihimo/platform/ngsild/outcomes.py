"""From the broker's outcomes to answers: refusals are raised, partial success is an UpdateResult (clause 5.2.18)."""

from __future__ import annotations

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.evaluate import matches_types
from kumihimo.platform.broker.models import Change, Outcome
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.ngsild.answers import Answer, done, plain
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.parameters import read_types


async def apply_one(ask: Ask, change: Change) -> Outcome:
    """Applies one change; raises the problem with which it was refused."""
    outcomes = await ask.face.broker.apply(ask.call, [change])
    outcome = outcomes[0]
    if outcome.problem is not None:
        raise outcome.problem
    return outcome


def update_answer(outcome: Outcome) -> Answer:
    """204 where all was written, else 207 with what was and what was not, and why.

    An UpdateResult has no @context, so attributes are named by their IRIs.
    """
    if not outcome.not_updated:
        return done()
    return plain(
        207,
        {
            "updated": list(outcome.updated),
            "notUpdated": [{"attributeName": name, "reason": reason} for name, reason in outcome.not_updated],
        },
    )


async def standing(ask: Ask, entity_id: str, grant: Grant) -> EntityDoc:
    """The entity as it stands; ResourceNotFound where there is none that the caller may see."""
    doc = await ask.face.broker.get(ask.tenant, entity_id, grant.restriction, grant.visible)
    if doc is None:
        raise ResourceNotFound(f"there is no entity {entity_id}")
    return doc


async def standing_text(ask: Ask, entity_id: str, grant: Grant) -> str:
    """As standing, the entity as the JSON text of its stored form."""
    stored = await ask.face.broker.get_text(ask.tenant, entity_id, grant.restriction, grant.visible)
    if stored is None:
        raise ResourceNotFound(f"there is no entity {entity_id}")
    return stored


async def check_type(ask: Ask, entity_id: str, context: Context, grant: Grant) -> None:
    """The `type` parameter of a write: ResourceNotFound where the entity is of no type that it selects (4.17)."""
    node = read_types(ask.query.get("type", ""), context.expand_type)
    if node is None:
        return
    require_type(await standing(ask, entity_id, grant), ask, context)


def require_type(doc: EntityDoc, ask: Ask, context: Context) -> None:
    """ResourceNotFound where the `type` parameter does not select this entity."""
    node = read_types(ask.query.get("type", ""), context.expand_type)
    if node is not None and not matches_types(doc["type"], node):
        raise ResourceNotFound(f"there is no entity {doc['id']} of type {ask.query['type'][:200]}")
