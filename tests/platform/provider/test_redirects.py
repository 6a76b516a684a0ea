"""Which addresses an application may register."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.provider.redirects import check_redirect, origin_of, sector_of, with_answer


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.jp/cb", "https://app.example.jp:8443/cb?x=1", "http://localhost:3000/cb",
        "http://127.0.0.1/cb", "http://[::1]:9/cb",
    ],
)  # fmt: skip
def test_addresses_of_the_web_and_of_this_machine_are_taken(uri: str) -> None:
    assert check_redirect(uri, is_native=False) == uri


def test_a_scheme_of_its_own_is_taken_of_a_native_application_only() -> None:
    assert check_redirect("jp.example.app:/cb", is_native=True)
    with pytest.raises(BadRequestData):
        check_redirect("jp.example.app:/cb", is_native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "", "app.example.jp/cb", "//app.example.jp/cb", "http://app.example.jp/cb", "https:///cb", "https://",
        "https://app.example.jp/cb#x", "https://app.example.jp/cb#", "https://user@app.example.jp/cb",
        "https://app.example.jp\\@evil.example/", "https://*.example.jp/cb", "https://app.example.jp/../cb",
        "https://app.example.jp/cb\r\nX: y", "https://app.example.jp/c b", "https://町.example.jp/",
        "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "app:/cb", "https://app.example.jp:99999/cb",
        "https://[::1", "https://app.example.jp/" + "x" * 2048,
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_native", [True, False])
def test_other_addresses_are_not(uri: str, is_native: bool) -> None:
    with pytest.raises(BadRequestData):
        check_redirect(uri, is_native=is_native)


@given(st.dictionaries(st.sampled_from(["state", "code", "iss"]), st.text(max_size=50), min_size=1))
def test_an_answer_comes_back_as_it_was_and_holds_nothing_that_a_header_would_obey(answer: dict[str, str]) -> None:
    try:
        expected = {name: value.encode().decode() for name, value in answer.items()}
    except UnicodeEncodeError:
        return
    for uri in ("https://app.example.jp/cb", "https://app.example.jp/cb?x=1"):
        made = with_answer(uri, expected)
        assert made.startswith(uri)
        assert made.isascii()
        assert not set(made) & set('\r\n #"<>')
        pairs = parse_qsl(urlsplit(made).query, keep_blank_values=True)
        assert {name: value for name, value in pairs if name != "x"} == expected


def test_origins_are_named_as_browsers_do_and_sectors_by_one_host() -> None:
    assert origin_of("https://app.example.jp:443/cb") == "https://app.example.jp"
    assert origin_of("http://[::1]:8080/cb") == "http://[::1]:8080"
    assert origin_of("jp.example.app:/cb") == ""
    assert sector_of("a-1", ("https://app.example.jp/cb", "https://app.example.jp/x")) == "app.example.jp"
    assert sector_of("a-1", ("https://app.example.jp/cb", "https://b.example.jp/x")) == "a-1"
    for uris in ((), ("http://localhost/cb",), ("jp.example.app:/cb",)):
        assert sector_of("a-1", uris) == "a-1"
