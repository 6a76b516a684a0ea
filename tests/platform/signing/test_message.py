"""The signatures of requests, judged by a verifier that is not ours."""

from __future__ import annotations

import pytest
from http_message_signatures.exceptions import InvalidSignature
from tests.platform.signing.verifier import Request, verify

from kumihimo.platform.signing.message import signature
from kumihimo.platform.signing.models import Key, key_id

URI = "https://town.example/notify?area=%E4%B9%9D%E9%A0%AD%E7%AB%9C"
HEADERS = {"Content-Type": "application/ld+json", "Link": '<https://a.example/c>; rel="x"', "NGSILD-Tenant": "fukui"}
BODY = '{"id":"urn:ngsi-ld:Notification:1","水位":2.5}'.encode()
CREATED = 1_718_000_000


def signed(key: Key) -> Request:
    return Request("POST", URI, {**HEADERS, **signature(key, "POST", URI, HEADERS, BODY, CREATED)})


def test_a_verifier_of_others_accepts_it_and_it_covers_all_that_is_ours() -> None:
    key = Key.made()
    covered = verify(key, signed(key), BODY)
    assert covered == ["@method", "@target-uri", "content-type", "link", "ngsild-tenant", "content-digest"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "application/json"),
        ("Link", "<https://b.example/c>"),
        ("NGSILD-Tenant", "sabae"),
        ("Content-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    ],
)
def test_a_changed_header_is_noticed(name: str, value: str) -> None:
    key = Key.made()
    request = signed(key)
    request.headers[name] = value
    with pytest.raises(InvalidSignature):
        verify(key, request, BODY)


def test_a_changed_body_address_method_or_key_is_noticed() -> None:
    key = Key.made()
    with pytest.raises(InvalidSignature):
        verify(key, signed(key), BODY.replace(b"2.5", b"9.5"))
    for method, uri in (("PUT", URI), ("POST", URI + "x")):
        with pytest.raises(InvalidSignature):
            verify(key, Request(method, uri, signed(key).headers), BODY)
    with pytest.raises(InvalidSignature):
        verify(Key.made(), signed(key), BODY)


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    assert key_id("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_key_survives_the_store_and_does_not_show_its_secret() -> None:
    key = Key.made()
    again = Key.from_text(key.text())
    assert (again.id, again.public) == (key.id, key.public)
    assert key.text() not in repr(key)
