"""Debian's own MQTT broker on a free port of loopback: what the outward client is judged by."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.processes import free_port

_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))


class MosquittoMissing(Exception):
    """A program is not installed on this machine."""


def program(name: str, package: str) -> str:
    """The path of a program; MosquittoMissing naming its Debian package."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        raise MosquittoMissing(f"{name} is missing: apt-get install {package}")
    return found


class Mosquitto:
    """One broker. users are let in with their passwords, everybody where there are none; tls gives it a certificate."""

    def __init__(
        self, folder: Path, *, port: int = 0, users: dict[str, str] | None = None, tls: bool = False, more: str = ""
    ) -> None:
        self.port = port or free_port()
        self.ca = folder / "cert.pem"
        # As root it would else give its rights away, and the folder is root's.
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "user root", more]
        lines.append(f"allow_anonymous {'false' if users else 'true'}")
        for number, (name, password) in enumerate((users or {}).items()):
            command = [program("mosquitto_passwd", "mosquitto"), "-b", *(["-c"] if not number else [])]
            subprocess.run([*command, str(folder / "users"), name, password], check=True, capture_output=True)
            (folder / "users").chmod(0o600)
        if users:
            lines.append(f"password_file {folder / 'users'}")
        if tls:
            make_certificate(folder)
            lines += [f"certfile {self.ca}", f"keyfile {folder / 'key.pem'}"]
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text("\n".join(lines) + "\n")
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it listens; AssertionError with its log where it does not."""
        command = [program("mosquitto", "mosquitto"), "-c", str(self._conf)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def make_certificate(folder: Path) -> None:
    """A certificate for localhost that is its own authority."""
    subprocess.run(
        [
            *(program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
