"""How like one town is to another: a plain count, said so that anybody can follow it.

Of coast, mountain, snow and river each that both have, or both lack, counts one; the population counts up to one: the
smaller divided by the larger. The sum of five is what is shown. A town that says nothing of itself is like none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kumihimo.solutions.packs.models import TRAITS, Fits, Install, Town

MOST = len(TRAITS) + 1


@dataclass(frozen=True, slots=True)
class Like:
    """A town beside the one that asks: shared are the traits that both have."""

    town: Town
    packs: tuple[Install, ...]
    score: float
    shared: tuple[str, ...]


def alike(own: Town, others: Sequence[tuple[Town, Sequence[Install]]]) -> list[Like]:
    """The other towns, the likest first."""
    found = [
        Like(town, tuple(packs), score_of(own, town), tuple(one for one in TRAITS if one in own.traits & town.traits))
        for town, packs in others
        if town.tenant != own.tenant
    ]
    return sorted(found, key=lambda one: (-one.score, one.town.tenant))


def score_of(one: Town, other: Town) -> float:
    """From 0 to MOST."""
    if not (is_described(one) and is_described(other)):
        return 0.0
    traits = sum((trait in one.traits) == (trait in other.traits) for trait in TRAITS)
    larger = max(one.population, other.population)
    return traits + (min(one.population, other.population) / larger if larger else 0.0)


def is_described(town: Town) -> bool:
    """Whether the town said anything of itself."""
    return bool(town.traits or town.population)


def suits(fits: Fits, town: Town) -> bool:
    """Whether the pack is made for such a town: it has each trait that the pack is for, and so many people."""
    if any(getattr(fits, trait) and trait not in town.traits for trait in TRAITS):
        return False
    return fits.population is None or fits.population[0] <= town.population <= fits.population[1]
