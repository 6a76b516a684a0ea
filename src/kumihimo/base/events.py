"""The change log's record (decision 2) and the nudge that shortens a reader's wait (decision 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ChangeKind = Literal["entityCreated", "entityUpdated", "entityDeleted"]
LOG_VERSION = 1


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One change of one entity, self-describing, in commit order.

    entity is the whole entity after the change (before it, where it was deleted) in the stored form of
    `platform.jsonld.models.EntityDoc`; changed and deleted name expanded attributes; previous holds the
    instances of these as they were before. at is microseconds since the epoch. size is how many characters entity and
    previous have as they are stored, 0 where nobody counted.
    """

    tenant: str
    seq: int
    at: int
    kind: ChangeKind
    entity_id: str
    entity: dict[str, Any]
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    previous: dict[str, Any] = field(default_factory=dict)
    actor: str = ""
    purpose: str = ""
    cause: str = ""
    request_id: str = ""
    key_id: str = ""
    version: int = LOG_VERSION
    size: int = 0
