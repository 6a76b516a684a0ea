"""A sheet as a printed page: PDF, A4, with the Japanese font inside, so that it looks the same everywhere."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

from kumihimo.base.errors import InternalError
from kumihimo.service.kpi.sheet import Cell, Column, Part, Sheet, local, words

FONT: Final = "BIZ UDPGothic"
NO_GLYPH: Final = "〓"
"""What printers put where they have no type for a sign (geta)."""
MARGIN: Final = 15 * mm
WIDE: Final = 7
"""A table of more columns lies on its side."""
_LINE: Final = Color(0.6, 0.6, 0.6)
_HEAD: Final = Color(0.93, 0.93, 0.93)
_JAPANESE: Final = re.compile(r"[\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]")


@cache
def _font(path: Path) -> frozenset[int]:
    """Makes the font known; the signs it has."""
    try:
        font = TTFont(FONT, str(path))
    except Exception as problem:
        raise InternalError(
            f"the font of printed sheets, {path.name}, cannot be read; `make assets` fetches it"
        ) from problem
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)


def as_pdf(sheet: Sheet, font: Path, made_at: int) -> bytes:
    """The printed sheet, the same bytes for the same. font: the file export.FONT_FILE; made_at in microseconds.
    InternalError where the font cannot be read.
    """
    has = _font(font)
    wide = any(len(part.columns) > WIDE for part in sheet.parts)
    size = landscape(A4) if wide else A4
    out = io.BytesIO()
    doc = BaseDocTemplate(
        out,
        pagesize=size,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 6 * mm,
        title=sheet.title,
        author="Kumihimo",
        subject=sheet.foot,
        lang=sheet.lang,
        invariant=1,
    )
    made = f"D:{local(made_at):%Y%m%d%H%M%S}+09'00'"
    frame = Frame(doc.leftMargin, doc.bottomMargin, doc.width, doc.height, 0, 0, 0, 0, id="page")
    doc.addPageTemplates(PageTemplate("page", frames=[frame], onPageEnd=_foot(sheet, has, made)))
    doc.build(_story(sheet, doc.width, has))
    return out.getvalue()


def _foot(sheet: Sheet, has: frozenset[int], made: str) -> Callable[[Any, Any], None]:
    def draw(canvas: Any, doc: Any) -> None:
        canvas.setDateFormatter(lambda *_: made)
        canvas.saveState()
        canvas.setFont(FONT, 8)
        canvas.drawString(doc.leftMargin, 10 * mm, _printable(sheet.foot, has))
        number = words(sheet.lang)("sheet.page", page=canvas.getPageNumber())
        canvas.drawRightString(doc.leftMargin + doc.width, 10 * mm, number)
        canvas.restoreState()

    return draw


def _story(sheet: Sheet, width: float, has: frozenset[int]) -> list[Any]:
    story: list[Any] = [_paragraph(sheet.title, 16, has), Spacer(0, 3 * mm)]
    facts = Part("", (Column("", 1), Column("", 4)), sheet.facts)
    if sheet.facts:
        story += [_table(facts, width, has, heads=False), Spacer(0, 5 * mm)]
    for part in sheet.parts:
        story += [_paragraph(part.title, 12, has), Spacer(0, 2 * mm)]
        if part.rows:
            story.append(_table(part, width, has))
        else:
            story.append(_paragraph(words(sheet.lang)("sheet.none"), 9, has))
        story += [_paragraph(note, 8, has) for note in part.notes]
        story.append(Spacer(0, 5 * mm))
    return story


def _table(part: Part, width: float, has: frozenset[int], *, heads: bool = True) -> Table:
    whole = sum(column.width for column in part.columns)
    rows: list[list[Any]] = [[_paragraph(column.heading, 8, has) for column in part.columns]] if heads else []
    rows += [[_paragraph(_text(cell), 8, has, right=_is_number(cell)) for cell in row] for row in part.rows]
    style: list[Any] = [("GRID", (0, 0), (-1, -1), 0.5, _LINE), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    style.append(("BACKGROUND", (0, 0), (-1, 0), _HEAD) if heads else ("BACKGROUND", (0, 0), (0, -1), _HEAD))
    widths = [width * column.width / whole for column in part.columns]
    return Table(rows, widths, repeatRows=1 if heads else 0, style=TableStyle(style), splitInRow=1)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float)


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return f"{cell:,.10g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _paragraph(text: str, size: float, has: frozenset[int], *, right: bool = False) -> Paragraph:
    """Japanese lines break between any two signs but where none may begin or end; others break between words, and
    where a word is longer than its line.
    """
    style = ParagraphStyle(
        "text",
        fontName=FONT,
        fontSize=size,
        leading=size * 1.5,
        alignment=2 if right else 0,
        wordWrap="CJK" if _JAPANESE.search(text) else None,
        splitLongWords=1,
    )
    return Paragraph(escape(_printable(text, has)).replace("\n", "<br/>"), style)


def _printable(text: str, has: frozenset[int]) -> str:
    return "".join(sign if sign == "\n" or ord(sign) in has else NO_GLYPH for sign in text)
