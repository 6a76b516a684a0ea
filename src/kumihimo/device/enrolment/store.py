"""The tables of authorities, certificates, claim codes and secrets."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final

from kumihimo.device.enrolment.models import CertificateRecord
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("enrolment", __package__)
PLATFORM_SCHEMA = Schema("enrolment", __package__, "platform")
LISTED: Final = 100
MAX_REVOKED: Final = 10_000
_COLUMNS: Final = "fingerprint, serial, device, not_before, not_after, made_at, used_at, revoked_at"


async def authority_tx(tx: Tx) -> tuple[bytes, bytes] | None:
    """The newest authority of the scope: its certificate (DER) and its sealed key."""
    row = await tx.fetch_one("SELECT certificate, sealed_key FROM device_authority ORDER BY created_at DESC LIMIT 1")
    return None if row is None else (b64decode(row[0]), b64decode(row[1]))


async def add_authority_tx(tx: Tx, name: str, certificate: bytes, sealed_key: bytes, now: int) -> None:
    """Keeps an authority; name is its fingerprint."""
    values = (name, b64encode(certificate).decode(), b64encode(sealed_key).decode(), now)
    await tx.execute(
        "INSERT INTO device_authority (id, certificate, sealed_key, created_at) VALUES ($1, $2, $3, $4)", *values
    )


async def secret_tx(tx: Tx, name: str) -> bytes | None:
    """A secret, sealed."""
    row = await tx.fetch_one("SELECT sealed FROM device_secret WHERE name = $1", name)
    return None if row is None else b64decode(row[0])


async def add_secret_tx(tx: Tx, name: str, sealed: bytes) -> None:
    """Keeps a secret."""
    await tx.execute("INSERT INTO device_secret (name, sealed) VALUES ($1, $2)", name, b64encode(sealed).decode())


async def add_certificate_tx(tx: Tx, one: CertificateRecord) -> None:
    """Keeps what is to be known of a certificate."""
    await tx.execute(
        f"INSERT INTO device_certificate ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL)",
        *(one.fingerprint, one.serial, one.device, one.not_before, one.not_after, one.made_at),
    )


async def certificate_tx(tx: Tx, fingerprint: str) -> CertificateRecord | None:
    """The certificate of this fingerprint."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM device_certificate WHERE fingerprint = $1", fingerprint)
    return None if row is None else CertificateRecord(*row)


async def certificates_tx(tx: Tx, device: str) -> list[CertificateRecord]:
    """The device's certificates, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM device_certificate WHERE device = $1 ORDER BY made_at DESC, serial LIMIT $2",
        device,
        LISTED,
    )
    return [CertificateRecord(*row) for row in rows]


async def revoke_tx(tx: Tx, device: str, serial: str, now: int) -> int:
    """Revokes one certificate of the device, or all with serial ""; how many there were."""
    sql = "UPDATE device_certificate SET revoked_at = $2 WHERE device = $1 AND revoked_at IS NULL"
    return await (tx.execute(f"{sql} AND serial = $3", device, now, serial) if serial else tx.execute(sql, device, now))


async def revoked_tx(tx: Tx, now: int) -> list[CertificateRecord]:
    """Those that were revoked before they ran out, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM device_certificate WHERE revoked_at IS NOT NULL AND not_after > $1"
        " ORDER BY revoked_at DESC, serial LIMIT $2",
        now,
        MAX_REVOKED,
    )
    return [CertificateRecord(*row) for row in rows]


async def used_tx(tx: Tx, fingerprint: str, now: int) -> None:
    """Notes the use of a certificate."""
    await tx.execute("UPDATE device_certificate SET used_at = $2 WHERE fingerprint = $1", fingerprint, now)


async def trim_tx(tx: Tx, before: int) -> None:
    """Forgets certificates that ran out before then."""
    await tx.execute("DELETE FROM device_certificate WHERE not_after < $1", before)


async def put_claim_tx(tx: Tx, device: str, code_hash: str, now: int, expires_at: int) -> None:
    """Keeps a code in place of the one that the device had."""
    await tx.execute("DELETE FROM device_claim WHERE device = $1", device)
    await tx.execute(
        "INSERT INTO device_claim (device, code_hash, made_at, expires_at) VALUES ($1, $2, $3, $4)",
        *(device, code_hash, now, expires_at),
    )


async def claim_tx(tx: Tx, device: str) -> tuple[int, int] | None:
    """When the device's code was made and until when it is good."""
    row = await tx.fetch_one("SELECT made_at, expires_at FROM device_claim WHERE device = $1", device)
    return None if row is None else (int(row[0]), int(row[1]))


async def take_claim_tx(tx: Tx, code_hash: str, now: int) -> tuple[str, int] | None:
    """Uses the code up: whose it was and when it was made; None where there is none, or its time is over."""
    row = await tx.fetch_one("SELECT device, made_at, expires_at FROM device_claim WHERE code_hash = $1", code_hash)
    if row is None or not await tx.execute("DELETE FROM device_claim WHERE code_hash = $1", code_hash):
        return None
    return (str(row[0]), int(row[1])) if int(row[2]) > now else None


async def drop_claim_tx(tx: Tx, device: str) -> int:
    """Takes the device's code back; 0 where it had none."""
    return await tx.execute("DELETE FROM device_claim WHERE device = $1", device)
