"""The page on certificates works as it stands there; only ports and folders are this test's own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.mosquitto_server import program
from tests.processes import Served, free_port
from typer.testing import CliRunner

from kumihimo.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "connect-a-device-with-a-certificate.md"
OURS = ".venv/bin/kumihimo "
PORTS = ("8443", "8444", "8883")


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"   ```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return ["\n".join(line.removeprefix("   ") for line in block.splitlines()) for block in found]


class Shell:
    """Runs a page's commands in the folder that the test stands in; those of ours in this process, which is quicker."""

    def __init__(self, ports: dict[str, str]) -> None:
        self.ports = ports
        self.code = ""

    def own(self, text: str) -> str:
        for page, real in self.ports.items():
            text = re.sub(rf"\b{page}\b", real, text)
        return text

    def __call__(self, block: str) -> str:
        """What its lines say, one after the other; AssertionError where one fails."""
        return "".join(self._run(self.own(line)) for line in block.splitlines())

    def _run(self, line: str) -> str:
        if line.startswith(OURS):
            found = CliRunner().invoke(app, shlex.split(line.removeprefix(OURS)))
            assert found.exit_code == 0, f"{line}\n{found.output}"
            return found.output
        environ = {**os.environ, "CODE": self.code}
        done = subprocess.run(
            ["bash", "-c", line], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.mark.mosquitto
@pytest.mark.slow
@pytest.mark.enable_socket
def test_a_device_gets_a_certificate_sends_renews_and_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, package in (("mosquitto_pub", "mosquitto-clients"), ("curl", "curl"), ("openssl", "openssl")):
        program(name, package)
    shell = Shell({one: str(free_port()) for one in PORTS})
    dev, enrol, device, send, renew, revoke = blocks("sh")
    said = shell(dev)
    assert f'tls_certificate = "{tmp_path}/town/tls/server.pem"' in said
    (settings,) = blocks("toml")
    text = shell.own(settings).replace('"town/', f'"{tmp_path}/town/')
    (tmp_path / "town" / "kumihimo.toml").write_text(text)
    with Served(tmp_path / "town", words=("serve",)) as served:
        shell.code = shell(enrol).partition("code ")[2].split()[0]
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
