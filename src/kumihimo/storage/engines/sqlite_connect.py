"""Connections to one SQLite file, how they are set, and what their errors mean to a caller."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import apsw

from kumihimo.base.errors import StorageRefused
from kumihimo.storage.engines import sqlite_functions

_STATEMENTS = 512
_BUSY_MS = 10_000
_COMMON = f"PRAGMA busy_timeout={_BUSY_MS}; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0"


class Passing(StorageRefused):
    """The file cannot be used now, but may be in a moment: a full disk, a missing right."""


DAMAGED = (apsw.CorruptError, apsw.NotADBError)


def connect_writer(path: Path, *, create: bool) -> apsw.Connection:
    """The one connection that writes: WAL, every commit synced; checkpoints are made elsewhere.

    A file that is made is for this user alone, whatever the umask, and so are the files that SQLite makes beside it.
    """
    if create:
        with suppress(OSError):  # then SQLite cannot make it either, and says why
            path.touch(mode=0o600)
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = apsw.Connection(str(path), flags, statementcachesize=_STATEMENTS)
    connection.execute(_COMMON).fetchall()  # a PRAGMA that gives a row holds up the next one until it is read
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA foreign_keys=ON").fetchall()
    sqlite_functions.register(connection)
    return connection


def connect_reader(path: Path) -> apsw.Connection:
    """A connection that only reads."""
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY, statementcachesize=_STATEMENTS)
    connection.execute(_COMMON).fetchall()
    connection.execute("PRAGMA query_only=ON").fetchall()
    sqlite_functions.register(connection)
    return connection


def damage(connection: apsw.Connection) -> str:
    """The first finding of quick_check, "" where the file is sound."""
    for (finding,) in connection.execute("PRAGMA quick_check(1)"):
        return "" if finding == "ok" else str(finding)
    return ""


def damaged(where: str, finding: object, *, alone: bool = True) -> StorageRefused:
    """What callers hear of a file that is damaged, or is gone; alone says that the others are served."""
    served = "; the other tenants are served meanwhile" if alone else ""
    return StorageRefused(
        f"{where} is set aside because its file is damaged ({finding}); stop the platform, restore the file "
        f"from a backup and start again{served}"
    )


def refusal(problem: BaseException, where: str) -> BaseException:
    """StorageRefused where the fault is the disk's or the file's; a mistake in a statement stays what it is."""
    if isinstance(problem, apsw.FullError):
        return Passing(f"{where}: the disk is full; nothing was stored. Make room; no restart is needed")
    if isinstance(problem, DAMAGED):
        return damaged(where, problem, alone=where.startswith("tenant"))
    if isinstance(problem, apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError | apsw.BusyError | apsw.NoMemError):
        return Passing(f"{where}: the file could not be written or read ({problem}); nothing was stored")
    return problem
