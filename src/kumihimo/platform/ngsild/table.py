"""Operations and resources: one row for each path, one function for each method; the routes are made from these."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kumihimo.base.errors import BadRequestData, InternalError, NonexistentTenant, OperationNotSupported, Problem
from kumihimo.base.ids import DEFAULT_TENANT
from kumihimo.platform.ngsild.answers import JSON, LD_JSON, Answer
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import MERGE_PATCH, LengthRequired
from kumihimo.platform.ngsild.face import Face
from kumihimo.platform.ngsild.parameters import COMMON, LATER, read_flag
from kumihimo.platform.ngsild.problems import (
    fault_answer,
    no_such_route,
    not_allowed,
    problem_answer,
    unknown_parameters,
)

PREFIX = "/ngsi-ld/v1"
Handler = Callable[[Ask], Awaitable[Answer]]
_CLAUSE = re.compile(r"Clause (6(?:\.\d+)+) \((5(?:\.\d+)+)\): ")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a resource. takes: its query parameters; creates: it may bring its tenant into being (5.5.10)."""

    handler: Handler
    takes: frozenset[str] = frozenset()
    creates: bool = False

    @property
    def clauses(self) -> tuple[str, str]:
        """The clauses of the binding (6.x) and of the operation (5.x), from the handler's docstring."""
        found = _CLAUSE.match(self.handler.__doc__ or "")
        if found is None:
            raise LookupError(f"the docstring of {self.handler.__name__} does not begin with its clauses")
        return found[1], found[2]

    @property
    def summary(self) -> str:
        """What it does, from the docstring's first sentence."""
        text = _CLAUSE.sub("", " ".join((self.handler.__doc__ or "").split()))
        return text.partition(". ")[0].rstrip(".")


@dataclass(frozen=True, slots=True)
class Resource:
    """A path below PREFIX with `{name}` for its variable parts, and its methods."""

    path: str
    operations: Mapping[str, Operation]

    @property
    def methods(self) -> frozenset[str]:
        """What a request may say: what may be got may be asked for its head alone (RFC 9110 section 9.3.2)."""
        return frozenset(self.operations) | ({"HEAD"} if "GET" in self.operations else set())


class LdRoute(Route):
    """A resource as a route of the application.

    The path is compared as it came, before percent-decoding, so that an id may hold a slash; a slash at the end makes
    no difference.
    """

    def __init__(self, face: Face, resource: Resource) -> None:
        self.resource = resource
        self._face = face
        self._parts = tuple("" if part.startswith("{") else part for part in resource.path.split("/")[1:])
        super().__init__(PREFIX + resource.path, self._endpoint(), name=resource.path)

    @property
    def place(self) -> tuple[int, str]:
        """How many parts its path has, and the first, which is never variable."""
        return len(self._parts), self._parts[0]

    def _endpoint(self) -> _Endpoint:
        return _Endpoint(self._face, self.resource)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FULL where the path is this resource's, whatever the method."""
        if scope["type"] != "http":
            return Match.NONE, {}
        segments = segments_of(scope)
        if segments is None or len(segments) != len(self._parts):
            return Match.NONE, {}
        for part, segment in zip(self._parts, segments, strict=True):
            if part and part != segment:
                return Match.NONE, {}
        names = tuple(unquote(one) for part, one in zip(self._parts, segments, strict=True) if not part)
        return Match.FULL, {"endpoint": self.endpoint, "path_params": {}, "kumihimo.names": names}


def segments_of(scope: Scope) -> list[str] | None:
    """The parts of the path below PREFIX, still percent-encoded; None for a path elsewhere. Worked out once."""
    known: list[str] | None = scope.get("kumihimo.segments")
    if known is not None:
        return known
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    if not path.startswith(PREFIX + "/"):
        return None
    segments = path[len(PREFIX) + 1 :].split("/")
    if len(segments) > 1 and not segments[-1]:
        segments.pop()
    scope["kumihimo.segments"] = segments
    return segments


class _Endpoint:
    """The resource as an ASGI application."""

    def __init__(self, face: Face, resource: Resource) -> None:
        self._face = face
        self._resource = resource
        self._allowed = ", ".join(sorted(resource.methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ask = Ask(self._face, scope, receive, scope["kumihimo.names"])
        answer = await self._answer(ask, scope)
        ask.preference.mark(answer)
        if ask.tenant_header:
            answer.headers.append((b"ngsild-tenant", ask.tenant_header.encode("latin-1")))
        await answer.send(send, is_head=ask.method == "HEAD")

    async def _answer(self, ask: Ask, scope: Scope) -> Answer:
        try:
            return await self._operate(ask, scope)
        except LengthRequired:
            return Answer(411)
        except InternalError as fault:
            return fault_answer(fault, request_id=ask.call.request_id, method=ask.method, route=self._resource.path)
        except Problem as problem:
            return problem_answer(problem)
        except Exception as fault:  # noqa: BLE001 - the last net: every fault is logged and answered
            return fault_answer(fault, request_id=ask.call.request_id, method=ask.method, route=self._resource.path)

    async def _operate(self, ask: Ask, scope: Scope) -> Answer:
        operation = self._resource.operations.get("GET" if ask.method == "HEAD" else ask.method)
        if operation is None and ask.method == "OPTIONS":
            return self._options()
        if operation is None:
            raise self._refusal(ask)
        ask.read_head(scope)
        _check_parameters(ask, operation)
        try:
            return await operation.handler(ask)
        except NonexistentTenant:
            if not await self._may_make(ask, operation):
                raise
        await self._face.make_tenant(ask.tenant)
        return await operation.handler(ask)

    def _options(self) -> Answer:
        """What the resource can do (RFC 9110 section 9.3.7), and which fragments it takes (RFC 5789 section 3.1)."""
        headers = [(b"allow", self._allowed.encode())]
        if "PATCH" in self._resource.operations:
            headers.append((b"accept-patch", f"{JSON}, {LD_JSON}, {MERGE_PATCH}".encode()))
        return Answer(204, headers)

    def _refusal(self, ask: Ask) -> Problem:
        """For a method that is not there. Without the id of an entity the data are wrong (clauses 5.6.17.4 and
        5.6.18.4); a path that lacks another name is not the operation's, and what it is has its own methods.
        """
        if not ask.path.endswith("/") or ask.method not in ("PUT", "PATCH"):
            return not_allowed(ask.method, self._allowed)
        missing = "an id or a name must follow the last slash"
        if self._resource.path == "/entities":
            return BadRequestData(f"{ask.path}: {missing}")
        return not_allowed(ask.method, self._allowed, missing)

    async def _may_make(self, ask: Ask, operation: Operation) -> bool:
        """Clause 5.5.10: creating makes the tenant, the default tenant is always there; for whom that is allowed."""
        return (operation.creates or ask.tenant == DEFAULT_TENANT) and await self._face.may_make(ask.call)


def _check_parameters(ask: Ask, operation: Operation) -> None:
    unknown = [name for name in ask.query if name not in operation.takes and name not in COMMON]
    if not unknown:
        read_flag(ask.query, "local")
        return
    later = [name for name in unknown if name in LATER]
    if later:
        raise OperationNotSupported(f"the query parameter {later[0]!r} is not handled yet")
    raise unknown_parameters(unknown)


class Switch:
    """The face's resources as one ASGI application; what is of none of them goes on to `rest`.

    Found by the number of the path's parts and the first of them, not by trying one route after the other.
    """

    def __init__(self, routes: Sequence[BaseRoute], rest: ASGIApp) -> None:
        self._rest = rest
        self._routes: dict[tuple[int, str], list[LdRoute]] = {}
        for route in routes:
            if isinstance(route, LdRoute):
                self._routes.setdefault(route.place, []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        segments = segments_of(scope) if scope["type"] == "http" else None
        for route in self._routes.get((len(segments), segments[0]), ()) if segments else ():
            found, more = route.matches(scope)
            if found is Match.FULL:
                await route.app({**scope, **more}, receive, send)
                return
        await self._rest(scope, receive, send)


class UnknownRoute(Route):
    """Every other path below PREFIX: 404 as a problem document."""

    def __init__(self) -> None:
        super().__init__(PREFIX + "/{rest:path}", _Unknown(), name="unknown", include_in_schema=False)


class _Unknown:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's own shape
        await problem_answer(no_such_route(scope["path"])).send(send)
