"""Sealed secrets open only for their purpose, under their key."""

from pathlib import Path

import pytest

from kumihimo.base.errors import StorageRefused
from kumihimo.platform.identity.seal import Seal


def test_what_is_sealed_is_read_again_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "seal"
    sealed = Seal(path).seal("totp:a", b"secret")
    assert Seal(path).unseal("totp:a", sealed) == b"secret"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one.name for one in path.parent.iterdir()] == ["seal"]
    assert sealed != Seal(path).seal("totp:a", b"secret")


def test_another_purpose_another_key_or_a_changed_letter_is_refused(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "a")
    sealed = seal.seal("totp:a", b"secret")
    for other, purpose, text in (
        (seal, "totp:b", sealed),
        (Seal(tmp_path / "b"), "totp:a", sealed),
        (seal, "totp:a", sealed[:-4] + "AAA="),
        (seal, "totp:a", "no base64 at all"),
        (seal, "totp:a", ""),
    ):
        with pytest.raises(StorageRefused):
            other.unseal(purpose, text)


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal"
    Seal(path).seal("x", b"y")
    path.chmod(0o644)
    with pytest.raises(StorageRefused, match="chmod 600"):
        Seal(path).seal("x", b"y")
    path.chmod(0o600)
    for text in ("abcd\n", "no hex\n"):
        path.write_text(text)
        with pytest.raises(StorageRefused):
            Seal(path).seal("x", b"y")
