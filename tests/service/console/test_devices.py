"""How devices and networks of log-ins are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.service.console.people.devices import device_of, network_of

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (f"{WINDOWS} Chrome/140.0.0.0 Safari/537.36", "Chrome, Windows"),
        (f"{WINDOWS} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/18.0 Mobile/15E148 Safari/604.1"
            ),
            "Safari, iPhone",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
                "Mobile Safari/537.36"
            ),
            "Chrome, Android",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_device_is_called_by_its_browser_and_system(agent: str, said: str) -> None:
    assert device_of(agent) == said


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("127.0.0.1", "here"),
        ("::1", "here"),
        ("::ffff:127.0.0.1", "here"),
        ("10.1.2.3", "near"),
        ("192.168.0.9", "near"),
        ("fe80::1%eth0", "near"),
        ("fd00::1", "near"),
        ("8.8.8.8", ""),
        ("2400:cb00::1", ""),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_a_network_is_told_as_far_as_its_address_tells(address: str, where: str) -> None:
    assert network_of(address) == where


@given(st.text())
def test_whatever_a_browser_says_has_a_name_and_a_place(text: str) -> None:
    assert bool(device_of(text)) == bool(text)
    assert network_of(text) in ("here", "near", "")
