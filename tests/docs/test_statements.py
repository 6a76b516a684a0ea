"""What the page of statements calls asserted is asserted by a test that exists."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tools.statements import areas, asserted_by

ROOT = Path(__file__).resolve().parents[2]
MAP = 2314
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of a file's tests, those of a class as Class::name."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, FUNCTIONS)}
        elif isinstance(node, FUNCTIONS):
            found.add(node.name)
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def test_the_areas_are_those_of_the_map() -> None:
    assert sum(area["map"] for area in areas()) == MAP
    assert len({area["area"] for area in areas()}) == len(areas())


@pytest.mark.parametrize("area", areas(), ids=lambda area: area["area"])
def test_every_named_test_exists(area: dict[str, Any]) -> None:
    named = {name for one in area.get("statement", []) for name in asserted_by(one)}
    missing = [name for name in named if name.partition("::")[2] not in names_in(name.partition("::")[0])]
    assert sorted(missing) == []


@pytest.mark.parametrize("area", areas(), ids=lambda area: area["area"])
def test_a_statement_has_either_tests_or_a_reason(area: dict[str, Any]) -> None:
    wrong = [one for one in area.get("statement", []) if bool(asserted_by(one)) == bool(one.get("open"))]
    assert wrong == []


@pytest.mark.parametrize("area", areas(), ids=lambda area: area["area"])
def test_a_statement_is_short_has_a_clause_and_stands_once(area: dict[str, Any]) -> None:
    statements = area.get("statement", [])
    assert [one for one in statements if not re.fullmatch(r"[0-9A-K]+(\.\d+)*", one["clause"])] == []
    assert [one["says"] for one in statements if not 0 < len(one["says"]) <= 160] == []
    assert len({(one["clause"], one["says"]) for one in statements}) == len(statements)
