"""The town's values: each typed back as it was shown, and no value that its parameter may not have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.solutions.packs.models import Parameter, Said
from kumihimo.solutions.packs.parameters import check_value, filled, read_value, shown
from kumihimo.solutions.packs.versions import order_of

SAID = Said(ja="値", en="a value")
_DEGREES = st.floats(-80, 80).map(lambda one: round(one, 6))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "number": st.floats(-1000, 1000).map(lambda one: round(one, 9)),
    "integer": st.integers(-1000, 1000),
    "flag": st.booleans(),
    "text": st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40),
    "choice": st.sampled_from(["low", "high"]),
    "time": st.times().map(lambda one: one.strftime("%H:%M")),
    "place": st.lists(_DEGREES, min_size=2, max_size=2),
    "contact": st.sampled_from(["bousai@town.example.jp", "0776-20-5404", "https://town.example.jp/bousai"]),
}


def parameter(kind: Any) -> Parameter:
    most = 1000.0 if kind in ("number", "integer") else None
    choices = ("low", "high") if kind == "choice" else ()
    return Parameter(name="x", type=kind, title=SAID, choices=choices, least=None if most is None else -most, most=most)


@given(st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), KINDS[kind])))
def test_a_value_is_typed_back_as_it_was_shown(pair: tuple[str, Any]) -> None:
    one = parameter(pair[0])
    value = check_value(one, pair[1])
    again = read_value(one, shown(value))
    assert again == pytest.approx(value, rel=1e-5) if pair[0] == "place" else again == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "nan"),
        ("number", "inf"),
        ("number", "1001"),
        ("number", "五"),
        ("integer", "1.5"),
        ("integer", "1e3"),
        ("flag", "yes"),
        ("text", ""),
        ("text", "a\u202eb"),
        ("choice", "middle"),
        ("time", "24:00"),
        ("time", "9:00"),
        ("place", "136"),
        ("place", "200, 36"),
        ("area", "137, 36, 136, 37"),
        ("area", "136, 36, 137"),
        ("contact", "javascript:alert(1)"),
        ("contact", "http://town.example.jp"),
        ("contact", "a b@town.example.jp"),
    ],
)
def test_no_value_that_the_parameter_may_not_have(kind: Any, text: str) -> None:
    with pytest.raises(BadRequestData, match=r"^x: "):
        read_value(parameter(kind), text)


def test_a_value_stands_in_a_file_as_json_and_cannot_get_out_of_its_place() -> None:
    evil = 'x" || true || "'
    text = filled("when = @{a} > @{b}", {"a": evil, "b": 1.5})
    assert text == f"when = {json.dumps(evil)} > 1.5"
    with pytest.raises(KeyError):
        filled("@{c}", {})


def test_versions_are_ordered_as_semver_says() -> None:
    """The example of clause 11 of Semantic Versioning 2.0.0."""
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    order += ["1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0"]
    assert sorted(set(order), key=order_of) == order
