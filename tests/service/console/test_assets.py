import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from tests.service.console.asgi_client import Client

from kumihimo.service.console.assets import static_routes

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def assets() -> ModuleType:
    """The build tool as a module."""
    spec = importlib.util.spec_from_file_location("assets", ROOT / "tools/assets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_package_is_pinned_exactly() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    for version in (package["dependencies"] | package["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_the_lock_names_no_registry() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert all("integrity" in one for name, one in lock["packages"].items() if name)


def test_an_old_node_is_passed_over_for_the_wheels(assets: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(assets, "node_version", lambda node: assets.OLDEST_NODE)
    assert assets.find_npm() == ["/usr/bin/npm"]
    monkeypatch.setattr(assets, "node_version", lambda node: assets.OLDEST_NODE - 1)
    assert [Path(part).name for part in assets.find_npm()] == ["node", "npm-cli.js"]
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    assert assets.find_npm() is None


def test_files_and_licences_are_copied_and_old_ones_go(assets: ModuleType, tmp_path: Path) -> None:
    modules, vendor = tmp_path / "node_modules", tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "old.js").write_text("old")
    for package, names in assets.FILES.items():
        for name in (*names, "LICENSE", "LICENSE_FONT", "package.json"):
            path = modules / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"dependencies": {"@deep/part": "^1.0.0"}}' if name == "package.json" else package)
    (modules / "@deep/part").mkdir(parents=True)
    (modules / "@deep/part/LICENSE").write_text("free")
    (modules / "@deep/part/package.json").write_text("{}")
    assets.copy_all(modules, vendor)
    assert not (vendor / "old.js").exists()
    assert (vendor / "maplibre-gl.mjs").is_file()
    assert (vendor / "licences/deep-part.txt").read_text() == "free"
    assert len(list((vendor / "licences").iterdir())) == len(assets.FILES) + 1


async def test_a_room_without_static_files_gets_no_address(client: Client) -> None:
    assert [one.path for one in static_routes(["kumihimo.service.kpi"])] == ["/static/console"]
    assert (await client.get("/static/kpi/x.js")).status == 404


@pytest.mark.parametrize(("given", "omitted"), [((), True), (("--peers",), False)])
def test_what_only_tests_need_is_fetched_for_tests_alone(
    assets: ModuleType, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], *, omitted: bool
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(assets, "find_npm", lambda: ["/usr/bin/npm"])
    monkeypatch.setattr(assets.subprocess, "run", run)
    assert assets.main(given) == 1
    [command] = asked
    assert ("--omit=dev" in command) is omitted
    assert command[1:3] == ["ci", "--ignore-scripts"]
