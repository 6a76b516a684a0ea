from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from kumihimo.network.http.probes import probe_routes


@pytest.mark.parametrize(("is_ready", "status"), [(True, 200), (False, 503)])
async def test_readiness_is_asked_each_time_and_health_is_not(is_ready: bool, status: int) -> None:
    async def ready() -> bool:
        return is_ready

    routes = {route.path: route.endpoint for route in probe_routes(ready, {"part": lambda: {"things_total": 2.0}})}

    async def get(path: str) -> Response:
        answer: Response = await routes[path](Request({"type": "http", "method": "GET", "path": path, "headers": []}))
        return answer

    assert (await get("/readyz")).status_code == status
    assert (await get("/healthz")).status_code == 200
    assert b"kumihimo_part_things_total 2.0" in bytes((await get("/metrics")).body)
