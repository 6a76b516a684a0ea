"""What stands in our own forms until they come back: sealed, for one log-in, one purpose and a short time.

A page of another site cannot make one, so that it cannot post such a form in the name of who is logged in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from kumihimo.base import jsontext
from kumihimo.base.call import Caller
from kumihimo.base.errors import Problem
from kumihimo.platform.provider.errors import OAuthError
from kumihimo.platform.provider.keys import SECOND
from kumihimo.platform.provider.models import Seal

Purpose = Literal["consent", "logout", "mine"]
_SEALED: Final = "a form of the provider"
TICKET_SECONDS: Final = 600
"""How long a page with a form may stand open."""


class Tickets:
    """now gives the moment in microseconds."""

    def __init__(self, seal: Seal, now: Callable[[], int]) -> None:
        self._seal = seal
        self._now = now

    def made(self, purpose: Purpose, caller: Caller, held: Mapping[str, str]) -> str:
        """A ticket that holds these."""
        kept = {"for": purpose, "whose": _whose(caller), "at": self._now(), "held": dict(held)}
        return self._seal.seal(_SEALED, jsontext.dumps(kept))

    def read(self, purpose: Purpose, ticket: str, caller: Caller) -> dict[str, str]:
        """What a ticket holds. OAuthError for one that is none, old, another's, or for another purpose."""
        try:
            kept: dict[str, Any] = jsontext.loads(self._seal.unseal(_SEALED, ticket))
        except (Problem, ValueError) as problem:
            raise OAuthError("invalid_request", "the form is none of ours; begin again") from problem
        age = self._now() - kept["at"]
        if kept["for"] != purpose or kept["whose"] != _whose(caller) or not 0 <= age <= TICKET_SECONDS * SECOND:
            raise OAuthError("invalid_request", "the form is too old, or was put to another; begin again")
        return {str(name): str(value) for name, value in kept["held"].items()}


def _whose(caller: Caller) -> list[str]:
    return [caller.login, caller.actor.id]
