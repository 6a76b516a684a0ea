"""The pages hold together: links lead somewhere, what is named exists."""

import re
from pathlib import Path

import pytest
from tools.docs import stale
from typer.core import TyperGroup
from typer.main import get_command

from kumihimo.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
COMMAND = re.compile(r"(?:\.venv/bin/)?kumihimo ([a-z]+(?:-[a-z]+)*)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_every_command_that_a_page_names_exists_and_every_command_is_named() -> None:
    line = get_command(app)
    assert isinstance(line, TyperGroup)
    known = set(line.commands)
    named = {word for page in PAGES for word in COMMAND.findall(page.read_text())}
    assert named <= known, named - known
    assert known <= named, known - named


def test_pages_that_are_made_from_the_code_are_as_the_code_says() -> None:
    assert list(stale()) == []


def test_both_readmes_have_the_same_shape() -> None:
    english, japanese = ((ROOT / name).read_text() for name in ("README.md", "README.ja.md"))
    assert english.count("\n## ") == japanese.count("\n## ")
    assert set(LINK.findall(english)) ^ set(LINK.findall(japanese)) == {"README.md", "README.ja.md"}


def test_files_that_the_story_names_exist() -> None:
    text = (ROOT / "docs" / "explanation" / "how-a-reading-travels.md").read_text()
    for name in re.findall(r"`((?:network|device|platform|service|solutions|storage)/[\w/]+)`", text):
        path = ROOT / "src" / "kumihimo" / name
        assert path.is_dir() or path.with_suffix(".py").exists(), name
