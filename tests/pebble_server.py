"""Pebble, the authority that the makers of ACME test with, on free ports of loopback; every name leads to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.mosquitto_server import make_certificate
from tests.processes import free_port, wait_for


class Pebble:
    """One authority, and a DNS server by which every name is this machine."""

    def __init__(self, folder: Path) -> None:
        if not all(map(shutil.which, ("pebble", "pebble-challtestsrv"))):
            pytest.skip("the ACME test authority is missing: apt-get install pebble")
        make_certificate(folder)
        self.folder = folder
        self.asks, self.port, dns, managed, names = (free_port() for _ in range(5))
        config = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{managed}",
            "certificate": str(folder / "cert.pem"), "privateKey": str(folder / "key.pem"),
            "httpPort": self.asks, "tlsPort": 1, "ocspResponderURL": "", "externalAccountBindingRequired": False,
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps({"pebble": config}))
        off = [f"-{one}=" for one in ("http01", "https01", "tlsalpn01", "defaultIPv6")]
        here = ["-defaultIPv4=127.0.0.1", f"-dns01=127.0.0.1:{dns}", f"-management=127.0.0.1:{names}"]
        self.processes = [
            self._start("pebble-challtestsrv", *here, *off),
            self._start("pebble", "-config", str(folder / "config.json"), "-dnsserver", f"127.0.0.1:{dns}"),
        ]
        wait_for(self.folder / "pebble-challtestsrv.log", "Starting management", self.processes[0])
        wait_for(self.folder / "pebble.log", "Listening on", self.processes[1])

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        with (self.folder / f"{words[0]}.log").open("wb") as out:
            return subprocess.Popen(words, stdout=out, stderr=out, env=environ)

    def stop(self) -> None:
        for one in self.processes:
            one.kill()
            one.wait()
