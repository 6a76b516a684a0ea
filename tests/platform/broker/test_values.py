"""q on values that are many: each is read once, and the answer is that of looking at them one by one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.platform.broker import evaluate
from kumihimo.platform.broker.evaluate import Asked, matches_q
from kumihimo.platform.broker.parse import Reading, parse_q
from kumihimo.platform.broker.values import Groups, Values
from kumihimo.platform.jsonld.models import EntityDoc


def doc(value: Any, **more: Any) -> EntityDoc:
    attrs = {"level": [{"type": "Property", "value": value}], **more}
    return {"id": "urn:x:1", "type": ["Gauge"], "attrs": attrs}


def fits(value: Any, q: str) -> bool:
    return matches_q(doc(value), parse_q(q, str))


def test_a_path_is_read_once_for_all_terms_and_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[int] = []
    plain = evaluate.groups_at

    def counted(*given: Any, **more: Any) -> Groups:
        walks.append(1)
        return plain(*given, **more)

    monkeypatch.setattr(evaluate, "groups_at", counted)
    asked = Asked(doc(list(range(1000))))
    for _ in range(3):
        for operator in ("==", "<", "~="):
            asked.satisfies(parse_q("|".join(f"level{operator}-{number}" for number in range(1, 31)), str))
    # Relationships' targets are equal to something, but have no order and match no pattern: two ways to read.
    assert len(walks) == 2


def test_a_linked_entity_is_looked_up_once_for_all_terms() -> None:
    river = doc(7)
    asked: list[str] = []

    def lookup(entity_id: str) -> EntityDoc:
        asked.append(entity_id)
        return river

    start = doc(1, at=[{"type": "Relationship", "object": "urn:river"}])
    node = parse_q("at{level}==1|at{level}==2|at{level}==7", str, Reading(depth=1))
    assert matches_q(start, node, lookup)
    assert asked == ["urn:river"]


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3).map(lambda one: round(one, 1))
values = st.lists(scalars | st.sampled_from(["a", "b", "ab", "a\nb", "", "true", "1"]), max_size=40)
numbers = st.integers(-3, 3)


def is_number(one: Any) -> bool:
    return isinstance(one, int | float) and not isinstance(one, bool)


@given(values, numbers, numbers)
def test_numbers_compare_as_one_by_one(held: list[Any], low: int, high: int) -> None:
    these = [one for one in held if is_number(one)]
    assert fits(held, f"level=={low}") is any(one == low for one in these)
    assert fits(held, f"level!={low}") is (bool(held) and not any(one == low for one in these))
    assert fits(held, f"level>{low}") is any(one > low for one in these)
    assert fits(held, f"level>={low}") is any(one >= low for one in these)
    assert fits(held, f"level<{low}") is any(one < low for one in these)
    assert fits(held, f"level<={low}") is any(one <= low for one in these)
    assert fits(held, f"level=={low}..{high}") is any(low <= one <= high for one in these)


@given(values, st.sampled_from(["a", "b", "ab", "1"]))
def test_texts_and_flags_compare_as_one_by_one(held: list[Any], wanted: str) -> None:
    texts = [one for one in held if isinstance(one, str)]
    assert fits(held, f'level=="{wanted}"') is (wanted in texts)
    assert fits(held, f'level>"{wanted}"') is any(one > wanted for one in texts)
    assert fits(held, f'level<"{wanted}"') is any(one < wanted for one in texts)
    assert fits(held, "level==true") is any(one is True for one in held)
    assert fits(held, "level==false") is any(one is False for one in held)


PATTERNS = ["a", "^a$", "^b", "b$", "a[^x]b", "^$", "a.b", "(a|c)$", "^[^a]+$", "x"]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(st.lists(st.text("abx\n", max_size=3), min_size=17, max_size=60))
def test_a_pattern_is_searched_as_in_each_text_alone(pattern: str, held: list[str]) -> None:
    wanted = re.compile(pattern.replace("$", r"\Z"))
    assert Values({None: list(held)}).matches(pattern.replace(".", "[^\n]")) is any(wanted.search(one) for one in held)
