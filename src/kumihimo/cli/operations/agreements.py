"""What an operator can do with agreements between tenants: whoever has the data folder may do it for either side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.cli.operations.people import BY
from kumihimo.platform.access.agreements import Terms
from kumihimo.platform.access.days import begin_of, end_of
from kumihimo.platform.access.records import Agreement
from kumihimo.platform.access.shared import Share


async def _side(doors: Doors, given: Mapping[str, Any]) -> str:
    """The tenant for which it is done. BadRequestData for what is no name, NonexistentTenant where there is none."""
    tenant = check_tenant(str(given["tenant"]))
    await doors.rules.revision(tenant)
    return tenant


def _told(doors: Doors, one: Agreement) -> dict[str, Any]:
    return {**asdict(one), "state": one.state(doors.rules.changes.now())}


async def agreement_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The agreements and offers of which a tenant is a side."""
    return [_told(doors, one) for one in await doors.rules.agreements.list(await _side(doors, given))]


async def agreement_show(doors: Doors, given: Mapping[str, Any]) -> Any:
    """One of them, with its text."""
    return _told(doors, await doors.rules.agreements.one(await _side(doors, given), str(given["agreement"])))


async def agreement_offer(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What an offer would say, as `agreement-show` gives it; with apply it is made."""
    giver, taker, role = await _side(doors, given), str(given["taker"]).strip(), str(given["role"]).strip()
    share = Share(
        [str(one) for one in given["types"]],
        [str(one) for one in given["attributes"]],
        subscribe=given["subscribe"] is True,
        text=None if given["text"] is None else str(given["text"]),
    )
    terms: Terms = {
        "purpose": str(given["purpose"]),
        "starts_at": begin_of(str(given["starts"])),
        "ends_at": end_of(str(given["ends"])),
        "by": BY,
    }
    agreements = doors.rules.agreements
    made = await agreements.draft_of(giver, taker, role, share, doors.contexts.core.expand, **terms)
    if given["apply"] is True:
        made = await agreements.offer(giver, taker, role, text=made.text, **terms)
    return _told(doors, made)


async def agreement_accept(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Accepts, for the taker, what was offered."""
    taker, id_ = await _side(doors, given), str(given["agreement"])
    await doors.rules.agreements.accept(taker, id_, BY)
    return _told(doors, await doors.rules.agreements.one(taker, id_))


async def agreement_end(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Ends an agreement or an offer, from either side."""
    tenant, id_ = await _side(doors, given), str(given["agreement"])
    await doors.rules.agreements.end(tenant, id_, BY, str(given["why"]))
    return _told(doors, await doors.rules.agreements.one(tenant, id_))


AGREEMENTS: dict[str, Operation] = {
    "agreement-list": agreement_list,
    "agreement-show": agreement_show,
    "agreement-offer": agreement_offer,
    "agreement-accept": agreement_accept,
    "agreement-end": agreement_end,
}
