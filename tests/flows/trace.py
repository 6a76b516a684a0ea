"""Notes which of our files are called while something travels, so that a story's list of files is true."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import kumihimo

ROOT = Path(kumihimo.__file__).parent


class Trace:
    """What of ours was called while `on`, in the order of the first call: files, and functions as "file:name"."""

    def __init__(self) -> None:
        self.on = False
        self.files: dict[str, None] = {}
        self.functions: dict[str, None] = {}
        self.before: list[str] = []

    def pause(self) -> None:
        """The story stands still: what was called until now is put aside in `before`."""
        self.on = False
        self.before = list(self.files)
        self.files.clear()

    def look(self, frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if self.on and event == "call" and name.startswith(f"{ROOT}/"):
            file = name[len(str(ROOT)) + 1 :]
            self.files.setdefault(file)
            self.functions.setdefault(f"{file}:{frame.f_code.co_name}")


@contextmanager
def traced() -> Iterator[Trace]:
    """Begins before the platform does, so that the threads that it starts are traced too."""
    made, before = Trace(), sys.getprofile()
    threading.setprofile(made.look)
    sys.setprofile(made.look)
    try:
        yield made
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
