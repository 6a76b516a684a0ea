"""A pack's files out of a folder, a .zip or a .tar, which may be hostile: bounded, and nothing is ever written to disk.

What an archive says of its sizes is not believed: what comes out is counted while it comes out.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from kumihimo.solutions.packs.errors import PackRefused, refused
from kumihimo.solutions.packs.models import Files

MANIFEST: Final = "solution.toml"
SIGNATURE: Final = "signature.toml"
MAX_FILES: Final = 300
MAX_FILE: Final = 2 << 20
MAX_TOTAL: Final = 4 << 20
MAX_ARCHIVE: Final = 4 << 20
"""Bytes of an archive as it lies there; of a file and of all files as they come out of it."""
MAX_DEPTH: Final = 6
_STEP: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", re.ASCII)
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_BLOCK: Final = 1 << 16
_MAX_TAR: Final = MAX_TOTAL + 4096 * MAX_FILES


def read_path(path: Path) -> Files:
    """The files of a folder or an archive. PackRefused where it cannot be taken."""
    try:
        if path.is_dir():
            return _whole(_of_folder(path))
        with path.open("rb") as opened:
            raw = opened.read(MAX_ARCHIVE + 1)
    except OSError as problem:
        raise refused(
            f"{path} cannot be read: {problem.strerror}", f"{path} が読めません（{problem.strerror}）"
        ) from problem
    return read_archive(raw)


def read_archive(raw: bytes) -> Files:
    """The files of a .zip, a .tar or a .tar.gz. PackRefused where it cannot be taken."""
    if len(raw) > MAX_ARCHIVE:
        raise refused(f"the archive has more than {MAX_ARCHIVE} bytes", f"書庫は {MAX_ARCHIVE} バイトまでです")
    try:
        if zipfile.is_zipfile(io.BytesIO(raw)):
            return _whole(_of_zip(raw))
        return _whole(_of_tar(raw))
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError) as problem:
        raise refused(
            f"this is no .zip or .tar that can be read: {problem}", f".zip か .tar として読めません（{problem}）"
        ) from problem


def write_archive(files: Files) -> bytes:
    """A .zip of the files, the same bytes for the same files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _whole(found: Iterator[tuple[str, bytes]]) -> Files:
    """All files by their paths; the one folder that many archives have at their top is taken off."""
    files: dict[str, bytes] = {}
    total = 0
    for name, body in found:
        checked = check_name(name)
        if checked.lower() in {one.lower() for one in files}:
            raise refused(f"the archive holds {checked!r} twice", f"書庫に {checked!r} が 2 回あります")
        total += len(body)
        if len(files) >= MAX_FILES:
            raise _too_many()
        if total > MAX_TOTAL:
            raise _too_much()
        files[checked] = body
    return _without_top(files)


def _without_top(files: dict[str, bytes]) -> Files:
    tops = {name.partition("/")[0] for name in files}
    if MANIFEST in files or len(tops) != 1:
        return files
    return {name.partition("/")[2]: body for name, body in files.items()}


def check_name(name: str) -> str:
    """The path itself where it is one inside the pack. PackRefused for one that leads out, or that is odd."""
    steps = name.split("/")
    if len(steps) > MAX_DEPTH or not all(_STEP.match(step) and not _RESERVED.match(step) for step in steps):
        raise refused(
            f"{name[:120]!r} is no path inside a pack: up to {MAX_DEPTH} names of A-Z, a-z, 0-9, '.', '-' and '_' with"
            " '/' between them, none of them beginning with a dot",
            f"{name[:120]!r} はパックの中のパスではありません。A-Z、a-z、0-9、「.」「-」「_」の名前を「/」で"
            f" {MAX_DEPTH} 段までつなぎ、どの名前もピリオドで始めません",
        )
    return name


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise _no_file(name, "is a link; a pack holds plain files")
        if path.is_dir() or any(step.startswith(".") for step in name.split("/")):
            continue
        if not path.is_file():
            raise _no_file(name, "is no plain file")
        with path.open("rb") as opened:
            yield name, _bounded(name, opened)


def _of_zip(raw: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        entries = archive.infolist()
        if len(entries) > 2 * MAX_FILES:
            raise _too_many()
        for entry in entries:
            kind = entry.external_attr >> 16
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise refused(
                    f"{entry.filename[:120]!r} is packed in a way that is not read; use deflate",
                    f"{entry.filename[:120]!r} の圧縮方式は読めません。deflate を使ってください",
                )
            if entry.is_dir():
                check_name(entry.filename.rstrip("/"))
                continue
            if kind and not stat.S_ISREG(kind) and stat.S_IFMT(kind):
                raise _no_file(entry.filename)
            if entry.flag_bits & 1:
                raise refused(
                    f"{entry.filename[:120]!r} is encrypted", f"{entry.filename[:120]!r} は暗号化されています"
                )
            check_name(entry.filename)
            with archive.open(entry) as opened:
                yield entry.filename, _bounded(entry.filename, opened)


def _unpacked(raw: bytes) -> bytes:
    """The tar itself. It is bounded as a whole: tarfile reads a header of whatever length at once."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    with gzip.open(io.BytesIO(raw)) as opened:
        found = opened.read(_MAX_TAR + 1)
    if len(found) > _MAX_TAR:
        raise _too_much()
    return found


def _of_tar(raw: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(_unpacked(raw)), mode="r:") as archive:
        seen = 0
        for entry in archive:
            seen += 1
            if seen > 2 * MAX_FILES:
                raise _too_many()
            name = entry.name.removeprefix("./")
            if entry.isdir():
                if name not in {"", "."}:
                    check_name(name)
                continue
            if not entry.isreg():
                raise _no_file(name)
            if entry.size > MAX_FILE:
                raise _too_large(name)
            opened = archive.extractfile(entry)
            if opened is not None:
                yield name, _bounded(name, opened)


def _bounded(name: str, opened: IO[bytes]) -> bytes:
    """At most MAX_FILE bytes; no more than one block past them is ever unpacked."""
    parts: list[bytes] = []
    size = 0
    while block := opened.read(_BLOCK):
        size += len(block)
        if size > MAX_FILE:
            raise _too_large(name)
        parts.append(block)
    return b"".join(parts)


def _too_large(name: str) -> PackRefused:
    return refused(
        f"{name[:120]!r} has more than {MAX_FILE} bytes as it comes out of the archive",
        f"{name[:120]!r} は書庫から取り出すと {MAX_FILE} バイトを超えます",
    )


def _too_much() -> PackRefused:
    return refused(f"the files come to more than {MAX_TOTAL} bytes", f"ファイルは全部で {MAX_TOTAL} バイトまでです")


def _too_many() -> PackRefused:
    return refused(f"a pack has at most {MAX_FILES} files", f"パックのファイルは {MAX_FILES} 個までです")


def _no_file(name: str, what: str = "is no plain file but a link or a device") -> PackRefused:
    return refused(
        f"{name[:120]!r} {what}",
        f"{name[:120]!r} はふつうのファイルではありません。リンクや装置はパックに入れられません",
    )
