"""How much a rule may cost and how often it may fire, before it is switched off with the reason."""

from __future__ import annotations

from collections import deque
from typing import Final

from kumihimo.service.rules.refusal import Words

SPAN: Final = 60_000_000
"""Microseconds over which a rule's time is summed up."""
MAX_MICROS: Final = 15_000_000
"""Microseconds that a rule may take of each SPAN."""
HOUR: Final = 3_600_000_000
MAX_FIRINGS: Final = 1000
"""Firings of one rule in an hour."""


class Budget:
    """What one rule has taken lately; moments and times in microseconds."""

    def __init__(self) -> None:
        self._spent: deque[tuple[int, int]] = deque()
        self._sum = 0
        self._fired: deque[int] = deque()

    def spend(self, now: int, micros: int) -> Words | None:
        """Takes note of time that the rule took; why it must stop, or None."""
        self._spent.append((now, micros))
        self._sum += micros
        while self._spent and self._spent[0][0] <= now - SPAN:
            self._sum -= self._spent.popleft()[1]
        if self._sum <= MAX_MICROS:
            return None
        took, most = self._sum / 1_000_000, MAX_MICROS // 1_000_000
        return Words(
            f"1 分間に {took:.1f} 秒を使ったため止めました（上限 {most} 秒）。"
            "窓を短くするか、型や条件を絞ってください。",
            f"it took {took:.1f} s of one minute, of which it may take {most}: it was switched off; make its windows"
            " shorter, or name fewer types",
        )

    def fire(self, now: int) -> Words | None:
        """Takes note of a firing; why the rule must stop, or None."""
        self._fired.append(now)
        while self._fired and self._fired[0] <= now - HOUR:
            self._fired.popleft()
        if len(self._fired) <= MAX_FIRINGS:
            return None
        return Words(
            f"1 時間に {MAX_FIRINGS} 回を超えて作動したため止めました。条件を絞るか、quiet_minutes を付けてください。",
            f"it fired more than {MAX_FIRINGS} times in an hour: it was switched off; make its condition narrower, or"
            " give it quiet_minutes",
        )
