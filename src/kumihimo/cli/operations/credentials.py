"""What an operator can ask of devices' credentials, the same over the socket and on files that nobody has open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.ids import check_device, check_tenant
from kumihimo.cli.operations.doors import Doors


async def device_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives a device a new key; the old one stops at once, or after so many seconds."""
    tenant, name = _names(given)
    key = await doors.registry.rotate(tenant, name, keep=int(given.get("keep", 0)))
    return {"tenant": tenant, "device": name, "key": key}


async def device_credentials(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A device's key, claim code and certificates, as far as they may be shown."""
    tenant, name = _names(given)
    keys = await doors.registry.keys(tenant, name)
    if keys is None:
        raise ResourceNotFound(f"tenant {tenant!r} has no device {name!r}")
    return {
        "key": {"set": bool(keys.hashed), "made_at": keys.made_at, "used_at": keys.used_at},
        "old_key_until": keys.old_until if keys.old_hashed else 0,
        "claimable_until": await doors.enrolment.claimable(tenant, name),
        "certificates": [asdict(one) for one in await doors.enrolment.list(tenant, name)],
    }


async def device_revoke(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Takes away a device's key, one certificate, or all that it has; what is open is cut."""
    tenant, name = _names(given)
    serial, what = str(given.get("serial", "")), str(given["what"])
    if what not in ("key", "certificate", "all"):
        raise BadRequestData(f"{what!r} cannot be revoked; there are key, certificate and all")
    if await doors.registry.get(tenant, name) is None:
        raise ResourceNotFound(f"tenant {tenant!r} has no device {name!r}")
    gone = 0
    if what != "key":
        gone = await doors.enrolment.revoke(tenant, name, serial)
        if not gone and serial:
            raise ResourceNotFound(f"device {name!r} has no certificate {serial!r} that is good")
    if what != "certificate":
        await doors.registry.revoke_key(tenant, name)
    if what == "all":
        await doors.enrolment.unclaim(tenant, name)
    return {"tenant": tenant, "device": name, "certificates": gone}


async def device_claim(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Makes a claim code for a device, which is shown this once."""
    tenant, name = _names(given)
    claim = await doors.enrolment.claim(tenant, name)
    return {"tenant": tenant, "device": name, "code": claim.code, "expires_at": claim.expires_at}


async def device_certificate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Issues a certificate for a signing request (PEM); the certificate with its chain."""
    tenant, name = _names(given)
    issued = await doors.enrolment.issue(tenant, name, str(given["csr"]).encode())
    return {"tenant": tenant, "device": name, "serial": issued.record.serial, "certificate": issued.pem}


async def device_ca(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The authority that signs the tenant's devices' certificates, and the root."""
    tenant = check_tenant(str(given["tenant"]))
    return {"tenant": tenant, "chain": await doors.enrolment.chain(tenant)}


def _names(given: Mapping[str, Any]) -> tuple[str, str]:
    return check_tenant(str(given["tenant"])), check_device(str(given["device"]))


CREDENTIALS = {
    "device-rotate": device_rotate,
    "device-credentials": device_credentials,
    "device-revoke": device_revoke,
    "device-claim": device_claim,
    "device-certificate": device_certificate,
    "device-ca": device_ca,
}
