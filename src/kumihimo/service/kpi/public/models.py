"""Words of what a town shows everybody, and which figures are fit for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final, Literal

from kumihimo.service.kpi.effect import Effect, effect_of
from kumihimo.service.kpi.measures import Measure, Target
from kumihimo.service.kpi.models import Definition, Figure

LEAST_READINGS: Final = 5
"""A figure that rests on fewer readings is not shown to everybody: it might tell of one person or one field. Readings
are counted, of one attribute, not whose they are: five of one gauge, or five reports by one person, are five. Where
that tells of somebody, whoever chooses what is shown must not choose it.
"""
LEAST_FIGURES: Final = 5
"""A median of fewer figures is not shown either."""
SHOWN_FIGURES: Final = 24
"""Figures of a KPI on the page, the newest."""

Kind = Literal["kpi", "measure"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What was put on the page. ref: a KPI's or a measure's id; since: the day from which on it is compared; rests: the
    keys of the KPI, or of those that the measure had targets of then, which whoever chose it may read; revision: the
    measure's then. What it became later was chosen by nobody: it is shown as it was until somebody chooses it anew.
    """

    kind: Kind
    ref: str
    since: date | None
    made_at: int
    made_by: str
    rests: frozenset[str] = frozenset()
    revision: int = 0

    def holds(self, definition: Definition) -> bool:
        """Whether this KPI was chosen, and none that took over its id."""
        return definition.key in self.rests or (not self.rests and not definition.by and definition.id == self.ref)


@dataclass(frozen=True, slots=True)
class PublicKpi:
    """A KPI as everybody sees it. figures: the newest first; withheld: how many known ones rest on too few readings;
    middle: the median of all known ones (count of them), None where it is not shown; at: when it was made.
    """

    definition: Definition
    figures: tuple[Figure, ...]
    withheld: int
    middle: float | None
    count: int
    effect: Effect | None
    at: int


@dataclass(frozen=True, slots=True)
class PublicTarget:
    """A target as everybody sees it. figure: the newest, None where there is none or it is withheld; state: a standing,
    or "withheld".
    """

    target: Target
    definition: Definition | None
    figure: Figure | None
    state: str


@dataclass(frozen=True, slots=True)
class PublicMeasure:
    """A measure as everybody sees it: who owns it, what it costs and its reviews stay inside."""

    measure: Measure
    targets: tuple[PublicTarget, ...]
    at: int


def is_fit(figure: Figure) -> bool:
    """Whether a figure rests on enough readings of one attribute to be shown to everybody: part and whole of one entity
    are two readings of one thing.
    """
    each = Counter(one.attribute for one in figure.lineage)
    return max(each.values(), default=0) >= LEAST_READINGS


def public_kpi(definition: Definition, figures: Sequence[Figure], since: date | None, now: int) -> PublicKpi:
    """What everybody may see of a KPI's figures; before and after is made of what is fit alone. now in microseconds.

    Of what is not over nothing is shown: who looks before and after one report would know that report.
    """
    known = [one for one in figures if one.state == "known" and one.value is not None and one.is_over(now)]
    fit = sorted((one for one in known if is_fit(one)), key=lambda one: (one.at, one.id), reverse=True)
    middle = median(one.value for one in known if one.value is not None) if len(known) >= LEAST_FIGURES else None
    effect = effect_of(fit, since, now) if since is not None else None
    return PublicKpi(definition, tuple(fit[:SHOWN_FIGURES]), len(known) - len(fit), middle, len(known), effect, now)
