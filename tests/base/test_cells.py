"""What a spreadsheet would run is quoted; all else stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.cells import plain


@given(st.sampled_from("=+-@\t\r"), st.text())
def test_a_text_that_begins_like_a_formula_is_quoted(sign: str, rest: str) -> None:
    assert plain(sign + rest) == "'" + sign + rest


@given(st.text().filter(lambda text: not text.startswith(("=", "+", "-", "@", "\t", "\r"))) | st.integers() | st.none())
def test_all_else_stays_as_it_is(cell: str | int | None) -> None:
    assert plain(cell) == cell
