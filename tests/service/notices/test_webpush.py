"""Web push: RFC 8291's own example, tokens by which a push service knows us, and what no browser would give."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.push_service import Phone

from kumihimo.base.errors import BadRequestData
from kumihimo.service.notices.webpush import (
    MAX_TEXT,
    RECORD,
    authorization,
    bytes_of,
    check_subscription,
    encrypt,
    point_of,
    text_of,
)

ENDPOINT = "https://push.example.net/p/abc"
EXAMPLE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
"""RFC 8291 section 5, with the keys of appendix A."""


def test_the_example_of_the_specification() -> None:
    private = int.from_bytes(bytes_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        key=ec.derive_private_key(private, ec.SECP256R1()),
        salt=bytes_of("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert text_of(body) == EXAMPLE


PHONE = Phone()


@given(st.binary(max_size=MAX_TEXT))
def test_only_the_browser_reads_it(text: bytes) -> None:
    body = encrypt(text, PHONE.p256dh, PHONE.auth)
    assert PHONE.read(body) == text
    assert len(body) <= RECORD


def test_what_is_too_long_for_a_push_service_is_refused() -> None:
    assert len(encrypt(b"x" * MAX_TEXT, PHONE.p256dh, PHONE.auth)) == RECORD
    with pytest.raises(ValueError, match="holds"):
        encrypt(b"x" * (MAX_TEXT + 1), PHONE.p256dh, PHONE.auth)


def test_the_token_names_the_push_service_and_whom_to_ask() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    header = authorization(key, ENDPOINT, "mailto:a@example.jp", 1_000)
    scheme, _, rest = header.partition(" ")
    token, public = rest.removeprefix("t=").split(", k=")
    assert (scheme, public) == ("vapid", text_of(point_of(key)))
    told = jwt.decode(token, ECKey.import_key(key), ["ES256"])
    assert told.claims == {"aud": "https://push.example.net", "exp": 1_000 + 12 * 3600, "sub": "mailto:a@example.jp"}
    assert (
        "sub"
        not in jwt.decode(
            authorization(key, ENDPOINT, "", 1).split("t=")[1].split(",")[0], ECKey.import_key(key)
        ).claims
    )


@pytest.mark.parametrize(
    ("endpoint", "p256dh", "auth"),
    [
        ("http://push.example.net/p", PHONE.p256dh, PHONE.auth),
        ("https://push.example.net:8443/p", PHONE.p256dh, PHONE.auth),
        ("https://user@push.example.net/p", PHONE.p256dh, PHONE.auth),
        ("https:///p", PHONE.p256dh, PHONE.auth),
        ("https://[push.example.net/p", PHONE.p256dh, PHONE.auth),
        ("https://push.example.net/p\r\nx: y", PHONE.p256dh, PHONE.auth),
        ("https://push.example.net/" + "p" * 1024, PHONE.p256dh, PHONE.auth),
        (ENDPOINT, PHONE.p256dh[:-4], PHONE.auth),
        (ENDPOINT, "B" + "A" * 86, PHONE.auth),
        (ENDPOINT, PHONE.p256dh, PHONE.auth + "AAAA"),
        (ENDPOINT, "!!", PHONE.auth),
        (ENDPOINT, "", ""),
    ],
)
def test_what_no_browser_gives_is_refused(endpoint: str, p256dh: str, auth: str) -> None:
    check_subscription(ENDPOINT, PHONE.p256dh, PHONE.auth)
    with pytest.raises(BadRequestData):
        check_subscription(endpoint, p256dh, auth)
