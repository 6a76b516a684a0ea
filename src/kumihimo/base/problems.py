"""A problem as an HTTP answer (RFC 9457 section 3), the same at every door."""

from __future__ import annotations

from typing import Final, NamedTuple

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps

PROBLEM_JSON: Final = "application/problem+json"


class Told(NamedTuple):
    """Body, status and headers (names in lower case), in the order in which a response takes them."""

    body: bytes
    status: int
    headers: dict[str, str]


def told(problem: Problem) -> Told:
    """The document, and in the headers what its status asks for: when to come again, what is allowed."""
    headers = {"content-type": PROBLEM_JSON, **problem.headers()}
    return Told(dumps(problem.document()), problem.status, headers)
