"""Words of the room: what is put before a person, what the person decided, what followed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from kumihimo.base.errors import KUMIHIMO_ERRORS, Problem

AlertState = Literal["open", "closed"]
Verdict = Literal["undecided", "accepted", "rejected"]
EventKind = Literal["raised", "escalated", "eased", "closed"]
StepState = Literal["waiting", "refused", "sent", "confirmed", "failed", "expired", "unknown"]
FINAL: frozenset[str] = frozenset({"refused", "confirmed", "failed", "expired", "unknown"})
UNDONE: frozenset[str] = FINAL - {"confirmed"}
"""How a step ends without having taken effect, as far as is known: it may be sent again."""


_ACCOUNT: Final = re.compile(r" \(p-[0-9a-z-]+\)\Z")
"""How the record of a decision names the account of who decided, behind the name."""


def called(who: str) -> str:
    """Who decided, as a page says it: by name, without the account's id, which the record keeps."""
    return _ACCOUNT.sub("", who)


_PERMITTED: Final = " (常時許可)"
"""What stood behind the name in records of decisions by a standing permission before its maker alone said so."""
_PERMITTED_WHY: Final = "常時許可による自動 / by standing permission: "
"""What stood before the reason in these."""


PACK_GONE: Final = {"ja": "パックを取り除いたため終了", "en": "closed: the pack was removed"}
"""What is said of an alert that closes because what raised it is no more in the town."""


class AlreadyDecided(Problem):
    """The alert was decided, or has changed, since the page was made: read it again."""

    type: ClassVar[str] = KUMIHIMO_ERRORS + "AlreadyDecided"
    title: ClassVar[str] = "Already decided or changed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reading behind an alert; at in microseconds of recorded time.

    entity and attribute (expanded) say of what, where that is not the alert's own subject and attribute.
    """

    at: int
    value: float | bool | str
    unit: str = ""
    entity: str = ""
    attribute: str = ""


MakerKind = Literal["rule", "pack", "program", "model", "limits", "permission"]


@dataclass(frozen=True, slots=True)
class Maker:
    """What made a proposal or was looked at for it, as it was then: a rule of a set, the pack it came with, the program
    itself, a model, limits (thresholds, a town's own rule), a person's standing permission.

    version: of the rule set's text, the pack, the model's method; "" where it has none. at: when it was made or
    computed, in microseconds, 0 where that is not known. facts: its own figures, plain JSON values.
    """

    kind: MakerKind
    name: str
    version: str = ""
    at: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A step that is proposed: a command for a device, described in each language."""

    device: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """What stands on the alert at one stage.

    title by language; facts are the wing's own figures (JSON values); address and place for whoever must go there;
    makers are the versions of what made it, as they were when the alert was raised or changed.
    """

    title: Mapping[str, str]
    place: str = ""
    attribute: str = ""
    evidence: tuple[Evidence, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    proposals: tuple[Proposal, ...] = ()
    location: tuple[float, float] | None = None
    makers: tuple[Maker, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a rule saw: the subject stands at this severity (0: no alert needed) since a reading of observed_at."""

    source: str
    subject: str
    severity: int
    observed_at: int
    content: Content

    @property
    def key(self) -> str:
        """The sighting's identity: the same subject, level and reading never act twice."""
        return f"{self.subject}|{self.severity}|{self.observed_at}"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands. One subject has at most one open alert of one source; each escalation is a stage of it,
    decided anew.

    Where something was done, easing is a stage too: what was said must be unsaid. severity is the wing's level
    (1 lowest) now, 0 where the cause is gone and only that is left to decide; peak the highest so far; version grows
    with every change.
    Moments in microseconds: opened_at and changed_at by the platform's clock, observed_at of the newest reading.
    """

    id: str
    source: str
    subject: str
    severity: int
    peak: int
    state: AlertState
    stage: int
    verdict: Verdict
    version: int
    opened_at: int
    changed_at: int
    observed_at: int
    content: Content


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an alert."""

    alert_id: str
    key: str
    kind: EventKind
    stage: int
    severity: int
    observed_at: int
    at: int
    content: Content


@dataclass(frozen=True, slots=True)
class Step:
    """A proposed command that was accepted, and where it stands; who and reason of one that was sent again."""

    proposal: Proposal
    command_id: str = ""
    state: StepState = "waiting"
    detail: str = ""
    detail_ja: str = ""
    at: int = 0
    who: str = ""
    reason: str = ""

    @property
    def by(self) -> str:
        """Who sent it again, as a page says it."""
        return called(self.who)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, why, when, on which readings (content), and what followed (steps).

    makers: the versions that stood when it was decided; those of the proposal are in content.
    """

    id: str
    alert_id: str
    stage: int
    severity: int
    verdict: Verdict
    reason: str
    who: str
    at: int
    content: Content
    steps: tuple[Step, ...] = ()
    makers: tuple[Maker, ...] = ()

    @property
    def is_permitted(self) -> bool:
        """Whether a standing permission decided, in the name of who gave it."""
        return self.who.endswith(_PERMITTED) or any(one.kind == "permission" for one in self.makers)

    @property
    def signer(self) -> str:
        """Who decided or gave the permission, with the account where there is one."""
        return self.who.removesuffix(_PERMITTED)

    @property
    def by(self) -> str:
        """The same, as a page says it."""
        return called(self.signer)

    @property
    def why(self) -> str:
        """The reason; of a standing permission, that with which it was given."""
        return self.reason.removeprefix(_PERMITTED_WHY) if self.is_permitted else self.reason

    def may_be_sent_again(self, index: int) -> bool:
        """Whether the step took no effect and nothing was sent to its device after it."""
        later = {step.proposal.device for step in self.steps[index + 1 :]}
        return self.steps[index].state in UNDONE and self.steps[index].proposal.device not in later


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the log is wanted: decided at or after since and before until (microseconds, until 0: no end), of one
    wing, with this in the decider's name, of this verdict, and behind a decision (its moment and id) in its order.
    """

    since: int = 0
    until: int = 0
    source: str = ""
    who: str = ""
    verdict: str = ""
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class LogPart:
    """Alerts of these sources, or (others) of all but these; about these subjects, None for any."""

    sources: frozenset[str]
    others: bool
    subjects: Collection[str] | None
