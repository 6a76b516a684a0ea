"""The Unix socket in the data folder: its server side in the platform, and the command line's side (decision 17)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.errors import InternalError, Problem
from kumihimo.base.jsontext import dumps, loads
from kumihimo.base.problems import told
from kumihimo.cli.operations.doors import Doors
from kumihimo.cli.operations.perform import perform

SOCKET = "kumihimo.sock"
LONGEST_PATH = 100
"""Bytes. Linux takes 108 for a socket's path; a longer data path gets no socket, and the log says so."""


def socket_path(data: Path) -> Path:
    """Where the platform of this data folder listens for the command line."""
    return data.resolve() / SOCKET


def size_of(path: Path) -> int:
    """The path's length as the system counts it: a letter of Japanese is three bytes."""
    return len(os.fsencode(path))


def socket_app(doors: Doors) -> Starlette:
    """The application behind the socket: POST /<operation> with a JSON object."""

    async def operate(request: Request) -> Response:
        try:
            answer = await perform(doors, request.path_params["name"], loads(await request.body()))
        except Problem as problem:
            return Response(*told(problem))
        return Response(dumps(answer), media_type="application/json")

    return Starlette(routes=[Route("/{name}", operate, methods=["POST"])])


class Remote(Problem):
    """A problem that the running platform answered with; it keeps the platform's words."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(str(document.get("detail", "the platform refused without a reason")))


async def ask(data: Path, name: str, given: dict[str, Any]) -> Any:
    """Asks the running platform. ConnectionError where none runs on this data folder; Remote where it refuses."""
    path = socket_path(data)
    if not path.exists():
        raise ConnectionError(f"no platform is running on {data}")
    connector = aiohttp.UnixConnector(path=str(path))
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"http://platform/{name}", data=dumps(given)) as answer,
        ):
            body = await answer.read()
    except aiohttp.ClientConnectorError as problem:
        raise ConnectionError(f"no platform is running on {data}") from problem
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as problem:
        raise ConnectionError("the platform went away before it answered") from problem
    if answer.status >= 500 and not body:
        raise InternalError("the platform failed; see its log")
    found = loads(body)
    if answer.status >= 400:
        raise Remote(found)
    return found
