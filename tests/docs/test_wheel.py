"""A wheel that is installed with pip alone runs the demo, where there is neither make nor Node: the README's line."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.processes import Printed, free_port, get, log_in, wait_for

ROOT = Path(__file__).resolve().parents[2]


[README_LINE] = [line for line in (ROOT / "README.md").read_text().splitlines() if "pip install dist/" in line]


def sh(command: str, folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(command, shell=True, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_wheel_alone_runs_the_demo(tmp_path: Path) -> None:
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # what an older build left would be packed again
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    [wheel] = tmp_path.glob("kumihimo-*.whl")
    (tmp_path / "dist").mkdir()
    wheel.rename(tmp_path / "dist" / wheel.name)
    make_venv, install, start = README_LINE.split(" && ")
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    sh(make_venv, tmp_path, environ)
    locked = ROOT / "requirements" / "runtime.lock"
    # What is never imported need not be compiled either.
    pip = install.replace("install dist/*.whl", "install --quiet --disable-pip-version-check --no-compile")
    sh(f"{pip} --require-hashes -r {locked}", tmp_path, environ)
    sh(f"{install} --no-index", tmp_path, environ)  # all that it needs was locked, and is there
    log = tmp_path / "log"
    line = f"exec {start} --data data --port {free_port()} --mqtt-port {free_port()}"
    with log.open("w") as out:
        demo = subprocess.Popen(line, shell=True, stdout=out, stderr=subprocess.STDOUT, cwd=tmp_path, env={"PATH": ""})
    try:
        address = wait_for(log, r"(?<=Kumihimo demo: )http://localhost:\d+", demo)
        wait_for(log, "Ctrl-C stops it", demo)
        inside = log_in(address, "demo-resident", Printed(log.read_text()).passwords["demo-resident"])
        page = get(f"{address}/t/fukui-pref/flood", inside)
        assets = set(re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page))
        assert any("vendor/htmx" in asset for asset in assets)
        assert all(get(address + asset, inside) for asset in assets)
    finally:
        demo.terminate()
        assert demo.wait(30) == 0, log.read_text()
