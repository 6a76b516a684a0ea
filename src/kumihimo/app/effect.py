"""The pages of before and after, of towns side by side, of what is taken away as a file and of what a town shows."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from kumihimo.app.platform import Platform
from kumihimo.base.call import Call
from kumihimo.base.screens import Screen
from kumihimo.platform.access.grants import Grant
from kumihimo.service.kpi.effect_pages import effect_screens
from kumihimo.service.kpi.export import Exports, export_screens
from kumihimo.service.kpi.public.pages import PATH as PUBLIC_PATH
from kumihimo.service.kpi.public.pages import public_screens
from kumihimo.service.kpi.sheet_pdf import FONT_FILE


def exports_of(platform: Platform) -> Exports:
    """What makes files of figures. The font lies where all lies that is fetched when the package is built."""
    font = Path(str(files("kumihimo.service.console"))) / "static" / "vendor" / FONT_FILE
    return Exports(platform.kpi, platform.measures, platform.clock, font)


def effect_pages(platform: Platform) -> list[Screen]:
    """All of them."""

    async def rights(call: Call) -> Grant:
        return await platform.access.decide(call, "read")

    return [
        *effect_screens(platform.kpi, rights, platform.clock),
        *export_screens(exports_of(platform), rights),
        *public_screens(platform.public, platform.kpi, platform.measures),
    ]


def is_figures_page(path: str, tenant: str) -> bool:
    """Whether an address is a town's page of figures for everybody, which is open where the town shows any."""
    return path == f"/t/{tenant}{PUBLIC_PATH}"
