"""Expressions: what they may ask, and that neither bombs nor nonsense get through."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from kumihimo.service.rules import expressions
from kumihimo.service.rules.expressions import Unanswered, read, read_template
from kumihimo.service.rules.refusal import RuleRefused

VALUES: dict[str, Any] = {
    "entity": {"id": "urn:x:1", "level": 3.0, "name": "水位", "list": [1.0, 2.0], "open": True, "text": "x" * 10_000},
    "before": {},
    "observed": {"level": datetime(2026, 6, 1, tzinfo=UTC)},
    "changed": ["level"],
    "at": datetime(2026, 6, 1, 0, 10, tzinfo=UTC),
    "rise": 2.0,
    "near": [{"id": "urn:y:1", "state": "open"}],
}
OWN: list[expressions.Variable] = [("rise", "figure"), ("near", "list")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("entity.level > 2", True),
        ("entity.level == 3 && rise >= 2", True),
        ("has(before.level)", False),
        ("at.getHours('Asia/Tokyo') == 9", True),
        ("at - observed.level == duration('10m')", True),
        ("'level' in changed", True),
        ("near.exists(one, one.state == 'open')", True),
        ("entity['level'] + 1.0", 4.0),
        ("entity.name.startsWith('水')", True),
        ("entity.text.matches('(x+x+)+y')", False),
        ("!" * 900 + "false", False),
        ("entity.list.map(one, one * 2.0)", [2.0, 4.0]),
    ],
)
def test_an_expression_gives_its_value(text: str, value: Any) -> None:
    assert read(text, OWN, "here").of(VALUES) == value


@pytest.mark.parametrize(
    "text", ["entity.nothing > 1", "entity.name > 1", "entity.level + 1", "1 / (2 - 2) > 0", "near[7].id"]
)
def test_what_has_no_answer_says_why(text: str) -> None:
    with pytest.raises(Unanswered) as problem:
        read(text, OWN, "here").of(VALUES)
    assert len(problem.value.words.en) > len("the expression has no answer: ")


@pytest.mark.parametrize(
    ("text", "en"),
    [
        ("", "Syntax error"),
        ("entity.level >", "Syntax error"),
        ("unknown > 1", "undeclared reference to 'unknown'"),
        ("size(near) > 'a'", "no matching overload"),
        ("entity.level.delete()", "undeclared"),
        ("'text'", "this gives a string; a condition must be true or false"),
        ("(" * 500 + "true" + ")" * 500, "characters|recursion"),
        ("1" + " || entity.level > 1" * 100, "characters"),
        ("[1]" + ".map(a, [a, a])" * 4 + ".size() > 0", "macros"),
        ("'a'" + "+'a'" * 30 + " == ''", "plus signs"),
    ],
)
def test_what_is_wrong_or_too_large_is_refused_when_it_is_read(text: str, en: str) -> None:
    with pytest.raises(RuleRefused, match=f"(?s)here: .*({en})") as refused:
        read(text, OWN, "here", wants_truth=True)
    assert refused.value.words.ja.startswith("here：")


@pytest.mark.timed
@pytest.mark.parametrize(
    "text",
    [
        "entity.list.all(a, " + "[" + "1," * 90 + "1].all(b, [" + "1," * 90 + "1].all(c, a + double(b + c) > 0.0)))",
        "[" + "1," * 100 + "1].map(a,[" + "1," * 100 + "1].map(b,[" + "1," * 100 + "1].map(c,a+b+c))).size() > 0",
        "[entity.text].map(a,a+a+a+a+a+a+a+a).map(a,a+a+a+a+a+a+a+a).map(a,a+a+a+a+a+a+a+a)[0] == ''",
    ],
)
def test_a_bomb_is_cut_off(text: str) -> None:
    """It has no answer, or one that costs little: a rule cannot stand still the platform."""
    found = read(text, OWN, "here")
    begun = time.process_time()
    with contextlib.suppress(Unanswered):
        assert found.of(VALUES) is False
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("name", ["entity", "at", "in", "size", "1a", "A", "a-b", "", "x" * 40])
def test_a_name_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(RuleRefused):
        expressions.check_name(name, "here")


def test_texts_hold_expressions_in_braces() -> None:
    text = read_template("{entity.name}は {entity.level} m、{{{rise}}} {at}", OWN, "here")
    assert text.of(VALUES) == "水位は 3 m、{2} 2026-06-01 00:10:00+00:00"
    with pytest.raises(RuleRefused, match="not closed"):
        read_template("{entity.level", OWN, "here")
    with pytest.raises(RuleRefused, match="at most 10"):
        read_template("{rise}" * 11, OWN, "here")
    with pytest.raises(Unanswered):
        read_template("{entity.nothing}", OWN, "here").of(VALUES)
