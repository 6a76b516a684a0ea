"""One demo for all pages that are tried on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.docs.demos import ROOT, Running, demo_ends, demo_of


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    first = re.findall(r"^make demo.*$", (ROOT / "README.md").read_text(), re.MULTILINE)[0]
    running = demo_of(first.split("#")[0].rstrip(), tmp_path_factory.mktemp("demo"))
    yield running
    demo_ends(running)
