"""Patterns mean the same on both engines and in memory."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import filled

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, QOr, QPath, QTerm, Query
from kumihimo.platform.broker.patterns import check_pattern, compiled

TEXTS = [
    "",
    "a",
    "ab",
    "A",
    "福井市",
    "１２",
    "12",
    "a\nb",
    "a.b",
    "a\\b",
    "[x]",
    "{2}",
    "x-y",
    "  ",
    "\t",
    "_",
    "aaaa",
    "é",
    "a|b",
    "$5",
    "^",
    "]",
    "}",
    "😀",
    "q\"'",
]
PATTERNS = [
    "",
    "a",
    "^a$",
    "^.$",
    "^..?$",
    "a.b",
    "a\\.b",
    "\\\\",
    "\\[x\\]",
    "[]]",
    "[^]a]",
    "\\{2\\}",
    "x-y",
    "[x\\-z]",
    "[+-]",
    "[-x]",
    "[a-b-y]",
    "[+--]",
    "[^\\d-]",
    "^\\d+$",
    "^\\D+$",
    "^\\w+$",
    "\\W",
    "^\\s*$",
    "\\S",
    "[\\d_]",
    "a{2,3}",
    "^(?:a|b)+?$",
    "a*?b",
    "福.市",
    "^[ぁ-龥]+$",
    "\\$5",
    "\\^",
    "^$",
    "a|",
    "()",
    "[^\\d]",
    "\\t",
    "\\|",
    "}",
    "]",
    "é",
    "[\\[\\]]",
    ".$",
    "^[^a-z]*$",
    "\"'",
    "(a|ab)(b|$)",
]


async def test_patterns_mean_the_same(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    docs: list[Any] = [
        {"id": f"urn:ngsi-ld:E:{n}", "type": ["T"], "attrs": {"a": [{"type": "Property", "value": text}]}}
        for n, text in enumerate(TEXTS)
    ]
    broker = await filled(any_database_factory, fake_clock, docs)
    for pattern in PATTERNS:
        checked = check_pattern(pattern)
        chosen = [text for text in TEXTS if compiled(checked).search(text)]
        query = Query(ALL_ROWS, ALL_ATTRIBUTES, q=QTerm(QPath(("a",)), "~=", (checked,)), limit=100)
        found = await broker.find("town", query)
        assert [doc["attrs"]["a"][0]["value"] for doc in found.entities] == chosen, pattern
    by_id = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, id_pattern=":E:1.$", limit=100))
    assert [doc["id"][-2:] for doc in by_id.entities] == [str(n) for n in range(10, 20)]


@pytest.mark.parametrize("pattern", ["[\\d-z]", "[a-\\w]", "[!-\\s]"])
def test_a_class_is_no_end_of_a_range(pattern: str) -> None:
    with pytest.raises(BadRequestData, match="range"):
        check_pattern(pattern)


async def test_the_longest_lists_of_values_are_taken(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    docs: list[Any] = [
        {"id": f"urn:ngsi-ld:E:{n}", "type": ["T"], "attrs": {"a": [{"type": "Property", "value": n}]}}
        for n in range(3)
    ]
    broker = await filled(any_database_factory, fake_clock, docs)
    values = tuple(range(1, 501))
    listed = QTerm(QPath(("a",)), "==", values)
    apart = QOr(tuple(QTerm(QPath(("a",)), "==", (one, "x")) for one in range(1, 101)))
    for q in (listed, apart):
        found = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, q=q, limit=10))
        assert [doc["id"][-1] for doc in found.entities] == ["1", "2"]
