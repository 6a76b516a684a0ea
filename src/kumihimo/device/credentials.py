"""A device's page: what it may come in by, and what can be done about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import segno

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.screens import Ask, Page, Screen
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.enrolment.models import Claim
from kumihimo.device.registry.registry import Registry

PACKAGE: Final = "kumihimo.device"
PATH: Final = "/devices/{device}"
OVERLAP_SECONDS: Final = 7 * 24 * 3600
"""For so long the page keeps the old key beside a new one, where it is asked to."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a form brought: words that say so, and what is shown this once."""

    said: str = ""
    key: str = ""
    claim: Claim | None = None


def credential_screen(registry: Registry, enrolment: Enrolment, allow: Callable[[Call], Awaitable[object]]) -> Screen:
    """The page at /devices/{device}. allow(call) raises a Problem where the caller may not administer the devices."""

    async def page(ask: Ask, done: Done) -> Page:
        tenant, name = ask.tenant, ask.path["device"]
        device, keys = await registry.get(tenant, name), await registry.keys(tenant, name)
        if device is None or keys is None:
            raise ResourceNotFound(f"tenant {tenant!r} has no device {name[:64]!r}")
        claimable = await enrolment.claimable(tenant, name)
        data = {
            "device": device,
            "keys": replace(keys, hashed="set" if keys.hashed else "", old_hashed="set" if keys.old_hashed else ""),
            "claimable": claimable,
            "certificates": await enrolment.list(tenant, name),
            "done": done,
            "username": f"{tenant}/{device.id}",
            "overlap_days": OVERLAP_SECONDS // 86400,
            "claim_address": _claim_address(ask) if done.claim else "",
            "claim_picture": _picture(_claim_address(ask, done.claim.code)) if done.claim else "",
            "certificate_command": f"kumihimo device certificate {device.id} --tenant {tenant} --csr {device.id}.csr",
        }
        return Page(f"{PACKAGE}:device.html", device.name or device.id, data)

    async def show(ask: Ask) -> Page:
        """What the device may come in by: its key, its certificates, a claim code."""
        await allow(ask.call)
        return await page(ask, Done())

    async def post(ask: Ask) -> Page:
        """Changes or takes away a credential; what is secret is in the answer, this once."""
        await allow(ask.call)
        return await page(ask, await _act(registry, enrolment, ask))

    return Screen(PATH, show, post, package=PACKAGE, needs="devices", takes="devices")


async def _act(registry: Registry, enrolment: Enrolment, ask: Ask) -> Done:
    """ResourceNotFound without such a device, BadRequestData for what the page does not offer."""
    tenant, name, action = ask.tenant, ask.path["device"], ask.form.get("action", "")
    if action in ("rotate", "rotate-now"):
        key = await registry.rotate(tenant, name, keep=OVERLAP_SECONDS if action == "rotate" else 0)
        return Done("device.done.rotated", key=key)
    if action == "claim":
        return Done("device.done.claim", claim=await enrolment.claim(tenant, name))
    if action == "unclaim":
        await enrolment.unclaim(tenant, name)
        return Done("device.done.unclaimed")
    if action == "revoke-key":
        await registry.revoke_key(tenant, name)
        return Done("device.done.revoked")
    serial = ask.form.get("serial", "")
    if action == "revoke" and serial:
        await enrolment.revoke(tenant, name, serial)
        return Done("device.done.revoked")
    raise BadRequestData("this page offers no such action")


def _claim_address(ask: Ask, code: str = "") -> str:
    query = f"?{urlencode({'code': code})}" if code else ""
    return f"{ask.base_url}/devices/v1/{quote(ask.tenant)}/claim{query}"


def _picture(address: str) -> Any:
    """A QR code (ISO/IEC 18004) as a data address of an SVG image, black on white whatever the page's colours."""
    return segno.make(address, micro=False, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
