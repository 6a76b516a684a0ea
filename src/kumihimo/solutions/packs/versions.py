"""The order of versions (Semantic Versioning 2.0.0, clause 11)."""

from __future__ import annotations


def order_of(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """A key by which versions are ordered: a version before a release comes before the release."""
    numbers, _, before = version.partition("-")
    parts = before.split(".") if before else []
    named = tuple((not one.isdecimal(), int(one) if one.isdecimal() else 0, one) for one in parts)
    return tuple(int(one) for one in numbers.split(".")), not before, named
