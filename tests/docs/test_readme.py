"""The README's commands work as they stand there, in both languages; only ports and folders are this test's own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.demos import Running, demo_ends, demo_of
from tests.processes import free_port, get, log_in

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
NOT_RUN_HERE = ("make test", "make lint", "make wheel")
"""Run by CI itself, and by test_wheel (as the line with pip is); here it is checked that the target is there."""


def blocks(name: str) -> list[list[str]]:
    """The commands of each sh block, without comments."""
    found = BLOCK.findall((ROOT / name).read_text())
    return [[line.split("#")[0].rstrip() for line in block.splitlines() if line.strip()] for block in found]


def commands(name: str) -> list[str]:
    return [command for block in blocks(name) for command in block]


def run(command: str, **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **options},
    )


def test_both_languages_give_the_same_commands() -> None:
    assert commands("README.md") == commands("README.ja.md")


def test_every_command_is_one_that_is_checked_below() -> None:
    known = ("make", ".venv/bin/kumihimo ", "curl ", "python3 -m venv ")
    assert [one for one in commands("README.md") if not one.startswith(known)] == []


@pytest.mark.parametrize("command", NOT_RUN_HERE)
def test_the_workshops_targets_are_there(command: str) -> None:
    assert command in commands("README.md")
    done = run(command.replace("make", "make -n"))
    assert done.returncode == 0, done.stderr


def test_make_alone_lists_the_targets(tmp_path: Path) -> None:
    """Also on the smallest machine: of programs only make itself and awk, which every Debian has."""
    for program in ("make", "awk"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    listed = run("make", PATH=str(tmp_path)).stdout
    for target in ("demo", "test", "lint", "bench", "judge", "soak", "docs", "wheel"):
        assert f"make {target} " in listed


DEMOS = [one for one in commands("README.md") if one.startswith("make demo")]
FUKUI = {"NGSILD-Tenant": "fukui-pref"}


@pytest.mark.slow
@pytest.mark.enable_socket
def test_make_demo_prints_an_address_with_a_filled_screen(demo: Running) -> None:
    said = demo.printed
    page = get(
        f"{demo.address}/t/fukui-pref/flood", log_in(demo.address, "demo-disaster", said.passwords["demo-disaster"])
    )
    assert page.count("/flood/gauges/") > 90
    assert "足羽川" in page


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_other_event_has_rain(tmp_path: Path) -> None:
    _, second = DEMOS
    running = demo_of(second, tmp_path)
    try:
        rain = get(
            f"{running.address}/ngsi-ld/v1/entities?type=RainGauge&count=true&limit=100", FUKUI | running.printed.bearer
        )
        assert rain.count('"RainGauge"') == 17
    finally:
        demo_ends(running)


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.parametrize("command", [one for one in commands("README.md") if one.startswith("curl ")])
def test_the_curl_lines_answer(demo: Running, command: str) -> None:
    done = run(command.replace("http://localhost:8080", demo.address), KUMIHIMO_KEY=demo.printed.key)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[") or '"typeList"' in done.stdout, done.stdout[:300]
    assert "RiverGauge" in done.stdout


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_own_town_lines_work_while_it_serves(tmp_path: Path) -> None:
    town = tmp_path / "town"
    serve, *rest = [one for one in commands("README.md") if one.startswith(".venv/bin/kumihimo ")]
    ports = serve.replace("--port 8081", f"--port {free_port()}").replace(
        "--mqtt-port 1884", f"--mqtt-port {free_port()}"
    )
    running = Running("exec " + ports.replace("./town", str(town)), tmp_path)
    (tmp_path / "shelters.csv").write_bytes("番号,名称,緯度,経度\n1,中央小学校,36.06,136.22\n".encode("cp932"))
    for command in rest:
        given = command.replace("./town", str(town)).replace("shelters.csv", str(tmp_path / "shelters.csv"))
        done = run(given)
        assert done.returncode == 0, f"{given}\n{done.stdout}{done.stderr}"
    assert running.interrupt() == 0
