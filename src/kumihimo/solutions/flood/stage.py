"""Where the pages find the demonstration that is running, if one is."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.solutions.flood.demo import Prepared


@dataclass(slots=True)
class Stage:
    """Made with the pages, filled when a demonstration is ready; prepared is None on a platform without one."""

    prepared: Prepared | None = None
