"""What a tenant keeps of its access; moments in microseconds, `by` as an actor is written ("person:p-1")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from kumihimo.base.call import Actor
from kumihimo.platform.access.compile import Policy


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody holds a role, from since to until (None: without end), or to ended_at where somebody ended it."""

    id: str
    actor: Actor
    role: str
    since: int
    until: int | None = None
    by: str = ""
    why: str = ""
    ended_at: int | None = None
    ended_by: str = ""
    ended_why: str = ""

    def holds(self, now: int) -> bool:
        """Whether the role is held at this moment."""
        return self.ended_at is None and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document of policies; number 0 is the one that comes with the program, text "" is none."""

    name: str
    number: int
    text: str
    at: int = 0
    by: str = ""
    why: str = ""


AgreementState = Literal["offered", "coming", "running", "ended"]


REMOVAL: Final = "system:removal"
"""Who ends the agreements of a tenant that is removed."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one tenant, the giver, lets those see who hold a role in another, the taker, from starts_at to ends_at.

    text holds permits for Role::"<taker>/<role>". It counts once the taker accepted it, and until a side ends it.
    """

    id: str
    giver: str
    taker: str
    role: str
    purpose: str
    text: str
    starts_at: int
    ends_at: int
    offered_at: int
    offered_by: str
    accepted_at: int | None = None
    accepted_by: str = ""
    ended_at: int | None = None
    ended_by: str = ""
    ended_why: str = ""

    @property
    def role_here(self) -> str:
        """How the giver's policies call the taker's role."""
        return f"{self.taker}/{self.role}"

    def state(self, now: int) -> AgreementState:
        """Where it stands at this moment; one that was not accepted before its end has ended too."""
        if self.ended_at is not None or now >= self.ends_at:
            return "ended"
        if self.accepted_at is None:
            return "offered"
        return "running" if now >= self.starts_at else "coming"


EmergencyState = Literal["asked", "open", "ended"]
CONFIRM_WITHIN = 3_600_000_000
"""Microseconds within which a second person opens an emergency that the first asked for."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """Disaster officers hold the role "emergency" beside their own: asked for by one, opened by another."""

    id: str
    reason: str
    hours: int
    asked_at: int
    asked_by: str
    opened_at: int | None = None
    opened_by: str = ""
    ends_at: int | None = None
    ended_at: int | None = None
    ended_by: str = ""

    def state(self, now: int) -> EmergencyState:
        """Where it stands at this moment; one that nobody opened in time has ended."""
        if self.ended_at is not None or (self.ends_at is not None and now >= self.ends_at):
            return "ended"
        if self.opened_at is not None:
            return "open"
        return "asked" if now < self.asked_at + CONFIRM_WITHIN else "ended"


@dataclass(frozen=True, slots=True)
class Document:
    """Policies under a name, as they stand."""

    name: str
    version: int
    text: str
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a tenant (or, as "", in the platform) at one revision of its store.

    agreements are those of all tenants, and stand in the platform's only.
    """

    scope: str
    revision: int
    documents: tuple[Document, ...]
    emergencies: tuple[Emergency, ...] = ()
    agreements: tuple[Agreement, ...] = ()
