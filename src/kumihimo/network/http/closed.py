"""Closed by default: until log-in exists, a stranger gets health, readiness and the devices' own door, nothing else."""

from __future__ import annotations

import re

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kumihimo.base.errors import Unauthenticated
from kumihimo.base.problems import told

PROBES = ("/healthz", "/readyz")
READINGS = re.compile(r"/devices/v1/[^/]+/[^/]+/readings")
"""Devices prove themselves with their own key, in the handler behind this path."""

PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>Kumihimo</title>
<h1>ログインが必要です / Log-in needed</h1>
<p>この基盤はログインなしでは公開されていません。<br>
閉域網での試用は、このマシンで <code>kumihimo serve --open</code> を使ってください。</p>
<p>This platform shows nothing without log-in.<br>
To try it on a closed network, run <code>kumihimo serve --open</code> on this machine.</p>
</html>"""


class Closed:
    """ASGI middleware that answers 401 to everything but the open paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is open, refuses the rest."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "log-in needed"})
            return
        if scope["type"] != "http" or _is_open(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        await self._refusal(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response:
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        if b"text/html" in accept:
            return HTMLResponse(PAGE, 401, headers=headers)
        problem = Unauthenticated("log-in is needed; this platform was started without --open")
        answer = told(problem)
        return Response(answer.body, answer.status, {**headers, **answer.headers})


def _is_open(method: str, path: str) -> bool:
    """Not a path more and not a method more: even an error page of what stands behind may tell something."""
    if method == "POST":
        return READINGS.fullmatch(path) is not None
    return method in ("GET", "HEAD") and path in PROBES
