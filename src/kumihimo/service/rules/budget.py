"""How much a rule may cost and how often it may fire, before it is switched off with the reason."""

from __future__ import annotations

from collections import deque
from typing import Final

from kumihimo.service.rules.refusal import Words

MEASURED: Final = 50
"""Judgements whose mean time is looked at. A rule that has much to catch up on is not stopped for that."""
MAX_MEAN: Final = 100_000
"""Microseconds that a judgement may take in the mean."""
HOUR: Final = 3_600_000_000
MAX_FIRINGS: Final = 1000
"""Firings of one rule in an hour."""
MAX_LATE: Final = 3
"""Judgements in a row in which a function of a pack's program gave no answer in time. Each holds up all rules of the
town for as long as a call may take, so that the mean of many comes too late.
"""


class Budget:
    """What one rule has taken lately; moments and times in microseconds."""

    def __init__(self) -> None:
        self._spent: deque[int] = deque(maxlen=MEASURED)
        self._fired: deque[int] = deque()
        self._late = 0

    def answer(self, *, is_late: bool) -> Words | None:
        """Takes note of whether the rule's functions answered in time; why the rule must stop, or None."""
        self._late = self._late + 1 if is_late else 0
        if self._late < MAX_LATE:
            return None
        return Words(
            f"パックのプログラムの関数が {self._late} 回続けて時間内に答えなかったため止めました。"
            "パックの作者に知らせ、直った版に更新してから、もう一度オンにしてください。",
            f"a function of the pack's program gave no answer in time, {self._late} times in a row: it was switched"
            " off; tell the pack's author, and switch it on again after an upgrade",
        )

    def spend(self, micros: int) -> Words | None:
        """Takes note of the time that a judgement took; why the rule must stop, or None."""
        self._spent.append(micros)
        mean = sum(self._spent) / len(self._spent)
        if len(self._spent) < MEASURED or mean <= MAX_MEAN:
            return None
        took, most = mean / 1000, MAX_MEAN // 1000
        return Words(
            f"1 回の判定に平均 {took:.0f} ミリ秒かかるため止めました（上限 {most}）。"
            "窓を短くするか、結合や型を減らしてください。",
            f"it took {took:.0f} ms for a judgement in the mean, and may take {most}: it was switched off; make its"
            " windows shorter, or its joins and types fewer",
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
