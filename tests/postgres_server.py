"""A PostgreSQL cluster of our own for the tests: in a temporary folder, reached by a Unix socket only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_PROGRAMS = ("initdb", "pg_ctl", "psql")
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "jit": "off",
}

_DONE = "kumihimo: done"
_DISK, _MEMORY = Path("/tmp"), Path("/dev/shm")  # noqa: S108 - each cluster makes a folder of its own there
_ROOM = 2_000_000_000
"""Bytes that memory must have to spare for clusters to lie in it: a test session's takes 100 MB at most."""

_ALPHABET = "LOCALE_PROVIDER icu ICU_LOCALE 'ja-JP' LOCALE 'C.UTF-8' TEMPLATE template0"
"""Databases that order texts as a dictionary does: whatever relies on the order of code points must say so."""


class PostgresMissing(Exception):
    """PostgreSQL or PostGIS is not installed on this machine."""


def memory_if_roomy() -> Path:
    """Memory, where there is room to spare, else the disk: tests wait for a disk and learn nothing by it."""
    try:
        roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    except OSError:
        return _DISK
    return _MEMORY if roomy else _DISK


class PostgresServer:
    """Starts once per test session; gives empty databases made from a template that has PostGIS.

    settings: what is set otherwise than for tests, which need no durability; place: what its folder is made
    in, /tmp where nothing is said.
    """

    def __init__(self, settings: Mapping[str, str] = MappingProxyType({}), place: Path = _DISK) -> None:
        self._settings = {**_SETTINGS, **settings}
        self._place = place
        self._folder = Path()
        self._bin = Path()
        self._count = 0
        self._session: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        found = shutil.which("pg_ctl")
        places = [*_FOLDERS, *([Path(found).parent] if found else [])]
        self._bin = next((one for one in places if all((one / name).exists() for name in _PROGRAMS)), Path())
        if not self._bin.name:
            raise PostgresMissing("PostgreSQL is missing: apt-get install postgresql postgresql-postgis")
        self._folder = Path(tempfile.mkdtemp(prefix="kpg", dir=self._place))
        self._folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = "".join(f"{key} = '{value}'\n" for key, value in self._settings.items())
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(settings + f"unix_socket_directories = '{self._folder}'\n")
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self._folder / "log"), "start")
        try:
            self._sql("postgres", f"CREATE DATABASE kumihimo_template {_ALPHABET}")
            self._sql("kumihimo_template", "CREATE EXTENSION postgis")
            self._slim("kumihimo_template")
        except subprocess.CalledProcessError as problem:
            self.stop()
            raise PostgresMissing("PostGIS is missing: apt-get install postgresql-postgis") from problem

    def stop(self) -> None:
        if self._session is not None:
            self._session.communicate()
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _slim(self, database: str) -> None:
        """Takes out of a template what every test would copy and none reads: systems of coordinates but our own."""
        self._sql(database, "DELETE FROM spatial_ref_sys WHERE srid <> 4326")
        self._sql(database, "VACUUM FULL")

    def create_database(self, *, template: str = "kumihimo_template") -> str:
        self._count += 1
        name = f"test{self._count}"
        self._sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop_database(self, name: str) -> None:
        self._sql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def _sql(self, database: str, statement: str) -> None:
        """Runs one statement; what names databases goes over one session that is kept, as most tests begin so."""
        if database == "postgres":
            self._say(statement)
        else:
            self._run("psql", *self._client(database), "-c", statement)

    def _say(self, statement: str) -> None:
        if self._session is None:
            self._session = subprocess.Popen(
                [str(self._bin / "psql"), *self._client("postgres"), "-v", "ON_ERROR_STOP=1"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                **self._surroundings(),
            )
        session = self._session
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(f"{statement};\n\\echo {_DONE}\n".encode())
        session.stdin.flush()
        for answer in session.stdout:  # rows, where the statement gives any
            if answer.strip().decode() == _DONE:
                return
        self._session = None
        raise subprocess.CalledProcessError(session.wait(), ["psql", statement])

    def _client(self, database: str) -> list[str]:
        return ["-X", "-q", "-h", str(self._folder), "-U", "postgres", "-d", database]

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._surroundings(),
        )

    def _surroundings(self) -> dict[str, Any]:
        """The folder, environment and user of the server's programs, which root may not be."""
        as_postgres = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self._folder)}
        return {"cwd": self._folder, "env": environment, **as_postgres}
