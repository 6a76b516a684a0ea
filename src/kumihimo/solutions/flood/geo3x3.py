"""Geo3x3: positions as a path of ninths of the map; the gauge list gives them where nothing else does."""

from __future__ import annotations


def decode(code: str) -> tuple[float, float]:
    """Longitude and latitude in degrees of the middle of the cell that the code names.

    The first letter is the half of the world (E or W); each digit 1 to 9 then picks a ninth, from west to east
    and south to north. Raises ValueError for anything else.
    """
    if len(code) < 2 or code[0] not in "EW" or not all(digit in "123456789" for digit in code[1:]):
        raise ValueError(f"no Geo3x3 code: {code[:40]!r}")
    west, south, size = (0.0 if code[0] == "E" else -180.0), -90.0, 180.0
    for digit in code[1:]:
        size /= 3
        row, column = divmod(int(digit) - 1, 3)
        west += column * size
        south += row * size
    return west + size / 2, south + size / 2
