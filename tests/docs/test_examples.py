"""The Python of the pages runs as it stands there, from first block to last, at an address of the test's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.docs.demos import ROOT, Running
from tests.processes import Served

from kumihimo.client import Client

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
HERE = "http://localhost:8080"


def run_page(name: str, address: str) -> dict[str, Any]:
    """What the page's blocks define, run one after the other."""
    names: dict[str, Any] = {}
    for number, block in enumerate(BLOCK.findall((ROOT / "docs" / name).read_text()), 1):
        code = compile(block.replace(HERE, address), f"{name}, block {number}", "exec")
        exec(code, names)  # noqa: S102 - a page of our own
    return names


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_tutorial_ends_with_a_plot_of_the_river(
    demo: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUMIHIMO_KEY", demo.printed.key)
    names = run_page("tutorial/plot-a-river.md", demo.address)
    assert (tmp_path / "river.png").read_bytes().startswith(b"\x89PNG")
    assert len(names["gauges"]) > 90
    assert len(names["levels"]) > 30
    assert len(names["hourly"]) > 30


@pytest.mark.enable_socket
def test_the_reference_of_the_client_runs(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        address = f"http://127.0.0.1:{served.port}"
        with Client(address, "mytown") as town:
            town.entities.create({"id": "urn:ngsi-ld:Town:1", "type": "Town"})
        names = run_page("reference/client.md", address)
        assert (names["written"].created, len(names["full"]), len(names["table"])) == (1198, 3, 6)
