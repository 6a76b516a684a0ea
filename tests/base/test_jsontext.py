import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData, InvalidRequest, PayloadTooLarge, Problem
from kumihimo.base.jsontext import dumps, loads, parse, text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and from True, and sees the order of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(values)
def test_values_come_back_as_they_were_given(value: Any) -> None:
    try:
        written = dumps(value)
    except (UnicodeEncodeError, TypeError):
        return
    if b"\\u0000" not in written:
        assert same(loads(written), value)
    assert same(parse(written), value)


def test_big_integers_stay_whole() -> None:
    assert loads(b"[123456789012345678901234567890, 1, 1.0]") == [123456789012345678901234567890, 1, 1.0]
    assert text([123456789012345678901234567890]) == "[123456789012345678901234567890]"


@given(st.binary(max_size=64))
def test_any_bytes_give_a_value_or_a_problem(body: bytes) -> None:
    try:
        value = loads(body)
    except Problem:
        return
    assert same(loads(dumps(value)), value)


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[Infinity]", b'{"a":1,}', b"\xff", b"[1] 2", b'"\\ud800"'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        loads(body)


def test_a_null_character_is_refused_but_an_escaped_backslash_is_text() -> None:
    with pytest.raises(BadRequestData):
        loads(b'{"a":"x\\u0000"}')
    with pytest.raises(BadRequestData):
        loads(b'{"\\u0000":1}')
    assert loads(b'{"a":"\\\\u0000"}') == {"a": "\\u0000"}


def test_nesting_and_size_have_limits() -> None:
    with pytest.raises(PayloadTooLarge):
        loads(b"[" * 65 + b"]" * 65)
    with pytest.raises(PayloadTooLarge):
        loads(b"[" * 10_000 + b"]" * 10_000)
    with pytest.raises(PayloadTooLarge):
        loads(b'"' + b"a" * 100 + b'"', max_bytes=50)
    assert loads(b"[" * 64 + b"]" * 64)


def test_huge_numbers_do_not_become_infinite() -> None:
    try:
        value = loads(b"[1e999]")
    except Problem:
        return
    assert math.isfinite(value[0])


def test_millions_of_empty_lists_are_refused() -> None:
    with pytest.raises(PayloadTooLarge, match="objects and arrays"):
        loads(b"[" + b"[]," * 600_000 + b"[]]")
