"""The replay clock: recorded time that runs at a speed, stops, steps and goes back; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_SPEED = 36_000.0


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """Recorded time as a function of real time.

    start, end and anchor_recorded in microseconds of recorded time; anchor_real in seconds of a real, monotonic
    clock; speed in recorded seconds per real second.
    """

    start: int
    end: int
    speed: float
    anchor_recorded: int
    anchor_real: float
    running: bool = False

    def at(self, real: float) -> int:
        """The recorded moment at this real moment; stays at the end once there."""
        if not self.running:
            return self.anchor_recorded
        passed = int((real - self.anchor_real) * self.speed * 1_000_000)
        return min(self.end, self.anchor_recorded + max(0, passed))

    def ended(self, real: float) -> bool:
        """Whether the recording is played out."""
        return self.at(real) >= self.end

    def wait(self, recorded: int, real: float) -> float:
        """Real seconds until a recorded moment comes; infinite while paused."""
        if not self.running:
            return float("inf")
        return max(0.0, (recorded - self.at(real)) / 1_000_000 / self.speed)

    def _anchored(self, real: float) -> ReplayClock:
        return replace(self, anchor_recorded=self.at(real), anchor_real=real)

    def paused(self, real: float) -> ReplayClock:
        """The same clock, standing."""
        return replace(self._anchored(real), running=False)

    def resumed(self, real: float) -> ReplayClock:
        """The same clock, running."""
        return replace(self._anchored(real), running=True)

    def with_speed(self, speed: float, real: float) -> ReplayClock:
        """The same moment at another speed; ValueError outside 0 < speed <= MAX_SPEED."""
        if not 0 < speed <= MAX_SPEED:
            raise ValueError(f"speed must be above 0 and at most {MAX_SPEED:.0f}, not {speed}")
        return replace(self._anchored(real), speed=speed)

    def moved(self, recorded: int, real: float) -> ReplayClock:
        """The clock set to a recorded moment inside the recording."""
        return replace(self, anchor_recorded=min(self.end, max(self.start, recorded)), anchor_real=real)


def fresh(start: int, end: int, speed: float) -> ReplayClock:
    """A standing clock at its start; ValueError for a speed or a span that cannot be."""
    if end < start:
        raise ValueError("the recording ends before it starts")
    return ReplayClock(start, end, 1.0, start, 0.0).with_speed(speed, 0.0)
