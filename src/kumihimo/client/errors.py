"""What a call can end with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class KumihimoError(Exception):
    """Everything that this client raises."""


class Unreachable(KumihimoError):
    """The platform gave no answer: nobody listens, it took too long, or the connection broke off."""


class Refused(KumihimoError):
    """The platform refused; `status`, `type`, `title` and `detail` are those of its problem document (RFC 7807)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "")).rpartition("/")[2]
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        super().__init__(f"{status} {self.type or self.title}: {self.detail or self.title or 'no reason was given'}")


class NotFound(Refused):
    """404: there is no such entity, attribute, subscription or tenant."""


def refusal(status: int, problem: Any) -> Refused:
    """The error of an answer; problem is its body where that was JSON."""
    kind = NotFound if status == 404 else Refused
    return kind(status, problem if isinstance(problem, Mapping) else {})
