"""Keys and signing requests for tests; the keys are made once."""

from __future__ import annotations

import functools
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


@functools.cache
def key(kind: str) -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "k1": ec.SECP256K1()}
    return ec.generate_private_key(curves[kind.partition("-")[0]])


def request(kind: str = "p256", subject: str = "whatever", *more: x509.ExtensionType, der: bool = False) -> bytes:
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b"), x509.NameAttribute(NameOID.COMMON_NAME, subject)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    for one in more:
        builder = builder.add_extension(one, critical=False)
    encoding = serialization.Encoding.DER if der else serialization.Encoding.PEM
    return builder.sign(key(kind), hashes.SHA256()).public_bytes(encoding)


def key_pem(kind: str = "p256") -> bytes:
    form, nothing = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    found: bytes = key(kind).private_bytes(serialization.Encoding.PEM, form, nothing)
    return found


def self_signed(like: x509.Certificate, kind: str = "p256-own") -> x509.Certificate:
    """What anybody can make: the same names, signed by a key of their own."""
    mine = key(kind)
    builder = x509.CertificateBuilder().subject_name(like.subject).issuer_name(like.issuer)
    builder = builder.public_key(mine.public_key()).serial_number(like.serial_number)
    builder = builder.not_valid_before(like.not_valid_before_utc).not_valid_after(like.not_valid_after_utc)
    return builder.sign(mine, hashes.SHA256())
