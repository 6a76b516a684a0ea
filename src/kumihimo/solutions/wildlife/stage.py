"""Where the pages find the seasons that are played, if any is."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.solutions.wildlife.demo import Prepared
from kumihimo.solutions.wildlife.guests import Guests
from kumihimo.solutions.wildlife.watching import Watching


@dataclass(slots=True)
class Stage:
    """Made with the pages, filled when the platform starts. prepared: the season of the demonstration's own town;
    guests: those of other towns; both None where no season is played.
    """

    prepared: Prepared | None = None
    watching: Watching | None = None
    guests: Guests | None = None

    def of(self, tenant: str) -> Prepared | None:
        """The season that is played in a tenant."""
        if self.prepared is not None and self.prepared.tenant == tenant:
            return self.prepared
        return None if self.guests is None else self.guests.of(tenant)
