"""Parameters of the OAuth endpoints: each once (RFC 6749 section 3.1), of a bounded size, from where they belong."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from kumihimo.platform.provider.errors import OAuthError

MAX_FORM: Final = 64 * 1024
MAX_PARAMETERS: Final = 64
MAX_VALUE: Final = 8 * 1024
FORM: Final = "application/x-www-form-urlencoded"


def read_query(request: Request) -> dict[str, str]:
    """The parameters of the query. OAuthError invalid_request."""
    return _read(request.scope["query_string"])


async def read_form(request: Request) -> dict[str, str]:
    """The parameters of the body; with any in the query beside them the request is refused (RFC 6749 section 2.3.1).

    OAuthError invalid_request.
    """
    if request.scope["query_string"]:
        raise OAuthError("invalid_request", "parameters of this request stand in its body, none in its address")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthError("invalid_request", f"the body is to be {FORM}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise OAuthError("invalid_request", f"the body has more than {MAX_FORM} bytes", 413)
    return _read(bytes(body))


def _read(raw: bytes) -> dict[str, str]:
    if raw.count(b"&") >= MAX_PARAMETERS:
        raise OAuthError("invalid_request", f"there are more than {MAX_PARAMETERS} parameters")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeError, ValueError) as problem:
        raise OAuthError("invalid_request", "the parameters are not percent-encoded UTF-8") from problem
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthError("invalid_request", "a parameter stands there twice")
    if any(len(name) > 64 or len(value) > MAX_VALUE or "\0" in value for name, value in pairs):
        raise OAuthError("invalid_request", f"a parameter has more than {MAX_VALUE} characters, or one that is none")
    return found
