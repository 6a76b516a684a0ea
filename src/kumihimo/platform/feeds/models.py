"""What a feed tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["current", "entityCreated", "entityUpdated", "entityDeleted", "ping", "reset", "end"]


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a feed. seq is the position in the tenant's log behind which a feed that ended goes on.

    current: an entity as it stood when the feed began; entityCreated, entityUpdated, entityDeleted: a change; ping:
    nothing happened; reset: the tenant was made anew, nothing that was told holds; end: the feed is over, detail says
    why.
    """

    kind: Kind
    seq: int
    at: str = ""
    entity: dict[str, Any] | None = None
    detail: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON; members that say nothing are left out."""
        found: dict[str, Any] = {"kind": self.kind, "seq": self.seq}
        if self.at:
            found["at"] = self.at
        if self.entity is not None:
            found["entity"] = self.entity
        if self.detail:
            found["detail"] = self.detail
        return found
