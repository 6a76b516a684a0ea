"""The page on certificates works as it stands there; only ports and folders are this test's own."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.mosquitto_server import program
from tests.processes import KUMIHIMO, Served, free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "connect-a-device-with-a-certificate.md"
PORTS = ("8443", "8444", "8883")


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"   ```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return ["\n".join(line.removeprefix("   ") for line in block.splitlines()) for block in found]


class Shell:
    """Runs a page's commands in a folder of the test's own; what a block sets, the next one has."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        self.before = ""

    def own(self, text: str) -> str:
        for page, real in self.ports.items():
            text = re.sub(rf"\b{page}\b", real, text)
        return text.replace(".venv/bin/kumihimo", " ".join(KUMIHIMO))

    def __call__(self, block: str) -> str:
        """What it says; AssertionError where a command of it fails. What is set before is set again, once."""
        sets = self.folder / "set"
        script = f"set -euo pipefail\n[ ! -f {sets} ] || . {sets}\n{self.own(block)}\necho CODE=${{CODE:-}} > {sets}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.mark.mosquitto
@pytest.mark.slow
@pytest.mark.enable_socket
def test_a_device_gets_a_certificate_sends_renews_and_is_revoked(tmp_path: Path) -> None:
    for name, package in (("mosquitto_pub", "mosquitto-clients"), ("curl", "curl"), ("openssl", "openssl")):
        program(name, package)
    shell = Shell(tmp_path, {one: str(free_port()) for one in PORTS})
    dev, enrol, device, send, renew, revoke = blocks("sh")
    said = shell(dev)
    assert f'tls_certificate = "{tmp_path}/town/tls/server.pem"' in said
    (settings,) = blocks("toml")
    text = shell.own(settings).replace('"town/', f'"{tmp_path}/town/')
    (tmp_path / "town" / "kumihimo.toml").write_text(text)
    with Served(tmp_path / "town", words=("serve",)) as served:
        shell(enrol)
        shell(device)
        assert '"status":"stored"' in shell(send).replace(" ", "")
        shell(renew)
        assert (tmp_path / "new.pem").read_text().count("BEGIN CERTIFICATE") == 2
        said = shell(revoke)
        assert "2 certificates revoked" in said
        with pytest.raises(AssertionError, match="401"):
            shell(send.splitlines()[1])
        assert served.stop() == 0
    seen = served.log.read_text()
    assert "HTTPS for devices is at" in seen
    assert "PRIVATE" not in seen
