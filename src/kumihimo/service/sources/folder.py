"""A folder's files: which there are, which are quiet, and opening one so that a change is seen. Run in threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.imports.load import JSON

ENDINGS = (".csv", ".tsv", ".txt", *JSON)
MAX_FILES = 20_000
QUIET_SECONDS = 10
"""A file that was written to more recently may not be whole yet."""


class Found(NamedTuple):
    """A file: its name, size in bytes and when it was last written to, in microseconds."""

    name: str
    size: int
    modified: int

    @property
    def mark(self) -> str:
        """The same as long as the file is the same."""
        return f"{self.size}:{self.modified}"


def files_in(folder: str) -> list[Found]:
    """The files that may hold data, the oldest first; no hidden ones, no links, no folders within.

    OSError where it cannot be read, BadRequestData for more than 20,000.
    """
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.lower().endswith(ENDINGS):
                continue
            try:
                if not entry.is_file(follow_symlinks=False):
                    continue
                stat = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # it went while we looked
                continue
            found.append(Found(entry.name, stat.st_size, stat.st_mtime_ns // 1000))
            if len(found) > MAX_FILES:
                raise BadRequestData(f"the folder has more than {MAX_FILES} files; move away what is done")
    return sorted(found, key=lambda one: (one.modified, one.name))


class Opened:
    """A file while it is read; `check` raises where it is no longer what was found."""

    def __init__(self, folder: str, found: Found) -> None:
        """OSError where it cannot be opened; it is never followed to another place."""
        handle = os.open(Path(folder) / found.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.file: BinaryIO = os.fdopen(handle, "rb")
        self._found = found

    def check(self) -> None:
        """Raises ChangedMeanwhile where it was written to since it was found."""
        stat = os.fstat(self.file.fileno())
        if (stat.st_size, stat.st_mtime_ns // 1000) != (self._found.size, self._found.modified):
            raise ChangedMeanwhile

    def read(self) -> bytes:
        """All of it, as it was found."""
        raw = self.file.read(self._found.size + 1)
        self.check()
        return raw


class ChangedMeanwhile(Exception):
    """The file is being written to; it is read again once it is quiet."""
