"""The platform's side of the Unix socket in the data folder (decision 17)."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps, loads
from kumihimo.base.problems import Told, told
from kumihimo.cli.operations.doors import Doors
from kumihimo.cli.operations.perform import perform
from kumihimo.cli.socket import JAPANESE
from kumihimo.cli.words import in_japanese


def _told(problem: Problem) -> Told:
    """The problem, also in Japanese: the command knows whose terminal it is."""
    answer, japanese = told(problem), in_japanese(problem)
    return answer._replace(body=dumps({**problem.document(), JAPANESE: japanese})) if japanese else answer


def socket_app(doors: Doors) -> Starlette:
    """The application behind the socket: POST /<operation> with a JSON object."""

    async def operate(request: Request) -> Response:
        try:
            answer = await perform(doors, request.path_params["name"], loads(await request.body()))
        except Problem as problem:
            return Response(*_told(problem))
        return Response(dumps(answer), media_type="application/json")

    return Starlette(routes=[Route("/{name}", operate, methods=["POST"])])
