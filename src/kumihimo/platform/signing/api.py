"""The public halves over HTTP, as a JSON Web Key Set (RFC 7517 section 5)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.errors import Problem
from kumihimo.base.ids import check_tenant
from kumihimo.base.jsontext import dumps
from kumihimo.base.problems import told
from kumihimo.platform.signing.door import Signing

KEYS: Final = "/signing/v1/{tenant}/keys"


def routes(signing: Signing) -> list[Route]:
    """The address where a receiver of notifications finds the tenant's keys."""

    async def keys(request: Request) -> Response:
        """The tenant's signing keys as a JSON Web Key Set, the one that signs first, retired ones after it."""
        try:
            found = await signing.public(check_tenant(request.path_params["tenant"]))
        except Problem as problem:
            return Response(*told(problem))
        return Response(dumps({"keys": [one.jwk() for one in found]}), media_type="application/jwk-set+json")

    return [Route(KEYS, keys)]
