"""What an operator may say of a provider, and where a browser may be sent afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.outside.checks import check_issuer, check_provider, is_address, is_way
from kumihimo.platform.outside.models import LogInRefused, Provider
from kumihimo.platform.outside.people import email_of, may_sign_up, name_of
from kumihimo.platform.outside.profiles import NAMES, profile

GOOD = Provider("idp", "https://idp.example.jp/realms/town", "client", "職員", "Staff")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Upper"},
        {"name": "../x"},
        {"issuer": "http://idp.example.jp"},
        {"issuer": "https://idp.example.jp?x"},
        {"issuer": "https://user@idp.example.jp"},
        {"client_id": ""},
        {"client_id": "a\nb"},
        {"title_ja": "x" * 101},
        {"auth": "none"},
        {"key_alg": "HS256"},
        {"signup": "everyone"},
        {"scopes": ("email",)},
        {"scopes": ("openid", "two words")},
        {"acr_values": ('"',)},
        {"take": ("groups",)},
        {"keep": ("roles",)},
        {"extra": {"state": "x"}},
        {"extra": {"redirect_uri": "https://evil.example"}},
        {"extra": {"x": "a\r\nb"}},
        {"pass_on": ("nonce",)},
        {"signup": "domains"},
        {"domains": ("town.example.jp",)},
        {"signup": "domains", "domains": ("Town.example.jp",), "take": ("email",)},
        {"signup": "domains", "domains": ("town.example.jp",), "take": ("name",)},
        {"endpoints": {"token_endpoint": "http://10.0.0.1/token"}},
        {"endpoints": {"some_endpoint": "https://idp.example.jp"}},
    ],
)
def test_what_a_provider_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    assert check_provider(GOOD) == GOOD
    with pytest.raises(BadRequestData):
        check_provider(replace(GOOD, **wrong))


@pytest.mark.parametrize("directory", ["common", "organizations", "consumers", "{tenantid}"])
def test_an_issuer_of_any_directory_is_refused_with_words(directory: str) -> None:
    with pytest.raises(BadRequestData, match="any directory"):
        check_issuer(f"https://login.microsoftonline.com/{directory}/v2.0")


def test_plain_http_is_for_this_machine_alone() -> None:
    assert is_address("http://localhost:8090/x", like="http://localhost:8090")
    assert not is_address("http://localhost:8090/x", like="https://idp.example.jp")
    assert not is_address("http://192.168.0.1/x", like="http://localhost:8090")


def test_every_profile_makes_a_provider() -> None:
    for name in NAMES:
        issuer = "" if name.startswith("digital") else "https://idp.example.jp"
        one = check_provider(Provider("x", client_id="c", **profile(name, issuer)))
        assert "address" not in one.take + one.keep
    app = Provider("x", client_id="c", **profile("digital-auth-app", ""))
    assert app.issuer == "https://auth-and-sign.go.jp/api/realms/main"
    assert app.endpoints["token_endpoint"] == f"{app.issuer}/protocol/openid-connect/token"
    assert (app.auth, app.acr_values, app.pass_on) == ("private_key_jwt", ("aal3", "crl"), ("sign_transaction_id",))


@pytest.mark.parametrize("good", ["/", "/t/fukui/entities?q=a%20b", "/me/outside"])
def test_a_page_of_ours_may_be_come_back_to(good: str) -> None:
    assert is_way(good)


@pytest.mark.parametrize(
    "evil",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/x\r\nSet-Cookie: a=b",
        " //evil.example",
        "/ /evil.example",
        "evil.example",
        "/" + "a" * 500,
        "/\u2028",
    ],
)
def test_no_other_place_may_be_come_back_to(evil: str) -> None:
    assert not is_way(evil)


@given(st.text(max_size=40))
def test_whatever_may_be_come_back_to_stays_on_this_site(text: str) -> None:
    for way in (text, "/" + text):
        if is_way(way):
            assert way[0] == "/"
            assert way[1:2] not in ("/", "\\")
            assert way.isascii()
            assert way.isprintable()


def test_a_name_is_taken_only_where_it_is_named_and_without_what_cannot_be_seen() -> None:
    one = replace(GOOD, take=("name",))
    assert name_of(one, {"name": "架空\u202e 太郎\n", "preferred_username": "taro"}, "?") == "架空 太郎"
    assert name_of(one, {"preferred_username": "taro"}, "?") == "?"
    assert name_of(replace(one, take=("preferred_username",)), {"name": 5, "preferred_username": "taro"}, "?") == "taro"
    assert len(name_of(one, {"name": "x" * 5000}, "?")) == 100


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "a@town.example.jp"},
        {"email": "a@town.example.jp", "email_verified": "true"},
        {"email": "a@evil.example", "email_verified": True},
        {"email": "a@town.example.jp@evil.example", "email_verified": True},
        {"email": "a@evil.town.example.jp", "email_verified": True},
        {"email": "town.example.jp", "email_verified": True},
        {"email": ["a@town.example.jp"], "email_verified": True},
        {"email": "a@town.example.jp\n", "email_verified": True},
        {},
    ],
)
def test_only_a_verified_address_of_the_domain_signs_up(claims: dict[str, Any]) -> None:
    one = replace(GOOD, signup="domains", domains=("town.example.jp",), take=("email",))
    may_sign_up(one, {"email": "a@Town.Example.JP", "email_verified": True})
    with pytest.raises(LogInRefused) as refused:
        may_sign_up(one, claims)
    assert refused.value.code == "wrong-domain"
    assert email_of(replace(one, take=()), {"email": "a@town.example.jp", "email_verified": True}) == ""
