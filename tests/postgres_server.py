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

_ALPHABET = "LOCALE_PROVIDER icu ICU_LOCALE 'ja-JP' LOCALE 'C.UTF-8' TEMPLATE template0"
"""Databases that order texts as a dictionary does: whatever relies on the order of code points must say so."""


class PostgresMissing(Exception):
    """PostgreSQL or PostGIS is not installed on this machine."""


class PostgresServer:
    """Starts once per test session; gives empty databases made from a template that has PostGIS.

    settings: what is set otherwise than for tests, which need no durability.
    """

    def __init__(self, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self._settings = {**_SETTINGS, **settings}
        self._folder = Path()
        self._bin = Path()
        self._count = 0

    def start(self) -> None:
        found = shutil.which("pg_ctl")
        places = [*_FOLDERS, *([Path(found).parent] if found else [])]
        self._bin = next((one for one in places if all((one / name).exists() for name in _PROGRAMS)), Path())
        if not self._bin.name:
            raise PostgresMissing("PostgreSQL is missing: apt-get install postgresql postgresql-postgis")
        self._folder = Path(tempfile.mkdtemp(prefix="kpg", dir="/tmp"))
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
        self._run("psql", "-X", "-q", "-h", str(self._folder), "-U", "postgres", "-d", database, "-c", statement)

    def _run(self, program: str, *arguments: str) -> None:
        as_postgres: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            [str(self._bin / program), *arguments],
            check=True,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self._folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_postgres,
        )
