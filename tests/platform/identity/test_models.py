"""Names and places as they are compared."""

import pytest

from kumihimo.base.errors import BadRequestData
from kumihimo.base.rates import place_of
from kumihimo.platform.identity.models import check_email, check_lang, check_name, check_sign_in


@pytest.mark.parametrize(
    ("sign_in", "name", "email", "lang"),
    [
        ("a b", "x", "", "ja"),
        ("", "x", "", "ja"),
        ("a" * 65, "x", "", "ja"),
        ("a<b", "x", "", "ja"),
        ("a\u200b", "x", "", "ja"),
        ("a", "", "", "ja"),
        ("a", "x" * 101, "", "ja"),
        ("a", "x\ny", "", "ja"),
        ("a", "x", "no-address", "ja"),
        ("a", "x", "a@b\r\nBcc: c@d", "ja"),
        ("a", "x", "", "de"),
    ],
)
def test_what_is_no_name_is_refused(sign_in: str, name: str, email: str, lang: str) -> None:
    with pytest.raises(BadRequestData):
        _ = (check_sign_in(sign_in), check_name(name), check_email(email), check_lang(lang))


def test_tries_from_one_network_are_counted_together() -> None:
    assert place_of("192.0.2.1") == place_of("::ffff:192.0.2.1") != place_of("192.0.2.2")
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff") != place_of("2001:db8:0:1::1")
    assert place_of("unix:") == "unix:"
