"""A client of the platform for Python programs: entities, their past, feeds of changes, subscriptions and devices.

    from kumihimo.client import Client

    with Client("http://localhost:8080", tenant="fukui-pref") as town:
        for gauge in town.entities.query(type="RiverGauge", q="waterLevel>2"):
            print(gauge["id"], gauge["waterLevel"])

`AsyncClient` is the same with `await` and `async for`. It needs aiohttp alone and imports nothing else of the
platform. It speaks NGSI-LD (ETSI GS CIM 009), so that what concerns entities works with other brokers too. Data frames
need pandas or polars.
"""

from kumihimo.client.asynchronous import AsyncClient
from kumihimo.client.blocking import Client
from kumihimo.client.errors import KumihimoError, NotFound, Refused, Unreachable
from kumihimo.client.models import Change, Reading, Written

__all__ = [
    "AsyncClient",
    "Change",
    "Client",
    "KumihimoError",
    "NotFound",
    "Reading",
    "Refused",
    "Unreachable",
    "Written",
]
