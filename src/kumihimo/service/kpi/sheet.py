"""What is taken away as a file: a sheet of facts and tables with typed cells; each form writes it in its own way."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote

from kumihimo.base import times
from kumihimo.base.cells import plain
from kumihimo.base.texts import parse_texts, translator
from kumihimo.base.times import JST
from kumihimo.service.kpi.models import Definition, Figure

Cell = str | float | int | date | datetime | None
"""A datetime is of Japan's time and has no zone, as spreadsheets have it."""
Words = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and how wide it is beside the others."""

    heading: str
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """A table with its title; notes stand below it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """facts: labels with values, before the tables; foot: what stands at the foot of each page."""

    title: str
    lang: str
    foot: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


@cache
def words(lang: str) -> Words:
    """`t(key, **values)` of the room's own texts in "ja" or "en"."""
    package = __package__ or ""
    return translator(parse_texts(files(package).joinpath("texts.toml").read_text("utf-8"), package), lang)


def local(at: int) -> datetime:
    """A moment in microseconds as the clock in Japan shows it."""
    return times.from_micros(at).astimezone(JST).replace(tzinfo=None)


class Town(NamedTuple):
    """Whose sheet it is: the tenant, by which machines know it, and what people call it."""

    tenant: str
    name: str

    def facts(self, t: Words) -> tuple[tuple[str, str], ...]:
        """The town by its name, and its tenant where that is another."""
        tenant = () if self.tenant == self.name else ((t("sheet.tenant"), self.tenant),)
        return ((t("sheet.town"), self.name), *tenant)


def figures_sheet(
    town: Town, groups: Sequence[tuple[Definition, Sequence[Figure]]], base_url: str, now: int, lang: str
) -> Sheet:
    """The figures of a town's KPIs: one row each, with the address under which its readings are found."""
    t = words(lang)
    columns = (
        Column(t("sheet.kpi"), 2.2),
        Column(t("kpi.figure"), 1.8),
        Column(t("sheet.begins"), 1.3),
        Column(t("kpi.value"), 0.9),
        Column(t("sheet.unit"), 0.7),
        Column(t("sheet.state"), 0.9),
        Column(t("sheet.readings"), 0.7),
        Column(t("kpi.note"), 2.2),
        Column(t("sheet.address"), 2.0),
    )
    rows = tuple(
        _figure_row(definition, figure, f"{base_url}/t/{town.tenant}", lang)
        for definition, all_ in groups
        for figure in all_
    )
    methods = tuple(f"{definition.title[lang]}: {definition.method[lang]}" for definition, _ in groups)
    return Sheet(
        t("sheet.title"),
        lang,
        t("sheet.foot", town=town.name, at=f"{local(now):%Y-%m-%d %H:%M}"),
        (*town.facts(t), (t("sheet.made"), f"{local(now):%Y-%m-%d %H:%M}")),
        (Part(t("sheet.figures"), columns, rows, methods),),
    )


def _figure_row(definition: Definition, figure: Figure, base: str, lang: str) -> tuple[Cell, ...]:
    return (
        definition.title[lang],
        figure.label[lang],
        local(figure.at),
        figure.value,
        definition.unit[lang],
        words(lang)(f"kpi.state.{figure.state}"),
        len(figure.lineage),
        "" if figure.note is None else figure.note[lang],
        f"{base}/kpi/{quote(figure.id, safe='')}",
    )


# --- CSV --------------------------------------------------------------------------------------------------


def as_csv(sheet: Sheet) -> bytes:
    """CSV with a byte order mark, so that Excel reads its Japanese. A sheet of one table is that table alone; others
    stand below each other, each under its title, with the facts first.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    many = len(sheet.parts) > 1
    if many:
        writer.writerows([[plain(label), plain(value)] for label, value in sheet.facts])
    for part in sheet.parts:
        if many:
            writer.writerows([[], [plain(part.title)]])
        writer.writerow([plain(column.heading) for column in part.columns])
        writer.writerows([_text(cell) for cell in row] for row in part.rows)
        writer.writerows([[plain(note)] for note in part.notes] if many else [])
    return out.getvalue().encode("utf-8-sig")


def _text(cell: Cell) -> str:
    """Numbers stay numbers, also those below nothing: only texts can be formulas."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return plain(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell)


def all_text(sheet: Sheet) -> str:
    """Every text of the sheet one after the other."""
    cells = (str(cell) for part in sheet.parts for row in part.rows for cell in row if cell is not None)
    heads = (text for part in sheet.parts for text in (part.title, *part.notes, *(one.heading for one in part.columns)))
    return "".join(chain((sheet.title, sheet.foot), chain.from_iterable(sheet.facts), heads, cells))
