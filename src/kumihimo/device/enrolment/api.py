"""Enrolment over HTTP: a claim code for a key or a certificate, renewal, the authorities, the list of what was revoked.

A device proves itself with its key (bearer token) or, where the listener asks for one, with its certificate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.errors import BadRequestData, PayloadTooLarge, Problem, Unauthenticated
from kumihimo.base.jsontext import dumps, loads
from kumihimo.base.problems import told
from kumihimo.device.enrolment.authority import MAX_REQUEST
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.enrolment.models import Redeemed
from kumihimo.device.enrolment.pages import MAX_CODE, claim_page

CLAIM: Final = "/devices/v1/{tenant}/claim"
CERTIFICATE: Final = "/devices/v1/{tenant}/{device}/certificate"
AUTHORITY: Final = "/devices/v1/{tenant}/{device}/authority"
REVOKED: Final = "/devices/v1/{tenant}/{device}/revoked"
MAX_CLAIM: Final = MAX_REQUEST + 4096
PEM_CHAIN: Final = "application/pem-certificate-chain"
_REQUESTS: Final = ("application/pkcs10", "application/x-pem-file", "text/plain", "application/octet-stream")
_FORM: Final = "application/x-www-form-urlencoded"


class Proof(Protocol):
    """Whether a request is the device's own (see gateway.Gateway.prove). Unauthenticated otherwise."""

    async def __call__(self, tenant: str, device: str, key: str, certificate: bytes, /) -> object: ...


def certificate_of(request: Request) -> bytes:
    """The certificate (DER) that the client showed the listener; b"" for none."""
    found: bytes = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_der", b"")
    return found


def bearer(header: str) -> str:
    """The key, or "", which is nobody's: whoever is asked counts the attempt."""
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def routes(enrolment: Enrolment, prove: Proof) -> list[Route]:
    """The room's addresses on the HTTP listener."""

    async def show(request: Request) -> Response:
        """The page on which a person types a claim code; nothing happens until the form is sent."""
        return claim_page(request, code=request.query_params.get("code", "")[:MAX_CODE])

    async def claim(request: Request) -> Response:
        """Takes a claim code, once: JSON {"code", "csr"?}, or a signing request with the code as bearer token."""
        return await _redeem(enrolment, request)

    async def certificate(request: Request) -> Response:
        """A new certificate for a device that has a good key or certificate; the body is a signing request."""
        return await _proven(prove, request, _sign, enrolment)

    async def authority(request: Request) -> Response:
        """The authority that signs the tenant's devices' certificates, and the root (PEM)."""
        return await _proven(prove, request, _authorities, enrolment)

    async def revoked(request: Request) -> Response:
        """The list of the tenant's revoked certificates (CRL of RFC 5280, DER)."""
        return await _proven(prove, request, _revocations, enrolment)

    return [
        Route(CLAIM, show, methods=["GET"]),
        Route(CLAIM, claim, methods=["POST"]),
        Route(CERTIFICATE, certificate, methods=["POST"]),
        Route(AUTHORITY, authority, methods=["GET"]),
        Route(REVOKED, revoked, methods=["GET"]),
    ]


# --- claim codes -----------------------------------------------------------------------------------------


async def _redeem(enrolment: Enrolment, request: Request) -> Response:
    is_form, is_bare = _media(request) == _FORM, _media(request) == _REQUESTS[0]
    try:
        given = await (_bare(request) if is_bare else _given(request, is_form=is_form))
        client = request.client.host if request.client is not None else ""
        found = await enrolment.redeem(request.path_params["tenant"], given["code"], given["csr"], address=client)
    except Problem as problem:
        if is_form:
            return claim_page(request, problem.status, problem=problem)
        return _said(problem)
    if is_form:
        return claim_page(request, 200, found=found)
    if is_bare:
        return Response(found.certificate, 201, _NO_STORE, PEM_CHAIN)
    return Response(dumps(_told(request.path_params["tenant"], found)), 201, _NO_STORE, "application/json")


async def _bare(request: Request) -> dict[str, Any]:
    """For devices without JSON: the signing request itself, the code as bearer token; the answer is the certificate."""
    code = _needed(bearer(request.headers.get("authorization", "")))
    body = await _body(request, MAX_REQUEST)
    if not body:
        raise BadRequestData("the body is to be a certificate signing request (PKCS #10, PEM or DER)")
    return {"code": code, "csr": body}


async def _given(request: Request, *, is_form: bool) -> dict[str, Any]:
    body = await _body(request, MAX_CLAIM)
    if is_form:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
        return {"code": _needed(fields.get("code", [""])[-1]), "csr": b""}
    found = loads(body, max_depth=3)
    found = found if isinstance(found, dict) else {}
    request_text = found.get("csr", "")
    if not isinstance(request_text, str):
        raise BadRequestData('"csr" is a certificate signing request in PEM, as text')
    return {"code": _needed(found.get("code", "")), "csr": request_text.encode()}


def _needed(code: object) -> str:
    if not isinstance(code, str) or not code.strip():
        raise Unauthenticated('a claim code is needed: {"code": "XXXXX-XXXXX"}, with "csr" for a certificate')
    return code


def _told(tenant: str, found: Redeemed) -> dict[str, str]:
    shown = {"certificate": found.certificate} if found.certificate else {"key": found.key}
    names = {"tenant": tenant, "device": found.device, "username": f"{tenant}/{found.device}"}
    return {**names, "topic": f"kumihimo/{tenant}/{found.device}/up", **shown}


# --- what a device does by itself -------------------------------------------------------------------------


async def _proven(
    prove: Proof, request: Request, work: Callable[[Enrolment, Request], Awaitable[Response]], enrolment: Enrolment
) -> Response:
    names = request.path_params
    try:
        key = bearer(request.headers.get("authorization", ""))
        await prove(names["tenant"], names["device"], key, certificate_of(request))
        return await work(enrolment, request)
    except Problem as problem:
        return _said(problem)


async def _sign(enrolment: Enrolment, request: Request) -> Response:
    if _media(request) not in ("", *_REQUESTS):
        raise BadRequestData("send the signing request itself (PEM or DER) as application/pkcs10")
    names = request.path_params
    issued = await enrolment.issue(names["tenant"], names["device"], await _body(request, MAX_REQUEST))
    return Response(issued.pem, 201, _NO_STORE, PEM_CHAIN)


async def _authorities(enrolment: Enrolment, request: Request) -> Response:
    return Response(await enrolment.chain(request.path_params["tenant"]), 200, _NO_STORE, PEM_CHAIN)


async def _revocations(enrolment: Enrolment, request: Request) -> Response:
    return Response(await enrolment.revoked(request.path_params["tenant"]), 200, _NO_STORE, "application/pkix-crl")


# --- shared -------------------------------------------------------------------------------------------------

_NO_STORE: Final = {"cache-control": "no-store"}


def _said(problem: Problem) -> Response:
    body, status, headers = told(problem)
    challenge = {"www-authenticate": "Bearer"} if status == 401 else {}
    return Response(body, status, {**headers, **challenge, **_NO_STORE})


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request, limit: int) -> bytes:
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > limit:
                raise PayloadTooLarge(f"the body may have {limit} bytes")
    except ClientDisconnect as problem:
        raise BadRequestData("the body ended too early") from problem
    return bytes(found)
