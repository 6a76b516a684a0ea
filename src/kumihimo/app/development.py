"""A certificate authority for development, and a certificate for this machine: for tests and closed networks only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kumihimo.network.tls import write_file

AUTHORITY_DAYS: Final = 3650
CERTIFICATE_DAYS: Final = 397
"""Browsers take no certificate that is good for longer."""
ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
_BACK: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything lies; all PEM."""

    authority: Path
    authority_key: Path
    certificate: Path
    key: Path


def files_in(folder: Path) -> Files:
    """The names of the files in this folder."""
    return Files(folder / "ca.pem", folder / "ca.key", folder / "server.pem", folder / "server.key")


def make_files(folder: Path, names: Sequence[str], now: datetime) -> Files:
    """A new certificate for localhost and these names or addresses, by the folder's authority, which is made once.

    ValueError for a name that is none; OSError where the files cannot be written.
    """
    found = files_in(folder)
    wanted = [_name(one) for one in dict.fromkeys((*ALWAYS, *names))]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not found.authority.exists():
        _make_authority(found, now)
    authority = x509.load_pem_x509_certificate(found.authority.read_bytes())
    signing = serialization.load_pem_private_key(found.authority_key.read_bytes(), None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{found.authority_key} is no key of ours; move it away, and {found.authority} too")
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kumihimo development")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    write_file(found.key, _key_pem(key), 0o600)
    write_file(found.certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    return found


def _make_authority(found: Files, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    common = f"Kumihimo development CA {digest.digest.hex()[:8]}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(digest, critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    write_file(found.authority_key, _key_pem(key), 0o600)
    write_file(found.authority, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not text or "/" in text or ":" in text or " " in text:
        raise ValueError(f"{text!r} is no host name and no address; give names like data.example.jp, without a port")
    return x509.DNSName(text.encode("idna").decode())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, nothing = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, nothing)
