"""What an operator can ask of devices; what they log in with is in credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.ids import check_device, check_tenant, is_uri
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.device.registry.models import Device
from kumihimo.platform.jsonld.names import check_name


async def device_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Registers a device and gives its key, which is shown this once."""
    tenant = check_tenant(str(given["tenant"]))
    entity = str(given["entity"])
    if not is_uri(entity):
        raise BadRequestData(f"{entity!r} is no URI; an entity id looks like urn:ngsi-ld:RiverGauge:1")
    context = doors.contexts.core
    device = Device(
        id=check_device(str(given["device"])),
        family=str(given["family"]),
        name=str(given.get("name") or given["device"]),
        entity_id=entity,
        entity_type=context.expand_type(check_name(str(given["type"]), "the type of an entity")),
    )
    key = await doors.registry.add(tenant, device)
    return {"tenant": tenant, "device": device.id, "username": f"{tenant}/{device.id}", "key": key}


async def device_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's devices with their counters."""
    tenant = check_tenant(str(given["tenant"]))
    return [
        {name: value for name, value in asdict(device).items() if name != "settings"}
        for device in await doors.registry.list(tenant)
    ]


async def device_refusals(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What was not taken of a tenant's devices and of whoever said to be one, the newest first."""
    tenant = check_tenant(str(given["tenant"]))
    return [asdict(refusal) for refusal in await doors.registry.refusals(tenant)]


async def device_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Removes a device; a live connection of its is cut."""
    tenant, name = check_tenant(str(given["tenant"])), check_device(str(given["device"]))
    if not await doors.registry.remove(tenant, name):
        raise ResourceNotFound(f"tenant {tenant!r} has no device {name!r}")
    return {"tenant": tenant, "device": name, "removed": True}


DEVICES: dict[str, Operation] = {
    "device-add": device_add,
    "device-list": device_list,
    "device-refusals": device_refusals,
    "device-remove": device_remove,
}
