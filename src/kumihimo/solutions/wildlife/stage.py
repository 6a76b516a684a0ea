"""Where the pages find the season that is played, if one is."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.solutions.wildlife.demo import Prepared
from kumihimo.solutions.wildlife.watching import Watching


@dataclass(slots=True)
class Stage:
    """Made with the pages, filled when the platform starts; prepared is None where no season is played."""

    prepared: Prepared | None = None
    watching: Watching | None = None
