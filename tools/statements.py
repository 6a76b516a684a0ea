"""The page that counts which statements of the NGSI-LD specification our tests assert.

One file of docs/reference/ngsi-ld-statements/ for each area of the map (SEAMWARE/coraine, doc/spec-coverage-gaps.md,
which cuts TS 104 175 into 2,314 statements); the statements in it are cut and worded by us, with the clause of
GS CIM 009 V1.9.1 and the tests that assert each, or why none does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference" / "ngsi-ld-statements"


def areas() -> list[dict[str, Any]]:
    """Every area, those with the most statements in the map first."""
    found = [tomllib.loads(file.read_text()) for file in FOLDER.glob("*.toml")]
    return sorted(found, key=lambda area: (-area["map"], area["area"]))


def asserted_by(statement: dict[str, Any]) -> list[str]:
    """The tests that assert a statement; none where it stands open."""
    return [*statement.get("tests", ()), *([statement["test"]] if "test" in statement else [])]


def statements_page() -> str:
    """docs/reference/ngsi-ld-statements.md: counts by area, then what no test asserts."""
    found = areas()
    lines = [
        "# Statements of NGSI-LD that our tests assert",
        "",
        "Made from `ngsi-ld-statements/*.toml` by `make docs`. The map is `doc/spec-coverage-gaps.md` of",
        "SEAMWARE/coraine: it cuts TS 104 175 into 2,314 statements and says how many of each area its tests assert.",
        "Ours are cut by ourselves from GS CIM 009 V1.9.1 at about the map's grain, so the two counts of an area stand",
        "beside each other and are not the same list. Each asserted statement names its test; a test checks that it is",
        "there.",
        "",
        "| area | in the map | ours | asserted by a test | open |",
        "|---|---|---|---|---|",
        *map(row, found),
        total(found),
        "",
        "## What no test asserts",
        "",
        "| area | clause | statement | why |",
        "|---|---|---|---|",
        *(line for area in found for line in opened(area)),
    ]
    return "\n".join(lines) + "\n"


def counts(area: dict[str, Any]) -> tuple[int, int]:
    """How many statements the area has here, and how many of them a test asserts."""
    statements = area.get("statement", [])
    return len(statements), sum(bool(asserted_by(one)) for one in statements)


def row(area: dict[str, Any]) -> str:
    """An area's line of the table."""
    ours, asserted = counts(area)
    if "later" in area:
        return f"| {area['area']} | {area['map']:,} | | | {area['later']} |"
    return f"| {area['area']} | {area['map']:,} | {ours:,} | {asserted:,} | {ours - asserted:,} |"


def total(found: list[dict[str, Any]]) -> str:
    """The last line of the table."""
    ours, asserted = (sum(counts(area)[place] for area in found) for place in (0, 1))
    return f"| **all** | {sum(area['map'] for area in found):,} | {ours:,} | {asserted:,} | {ours - asserted:,} |"


def opened(area: dict[str, Any]) -> Iterator[str]:
    """A line for each statement of an area that stands open."""
    for one in area.get("statement", []):
        if not asserted_by(one):
            says, why = (str(one[key]).replace("|", "\\|") for key in ("says", "open"))
            yield f"| {area['area']} | {one['clause']} | {says} | {why} |"
