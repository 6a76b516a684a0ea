"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

from typing import Final, TypeVar

T = TypeVar("T")
FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def plain(cell: T) -> T | str:
    """The cell itself, a text that a spreadsheet would run as a formula quoted; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_SIGNS) else cell
