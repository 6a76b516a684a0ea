"""Who does what, for which purpose: travels on every call from carrier to log (decision 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["anonymous", "device", "person", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a device by its id, a person by a name, a part of the platform, or nobody known."""

    kind: ActorKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


ANONYMOUS = Actor("anonymous")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the tenant it concerns, who makes it, why, and what caused it.

    purpose is a short word ("operate", "device-reading", "demo-replay"); cause names what led to it, for
    example "log:fukui:1042" for a change that a rule made on reading that record.
    """

    tenant: str
    actor: Actor = ANONYMOUS
    purpose: str = "operate"
    request_id: str = ""
    cause: str = ""
