from __future__ import annotations

from pathlib import Path

import pytest

from kumihimo.app.seal import FileSeal
from kumihimo.base.errors import StorageRefused


def test_what_is_sealed_opens_with_the_same_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "seal.key"
    sealed = FileSeal(file).seal(b"private")
    assert b"private" not in sealed
    assert sealed != FileSeal(file).seal(b"private"), "two that are alike look unlike"
    assert FileSeal(file).unseal(sealed) == b"private"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one.name for one in file.parent.iterdir()] == ["seal.key"]
    for wrong in (sealed[:-1], sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:], b"\x02" + sealed[1:], b""):
        with pytest.raises(StorageRefused, match="does not open"):
            FileSeal(file).unseal(wrong)
    with pytest.raises(StorageRefused, match=r"seal\.key"):
        FileSeal(tmp_path / "other" / "seal.key").unseal(sealed)


def test_a_file_that_is_no_key_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "seal.key").write_bytes(b"short")
    with pytest.raises(StorageRefused, match="cannot be used"):
        FileSeal(tmp_path / "seal.key").seal(b"x")


def test_nothing_is_written_before_it_is_needed(tmp_path: Path) -> None:
    FileSeal(tmp_path / "keys" / "seal.key")
    assert not (tmp_path / "keys").exists()
