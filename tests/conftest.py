"""What all floors share: databases on both engines, a clock moved by hand, what is said of tests that are not run."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kumihimo.storage.database import Database, Schema
from kumihimo.storage.opening import database_for

sys.path.insert(0, str(Path(__file__).parent.parent))  # so that tests find `tests.fakes` however pytest is started

from tests.fakes import DatabaseFactory, FakeClock
from tests.postgres_server import PostgresMissing, PostgresServer, memory_if_roomy

# Properties are asked, not how fast a busy machine draws examples and tries them; times are measured in bench/.
settings.register_profile("kumihimo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kumihimo")

for _name in ("LC_ALL", "LC_MESSAGES", "LANG"):  # what commands say is judged in English, whoever runs the tests
    if os.environ.get(_name, "").startswith("ja"):
        os.environ[_name] = "C.UTF-8"

REQUIRE_ALL = os.environ.get("KUMIHIMO_TEST_REQUIRE_ALL") == "1"
NOT_RUN: Counter[str] = Counter()
"""How many tests (or files of them) were skipped, or expected to fail, for which reason."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    expected_to_fail = getattr(report, "wasxfail", None)
    if expected_to_fail is not None:
        NOT_RUN[f"expected to fail: {expected_to_fail}"] += 1
    elif report.skipped:
        NOT_RUN[reason_of(report.longrepr)] += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        NOT_RUN[reason_of(report.longrepr)] += 1


def reason_of(longrepr: object) -> str:
    """The words given to a skip; pytest hands file, line and words."""
    words = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(words).removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if REQUIRE_ALL and NOT_RUN and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per reason, however many tests share it."""
    for reason, count in sorted(NOT_RUN.items()):
        terminalreporter.write_line(f"NOT RUN ({count}): {reason}", red=REQUIRE_ALL, yellow=not REQUIRE_ALL)
    if REQUIRE_ALL and NOT_RUN:
        terminalreporter.write_line("KUMIHIMO_TEST_REQUIRE_ALL=1 asks for every test: this run fails", red=True)


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def mosquitto() -> None:
    """For tests that call mosquitto_pub or mosquitto_sub, both of one package."""
    if not all(map(shutil.which, ("mosquitto_pub", "mosquitto_sub"))):
        pytest.skip("mosquitto's clients are missing: apt-get install mosquitto-clients")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL cluster; where the package is missing, tests that need it say so in the summary."""
    server = PostgresServer(place=memory_if_roomy())
    try:
        server.start()
    except PostgresMissing as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
async def database_factory(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[DatabaseFactory]:
    """Opens SQLite databases, each in a folder of its own."""
    opened: list[Database] = []

    async def make(schemas: Sequence[Schema]) -> Database:
        database = database_for(tmp_path / f"data{len(opened)}", None, schemas, fake_clock)
        await database.open()
        opened.append(database)
        return database

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def postgres_database_factory(
    request: pytest.FixtureRequest, fake_clock: FakeClock
) -> AsyncIterator[DatabaseFactory]:
    """Opens PostgreSQL databases, each an empty one."""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    opened: list[tuple[Database, str]] = []

    async def make(schemas: Sequence[Schema]) -> Database:
        name = server.create_database()
        database = database_for(Path("unused"), server.url(name), schemas, fake_clock)
        await database.open()
        opened.append((database, name))
        return database

    yield make
    for database, name in opened:
        await database.close()
        server.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_database_factory(request: pytest.FixtureRequest) -> DatabaseFactory:
    """Opens databases on each engine in turn."""
    name = "database_factory" if request.param == "sqlite" else "postgres_database_factory"
    factory: DatabaseFactory = request.getfixturevalue(name)
    return factory
