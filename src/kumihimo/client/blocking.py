"""The same client for programs without an event loop, and for notebooks, where one runs already.

The asynchronous client does the work, on a loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Mapping
from typing import Any, Literal, Self, TypeVar, Unpack

from kumihimo.client.asynchronous import AsyncClient
from kumihimo.client.models import Change, Entity, Reading, Written
from kumihimo.client.options import FeedQuery, Look, PastQuery, Query, Selection, Span

T = TypeVar("T")


class _Loop:
    """An event loop in a thread, which ends with the program."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kumihimo-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives; an interrupt ends it too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def each(self, many: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """One after the other, fetched when it is asked for; leaving the loop ends what fetches."""
        try:
            while True:
                try:
                    yield self.run(_next(many))
                except StopAsyncIteration:
                    return
        finally:
            self.run(many.aclose())

    def close(self) -> None:
        """Ends the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(many: AsyncGenerator[T, None]) -> T:
    return await anext(many)


class BlockingEntities:
    """As entities.Entities."""

    def __init__(self, client: AsyncClient, loop: _Loop) -> None:
        self._to, self._loop = client.entities, loop

    def create(self, entity: Entity) -> str:
        """Creates it; its id."""
        return self._loop.run(self._to.create(entity))

    def get(self, entity_id: str, **look: Unpack[Look]) -> dict[str, Any]:
        """The entity; NotFound where there is none."""
        return self._loop.run(self._to.get(entity_id, **look))

    def update(self, entity_id: str, attributes: Entity) -> None:
        """Changes what is named and leaves the rest."""
        self._loop.run(self._to.update(entity_id, attributes))

    def replace(self, entity_id: str, entity: Entity) -> None:
        """Replaces all that it is."""
        self._loop.run(self._to.replace(entity_id, entity))

    def delete(self, entity_id: str) -> None:
        """Deletes it."""
        self._loop.run(self._to.delete(entity_id))

    def delete_attribute(self, entity_id: str, attribute: str) -> None:
        """Deletes an attribute with all its instances."""
        self._loop.run(self._to.delete_attribute(entity_id, attribute))

    def upsert(self, entities: Iterable[Entity], *, batch: int = 500) -> Written:
        """Creates those that are not there and updates those that are."""
        return self._loop.run(self._to.upsert(entities, batch=batch))

    def query(self, **query: Unpack[Query]) -> Generator[dict[str, Any], None, None]:
        """The entities that fit, fetched page by page while they are taken."""
        return self._loop.each(self._to.query(**query))

    def count(self, **selection: Unpack[Selection]) -> int:
        """How many entities fit."""
        return self._loop.run(self._to.count(**selection))

    def types(self) -> list[str]:
        """The types of the entities that there are."""
        return self._loop.run(self._to.types())


class BlockingPast:
    """As past.Past."""

    def __init__(self, client: AsyncClient, loop: _Loop) -> None:
        self._to, self._loop = client.past, loop

    def write(self, entity: Entity) -> None:
        """Writes instances into the past."""
        self._loop.run(self._to.write(entity))

    def readings(self, entity_id: str, **span: Unpack[Span]) -> Generator[Reading, None, None]:
        """An entity's values."""
        return self._loop.each(self._to.readings(entity_id, **span))

    def query(self, **query: Unpack[PastQuery]) -> Generator[Reading, None, None]:
        """The values of all entities that fit."""
        return self._loop.each(self._to.query(**query))

    def frame(self, *, library: Literal["pandas", "polars"] = "pandas", **query: Unpack[PastQuery]) -> Any:
        """The values as a data frame."""
        return self._loop.run(self._to.frame(library=library, **query))


class BlockingSubscriptions:
    """As subscriptions.Subscriptions."""

    def __init__(self, client: AsyncClient, loop: _Loop) -> None:
        self._to, self._loop = client.subscriptions, loop

    def create(self, document: Mapping[str, Any]) -> str:
        """Makes a subscription; its id."""
        return self._loop.run(self._to.create(document))

    def get(self, subscription_id: str) -> dict[str, Any]:
        """The subscription with its state and counters."""
        return self._loop.run(self._to.get(subscription_id))

    def list(self) -> Generator[dict[str, Any], None, None]:
        """All subscriptions."""
        return self._loop.each(self._to.list())

    def update(self, subscription_id: str, members: Mapping[str, Any]) -> None:
        """Changes members."""
        self._loop.run(self._to.update(subscription_id, members))

    def delete(self, subscription_id: str) -> None:
        """Ends it."""
        self._loop.run(self._to.delete(subscription_id))

    def listen(self, **query: Unpack[FeedQuery]) -> Generator[Change, None, None]:
        """Changes as they happen, until the loop is left."""
        return self._loop.each(self._to.listen(**query))


class BlockingDevices:
    """As devices.Devices."""

    def __init__(self, client: AsyncClient, loop: _Loop) -> None:
        self._to, self._loop = client.devices, loop

    def send(self, device: str, key: str, readings: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> int:
        """Sends a reading, or however many; how many were taken."""
        return self._loop.run(self._to.send(device, key, readings))


class Client:
    """One tenant of one platform: `entities`, `past`, `subscriptions`, `devices`; made as an AsyncClient is."""

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
        self._client = AsyncClient(address, tenant, context=context, token=token, timeout=timeout, retries=retries)
        self._loop = _Loop()
        self.entities = BlockingEntities(self._client, self._loop)
        self.past = BlockingPast(self._client, self._loop)
        self.subscriptions = BlockingSubscriptions(self._client, self._loop)
        self.devices = BlockingDevices(self._client, self._loop)

    def close(self) -> None:
        """Closes all connections and ends the thread."""
        self._loop.run(self._client.close())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
