"""The arbiter's judgement, pure: what is asked, what happened on this device lately, what time it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.device.actuation.models import ArbiterLimits, Asked, CommandRecord
from kumihimo.device.words import Refused

MINUTE: Final = 60_000_000


def judge(asked: Asked, recent: Sequence[CommandRecord], now: datetime, limits: ArbiterLimits) -> None:
    """Refused, with the reason in plain words, where the command may not go out now.

    recent: the device's last commands, the newest first, refused ones left out. What makes things quiet is never
    held back.
    """
    if asked.is_safe:
        return
    _check_lease(recent)
    _check_budget(recent, now, limits)
    _check_hold(asked, recent, now, limits)
    _check_quiet(asked, now, limits)


def _check_lease(recent: Sequence[CommandRecord]) -> None:
    if any(one.state == "sent" for one in recent):
        raise Refused(
            "前の指示の返事を待っています。返事が来るか、時間切れになってから送ってください。",
            "An earlier command is still unanswered; wait for its answer, or until it expires.",
        )


def _check_budget(recent: Sequence[CommandRecord], now: datetime, limits: ArbiterLimits) -> None:
    since = times.micros(now) - MINUTE
    if sum(one.asked_at > since for one in recent) >= limits.per_minute:
        raise Refused(
            f"この端末への指示が 1 分間に {limits.per_minute} 回を超えます。少し待ってください。",
            f"More than {limits.per_minute} commands to this device within a minute; wait a little.",
        )


def _check_hold(asked: Asked, recent: Sequence[CommandRecord], now: datetime, limits: ArbiterLimits) -> None:
    """The last command that took effect stands for `hold` seconds against lesser ones."""
    standing = next((one for one in recent if one.state == "confirmed"), None)
    if standing is None or asked.overrides or asked.level >= standing.level:
        return
    if times.micros(now) - standing.asked_at >= limits.hold * 1_000_000:
        return
    raise Refused(
        f"より重い表示(レベル {standing.level})を出したばかりです。取り下げるなら override と理由を付けてください。",
        f"A graver message (level {standing.level}) was given just now; to replace it, say override and why.",
    )


def _check_quiet(asked: Asked, now: datetime, limits: ArbiterLimits) -> None:
    if not asked.is_loud or (asked.is_urgent and asked.level >= limits.override_level):
        return
    hour = now.astimezone(JST).hour
    start, end = limits.quiet_from, limits.quiet_until
    is_quiet = start <= hour or hour < end if start > end else start <= hour < end
    if is_quiet:
        raise Refused(
            f"夜間({start} 時~{end} 時)は、緊急(urgent)でレベル {limits.override_level} 以上のときだけ鳴らせます。",
            f"From {start}:00 to {end}:00 a siren sounds only if urgent and of level {limits.override_level} or more.",
        )
