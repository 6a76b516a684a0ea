"""How soon people were told, written onto the entities by which a wing tells programs of its notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Change, Op, Query
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.service.notices.models import Took, TookFor

_PAGE: Final = 1000


async def note_handed(broker: Broker, call: Call, attribute: str, took: Mapping[str, Took]) -> None:
    """Writes onto notices what they took until they were handed over; one that is not there, or not yet, is passed.

    attribute: the expanded name under which it stands, in seconds.
    """
    docs: list[EntityDoc] = [
        {"id": one, "type": [], "attrs": {attribute: [_seconds(each)]}} for one, each in took.items()
    ]
    changes = [Change(Op.APPEND, doc["id"], doc) for doc in docs]
    for outcome in await broker.apply(call, changes) if changes else ():
        if outcome.problem is not None and not isinstance(outcome.problem, ResourceNotFound):
            raise outcome.problem


async def settle(broker: Broker, call: Call, kind: str, attribute: str, took: TookFor | None, only: str = "") -> None:
    """Notes what was handed over and stands on no notice of the call's tenant: as before its notice was written, or at
    a kill. kind: the expanded type of the notices; only: the one that was just written, all without it.
    """
    found = {} if took is None else dict(await took(call.tenant, only))
    if found and not only:
        query = Query(ALL_ROWS, ALL_ATTRIBUTES, types=kind, limit=_PAGE)
        docs = await broker.find_all(call.tenant, query)
        open_ = {doc["id"] for doc in docs if attribute not in doc["attrs"]}
        found = {name: one for name, one in found.items() if name in open_}
    await note_handed(broker, call, attribute, found)


def _seconds(one: Took) -> Instance:
    moment = times.text(times.from_micros(one.at))
    return {"type": "Property", "value": one.seconds, "unitCode": "SEC", "observedAt": moment}
