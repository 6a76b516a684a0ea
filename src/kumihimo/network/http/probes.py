"""Health, readiness and metrics: what a supervisor asks of a process; knows no tenant's data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kumihimo.base.call import NOBODY, Caller
from kumihimo.base.errors import Forbidden
from kumihimo.base.problems import told

MayMeasure = Callable[[Caller], Awaitable[bool]]
Stats = Callable[[], Mapping[str, float]]
"""Numbers by name; a name that ends in _total only grows."""


class _Collector:
    def __init__(self, parts: Mapping[str, Stats]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        for part, stats in self._parts.items():
            for name, value in stats().items():
                whole = f"kumihimo_{part}_{name}"
                if name.endswith("_total"):
                    yield CounterMetricFamily(whole.removesuffix("_total"), f"{part}: {name}", value=value)
                else:
                    yield GaugeMetricFamily(whole, f"{part}: {name}", value=value)


async def _everybody(_: Caller) -> bool:
    return True


def probe_routes(
    ready: Callable[[], Awaitable[bool]], parts: Mapping[str, Stats], may_measure: MayMeasure = _everybody
) -> list[Route]:
    """/healthz (the process answers), /readyz (it takes work; 503 otherwise) and /metrics (Prometheus text).

    may_measure: who may see the numbers.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(parts))

    async def healthz(_: Request) -> Response:
        """200 while the process answers at all."""
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        """200 while it takes work; 503 while it starts or stops, or the store is away."""
        if await ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("starting, stopping, or the store is away\n", 503, {"retry-after": "1"})

    async def metrics(request: Request) -> Response:
        """Numbers of every part, as Prometheus reads them; for who operates the platform."""
        if not await may_measure(request.scope.get("state", {}).get("caller", NOBODY)):
            return Response(*told(Forbidden("the numbers are for who operates the platform")))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
