from __future__ import annotations

import ipaddress

import pytest

from kumihimo.network.http.addresses import rules_from, special_class

CLASSES = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "::ffff:10.1.2.3", "fec0::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "::ffff:224.0.0.1"],
    "unspecified": ["0.0.0.0", "::", "::ffff:0.0.0.0", "0.1.2.3"],
    "reserved": ["240.0.0.1", "255.255.255.255", "100::1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255", "::ffff:100.64.0.1", "64:ff9b::6440:1"],
    "tunnel": ["64:ff9b:1::1", "2001:0:1::1"],
    "": ["8.8.8.8", "133.242.0.3", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8", "100.128.0.1"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, all_ in CLASSES.items() for text in all_])
def test_every_special_address_is_known(kind: str, text: str) -> None:
    address = ipaddress.ip_address(text)
    assert (special_class(address) != "") == (kind != "")
    if kind in ("loopback", "link-local", "multicast", "unspecified", "carrier-grade NAT", "tunnel", ""):
        assert special_class(address) == kind
    assert bool(rules_from(False, ()).refusal("host", 80, address)) == (kind != "")


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "fd00::1", "100.64.0.1", "::1"])
def test_private_ranges_open_by_setting(text: str) -> None:
    assert rules_from(True, ()).refusal("host", 80, ipaddress.ip_address(text)) == ""


@pytest.mark.parametrize("text", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "240.0.0.1", "fe80::1"])
def test_the_private_setting_opens_nothing_else(text: str) -> None:
    assert rules_from(True, ()).refusal("host", 80, ipaddress.ip_address(text)) != ""


def test_single_hosts_open_by_name_port_and_block() -> None:
    address = ipaddress.ip_address("10.1.2.3")
    rules = rules_from(False, ["10.1.2.0/24", "inner:8080", "Other", "[fd00::1]:99"])
    assert rules.refusal("any", 80, address) == ""
    elsewhere = ipaddress.ip_address("192.168.0.9")
    assert rules.refusal("INNER", 8080, elsewhere) == ""
    assert rules.refusal("inner", 8081, elsewhere) != ""
    assert rules.refusal("other.", 1, elsewhere) == ""
    assert rules.refusal("fd00::1", 99, ipaddress.ip_address("fd00::1")) == ""
    assert rules.refusal("x", 80, ipaddress.ip_address("::ffff:10.1.2.3")) == ""
