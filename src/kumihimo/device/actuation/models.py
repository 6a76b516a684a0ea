"""A command as it is kept, and what the arbiter allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kumihimo.base.ports import CommandOutcome, CommandState
from kumihimo.device.words import Words


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One command with its decision; moments in microseconds; ended_at is None while it is under way.

    level is how grave it is: 0 to 4. actor, purpose and cause are the caller's (base.call).
    """

    number: int
    id: str
    device: str
    name: str
    arguments: Mapping[str, Any]
    level: int
    reason: str
    actor: str
    purpose: str
    cause: str
    state: CommandState
    detail: Words
    asked_at: int
    ended_at: int | None = None

    def outcome(self) -> CommandOutcome:
        """What its asker is told."""
        return CommandOutcome(self.id, self.state, self.detail.en, self.detail.ja)


@dataclass(frozen=True, slots=True)
class ArbiterLimits:
    """Times in seconds. quiet_from and quiet_until are hours of Japan's day in which no siren sounds.

    hold: how long a graver message is kept from being replaced by a lesser one; per_minute: commands to one device.
    """

    confirm_within: float = 30.0
    hold: float = 600.0
    per_minute: int = 6
    quiet_from: int = 21
    quiet_until: int = 7
    override_level: int = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A command whose words and arguments were checked.

    sent is what the device gets; is_safe marks what makes things quiet: it is never held back; is_loud marks
    what the quiet hours hold back unless it is urgent.
    """

    level: int
    sent: Mapping[str, Any] = field(default_factory=dict)
    is_safe: bool = False
    is_loud: bool = False
    is_urgent: bool = False
    overrides: bool = False
