"""The house's numbers and furniture, kept by machine (architecture section 5)."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "kumihimo"
FILES = sorted(SOURCE.rglob("*.py"))
MAKES_TABLE = re.compile(r"CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?\"?(\w+)", re.IGNORECASE)
NAMES = [str(path.relative_to(SOURCE)) for path in FILES]


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text())
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_files_stay_short() -> None:
    sizes = [lines_of(path) for path in FILES if path.name != "__init__.py"]
    assert statistics.median(sizes) <= 130
    assert statistics.quantiles(sizes, n=10)[8] <= 400
    assert max(sizes) <= 800


def test_functions_stay_short() -> None:
    sizes = [(size, f"{path.name}:{name}") for path in FILES for name, size in functions(path)]
    assert statistics.median(size for size, _ in sizes) <= 12
    assert max(sizes) <= (80, "~"), max(sizes)


@pytest.mark.parametrize("name", NAMES)
def test_no_junk_rooms(name: str) -> None:
    assert Path(name).name not in {"service.py", "utils.py", "manager.py", "helpers.py", "util.py", "common.py"}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_engine_differences_stay_in_the_engines(path: Path) -> None:
    if "storage" in path.parts and "engines" in path.parts:
        return
    assert not re.search(r"isinstance\([^)]*(?:Sqlite|Postgres)", path.read_text())


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_is_left_unbuilt(path: Path) -> None:
    assert not re.search(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b", path.read_text())


def owned_tables() -> dict[str, str]:
    """Table to the room that makes it, read from every schema file, and where migrations themselves are noted; without
    those that a later version drops.
    """
    found: dict[str, str] = {}
    for schema in (*SOURCE.rglob("schema*.sql"), SOURCE / "storage" / "migrate.py"):
        room = str(schema.parent.relative_to(SOURCE))
        text = schema.read_text()
        for table in set(MAKES_TABLE.findall(text)) - set(re.findall(r"^DROP TABLE (\w+);$", text, re.MULTILINE)):
            assert found.setdefault(table, room) == room, f"{table} is made by {found[table]} and {room}"
    return found


def test_no_sql_names_another_rooms_table() -> None:
    tables = owned_tables()
    assert tables
    wrong = []
    for path in FILES:
        room = path.parent.relative_to(SOURCE)
        for text in sql_texts(path):
            for table in re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+\"?(\w+)", text):
                owner = tables.get(table)
                if owner is not None and not str(room).startswith(owner):
                    wrong.append(f"{path.relative_to(SOURCE)} names {table} of {owner}")
    assert not wrong


def sql_texts(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in texts if re.search(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b", text)]


def test_import_platform_is_pythons() -> None:
    code = "import platform; assert platform.python_version(); import kumihimo.platform"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lock_files_name_no_address() -> None:
    locks = [*ROOT.glob("requirements/*.lock"), ROOT / "package-lock.json"]
    assert len(locks) == 3
    for lock in locks:
        assert "://" not in lock.read_text(), lock


LOCKS = ("runtime", "dev")
PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+?)(?: ; (.+?))?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_pins_with_hashes_and_nothing_else(lock: str) -> None:
    """No option either, so that no lock names an index of its own."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    assert PIN.sub("", text) == "", "what is no pin with a hash"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_once_for_each_python(lock: str, python: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = project["project"]["dependencies"] + (project["dependency-groups"]["dev"] if lock == "dev" else [])
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "os_name": "posix"}
    pins: dict[str, list[str]] = {}
    for name, version, marker, _ in PIN.findall((ROOT / "requirements" / f"{lock}.lock").read_text()):
        if not marker or Marker(marker).evaluate(here):
            pins.setdefault(canonicalize_name(name), []).append(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}
    for requirement in map(Requirement, needed):
        [version] = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement
