"""The client for programs that run in an event loop."""

from __future__ import annotations

from typing import Self

from kumihimo.client.connection import Connection
from kumihimo.client.devices import Devices
from kumihimo.client.entities import Entities
from kumihimo.client.past import Past
from kumihimo.client.subscriptions import Subscriptions


class AsyncClient:
    """One tenant of one platform: `entities`, `past`, `subscriptions`, `devices`.

    context: address of the @context by which names are read. token: a bearer token, where the platform wants one.
    timeout: seconds for one request. retries: how often a request is repeated that the platform was too busy for.
    """

    def __init__(
        self,
        address: str = "http://localhost:8080",
        tenant: str = "",
        *,
        context: str = "",
        token: str = "",
        timeout: float = 30.0,
        retries: int = 3,
    ) -> None:
        connection = Connection(address, tenant, context=context, token=token, timeout=timeout, retries=retries)
        self._connection = connection
        self.entities = Entities(connection)
        self.past = Past(connection)
        self.subscriptions = Subscriptions(connection)
        self.devices = Devices(connection)

    async def close(self) -> None:
        """Closes all connections."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
