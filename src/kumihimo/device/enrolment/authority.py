"""Certificates (X.509, RFC 5280), pure: a root, an authority for each tenant, devices' certificates, revocation lists.

A tenant's authority may name nobody outside its tenant (name constraints, clause 4.2.1.10), and what a certificate
says is ours to say: of a request (PKCS #10, RFC 2986) only the public key is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kumihimo.base.errors import BadRequestData
from kumihimo.device.enrolment.models import CertificateRecord

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
ROOT_DAYS: Final = 20 * 365
AUTHORITY_DAYS: Final = 10 * 365
BACK: Final = timedelta(minutes=10)
"""So far back a certificate begins, for devices and servers whose clocks are behind."""
LIST_DAYS: Final = 7
MAX_REQUEST: Final = 16 * 1024
MIN_RSA: Final = 2048
MAX_RSA: Final = 4096
_PEM: Final = b"-----BEGIN"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return pem(self.certificate)


def der(certificate: x509.Certificate) -> bytes:
    """As it goes over the wire."""
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    """As it stands in files."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate's DER, in hex."""
    return hashlib.sha256(certificate).hexdigest()


def key_bytes(authority: Authority) -> bytes:
    """The private key (PKCS #8, DER), to be sealed."""
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return authority.key.private_bytes(encoding, form, serialization.NoEncryption())


def authority_of(certificate: bytes, key: bytes) -> Authority:
    """From the DER of both."""
    private = serialization.load_der_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)  # noqa: S101 - there are no others of ours
    return Authority(x509.load_der_x509_certificate(certificate), private)


def make_root(now: datetime) -> Authority:
    """The platform's root, which signs tenants' authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Kumihimo", f"Kumihimo device root {_mark(key)}")
    return _authority(name, key, None, now, ROOT_DAYS, path_length=1, tenant=None)


def make_authority(root: Authority, tenant: str, now: datetime) -> Authority:
    """The authority of a tenant: it signs devices' certificates of this tenant, and no other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Kumihimo", f"Kumihimo devices of {tenant} {_mark(key)}"[:64])
    return _authority(name, key, root, now, AUTHORITY_DAYS, path_length=0, tenant=tenant)


def read_request(request: bytes) -> PublicKey:
    """The public key of a request in PEM or DER, whose holder signed it; nothing else of it is used.

    BadRequestData for what is no request, whose signature is not its key's, or whose key is not EC P-256 or RSA of
    2048 to 4096 bits.
    """
    if len(request) > MAX_REQUEST:
        raise BadRequestData(f"a certificate signing request has at most {MAX_REQUEST} bytes")
    read = x509.load_pem_x509_csr if request.lstrip().startswith(_PEM) else x509.load_der_x509_csr
    try:
        found = read(request)
        key, is_signed = found.public_key(), found.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise BadRequestData(
            "this is no certificate signing request (PKCS #10, PEM or DER); make one with: openssl req -new -newkey ec "
            "-pkeyopt ec_paramgen_curve:P-256 -nodes -keyout device.key -subj /CN=device -out device.csr"
        ) from problem
    if not is_signed:
        raise BadRequestData("the signing request is not signed by the key that it holds")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and MIN_RSA <= key.key_size <= MAX_RSA and key.public_numbers().e >= 65537:
        return key
    raise BadRequestData(f"the key of a device is EC on P-256, or RSA of {MIN_RSA} to {MAX_RSA} bits")


def sign(authority: Authority, tenant: str, device: str, key: PublicKey, now: datetime, days: int) -> x509.Certificate:
    """A device's certificate: O is its tenant, CN its name; good for TLS as a client alone."""
    end = min(now + timedelta(days=days), authority.certificate.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(tenant, device))
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACK)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_issued_by(authority), critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256())


def names_in(certificate: bytes) -> tuple[str, str]:
    """Tenant and device that a certificate (DER) names, "" for what it does not; says nothing of who signed it."""
    try:
        subject = x509.load_der_x509_certificate(certificate).subject
    except ValueError:
        return "", ""
    found = []
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        values = [one.value for one in subject.get_attributes_for_oid(kind)]
        found.append(values[0] if len(values) == 1 and isinstance(values[0], str) else "")
    return found[0], found[1]


def revocation_list(
    authority: Authority, revoked: Sequence[CertificateRecord], now: datetime, epoch: datetime
) -> bytes:
    """The list of what was revoked and has not run out (DER); epoch is where the records' moments begin."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now)
        .next_update(now + timedelta(days=LIST_DAYS))
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(_issued_by(authority), critical=False)
    )
    for one in revoked:
        moment = epoch + timedelta(microseconds=one.revoked_at or 0)
        entry = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16)).revocation_date(moment)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _authority(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    parent: Authority | None,
    now: datetime,
    days: int,
    *,
    path_length: int,
    tenant: str | None,
) -> Authority:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if parent is None else parent.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if parent is not None:
        builder = builder.add_extension(_issued_by(parent), critical=False)
    if tenant is not None:
        within = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant)]))
        builder = builder.add_extension(x509.NameConstraints([within], None), critical=True)
    return Authority(builder.sign(key if parent is None else parent.key, hashes.SHA256()), key)


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _mark(key: ec.EllipticCurvePrivateKey) -> str:
    """Tells two authorities of the same name apart: those of a tenant that was removed and made anew."""
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]


def _issued_by(authority: Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
