"""Which passwords are taken, and how they are hashed."""

import pytest

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.identity.passwords import MAX_PASSWORD, check_password, owasp_hasher


@pytest.mark.parametrize(
    "password",
    [
        "kawa-no-mizu-wa-kiyoi",
        "correct horse staple battery",
        "川のながれはたえずしてしかも",
        "qX7#mmV2pL9z",
        "4093 1187 2265 90",
        "x" * 3 + "long but with four kinds",
    ],
)
def test_a_long_password_is_taken(password: str) -> None:
    assert check_password(password, "sato") == password


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short-one-1",
        "パスワード短い",
        "password1234",
        "P@ssword!!!!2026",
        "passwordpassword",
        "Qwertyuiop123!",
        "123456789012",
        "210987654321",
        "abcdefghijkl",
        "aaaaaaaaaaaaaaaa",
        "ababababababab",
        "abcabcabcabcabc",
        "administrator1",
        "kumihimokumihimo",
        "sato-hanako-2026",
        "sato-hanakosato-hanako",
        "ｐａｓｓｗｏｒｄ１２３４",
        "x" * (MAX_PASSWORD + 1),
    ],
)
def test_what_is_tried_first_or_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(BadRequestData):
        check_password(password, "sato-hanako" if "hanako" in password else "sato")


def test_the_parameters_are_those_that_owasp_recommends() -> None:
    hasher = owasp_hasher()
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism, hasher.type.name) == (2, 19456, 1, "ID")
