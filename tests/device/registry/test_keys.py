from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.device.registry.keys import check_key, hash_key, is_key, new_key


def test_new_keys_are_256_bits_and_differ() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert {len(bytes.fromhex(key)) for key in keys} == {32}


@given(st.text(max_size=80), st.text(max_size=80))
def test_only_the_key_itself_is_the_key(key: str, other: str) -> None:
    assert is_key(key, hash_key(key))
    assert is_key(other, hash_key(key)) == (other == key)
    assert not is_key(key, "")


@pytest.mark.parametrize("key", ["", "short", "k" * 257, "鍵" * 40, "k" * 40 + "\n"])
def test_a_key_that_could_be_guessed_is_not_taken(key: str) -> None:
    with pytest.raises(BadRequestData):
        check_key(key)
