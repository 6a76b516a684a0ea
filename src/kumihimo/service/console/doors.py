"""The platform's doors that the console's own pages go through; bound in `app`."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.base.clock import Clock
from kumihimo.base.ports import Bus
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.storage.database import Database


@dataclass(frozen=True, slots=True)
class Doors:
    """context: by which names are shortened on the pages and in the JSON that they show."""

    database: Database
    clock: Clock
    bus: Bus
    access: Access
    broker: Broker
    history: History
    delivery: Delivery
    context: Context
