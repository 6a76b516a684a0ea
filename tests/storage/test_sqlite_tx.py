"""Statements are translated outside of literals only, whatever stands in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kumihimo.storage.database import EACH, MEMBERS
from kumihimo.storage.engines.sqlite_dialect import quote, segments
from kumihimo.storage.engines.sqlite_tx import translate


@given(st.lists(st.tuples(st.text(alphabet="a$1'2 ", max_size=8), st.integers(1, 30)), max_size=6))
def test_parameters_outside_literals(parts: list[tuple[str, int]]) -> None:
    given_sql = "".join(f"{quote(text)} = ${number} AND " for text, number in parts)
    wanted = "".join(f"{quote(text)} = ?{number} AND " for text, number in parts)
    assert translate(given_sql) == wanted


def test_segments() -> None:
    cut = segments(["a", "*", "b", "c", "*", MEMBERS, "d", EACH, "e"])
    assert cut == [(["a"], "*"), (["b", "c"], "*"), ([], MEMBERS), (["d"], EACH), (["e"], "")]
