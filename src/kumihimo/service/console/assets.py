"""Files that pages load: `/static/<room>/…` is the `static/` folder of that room's package."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kumihimo.service.console.words import OWN_PACKAGE

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".geojson": "application/geo+json",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class RoomFiles(StaticFiles):
    """A room's static files: right media types whatever the machine says, revalidated by ETag at each load."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file (starlette.staticfiles.StaticFiles)."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        known = _TYPES.get(Path(full_path).suffix)
        if known and "content-type" in response.headers:
            response.headers["content-type"] = known
        response.headers["cache-control"] = "no-cache"
        response.headers["x-content-type-options"] = "nosniff"
        return response


def asset_url(path: str) -> str:
    """The address of "<room>/<file>", e.g. "console/js/live.js" or "flood/base.geojson"."""
    return f"/static/{path}"


def static_routes(packages: Iterable[str]) -> list[Mount]:
    """A mount for each package that has a `static/` folder, under the last part of the package's name."""
    found: list[Mount] = []
    for package in dict.fromkeys((OWN_PACKAGE, *packages)):
        folder = Path(str(files(package))) / "static"
        if folder.is_dir():
            room = package.rpartition(".")[2]
            found.append(Mount(f"/static/{room}", RoomFiles(directory=folder), name=f"static-{room}"))
    return found
