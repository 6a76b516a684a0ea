from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.device.enrolment.codes import ALPHABET, LENGTH, hash_code, new_code, plain


def test_a_code_has_fifty_bits_and_no_letters_that_look_alike() -> None:
    assert len(ALPHABET) ** LENGTH == 2**50
    assert not set("ILOU") & set(ALPHABET)
    found = {new_code() for _ in range(200)}
    assert len(found) == 200
    assert all(len(one) == 11 and one[5] == "-" and len(plain(one)) == 10 for one in found)


@pytest.mark.parametrize(
    "typed", ["0A1BC-23DEF", "0a1bc23def", " oa1bc-23def ", "OAlbc 23DEF", "0AIBC‐23DEF", "０Ａ１ＢＣー２３ＤＥＦ"]
)
def test_what_people_type_is_understood(typed: str) -> None:
    assert plain(typed) == "0A1BC23DEF"
    assert hash_code(typed, b"s") == hash_code("0A1BC-23DEF", b"s") != hash_code("0A1BC-23DEF", b"t")


@given(st.text(st.sampled_from("0OoIlLuU-‐ ＡAaZz９!~é\u3000漢"), max_size=45))
def test_all_else_is_no_code(typed: str) -> None:
    found = plain(typed)
    assert found == "" or (len(found) == LENGTH and set(found) <= set(ALPHABET))
