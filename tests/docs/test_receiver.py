"""The receiver that the how-to shows checks what the platform signs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from http_message_signatures.exceptions import InvalidSignature
from tests.platform.signing.verifier import Request

from kumihimo.platform.signing.message import signature
from kumihimo.platform.signing.models import Key, PublicKey

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "check-notifications.md"
URI = "https://city.example/notify"
HEADERS = {"Content-Type": "application/json"}
BODY = b'{"id":"urn:ngsi-ld:Notification:1"}'


def shown() -> dict[str, Any]:
    """What the page's Python defines."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line.removeprefix("   ") for line in block.splitlines()]
    names: dict[str, Any] = {}
    exec(compile("\n".join(lines), PAGE.name, "exec"), names)  # noqa: S102  # a page of our own
    return names


def request(key: Key, **headers: str) -> Request:
    signed = signature(key, "POST", URI, HEADERS, BODY, int(time.time()))
    return Request("POST", URI, {**HEADERS, **signed, **headers})


def test_the_shown_receiver_takes_what_is_genuine_and_nothing_else() -> None:
    check, key = shown()["check"], Key.made()
    keys = {"keys": [PublicKey(one.id, one.public, 1, 0).jwk() for one in (key, Key.made())]}
    check(request(key), BODY, keys)
    with pytest.raises(InvalidSignature):
        check(request(key), BODY + b" ", keys)
    with pytest.raises(InvalidSignature):
        check(request(key, **{"Content-Type": "text/plain"}), BODY, keys)
    with pytest.raises(InvalidSignature):
        check(request(Key.made()), BODY, keys)
