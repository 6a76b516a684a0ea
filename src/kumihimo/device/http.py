"""Readings over HTTP: POST /devices/v1/{tenant}/{device}/readings with `Authorization: Bearer <key>`, or a certificate.

The body is a reading or an array of them in JSON, or lines of CSV (Content-Type: text/csv).

Answers after the commit: 201 all taken, 207 some refused, 400 none taken; problems as RFC 9457, with Retry-After
where the device is to come again (429 it sends too often, 503 the platform is busy): nothing of it was taken then.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import ReadingOutcome
from kumihimo.base.problems import told
from kumihimo.device.enrolment.api import bearer, certificate_of
from kumihimo.device.gateway import Gateway

READINGS: Final = "/devices/v1/{tenant}/{device}/readings"


def routes(gateway: Gateway) -> list[Route]:
    """The device floor's address on the HTTP listener."""

    async def post_readings(request: Request) -> Response:
        """Takes a device's readings by its key (bearer token) or certificate; 201 all taken, 207 some, 400 none."""
        try:
            key, certificate = bearer(request.headers.get("authorization", "")), certificate_of(request)
            given = await _body(request, gateway.max_payload) if key or certificate else b""
            media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            names = request.path_params
            outcomes = await gateway.take(names["tenant"], names["device"], key, given, media, certificate)
            return _answer(outcomes)
        except Problem as problem:
            body, status, headers = told(problem)
            challenge = {"www-authenticate": "Bearer"} if status == 401 else {}  # no other door takes a key
            return Response(body, status, {**headers, **challenge})

    return [Route(READINGS, post_readings, methods=["POST"])]


async def _body(request: Request, limit: int) -> bytes:
    """The body; as much as is over the limit, however much is still to come: the gateway refuses and counts it."""
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > limit:
                break
    except ClientDisconnect as problem:
        raise BadRequestData("the body ended too early") from problem
    return bytes(found)


def _answer(outcomes: list[ReadingOutcome]) -> Response:
    refused = [one for one in outcomes if one.status == "refused"]
    if len(refused) == len(outcomes):
        raise BadRequestData(refused[0].detail, outcomes=_listed(outcomes))
    return Response(dumps({"outcomes": _listed(outcomes)}), 207 if refused else 201, media_type="application/json")


def _listed(outcomes: list[ReadingOutcome]) -> list[dict[str, str]]:
    return [{"status": one.status, "detail": one.detail} for one in outcomes]
