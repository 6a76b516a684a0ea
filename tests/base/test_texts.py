import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.texts import choose_language, translator


@pytest.mark.parametrize(
    ("asked", "cookie", "accept", "chosen"),
    [
        ("en", "ja", "ja", "en"),
        ("", "en", "ja", "en"),
        ("fr", "fr", "en", "en"),
        ("", "", "fr, en;q=0.3, ja;q=0.8", "ja"),
        ("", "", "en-GB,en;q=0.9", "en"),
        ("", "", "en;q=0, ja;q=0.1", "ja"),
        ("", "", "en;q=much", "ja"),
        ("", "", "", "ja"),
    ],
)
def test_language_choice(asked: str, cookie: str, accept: str, chosen: str) -> None:
    assert choose_language(asked, cookie, accept) == chosen


@given(st.text(), st.text(), st.text())
def test_any_header_gives_a_language_that_there_is(asked: str, cookie: str, accept: str) -> None:
    assert choose_language(asked, cookie, accept) in ("ja", "en")


def test_unknown_keys_are_an_error() -> None:
    with pytest.raises(KeyError):
        translator({}, "ja")("no.such.key")
