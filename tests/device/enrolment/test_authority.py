"""Certificates as others read them: OpenSSL is the judge of chains, names and lists."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from tests.device.enrolment import csr

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.device.enrolment import authority
from kumihimo.device.enrolment.models import CertificateRecord

NOW = datetime.now(UTC)
ROOT = authority.make_root(NOW)
A, B = (authority.make_authority(ROOT, name, NOW) for name in ("a", "b"))


def verified(folder: Path, certificate: x509.Certificate, *by: authority.Authority, crl: bytes = b"") -> str:
    (folder / "leaf.pem").write_text(authority.pem(certificate))
    (folder / "by.pem").write_text("".join(one.pem for one in by))
    (folder / "root.pem").write_text(ROOT.pem)
    words = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", "root.pem", "-untrusted", "by.pem"]
    if crl:
        (folder / "crl.der").write_bytes(crl)
        words += ["-crl_check", "-CRLfile", "crl.der"]
    done = subprocess.run([*words, "leaf.pem"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_a_devices_certificate_is_good_under_its_tenants_authority(tmp_path: Path, kind: str) -> None:
    made = authority.sign(A, "a", "g1", authority.read_request(csr.request(kind)), NOW, 365)
    assert "leaf.pem: OK" in verified(tmp_path, made, A)
    assert authority.names_in(authority.der(made)) == ("a", "g1")
    assert made.not_valid_after_utc - NOW <= timedelta(days=365)
    assert "error" in verified(tmp_path, made, B)


def test_a_tenants_authority_can_make_no_device_of_another_tenant(tmp_path: Path) -> None:
    """Also not where its own key was stolen: the name constraint is in the root's word about it."""
    forged = authority.sign(B, "a", "g1", authority.read_request(csr.request()), NOW, 365)
    assert "permitted subtree violation" in verified(tmp_path, forged, B)


def test_a_tenants_authority_can_make_no_authority(tmp_path: Path) -> None:
    below = authority.make_authority(B, "b", NOW)
    forged = authority.sign(below, "b", "g1", authority.read_request(csr.request()), NOW, 365)
    assert "error" in verified(tmp_path, forged, below, B)


def test_a_device_can_sign_for_nobody(tmp_path: Path) -> None:
    device = authority.sign(A, "a", "g1", authority.read_request(csr.request()), NOW, 365)
    forged = authority.sign(
        authority.Authority(device, csr.key("p256")), "a", "g2", csr.key("p256-2").public_key(), NOW, 1
    )
    assert "error" in verified(tmp_path, forged, authority.Authority(device, csr.key("p256")), A)


def test_of_a_request_only_the_key_is_taken() -> None:
    greedy = csr.request(
        "p256",
        "another",
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("data.example.jp"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
        x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]),
    )
    made = authority.sign(A, "a", "g1", authority.read_request(greedy), NOW, 365)
    assert [one.value for one in made.subject] == ["a", "g1"]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.SubjectAlternativeName)


@pytest.mark.parametrize("kind", ["p384", "k1", "rsa1024"])
def test_keys_that_are_not_taken(kind: str) -> None:
    with pytest.raises(BadRequestData, match="EC on P-256, or RSA of 2048 to 4096 bits"):
        authority.read_request(csr.request(kind))


def test_a_request_that_another_key_signed_is_not_taken() -> None:
    good = csr.request(der=True)
    with pytest.raises(BadRequestData, match="not signed by the key"):
        authority.read_request(good[:-4] + bytes([good[-4] ^ 1]) + good[-3:])


@pytest.mark.parametrize("body", [b"", b"x", b"-----BEGIN", b"0\x80", b"x" * 20_000, csr.key_pem()])
def test_what_is_no_request_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(BadRequestData, match="certificate signing request"):
        authority.read_request(body)


def test_names_are_read_only_where_there_is_one_of_each() -> None:
    assert authority.names_in(b"x") == ("", "")
    names = [x509.NameAttribute(NameOID.COMMON_NAME, one) for one in ("g1", "g2")]
    made = authority.sign(A, "a", "g1", csr.key("p256").public_key(), NOW, 1)
    builder = x509.CertificateBuilder().subject_name(x509.Name(names)).issuer_name(made.issuer)
    builder = (
        builder.public_key(csr.key("p256").public_key()).serial_number(1).not_valid_before(NOW).not_valid_after(NOW)
    )
    twice = builder.sign(csr.key("p256"), made.signature_hash_algorithm)  # type: ignore[arg-type]
    assert authority.names_in(authority.der(twice)) == ("", "")


def test_the_list_of_what_was_revoked_is_read_by_others(tmp_path: Path) -> None:
    good, bad = (authority.sign(A, "a", "g1", csr.key("p256").public_key(), NOW, 365) for _ in range(2))
    now = times.micros(NOW)
    record = CertificateRecord("", f"{bad.serial_number:x}", "g1", 0, now * 2, now, revoked_at=now)
    crl = authority.revocation_list(A, [record], NOW, times.EPOCH)
    subprocess.run(["openssl", "crl", "-inform", "DER", "-out", "crl.pem"], input=crl, cwd=tmp_path, check=True)
    pem = (tmp_path / "crl.pem").read_bytes()
    assert "leaf.pem: OK" in verified(tmp_path, good, A, crl=pem)
    assert "certificate revoked" in verified(tmp_path, bad, A, crl=pem)


def test_private_keys_are_not_shown() -> None:
    assert "key" not in repr(A)
    again = authority.authority_of(authority.der(A.certificate), authority.key_bytes(A))
    assert again.certificate == A.certificate
