"""What the handlers of the face stand on: the rooms below, bound by the wiring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.jsontext import MAX_BODY
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.collation import ROOT
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.ngsild.remembered import Remembered
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.storage.database import Database


@dataclass(slots=True)
class Face:
    """The rooms that a request is answered from.

    may_make says whether a call's write makes the tenant that there is not (make_tenant); max_body is in bytes;
    remembered is what was rendered; collation is the language tag by whose collation texts are ordered where a query
    names none; started is when the platform began to serve.
    """

    database: Database
    clock: Clock
    broker: Broker
    history: History
    delivery: Delivery
    contexts: Contexts
    shelf: TenantShelf
    access: Access
    open_house: bool
    make_tenant: Callable[[str], Awaitable[None]]
    may_make: Callable[[Call], Awaitable[bool]]
    max_body: int = MAX_BODY
    collation: str = ROOT
    remembered: Remembered = field(default_factory=Remembered)
    started: datetime = field(init=False)

    def __post_init__(self) -> None:
        """The moment from which the uptime counts."""
        self.started = self.clock.now()
