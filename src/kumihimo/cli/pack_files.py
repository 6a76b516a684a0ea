"""Packs as they lie here: checked, signed, put into archives. Imported where a command is about files alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kumihimo.app.packs import trial_on
from kumihimo.app.wire import wire
from kumihimo.cli.say import fail
from kumihimo.solutions.packs.archive import SIGNATURE, read_path, write_archive
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.models import Held, Verdict
from kumihimo.solutions.packs.signature import read_key, signed


def tried(data: Path, pack: str, *, is_path: bool) -> tuple[Held, Sequence[Verdict]]:
    """A pack of files, or one that the data folder or the program holds, and how its own tests went. Problem where it
    is no pack that can be taken.
    """
    library = Library(data)
    found = library.brought(read_path(Path(pack))) if is_path else library.find(pack)
    return found, asyncio.run(_tried(found))


async def _tried(found: Held) -> Sequence[Verdict]:
    return await trial_on(wire)(found)


def sign_folder(folder: Path, key: Path) -> Path:
    """Writes the signature of a folder's files into it; where it lies. Problem where they are no pack."""
    if not folder.is_dir():
        raise fail(f"{folder} is no folder", code=2)
    files = read_path(folder)
    made = signed(read_pack(files), files, read_key(key))
    held({**files, SIGNATURE: made}, "outside", {})
    (folder / SIGNATURE).write_bytes(made)
    return folder / SIGNATURE


def zip_folder(folder: Path) -> bytes:
    """The archive of a folder that is a pack, the same bytes for the same files. Problem where it is none."""
    files = read_path(folder)
    held(files, "outside", {})
    return write_archive(files)
