"""A cost divided among tenants so that it adds up to the last yen; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from kumihimo.platform.metering.models import CALLS, WHOLE_COST, Plan, Share, Usage, Weighed

Amounts = Mapping[str, Mapping[Weighed, int]]
"""By tenant, by what a cost is split by."""


def amounts_of(usage: Usage) -> dict[Weighed, int]:
    """What of a tenant's month a cost is split by."""
    return {
        "readings": usage.total("readings"),
        "storage": usage.total("storage"),
        "calls": usage.total(*CALLS),
        "notifications": usage.total("sent"),
        "bytes": usage.total("bytes"),
        "evenly": 1,
    }


def split(plan: Plan, amounts: Amounts) -> list[Share]:
    """Every tenant's part, by name: the cost is first divided by the weights, each of these pots by use.

    A pot that nobody used is divided evenly. All parts are whole and no less than 0; they add up to the cost; who used
    no less of anything bears no less.
    """
    tenants = sorted(amounts)
    if not tenants:
        return []
    measures = [name for name, weight in plan.weights.items() if weight]
    pots = divide(plan.cost, [plan.weights[name] for name in measures], [Fraction(0)] * len(measures))
    uses = {name: _uses([amounts[tenant][name] for tenant in tenants]) for name in measures}
    # Where two have the same claim to the last yen, who bears more of the whole has it, so that order is kept.
    rank = [_exact(plan, measures, uses, place) for place in range(len(tenants))]
    parts = {name: divide(pot, uses[name], rank) for name, pot in zip(measures, pots, strict=True)}
    return [
        Share(tenant, amounts[tenant], {name: parts[name][place] for name in measures})
        for place, tenant in enumerate(tenants)
    ]


def _uses(used: list[int]) -> list[int]:
    return used if any(used) else [1] * len(used)


def _exact(plan: Plan, measures: Sequence[Weighed], uses: Mapping[Weighed, Sequence[int]], place: int) -> Fraction:
    """What a tenant would bear if yen had fractions."""
    return sum(
        (
            Fraction(plan.cost * plan.weights[name] * uses[name][place], WHOLE_COST * sum(uses[name]))
            for name in measures
        ),
        Fraction(0),
    )


def divide(whole: int, uses: Sequence[int], rank: Sequence[Fraction]) -> list[int]:
    """The whole in parts like the uses, by the largest remainder: each gets its floor, and what is left goes one by one
    to those whose remainder is largest; among equals to the higher rank, then to the first.
    """
    total = sum(uses)
    if not total:
        return [0] * len(uses)
    parts = [whole * use // total for use in uses]
    order = sorted(range(len(uses)), key=lambda place: (-(whole * uses[place] % total), -rank[place], place))
    for place in order[: whole - sum(parts)]:
        parts[place] += 1
    return parts
