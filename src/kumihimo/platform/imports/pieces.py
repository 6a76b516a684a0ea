"""What the readers of the past give: pieces of a file, each as large as one transaction takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PIECE_ROWS = 5000
PIECE_BYTES = 2 * 1024 * 1024
SHOWN = 12


@dataclass(slots=True)
class Piece:
    """Records of a file up to `after`, as an operation takes them: columns of readings, or entities.

    rows counts their instances, refused the records that could not be read, of which problems names some with their
    line and reason; first and last are moments in microseconds, None where none was read; bytes tells how far in the
    file it ends.
    """

    after: int
    body: dict[str, Any]
    rows: int = 0
    refused: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)
    first: int | None = None
    last: int | None = None
    bytes: int = 0

    def refuse(self, place: str, why: str) -> None:
        """Counts a record that cannot be read."""
        self.refused += 1
        if len(self.problems) < SHOWN:
            self.problems.append(f"{place}: {why}")

    def saw(self, moment: int) -> None:
        """Widens the span of time."""
        self.first = moment if self.first is None or moment < self.first else self.first
        self.last = moment if self.last is None or moment > self.last else self.last
