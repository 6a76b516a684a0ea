from __future__ import annotations

import pytest

from kumihimo.base.ids import is_uri


@pytest.mark.parametrize(
    "text",
    [
        "urn:ngsi-ld:Gauge:1",
        "urn:x:%7a%C3%A9",
        "urn:x:福井",
        "http://example.org",
        "https://example.org/a?b=c#d",
        "HTTP://Example.org:8080/川",
        "http://user:word@example.org/",
        "http://[2001:db8::1]:8080/a",
        "http://192.0.2.1?x",
        "mailto:a@example.org",
        "file:///a/b",
        "tag:example.org,2024:a",
    ],
)
def test_uris(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "urn:x:%zz",
        "urn:x:%",
        "urn:x:%a",
        "urn:x:100%",
        "http://",
        "http:",
        "http:a",
        "https:///a",
        "http://?q",
        "http://#f",
        "http://:80/",
        "http://user@/a",
        "http://[::1/a",
        "http://[zz]/a",
        "http://example.org:x/",
        "HTTPS://",
        "no-scheme",
        "urn:",
        "urn:a b",
        "urn:a\u200bb",
        "",
        None,
        1,
    ],
)
def test_what_is_no_uri(text: object) -> None:
    assert not is_uri(text)


def test_a_long_text_is_looked_at_once() -> None:
    assert is_uri("urn:x:" + "%41" * 600)
    assert not is_uri("urn:x:" + "%41" * 600 + "%4")
    assert not is_uri("http://" + "a" * 2000 + "@" * 20)
