"""What is put into the package from npm is there with its licences, and asks for no older Node than it needs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tools.assets import OLDEST_NODE, VENDOR, bundled, licence_name, licence_of

ROOT = Path(__file__).resolve().parents[2]
LOCK: dict[str, dict[str, Any]] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
PACKAGES = {path.removeprefix("node_modules/"): one for path, one in LOCK.items() if path and not one.get("dev")}


def package(modules: Path, name: str, needs: list[str], **files: str) -> None:
    folder = modules / name
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"dependencies": dict.fromkeys(needs, "1")}))
    for file, text in files.items():
        (folder / file).write_text(text)


def test_what_is_bundled_is_found_however_deep_it_stands(tmp_path: Path) -> None:
    package(tmp_path, "map", ["@a/one"])
    package(tmp_path, "@a/one", ["two"])
    package(tmp_path, "two", ["@a/one"])
    package(tmp_path, "beside", [])
    assert bundled(tmp_path, ["map"]) == ["@a/one", "map", "two"]


def test_a_licence_is_found_or_the_package_is_not_shipped(tmp_path: Path) -> None:
    package(tmp_path, "one", [], license="MIT", README="Copyright someone")
    package(tmp_path, "two", [], README="# Two\nCopyright someone")
    package(tmp_path, "none", [], README="# None")
    assert licence_of(tmp_path / "one").name == "license"
    assert licence_of(tmp_path / "two").name == "README"
    with pytest.raises(SystemExit, match="no licence text"):
        licence_of(tmp_path / "none")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_licence_of_every_package_in_the_bundle_is_there(name: str) -> None:
    assert (VENDOR / "licences" / licence_name(name)).is_file(), "run `make assets`"


def test_node_is_as_young_as_the_packages_ask() -> None:
    asked = [str(one["engines"]["node"]) for one in LOCK.values() if "node" in one.get("engines", {})]
    oldest = max(int(found[0]) for found in (re.findall(r"\d+", one) for one in asked))
    assert oldest == OLDEST_NODE
    assert json.loads((ROOT / "package.json").read_text())["engines"]["node"] == f">={OLDEST_NODE}"


def test_the_notice_names_what_is_shipped() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for named in ("MapLibre GL JS", "htmx", "uPlot", "design tokens", "BSD-3-Clause"):
        assert named in notice
    assert "ETSI" in (ROOT / "src/kumihimo/platform/jsonld/core/LICENSE.txt").read_text()
