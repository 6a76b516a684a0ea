"""Archives that would do harm are refused with the reason, and nothing of them is ever written or blown up."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.packs.archive import (
    MAX_ARCHIVE,
    MAX_DEPTH,
    MAX_FILE,
    MAX_FILES,
    MAX_TOTAL,
    read_archive,
    read_path,
    write_archive,
)
from kumihimo.solutions.packs.errors import PackRefused


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, body in entries:
            archive.writestr(name, body)
    return made.getvalue()


def tarred(*entries: tuple[str, bytes], mode: str = "w", **more: Any) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]  # the mode is one of ours
        for name, body in entries:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            for key, value in more.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(body))
    return made.getvalue()


OUTWARD = [
    "../evil",
    "a/../../evil",
    "/etc/passwd",
    "C:\\evil",
    "a\\..\\evil",
    "a//b",
    ".hidden",
    "a/.b",
    "nul",
    "a\nb",
]


@pytest.mark.parametrize("name", OUTWARD)
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    """zipfile itself takes a backslash for a slash only on Windows, and a NUL ends a name."""
    for raw in (zipped((name, b"x")), tarred((name, b"x")), tarred((name, b"x"), mode="w:gz")):
        with pytest.raises(PackRefused, match="no path inside a pack"):
            read_archive(raw)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes) -> None:
    with pytest.raises(PackRefused, match="link or a device"):
        read_archive(tarred(("solution.toml", b""), type=kind, linkname="/etc/passwd"))


def test_a_link_in_a_zip_or_a_folder_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("solution.toml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(PackRefused, match="link"):
        read_archive(zipped((link, b"/etc/passwd")))
    (tmp_path / "solution.toml").symlink_to("/etc/passwd")
    with pytest.raises(PackRefused, match="link"):
        read_path(tmp_path)


def test_bombs_are_let_out_no_further_than_their_bounds() -> None:
    blown = b"\0" * (10 << 20)
    long_name = tarfile.TarInfo("x" * 60)
    long_name.pax_headers = {"comment": "y" * (10 << 20)}
    header = io.BytesIO()
    with tarfile.open(fileobj=header, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(long_name)
    bombs = [
        zipped(("solution.toml", blown)),
        zipped(*((f"f{number}.md", blown[: MAX_FILE - 1]) for number in range(8))),
        tarred(("solution.toml", blown), mode="w:gz"),
        gzip.compress(blown),
        header.getvalue(),
    ]
    del blown
    for bomb in bombs:
        assert len(bomb) < 1 << 20
        tracemalloc.start()
        with pytest.raises(PackRefused, match="more than"):
            read_archive(bomb)
        assert tracemalloc.get_traced_memory()[1] < 5 * MAX_TOTAL
        tracemalloc.stop()


def test_an_archive_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    raw = zipped(("solution.toml", b"x")) + bytes(MAX_ARCHIVE)
    with pytest.raises(PackRefused, match=f"the archive has more than {MAX_ARCHIVE} bytes"):
        read_archive(raw)
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(PackRefused, match=f"the archive has more than {MAX_ARCHIVE} bytes"):
        read_path(tmp_path / "a.zip")


def test_a_path_of_too_many_names_is_refused() -> None:
    inside, beyond = ("d/" * (MAX_DEPTH - 1) + "a.md", "d/" * MAX_DEPTH + "a.md")
    assert read_archive(zipped(("solution.toml", b""), (inside, b"x"))) == {"solution.toml": b"", inside: b"x"}
    with pytest.raises(PackRefused, match="no path inside a pack"):
        read_archive(zipped(("solution.toml", b""), (beyond, b"x")))


def test_a_size_that_lies_is_not_believed() -> None:
    raw = bytearray(zipped(("solution.toml", b"x" * (MAX_FILE + 1))))
    size = (MAX_FILE + 1).to_bytes(4, "little")
    for _ in range(2):  # in the entry and in the directory
        place = raw.find(size)
        raw[place : place + 4] = (3).to_bytes(4, "little")
    with pytest.raises(PackRefused):
        read_archive(bytes(raw))


def test_too_many_files_and_twins_are_refused() -> None:
    with pytest.raises(PackRefused, match=f"at most {MAX_FILES} files"):
        read_archive(zipped(*((f"f{number}.md", b"") for number in range(MAX_FILES + 1))))
    with pytest.raises(PackRefused, match="twice"), pytest.warns(UserWarning, match="Duplicate"):
        read_archive(zipped(("a.md", b"1"), ("a.md", b"2")))
    with pytest.raises(PackRefused, match="twice"):
        read_archive(tarred(("a.md", b"1"), ("A.md", b"2")))


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"no archive", b"\x1f\x8b\x08broken", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_archive_is_refused(raw: bytes) -> None:
    try:
        assert read_archive(raw) == {}
    except PackRefused:
        return


def test_a_way_of_packing_that_eats_memory_is_not_read() -> None:
    with pytest.raises(PackRefused, match="deflate"):
        read_archive(zipped(("solution.toml", b"x"), method=zipfile.ZIP_LZMA))


def test_the_one_folder_at_the_top_is_taken_off(tmp_path: Path) -> None:
    whole = {"solution.toml": b"1", "rules/a.toml": b"2"}
    for raw in (
        zipped(*((f"parking-1.0.0/{name}", body) for name, body in whole.items())),
        tarred(*((f"./parking/{name}", body) for name, body in whole.items()), mode="w:gz"),
    ):
        assert read_archive(raw) == whole
    for name, body in whole.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"not the pack's")
    assert read_path(tmp_path) == whole


_STEPS = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@settings(max_examples=25)
@given(st.dictionaries(_STEPS.map(lambda one: f"d/{one}.md"), st.binary(max_size=300), max_size=8))
def test_what_is_written_is_read_again_and_the_same_bytes(files: dict[str, bytes]) -> None:
    whole = {"solution.toml": b"", **files}
    raw = write_archive(whole)
    assert read_archive(raw) == whole
    assert write_archive(dict(reversed(whole.items()))) == raw
