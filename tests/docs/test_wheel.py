"""A wheel that is installed with pip alone runs the demo, where there is neither make nor Node."""

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from tests.processes import free_port, get, wait_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_wheel_alone_runs_the_demo(tmp_path: Path) -> None:
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # what an older build left would be packed again
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    [wheel] = tmp_path.glob("kumihimo-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    locked = ["--require-hashes", "-r", str(ROOT / "requirements" / "runtime.lock")]
    for arguments in (locked, ["--no-deps", str(wheel)]):
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
        assert subprocess.run(pip, check=False).returncode == 0
    log = tmp_path / "log"
    ports = ["--port", str(free_port()), "--mqtt-port", str(free_port())]
    command = [str(python.parent / "kumihimo"), "demo", "--data", str(tmp_path / "data"), *ports]
    with log.open("w") as out:
        environ = {"PATH": str(python.parent)}
        demo = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=tmp_path, env=environ)
    try:
        address = wait_for(log, r"(?<=Kumihimo demo: )http://localhost:\d+", demo)
        page = get(f"{address}/t/fukui-pref/flood")
        assets = set(re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page))
        assert any("vendor/htmx" in asset for asset in assets)
        assert all(get(address + asset) for asset in assets)
    finally:
        demo.terminate()
        assert demo.wait(30) == 0, log.read_text()
