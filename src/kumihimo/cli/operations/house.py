"""What an operator can ask of the platform itself and of its tenants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kumihimo import __version__
from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import Doors, Operation


async def status(doors: Doors, _: Mapping[str, Any]) -> Any:
    """Version, engine and tenants."""
    return {
        "version": __version__,
        "engine": doors.database.dialect.name,
        "tenants": await doors.database.tenants(),
    }


async def tenant_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Makes a tenant."""
    name = check_tenant(str(given["tenant"]))
    return {"tenant": name, "made": await doors.database.add_tenant(name)}


async def tenant_list(doors: Doors, _: Mapping[str, Any]) -> Any:
    """All tenants."""
    return [{"tenant": name} for name in await doors.database.tenants()]


async def metrics(doors: Doors, _: Mapping[str, Any]) -> Any:
    """The numbers of every part since the platform's start; a closed platform shows them here alone."""
    return doors.metrics()


async def signing_keys(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The public halves of a tenant's signing keys as a JSON Web Key Set, the one that signs first."""
    tenant = check_tenant(str(given["tenant"]))
    return {"keys": [one.jwk() for one in await doors.signing.public(tenant)]}


async def signing_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives a tenant a new signing key; the old one signs no more."""
    tenant = check_tenant(str(given["tenant"]))
    await doors.signing.rotate(tenant)
    return await signing_keys(doors, given)


HOUSE: dict[str, Operation] = {
    "status": status,
    "tenant-add": tenant_add,
    "tenant-list": tenant_list,
    "metrics": metrics,
    "signing-keys": signing_keys,
    "signing-rotate": signing_rotate,
}
