"""The face's door: the routes of the NGSI-LD API, from one table of resources; a new resource is a new file here."""

from __future__ import annotations

from starlette.routing import Route

from kumihimo.base.ports import OpenPath
from kumihimo.platform.ngsild import (
    attributes,
    batch,
    contexts,
    entities,
    identity,
    past,
    queries,
    subscriptions,
    temporal,
    types,
)
from kumihimo.platform.ngsild.face import Face
from kumihimo.platform.ngsild.table import PREFIX, LdRoute, Resource, Switch, UnknownRoute

__all__ = ["PREFIX", "READING", "RESOURCES", "Face", "Switch", "routes"]

READING = (
    OpenPath(("GET",), PREFIX + r"/(?:entities|temporal/entities|types|attributes|jsonldContexts/.+)(?:/.*)?"),
    OpenPath(("POST",), PREFIX + r"/(?:temporal/)?entityOperations/query/?"),
)
"""What reads data, and the @contexts that answers name; an id may hold a slash."""

RESOURCES: tuple[Resource, ...] = (
    *entities.RESOURCES,
    *attributes.RESOURCES,
    *batch.RESOURCES,
    *queries.RESOURCES,
    *temporal.RESOURCES,
    *past.RESOURCES,
    *subscriptions.RESOURCES,
    *types.RESOURCES,
    *contexts.RESOURCES,
    *identity.RESOURCES,
)


def routes(face: Face) -> list[Route]:
    """One route for each resource at /ngsi-ld/v1, and a last one that answers 404 as a problem document."""
    return [*(LdRoute(face, resource) for resource in RESOURCES), UnknownRoute()]
