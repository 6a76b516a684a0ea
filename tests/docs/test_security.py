"""The page on security: its attacks have tests that there are, and the pages that show all data are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.test_statements import names_in
from tests.fakes import FakeClock

from kumihimo.app.http import console_of
from kumihimo.app.wire import wire
from kumihimo.base.screens import WHOLE
from kumihimo.base.settings import Settings
from kumihimo.service.console.shell import ScreenRoute

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/security.md").read_text("utf-8")
TESTS = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROWS = [
    (cells[0].strip(), TESTS.findall(cells[2]))
    for line in PAGE.partition("## Attacks")[2].splitlines()
    if (cells := line.strip().strip("|").split("|")) and len(cells) == 3 and "::" in line
]
NEEDED = (
    "PKCE downgrade", "code replay", "mix-up", "open redirect", "token of another tenant",
    "`alg: none` and key confusion", "expired and future tokens", "huge tokens", "revoked in mid-connection", "CSRF",
    "session fixation", "clickjacking", "path traversal", "header injection", "another name for an attribute",
    "nested sub-attributes", "`datasetId`", "`orderBy` on a hidden attribute", "`q` on a hidden attribute",
    "the past and its figures", "links", "counts and empty pages", "cache confusion between masks",
    "secrets in the log", "WebAuthn", "others' clients", "masks against Cedar",
)  # fmt: skip
"""What must stand in the table, whatever else does."""


@pytest.mark.parametrize(("attack", "tests"), ROWS, ids=[attack for attack, _ in ROWS])
def test_every_attack_has_tests_that_there_are(attack: str, tests: list[tuple[str, str]]) -> None:
    assert tests, attack
    missing = [f"{file}::{name}" for file, name in tests if name not in _names(file)]
    assert missing == []


def _names(file: str) -> frozenset[str]:
    return names_in(file) if (ROOT / file).is_file() else frozenset()


def test_no_attack_goes_missing() -> None:
    attacks = [attack for attack, _ in ROWS]
    assert sorted(set(NEEDED) - set(attacks)) == []
    assert len(set(attacks)) == len(attacks)


def test_files_that_the_walk_names_are_there() -> None:
    """Chapters of ASVS name files of tests and of the platform; none of them was moved or renamed meanwhile."""
    named = re.findall(r"`((?:tests|network|platform)/[\w/]+(?:\.py)?)`", PAGE)
    assert len(named) > 5
    assert [one for one in named if not ((ROOT / one).exists() or (ROOT / "src/kumihimo" / one).exists())] == []


def test_the_pages_for_who_reads_everything_are_named(tmp_path: Path, fake_clock: FakeClock) -> None:
    platform = wire(Settings(data=str(tmp_path / "data")), fake_clock)
    routes = console_of(platform).routes()
    found = [one.path for one in routes if isinstance(one, ScreenRoute) and WHOLE in one.screen.needs.split()]
    apart = [one for one in found if not one.startswith("/t/{tenant}/wildlife")]
    assert apart == ["/t/{tenant}/webhook"]
    assert f"`{apart[0]}` still needs" in PAGE
    assert len(found) > 1
    assert "(`/t/{tenant}/wildlife`" in PAGE
