"""What an expression sees of a value: every number a decimal, and of what is long or deep only the beginning."""

from __future__ import annotations

from typing import Any

import pytest

from kumihimo.service.rules.view import MAX_DEPTH, MAX_ITEMS, MAX_STRING, value_of


def seen(value: Any) -> Any:
    return value_of({"type": "Property", "value": value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * (MAX_STRING + 5), "x" * MAX_STRING),
        ([1] * (MAX_ITEMS + 5), [1.0] * MAX_ITEMS),
        ({str(n): n for n in range(MAX_ITEMS + 5)}, {str(n): float(n) for n in range(MAX_ITEMS)}),
        (True, True),
    ],
)
def test_what_is_long_is_cut(value: Any, expected: Any) -> None:
    assert seen(value) == expected


def test_what_is_deep_ends() -> None:
    deep: Any = "bottom"
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    found = seen(deep)
    for _ in range(MAX_DEPTH):
        [found] = found
    assert found is None
