"""TOML that somebody brings takes no more of the machine than its length."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.tomltext import MAX_STEPS, NestedTooDeep, loads
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.service.rules.text import read

STEP = st.sampled_from(["a", "b-1", '"a b"', "'x.y'", '"\\"."', "a ", "\ta", '""'])


@given(
    st.lists(STEP, min_size=MAX_STEPS + 1, max_size=60),
    st.sampled_from(["{} = 1", "[{}]", "x = {{{} = 1}}", "[[ {}]]"]),
)
def test_a_key_of_many_steps_is_refused_wherever_it_stands(steps: list[str], form: str) -> None:
    with pytest.raises(NestedTooDeep, match="a key has more than"):
        loads("y = 1\n" + form.format(".".join(steps)))


@given(st.lists(STEP, min_size=1, max_size=MAX_STEPS))
def test_a_key_of_few_steps_is_read_as_ever(steps: list[str]) -> None:
    source = ".".join(steps) + " = 1"
    assert loads(source) == tomllib.loads(source)


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "{a = " * 40_000, "a." * 100_000 + "a = 1"])
def test_what_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(NestedTooDeep):
        loads(text)


def test_words_with_full_stops_are_no_key() -> None:
    text = "A few words, e.g. these. " * 200 + "..." * 50 + "https://a.b.c.example/1.2.3"
    assert loads(f'x = "{text}"') == {"x": text}


def test_a_rule_whose_text_would_take_the_machine_is_refused() -> None:
    with pytest.raises(RuleRefused, match="nested too deeply") as refused:
        read("a." * 30_000 + "a = 1")
    assert "入れ子が深すぎます" in refused.value.words.ja
