"""How long a subscription is left alone after its notification was not taken: twice as long with each failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Owner = tuple[str, str]
"""A tenant and a subscription's id."""


@dataclass(slots=True)
class _Pause:
    """How often in a row it failed, and until when (microseconds) the subscription is left alone.

    endpoint is where it failed, "" where the failure does not tell of the endpoint. cooled is until when its own
    cooldown goes on, whatever others get through.
    """

    failures: int
    until: int
    cooled: int
    endpoint: str


class Pauses:
    """Those of all tenants; seconds gives the length after so many failures in a row, jitter and all."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self._seconds = seconds
        self._pauses: dict[Owner, _Pause] = {}

    def __contains__(self, owner: Owner) -> bool:
        return owner in self._pauses

    def failures(self, owner: Owner) -> int:
        """How often in a row its notification was not taken."""
        pause = self._pauses.get(owner)
        return pause.failures if pause is not None else 0

    def until(self, owner: Owner, *, is_resting: bool) -> int:
        """The moment (microseconds) until when it is left alone, 0 for none.

        is_resting: its endpoint is left alone as a whole, which is what counts then, but for its own cooldown.
        """
        pause = self._pauses.get(owner)
        if pause is None:
            return 0
        return pause.cooled if is_resting and pause.endpoint else pause.until

    def begin(self, owner: Owner, now: int, *, cooldown: float = 0.0, endpoint: str = "") -> None:
        """It failed once more; cooldown, in seconds, is the shortest pause that it asked for."""
        known = self._pauses.get(owner)
        if known is not None and known.until > now:
            # One of several that were under way together: the endpoint failed once, not many times.
            return
        failures = known.failures + 1 if known is not None else 1
        seconds = max(cooldown, self._seconds(failures))
        cooled = now + round(cooldown * 1_000_000)
        self._pauses[owner] = _Pause(failures, now + round(seconds * 1_000_000), cooled, endpoint)

    def end(self, owner: Owner) -> None:
        """It is left alone no more."""
        self._pauses.pop(owner, None)

    def well_again(self, tenant: str, endpoint: str, now: int) -> None:
        """Those that failed with the endpoint end, but for what cooldown they asked for."""
        for owner, pause in list(self._pauses.items()):
            if owner[0] == tenant and pause.endpoint == endpoint:
                if pause.cooled > now:
                    pause.until = pause.cooled
                else:
                    del self._pauses[owner]

    def drop(self, tenant: str) -> None:
        """The tenant is no more."""
        self._pauses = {owner: pause for owner, pause in self._pauses.items() if owner[0] != tenant}
