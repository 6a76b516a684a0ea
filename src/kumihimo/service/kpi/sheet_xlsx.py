"""A sheet as an Excel workbook (Office Open XML): real numbers and dates, headings that stay in sight."""

from __future__ import annotations

import io
import re
from datetime import date, datetime
from typing import Any, Final

from xlsxwriter import Workbook

from kumihimo.base import times
from kumihimo.base.cells import plain
from kumihimo.service.kpi.sheet import Cell, Column, Part, Sheet, words

MAX_CELL: Final = 32_767
"""Characters that Excel takes in a cell."""
_MAX_NAME: Final = 31
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\']")
_WIDTH: Final = 14
"""Characters of a column of width 1."""


def as_xlsx(sheet: Sheet, made_at: int) -> bytes:
    """The workbook: each table on a page of its own, the facts and notes on the last. made_at in microseconds.

    Texts are written as texts, never as formulas or links, whatever they begin with.
    """
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = Workbook(out, options)
    book.set_properties({"title": sheet.title, "created": times.from_micros(made_at).replace(tzinfo=None)})
    styles = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "text": book.add_format({"text_wrap": True, "valign": "top"}),
        "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm", "valign": "top"}),
        "day": book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"}),
        "number": book.add_format({"num_format": "#,##0.###", "valign": "top"}),
        "whole": book.add_format({"num_format": "#,##0", "valign": "top"}),
    }
    about = words(sheet.lang)("sheet.about")
    names: set[str] = {about}
    for part in sheet.parts:
        _write(book.add_worksheet(_name(part.title, names)), part, styles)
    facts = tuple((label, value) for label, value in sheet.facts)
    notes = tuple(("", note) for part in sheet.parts for note in part.notes)
    columns = (Column(words(sheet.lang)("sheet.about"), 1.5), Column("", 6))
    _write(book.add_worksheet(about), Part(about, columns, (*facts, *notes)), styles)
    book.close()
    return out.getvalue()


def _name(title: str, taken: set[str]) -> str:
    """A page's name that Excel takes, and that no other page has."""
    short = _NOT_IN_NAMES.sub(" ", title).strip()[:_MAX_NAME] or "1"
    name, number = short, 1
    while name.casefold() in {one.casefold() for one in taken}:
        number += 1
        name = f"{short[: _MAX_NAME - 4]} {number}"
    taken.add(name)
    return name


def _write(page: Any, part: Part, styles: dict[str, Any]) -> None:
    for column, head in enumerate(part.columns):
        page.set_column(column, column, head.width * _WIDTH)
        page.write_string(0, column, head.heading, styles["head"])
    page.freeze_panes(1, 0)
    page.set_landscape()
    page.set_paper(9)  # A4 (ECMA-376 part 1, 18.3.1.63)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    for row, cells in enumerate(part.rows, start=1):
        for column, cell in enumerate(cells):
            _put(page, row, column, cell, styles)
    if part.rows:
        page.autofilter(0, 0, len(part.rows), len(part.columns) - 1)


def _put(page: Any, row: int, column: int, cell: Cell, styles: dict[str, Any]) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        page.write_string(row, column, plain(cell)[:MAX_CELL], styles["text"])
    elif isinstance(cell, datetime):
        page.write_datetime(row, column, cell, styles["moment"])
    elif isinstance(cell, date):
        page.write_datetime(row, column, cell, styles["day"])
    else:
        page.write_number(row, column, cell, styles["whole" if isinstance(cell, int) else "number"])
