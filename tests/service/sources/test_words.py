"""Whatever a reader of files says can be said in Japanese: the words are gathered from the readers' own code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kumihimo.platform.imports.encoding import ADVICE
from kumihimo.service.sources.words import in_japanese

SOURCE = Path(__file__).resolve().parents[3] / "src/kumihimo"
FILES = [
    *(SOURCE / "platform/imports").glob("*.py"),
    *(SOURCE / f"service/sources/{one}.py" for one in ("take", "folder")),
]
SAYS = ("BadRequestData", "PayloadTooLarge", "Failed", "ValueError", "refuse", "append", "_aside")
NEVER_KEPT = ("this says nothing about reading a table",)
"""Said to whoever adds a source, at once."""
PLACE = re.compile(r"(?:(?:line|item|entity) )?7(?:: 7)?|or | and |, ")
"""Where something is wrong; what is wrong stands elsewhere."""


def text_of(node: ast.expr) -> str:
    """The sentence that an expression makes, with what varies as a 7; "" for what is none."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return ADVICE if ast.unparse(node.value) == "ADVICE" else "7"
    return ""


def name_of(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def sentences() -> list[str]:
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            given: list[ast.expr] = []
            if isinstance(node, ast.Call) and name_of(node.func) in SAYS:
                given = node.args
            elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                given = node.value.elts
            found |= {text for one in given if " " in (text := text_of(one))}
    return sorted(one for one in found if not one.startswith(NEVER_KEPT) and not PLACE.fullmatch(one))


@pytest.mark.parametrize("said", sentences())
def test_every_sentence_of_a_reader_has_its_japanese(said: str) -> None:
    told = in_japanese(said)
    assert told is not None
    assert told != said


def test_there_are_sentences() -> None:
    assert len(sentences()) > 40


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("line 4: 'x' is no date and time", "4 行目: 'x' は日時として読めません。"),
        (
            "a.csv: line 12: '2025-13-01' is no date and time: month must be in 1..12",
            "a.csv: 12 行目: '2025-13-01' は日時として読めません。",
        ),
        (
            "line 3: '25:00' is no date and time: 25:00:00 is no time of day",
            "3 行目: '25:00' は日時として読めません。25:00:00 という時刻はありません。",
        ),
        (
            "line 4: its id urn:x:2 stands in line 3 already; it is not written",
            "4 行目: id urn:x:2 は 3 行目にもうあるため、書き込みません。",
        ),
        ("the answer: the file has no header line", "URL の内容: 見出しの行がありません。"),
        ("the folder cannot be read: Permission denied", "フォルダーを読めません(Permission denied)。"),
        ("it answered 302 and leads to http://x/: y; a source is not led on, give that address", None),
    ],
)
def test_parts_are_said_one_by_one(said: str, told: str | None) -> None:
    assert in_japanese(said) == told or (told is None and "302" in (in_japanese(said) or ""))


@pytest.mark.parametrize("said", ["the disk is full", "", "nobody answers", "a.csv: something new", ": : : : : :"])
def test_what_is_not_known_stays_as_it_is(said: str) -> None:
    assert in_japanese(said) is None
