"""When a siren may sound against animals: not at night beside houses unless the town allows it, and not too often.

Pure: what is asked, what sounded before in this night, what the town's rule says. A refusal says why and what would
change it. The arbiter judges after this once more, by its own limits and the real clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kumihimo.device.words import Words
from kumihimo.solutions.wildlife.moments import local

MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class SirenRule:
    """A town's rule. Hours of Japan's day; between quiet_from and quiet_until no siren sounds beside houses unless
    night_beside_houses. per_night: how often one siren may sound from noon to noon; pause: minutes between two.

    automatic: a siren sounds within these limits without asking, by the standing permission of `allowed_by`, a person
    whose name stands in the decision log; without it each one is proposed and a person decides.
    """

    quiet_from: int = 22
    quiet_until: int = 6
    night_beside_houses: bool = False
    per_night: int = 4
    pause: int = 15
    automatic: bool = False
    allowed_by: str = ""
    reason: str = ""

    def is_automatic(self) -> bool:
        """Whether there is a permission that somebody answers for."""
        return self.automatic and bool(self.allowed_by.strip()) and bool(self.reason.strip())


def night(at: int) -> date:
    """The night to which a moment belongs: that of the evening's day, from noon to noon."""
    return (local(at) - timedelta(hours=12)).date()


def is_quiet_hour(rule: SirenRule, at: int) -> bool:
    """Whether the moment lies in the quiet hours; equal hours are none at all."""
    hour, start, end = local(at).hour, rule.quiet_from, rule.quiet_until
    if start <= end:
        return start <= hour < end
    return hour >= start or hour < end


def judge(rule: SirenRule, at: int, sounded: Sequence[int], *, beside_houses: bool) -> Words | None:
    """None where the siren may sound at `at` (microseconds), else why not. sounded: when it sounded before."""
    if beside_houses and not rule.night_beside_houses and is_quiet_hour(rule, at):
        hours = f"{rule.quiet_from}:00-{rule.quiet_until}:00"
        return Words(
            f"住宅のそばのため、夜間({hours})はサイレンを鳴らしません。鳴らすには町の規則で許可してください。",
            f"Beside houses no siren sounds at night ({hours}); the town's rule would have to allow it.",
        )
    tonight = [one for one in sounded if night(one) == night(at) and one <= at]
    if len(tonight) >= rule.per_night:
        return Words(
            f"この夜はすでに {len(tonight)} 回鳴らしました(上限 {rule.per_night} 回)。動物が音に慣れるのを防ぎます。",
            f"It sounded {len(tonight)} times this night (at most {rule.per_night}), lest animals get used to it.",
        )
    newest = max(tonight, default=None)
    if newest is not None and at - newest < rule.pause * MINUTE:
        return Words(
            f"前に鳴らしてから {rule.pause} 分たっていません。",
            f"It sounded less than {rule.pause} minutes ago.",
        )
    return None
