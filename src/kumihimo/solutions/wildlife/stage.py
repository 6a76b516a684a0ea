"""Where the pages find the season that is played, if one is."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.solutions.wildlife.demo import Prepared


@dataclass(slots=True)
class Stage:
    """Made with the pages, filled when a season is ready; prepared is None on a platform without one."""

    prepared: Prepared | None = None
