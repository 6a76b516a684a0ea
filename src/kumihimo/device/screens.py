"""The devices page: who is there, how they fare, what was refused, what was commanded."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from kumihimo.base.call import Call
from kumihimo.base.screens import Ask, Page, Screen
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.models import CommandRecord
from kumihimo.device.credentials import credential_screen
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.registry.models import Device, Refusal
from kumihimo.device.registry.registry import Registry

PACKAGE: Final = "kumihimo.device"
SHOWN_REFUSALS: Final = 50
SHOWN_COMMANDS: Final = 20


def device_screens(
    registry: Registry,
    arbiter: Arbiter,
    enrolment: Enrolment,
    allow: Callable[[Call], Awaitable[object]],
    counters: Callable[[], Mapping[str, float]],
) -> list[Screen]:
    """The page at /devices, and one for each device. allow(call) raises a Problem where the caller may not administer
    the tenant's devices; counters are the gateway's, of refusals that belong to no tenant.
    """

    async def show(ask: Ask) -> Page:
        """The devices: how they fare, what was refused, what they were told."""
        await allow(ask.call)
        devices = await registry.list(ask.tenant)
        refusals = await registry.refusals(ask.tenant, SHOWN_REFUSALS)
        commands = await arbiter.list(ask.tenant, limit=SHOWN_COMMANDS)
        data = {
            "tenant": ask.tenant,
            "devices": [_device(one, ask.lang) for one in sorted(devices, key=lambda one: _natural(one.id))],
            "refusals": [_refusal(one, ask.lang) for one in refusals],
            "commands": [_command(one, ask.lang) for one in commands],
            "elsewhere": {name.removesuffix("_total"): int(count) for name, count in counters().items()},
            "add_command": f"kumihimo device add gauge-1 --tenant {ask.tenant} --family river-gauge "
            "--entity urn:ngsi-ld:RiverGauge:1 --type RiverGauge",
        }
        return Page(f"{PACKAGE}:devices.html", "devices.title", data)

    return [
        Screen("/devices", show, nav="nav.devices", order=60, package=PACKAGE, needs="devices", menu="nav.manage"),
        credential_screen(registry, enrolment, allow),
    ]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts gauge-2 before gauge-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _device(one: Device, lang: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "family": one.family,
        "entity": one.entity_id,
        "last_seen": one.last_seen,
        "accepted": one.accepted,
        "refused": one.refused,
        "refusal": one.last_refusal_ja if lang == "ja" else one.last_refusal,
        "refusal_at": one.last_refusal_at,
    }


def _refusal(one: Refusal, lang: str) -> dict[str, Any]:
    return {"at": one.at, "device": one.device, "way": one.way, "words": one.ja if lang == "ja" else one.en}


def _command(one: CommandRecord, lang: str) -> dict[str, Any]:
    return {
        "at": one.asked_at,
        "device": one.device,
        "name": one.name,
        "reason": one.reason,
        "state": one.state,
        "detail": one.detail.in_language(lang),
    }
