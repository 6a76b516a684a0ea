"""The import contracts catch what the design forbids: each wrong import, added to a copy, is named by lint-imports."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRONG = [
    ("network.http.fetch", "kumihimo.storage.database"),
    ("service.console.live", "kumihimo.network.http.fetch"),
    ("solutions.flood.share", "kumihimo.network.http.fetch"),
    ("solutions.flood.read", "kumihimo.platform.broker.store"),
    ("platform.broker.write", "kumihimo.network.http.fetch"),
    ("platform.broker.query", "kumihimo.device.words"),
    ("platform.broker.query", "kumihimo.platform.delivery.door"),
    ("platform.broker.merge", "socket"),
    ("platform.broker.merge", "aiohttp"),
    ("platform.delivery.match", "kumihimo.platform.broker.store"),
    ("platform.jsonld.render", "kumihimo.storage.database"),
    ("platform.outside.relying", "aiohttp"),
    ("platform.identity.codes", "kumihimo.platform.outside.checks"),
    ("platform.access.decide", "kumihimo.platform.outside.store"),
    ("device.gateway", "socket"),
    ("device.gateway", "kumihimo.platform.broker.door"),
    ("device.registry.registry", "kumihimo.device.actuation.arbiter"),
    ("device.registry.registry", "kumihimo.device.gateway"),
    ("device.codecs.table", "kumihimo.storage.database"),
    ("service.alerts.models", "kumihimo.storage.database"),
    ("service.kpi.door", "kumihimo.service.alerts.door"),
    ("service.console.shell", "kumihimo.storage.opening"),
    ("storage.database", "kumihimo.device.words"),
    ("base.texts", "uvloop"),
    ("base.texts", "socket"),
    ("base.texts", "os"),
    ("base.texts", "kumihimo.storage.database"),
    ("cli.doctor", "apsw"),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports says of a copy in which every one of these imports stands."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src" / "kumihimo", folder / "kumihimo", ignore=shutil.ignore_patterns("static", "data"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for module, wrong in WRONG:
        file = folder / "kumihimo" / (module.replace(".", "/") + ".py")
        with file.open("a") as text:
            text.write(f"\nimport {wrong}\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout.partition("Broken contracts")[2]


@pytest.mark.parametrize(("module", "wrong"), WRONG)
def test_a_wrong_import_is_named(told: str, module: str, wrong: str) -> None:
    assert re.search(rf"kumihimo\.{re.escape(module)} -> {re.escape(wrong)} \(l", told)
