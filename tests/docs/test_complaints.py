"""Every test that docs/reference/complaints.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "complaints.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_named_test_is_there() -> None:
    named = _NAMED.findall(PAGE.read_text())
    assert len(named) > 30
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_each_complaint_has_tests_or_says_that_it_has_none() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and re.search(r"[A-Z]#\d", line)]
    assert len(rows) == 15
    assert all(_NAMED.search(row) or "Not yet" in row for row in rows)
