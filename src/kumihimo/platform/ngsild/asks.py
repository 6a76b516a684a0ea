"""One request as the handlers see it: names of the path, parameters, headers, body, and the call it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from kumihimo.base.call import ANONYMOUS, Call, call_of
from kumihimo.base.errors import BadRequestData, Forbidden, InvalidRequest
from kumihimo.base.ids import DEFAULT_TENANT, check_tenant, is_uri, new_request_id
from kumihimo.platform.access.decide import Action, Grant
from kumihimo.platform.broker.models import ANYTHING, NOTHING, Allowed
from kumihimo.platform.ngsild.face import Face
from kumihimo.platform.ngsild.prefer import Preference

MAX_PARAMETERS = 64


class Ask:
    """A request under way. `names` are the path's variable parts, decoded; `query` the parameters, each once."""

    __slots__ = (
        "body",
        "call",
        "face",
        "headers",
        "method",
        "names",
        "path",
        "preference",
        "query",
        "receive",
        "tenant_header",
    )

    def __init__(self, face: Face, scope: Scope, receive: Receive, names: tuple[str, ...]) -> None:
        self.face = face
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.receive = receive
        self.names = names
        self.body: bytes | None = None
        self.headers = _headers(scope["headers"])
        request_id = scope.get("state", {}).get("request_id") or new_request_id()
        self.tenant_header = self.headers.get("ngsild-tenant", "")
        self.call = Call(DEFAULT_TENANT, ANONYMOUS, request_id=request_id)
        self.query: dict[str, str] = {}
        self.preference = Preference(self.headers.get("prefer", ""))

    def read_head(self, scope: Scope) -> None:
        """Tenant (clause 6.3.14) and parameters. BadRequestData or InvalidRequest where they cannot be."""
        tenant = check_tenant(self.tenant_header) if self.tenant_header else DEFAULT_TENANT
        self.call = replace(call_of(scope.get("state", {}), tenant), request_id=self.call.request_id)
        self.query = read_query(scope["query_string"])

    @property
    def tenant(self) -> str:
        """The tenant that the request concerns."""
        return self.call.tenant

    async def decide(self, action: Action) -> Grant:
        """What the caller may see; Unauthenticated or Forbidden where the action is not allowed."""
        return await self.face.access.decide(self.call, action)

    async def allowed(self, action: Literal["write", "delete"]) -> Allowed:
        """What the caller may do and see; Unauthenticated or Forbidden where the action is not allowed at all.

        Whoever may not read at all, and yet write, sees nothing.
        """
        grant = await self.decide(action)
        if grant.is_all:
            return ANYTHING
        try:
            return Allowed(grant, await self.decide("read"))
        except Forbidden:
            return Allowed(grant, NOTHING)

    def uri(self, place: int, what: str) -> str:
        """The path's variable part as a URI; BadRequestData where it is none."""
        return check_uri(self.names[place], what)


def check_uri(text: Any, what: str) -> str:
    """The text itself where it is an absolute URI; BadRequestData otherwise."""
    if not is_uri(text):
        raise BadRequestData(f"{what} {str(text)[:100]!r} is not a URI")
    return str(text)


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; several of one name are one list (RFC 9110 section 5.3)."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def read_query(query_string: bytes) -> dict[str, str]:
    """The query parameters, each once; empty ones count as not given. InvalidRequest where they cannot be read."""
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except (ValueError, UnicodeDecodeError) as problem:
        raise InvalidRequest(f"the query parameters cannot be read: {problem}") from problem
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequest(f"the query parameter {name[:64]!r} is given more than once")
        if "\x00" in value:
            raise InvalidRequest(f"the query parameter {name[:64]!r} holds the character U+0000")
        found[name] = value
    return {name: value for name, value in found.items() if value}
