import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kumihimo.storage.engines.open_files import LEAST, PER_TENANT, RESERVED, raise_limit, tenant_files
from kumihimo.storage.engines.sqlite import MAX_OPEN

MANY = """
import asyncio, os, resource, sys
from pathlib import Path
from kumihimo.base.clock import SystemClock
from kumihimo.storage.engines.sqlite import SqliteDatabase

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 560))

async def one(tx):
    return await tx.fetch_one("SELECT 1")

async def main():
    database = SqliteDatabase(Path(sys.argv[1]), [], SystemClock())
    await database.open()
    for number in range(40):
        await database.add_tenant(f"town-{number}")
        await database.write(f"town-{number}", one)
        await database.read(f"town-{number}", one)
    print(len(os.listdir("/proc/self/fd")))
    await database.close()

asyncio.run(main())
"""


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_goes_up_to_the_hard_one(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    found = raise_limit()
    assert found > 512
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (found, limits[1])


def test_under_a_low_limit_fewer_tenants_are_open() -> None:
    assert tenant_files(1024) * PER_TENANT + RESERVED <= 1024
    assert tenant_files(65_536) > MAX_OPEN
    assert tenant_files(64) == LEAST


def test_many_tenants_leave_files_for_connections(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 120
