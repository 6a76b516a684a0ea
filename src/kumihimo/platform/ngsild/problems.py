"""Problem documents (clauses 5.5.2 and 6.3.2): what went wrong, for the caller; the cause, for the log."""

from __future__ import annotations

import logging

from kumihimo.base.errors import InternalError, InvalidRequest, MethodNotAllowed, Problem, ResourceNotFound
from kumihimo.base.problems import told
from kumihimo.platform.ngsild.answers import Answer

log = logging.getLogger(__name__)


def problem_answer(problem: Problem) -> Answer:
    """The problem as an answer of the face."""
    body, status, headers = told(problem)
    return Answer(status, [(name.encode(), value.encode()) for name, value in headers.items()], body)


def fault_answer(fault: Exception, *, request_id: str, method: str, route: str) -> Answer:
    """A fault of ours: logged with its cause under the request id; the caller learns the id and nothing else."""
    log.error(
        "a request failed",
        extra={"request_id": request_id, "method": method, "route": route},
        exc_info=fault,
    )
    detail = f"a fault of the platform; its log has the cause under request id {request_id}"
    return problem_answer(InternalError(detail, requestId=request_id))


def no_such_route(path: str) -> ResourceNotFound:
    """For a path that no resource of the face has."""
    return ResourceNotFound(f"there is no resource {path[:200]!r}; see /openapi.json for those there are")


def not_allowed(method: str, allowed: str, hint: str = "") -> MethodNotAllowed:
    """For a method that the resource does not have; `allowed` is the Allow header's value."""
    detail = f"{method} is not one of this resource's methods: {allowed}"
    return MethodNotAllowed(f"{detail} ({hint})" if hint else detail, allow=allowed)


def unknown_parameters(names: list[str]) -> InvalidRequest:
    """Clause 6.3.20: a parameter that the operation does not have is refused, never ignored."""
    return InvalidRequest(f"this operation has no query parameter {', '.join(repr(name[:64]) for name in names)}")
