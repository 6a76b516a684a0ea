"""Demos started by the README's own lines."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

from tests.processes import Printed, free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A command that serves until it is interrupted; address is what it printed."""

    def __init__(self, command: str, folder: Path) -> None:
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, shell=True, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.address = wait_for(self.log, r"http://localhost:\d+", self.process)

    @property
    def printed(self) -> Printed:
        """What it printed for who wants in, all of it."""
        wait_for(self.log, "Ctrl-C stops it", self.process)
        return Printed(self.log.read_text())

    def interrupt(self) -> int:
        """Ctrl-C, as the terminal sends it to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)


def demo_of(line: str, folder: Path) -> Running:
    """A line of the README that starts the demo, on free ports and with a data folder of its own."""
    given = re.search(r'^make demo(?: DEMO_ARGS="([^"]*)")?$', line)
    assert given, line
    own = f"--data {folder / 'data'} --port {free_port()} --mqtt-port {free_port()}"
    return Running(f"exec make demo DEMO_ARGS={shlex.quote(f'{given[1] or str()} {own}')}", folder)


def demo_ends(running: Running) -> None:
    """make itself reports the interrupt; what counts is that the platform said nothing bad and is gone."""
    running.interrupt()
    said = running.log.read_text()
    assert "Traceback" not in said, said
