"""A test that is not run is told, a line for each reason, and fails a run that must run all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOTH = """
import pytest

@pytest.mark.parametrize("one", [1, 2])
def test_skipped_inside(one):
    pytest.skip("no tool: apt-get install tool")

@pytest.mark.skip(reason="no tool: apt-get install tool")
def test_skipped_by_mark():
    pass
"""
XFAIL = """
import pytest

@pytest.mark.xfail(reason="some day")
def test_expected_to_fail():
    raise ValueError

@pytest.mark.xfail(reason="some day")
def test_expected_to_fail_but_passes():
    pass
"""
WHOLE_FILE = """
import pytest

pytest.importorskip("a_part_that_nobody_has", reason="no part")
"""
GREEN = "def test_passes():\n    pass\n"


def run(folder: Path, text: str, require_all: str) -> subprocess.CompletedProcess[str]:
    file = folder / "test_one.py"
    file.write_text(text)
    options = ["--import-mode=importlib", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, *options, str(file)],
        cwd=ROOT,
        env={**os.environ, "KUMIHIMO_TEST_REQUIRE_ALL": require_all},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOTH, "NOT RUN (3): no tool: apt-get install tool"),
        (XFAIL, "NOT RUN (2): expected to fail: some day"),
        (WHOLE_FILE, "NOT RUN (1): no part"),
    ],
    ids=["skip", "xfail", "file"],
)
def test_one_line_per_reason_and_the_run_fails_where_all_are_required(tmp_path: Path, text: str, line: str) -> None:
    required = run(tmp_path, text, "1")
    assert required.stdout.splitlines().count(line) == 1, required.stdout + required.stderr
    assert required.returncode != 0


def test_otherwise_it_is_only_told(tmp_path: Path) -> None:
    told = run(tmp_path, BOTH + GREEN, "0")
    assert "NOT RUN (3): no tool: apt-get install tool" in told.stdout
    assert told.returncode == 0


def test_a_run_of_everything_passes(tmp_path: Path) -> None:
    done = run(tmp_path, GREEN, "1")
    assert done.returncode == 0, done.stdout
    assert "NOT RUN" not in done.stdout
