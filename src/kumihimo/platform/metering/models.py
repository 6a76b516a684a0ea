"""Words of the room: what is measured, of whom, in which month; the plan of a cost, and the table that it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, get_args

from kumihimo.base.call import ActorKind
from kumihimo.base.errors import BadRequestData
from kumihimo.base.ports import Measure

MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
CALLS: Final[frozenset[Measure]] = frozenset({"read", "write", "subscribe", "feed", "past"})
"""What counts as a call of an interface; screens are counted beside them."""

APPLICATION: Final = "application:"
"""An application is a service of its own, under its id."""
KINDS: Final[Mapping[ActorKind, str]] = {
    "person": "persons",
    "device": "devices",
    "anonymous": "anonymous",
    "system": "platform",
}
"""All others are counted by their kind, so that no person's id is kept."""
OTHERS: Final = "others"
"""Applications beyond MAX_SERVICES of a tenant and day."""
WHOLE: Final = ""
"""The tenant as a whole: who stored what is not told apart."""
MAX_SERVICES: Final = 100


class Used(NamedTuple):
    """One number: day as YYYY-MM-DD ("" where only the month is kept), service, measure, amount."""

    day: str
    service: str
    measure: Measure
    amount: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant used in a month (YYYY-MM). is_over: nothing is added to it any more."""

    tenant: str
    month: str
    is_over: bool
    rows: Sequence[Used] = ()

    def total(self, *measures: Measure) -> int:
        """The sum of these measures over all days and services."""
        return sum(one.amount for one in self.rows if one.measure in measures)

    def by(self, part: Literal["day", "service"]) -> dict[str, dict[Measure, int]]:
        """Sums of each measure by day or by service, in their order; of storage no service is known."""
        found: dict[str, dict[Measure, int]] = {}
        for one in self.rows:
            key = one.day if part == "day" else one.service
            if key or part == "day":
                sums = found.setdefault(key, {})
                sums[one.measure] = sums.get(one.measure, 0) + one.amount
        return dict(sorted(found.items()))

    def sums(self) -> dict[Measure, int]:
        """The sum of each measure over all days and services."""
        found: dict[Measure, int] = {}
        for one in self.rows:
            found[one.measure] = found.get(one.measure, 0) + one.amount
        return found

    @property
    def stored(self) -> int:
        """The newest known size of the tenant's data in bytes; 0 where no day of the month has one."""
        sizes = [(one.day, one.amount) for one in self.rows if one.measure == "storage" and one.day]
        return max(sizes, default=("", 0))[1]


# --- cost ------------------------------------------------------------------------------------------------

Weighed = Literal["readings", "storage", "calls", "notifications", "bytes", "evenly"]
WEIGHED: Final[tuple[Weighed, ...]] = get_args(Weighed)
"""What a cost can be split by. storage: bytes at each day's end, summed over the days; evenly: the same for each."""
WHOLE_COST: Final = 10_000
"""Weights are hundredths of a per cent."""
MAX_COST: Final = 10**12


@dataclass(frozen=True, slots=True)
class Plan:
    """A month's cost (yen, or whatever unit has no fractions) and what it is split by, from a month on.

    weights in hundredths of a per cent, together 10,000.
    """

    since: str
    cost: int
    weights: Mapping[Weighed, int]

    def check(self) -> None:
        """BadRequestData for a cost below 0 or too large, a weight that is none, or weights that are not 100 %."""
        if not 0 <= self.cost <= MAX_COST:
            raise BadRequestData(f"a cost goes from 0 to {MAX_COST}, not {self.cost}")
        unknown = [name for name in self.weights if name not in WEIGHED]
        if unknown:
            raise BadRequestData(f"a cost is split by {', '.join(WEIGHED)}, not by {unknown[0]!r}")
        if any(weight < 0 for weight in self.weights.values()):
            raise BadRequestData("a weight is no less than 0 %")
        total = sum(self.weights.values())
        if total != WHOLE_COST:
            raise BadRequestData(f"the weights are {total / 100:g} % together; they must be 100 %")


@dataclass(frozen=True, slots=True)
class Share:
    """What one tenant bears: its amounts and its part of the cost, by what it is split by; total is the parts' sum."""

    tenant: str
    amounts: Mapping[Weighed, int]
    parts: Mapping[Weighed, int]

    @property
    def total(self) -> int:
        """All parts together."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class CostTable:
    """A month's cost by tenant; plan is None where the operator gave none for it. The totals add up to the cost."""

    month: str
    is_over: bool
    plan: Plan | None
    shares: Sequence[Share] = field(default_factory=tuple)
    missing: Sequence[str] = ()
    """Tenants whose store could not be read: while there are any, nothing is split."""
