"""The access decision: who may do what, as a row restriction and a mask of attributes (decisions 5, 8 and 13).

Closed by default. Until log-in exists there are three kinds of callers: parts of the platform, devices (whose
credential the gateway has checked), and nobody known, who is let in only where the house is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.platform.access.models import ALL_ATTRIBUTES, ALL_ROWS, Restriction, Visible

Action = Literal["read", "write", "subscribe", "administer"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What the caller may see: rows and attributes. Having one means that the action itself is allowed."""

    restriction: Restriction
    visible: Visible


EVERYTHING = Grant(ALL_ROWS, ALL_ATTRIBUTES)


class Access:
    """Decides; `open_house` is the platform under `--open`, where everybody on this machine may do everything."""

    def __init__(self, open_house: bool) -> None:
        self._open_house = open_house

    async def decide(self, call: Call, action: Action) -> Grant:
        """What the call may see. Raises Unauthenticated or Forbidden where it may not act at all."""
        kind = call.actor.kind
        if self._open_house or kind == "system":
            return EVERYTHING
        if kind == "device":
            return _device(action)
        if kind == "anonymous":
            raise Unauthenticated(f"to {action} here, log in; only a platform started with --open serves without")
        raise Forbidden(f"{call.actor} holds no right to {action} here")


def _device(action: Action) -> Grant:
    if action == "administer":
        raise Forbidden("a device's credential does not administer the platform")
    return EVERYTHING
