"""A town's figures as a file: CSV, Excel workbook or printed page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData
from kumihimo.base.screens import Ask, Document, Screen
from kumihimo.platform.access.grants import Grant
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.effect import Effect, effect_of
from kumihimo.service.kpi.measures import Measure
from kumihimo.service.kpi.measures_door import Measures
from kumihimo.service.kpi.measures_screens import NEEDS
from kumihimo.service.kpi.screens import PACKAGE, Rights
from kumihimo.service.kpi.sheet import Sheet, Town, as_csv, figures_sheet
from kumihimo.service.kpi.sheet_measure import Reviewed, measure_sheet

MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
FONT_FILE: Final = "BIZUDPGothic_400Regular.ttf"
"""The font of printed pages, among the assets."""
FORMS: Final = tuple(MEDIA_TYPES)
MOST_CSV: Final = 100_000
MOST_XLSX: Final = 20_000
MOST_PDF: Final = 2_000
MOST_ROWS: Final = {"csv": MOST_CSV, "xlsx": MOST_XLSX, "pdf": MOST_PDF}
"""Rows that a file of each form holds; a printed page of more is no use to anybody."""


class Exports:
    """Makes them. font: the file of the printed page's font; name: what a tenant is called in a language."""

    def __init__(self, kpi: Kpi, measures: Measures, clock: Clock, font: Path, name: Callable[[str, str], str]) -> None:
        self._name = name
        self._kpi = kpi
        self._measures = measures
        self._clock = clock
        self._font = font

    async def figures(self, tenant: str, grant: Grant, form: str, lang: str, base_url: str) -> bytes:
        """All figures that may be seen, as a file; base_url: where people reach the platform. BadRequestData for a form
        that there is not, or too many rows.
        """
        check_form(form)
        groups = [(one, await self._kpi.figures(tenant, one.id, grant)) for one in await self._kpi.definitions(tenant)]
        groups = [(one, figures) for one, figures in groups if figures]
        sheet = figures_sheet(self._town(tenant, lang), groups, base_url, times.micros(self._clock.now()), lang)
        return await self.written(sheet, form)

    async def measure(self, tenant: str, id_: str, grant: Grant, form: str, lang: str, base_url: str) -> bytes:
        """The sheet of a measure as somebody may see it, as a file. ResourceNotFound, BadRequestData as in figures."""
        check_form(form)
        now = times.micros(self._clock.now())
        sheet = measure_sheet(
            self._town(tenant, lang), await self._reviewed(tenant, id_, grant, now), base_url, now, lang
        )
        return await self.written(sheet, form)

    def _town(self, tenant: str, lang: str) -> Town:
        return Town(tenant, self._name(tenant, lang))

    async def _reviewed(self, tenant: str, id_: str, grant: Grant, now: int) -> Reviewed:
        measure = await self._measures.get(tenant, id_)
        every = {one.id: one for branch in await self._measures.tree(tenant) for one in branch.walk()}
        above: list[Measure] = []
        while (parent := every.get((above[0] if above else measure).parent)) is not None and parent not in above:
            above.insert(0, parent)
        targets = (await self._measures.seen(tenant, [measure], grant))[measure.id]
        effects: dict[str, Effect] = {}
        for one in targets:
            if one.definition is not None and one.standing is not None and one.target.kpi not in effects:
                figures = await self._kpi.figures(tenant, one.target.kpi, grant)
                effects[one.target.kpi] = effect_of(figures, measure.starts_on, now)
        return Reviewed(measure, above, targets, effects, await self._measures.notes(tenant, id_, grant))

    async def written(self, sheet: Sheet, form: str) -> bytes:
        """A sheet as a file, made beside the loop. BadRequestData as in figures."""
        check_form(form)
        rows = sum(len(part.rows) for part in sheet.parts)
        if rows > MOST_ROWS[form]:
            said = f"{rows} rows are too many for {form}, which holds {MOST_ROWS[form]}; take them as CSV"
            raise BadRequestData(said).worded("sheet.refused.rows", rows=rows, most=MOST_ROWS[form])
        now = times.micros(self._clock.now())
        return await asyncio.to_thread(_file, sheet, form, self._font, now)


def _file(sheet: Sheet, form: str, font: Path, made_at: int) -> bytes:
    """What writes workbooks and printed pages is loaded when one is asked for: it is a twentieth of a start."""
    if form == "pdf":
        from kumihimo.service.kpi.sheet_pdf import as_pdf  # noqa: PLC0415 - as said

        return as_pdf(sheet, font, made_at)
    if form == "xlsx":
        from kumihimo.service.kpi.sheet_xlsx import as_xlsx  # noqa: PLC0415 - as said

        return as_xlsx(sheet, made_at)
    return as_csv(sheet)


def check_form(form: str) -> None:
    """BadRequestData for a form that there is not."""
    if form not in FORMS:
        raise BadRequestData(f"{form[:20]!r} is none of {', '.join(FORMS)}")


def export_screens(exports: Exports, rights: Rights) -> list[Screen]:
    """/kpi/export.csv, .xlsx and .pdf, and /measures/{id}/sheet.csv, .xlsx and .pdf, with what the caller may see."""

    def screen(form: str) -> Screen:
        async def show(ask: Ask) -> Document:
            """All figures that the caller may see, as a file."""
            body = await exports.figures(ask.tenant, await rights(ask.call), form, ask.lang, ask.base_url)
            return Document(body, MEDIA_TYPES[form])

        return Screen(f"/kpi/export.{form}", show, package=PACKAGE, needs="read")

    def of_measure(form: str) -> Screen:
        async def show(ask: Ask) -> Document:
            """The sheet of a measure as the caller may see it, as a file."""
            grant = await rights(ask.call)
            body = await exports.measure(ask.tenant, ask.path["id"], grant, form, ask.lang, ask.base_url)
            return Document(body, MEDIA_TYPES[form])

        return Screen(f"/measures/{{id}}/sheet.{form}", show, package=PACKAGE, needs=NEEDS)

    return [*map(screen, FORMS), *map(of_measure, FORMS)]
