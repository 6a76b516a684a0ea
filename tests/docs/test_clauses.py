"""The list of the specification's operations tells the truth: what it calls handled is handled, no more, no less."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kumihimo.platform.ngsild.api import RESOURCES
from kumihimo.platform.ngsild.table import Operation

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "ngsi-ld-operations.toml"
LISTED = tomllib.loads(PAGE.read_text())["operation"]
HANDLED = [
    (method, resource.path, operation) for resource in RESOURCES for method, operation in resource.operations.items()
]


def key(row: dict[str, Any]) -> tuple[str, str]:
    return row["method"], row["path"]


@pytest.mark.parametrize(("method", "path", "operation"), HANDLED, ids=[f"{m} {p}" for m, p, _ in HANDLED])
def test_every_handler_begins_with_its_clauses(method: str, path: str, operation: Operation) -> None:
    row = next(row for row in LISTED if key(row) == (method, path))
    assert operation.clauses == (row["clause"], row["operation"])
    assert operation.summary


def test_what_is_listed_as_handled_is_handled() -> None:
    assert {key(row) for row in LISTED if row["handled"]} == {(method, path) for method, path, _ in HANDLED}


def test_no_operation_is_listed_twice() -> None:
    assert len({key(row) for row in LISTED}) == len(LISTED)
    assert len({row["clause"] for row in LISTED}) == len(LISTED)


def test_the_page_counts_as_the_list_does() -> None:
    page = (PAGE.parent / "ngsi-ld.md").read_text()
    handled = sum(row["handled"] for row in LISTED)
    assert re.search(rf"\b{handled} of {len(LISTED)} operations\b", page), f"say: {handled} of {len(LISTED)} operations"
