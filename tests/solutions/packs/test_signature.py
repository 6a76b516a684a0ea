"""A signature answers for every file of the pack, and for no other pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE, read_path, write_archive
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.signature import new_key, read_key, read_signers, signed, write_keys

FILES = dict(read_path(Path(__file__).parent / "parking"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    write_keys(folder / "takamatsu")
    return folder


def whole(keys: Path) -> dict[str, bytes]:
    return {**FILES, SIGNATURE: signed(read_pack(FILES), FILES, read_key(keys / "takamatsu"))}


def test_a_signed_pack_is_its_signers(keys: Path) -> None:
    signers = read_signers(keys)
    found = held(whole(keys), "outside", signers)
    assert (found.trust, found.signer) == ("signed", "takamatsu")
    stranger = held(whole(keys), "outside", {})
    assert (stranger.trust, stranger.signer) == ("unknown-signer", "")


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_change_of_any_file_breaks_the_signature(keys: Path, name: str) -> None:
    files = whole(keys)
    files[name] += b"\n"
    with pytest.raises(PackRefused, match="does not fit its files"):
        held(files, "outside", read_signers(keys))


def test_a_file_more_a_file_less_and_another_version_break_it(keys: Path) -> None:
    files = whole(keys)
    later = files[MANIFEST].replace(b'version = "1.0.0"', b'version = "2.0.0"')
    lacking = {name: body for name, body in files.items() if name != "ATTRIBUTION.md"}
    without = files[MANIFEST].replace(b'attribution = "ATTRIBUTION.md"', b"")
    for other in ({**files, "README.md": b""}, {**files, MANIFEST: later}, {**lacking, MANIFEST: without}):
        with pytest.raises(PackRefused, match="does not fit its files"):
            held(other, "outside", read_signers(keys))


@pytest.mark.parametrize("text", [b"", b"\xff", b'key = "x"\nsignature = "y"', b"key = 1\nsignature = 2", b"key = ["])
def test_a_signature_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(PackRefused, match=r"signature\.toml cannot be read"):
        held({**FILES, SIGNATURE: text}, "outside", {})


def test_the_private_key_is_its_owners_alone_and_never_written_over(keys: Path) -> None:
    assert (keys / "takamatsu").stat().st_mode & 0o777 == 0o600
    before = (keys / "takamatsu").read_bytes()
    with pytest.raises(PackRefused, match="there already"):
        write_keys(keys / "takamatsu")
    assert (keys / "takamatsu").read_bytes() == before
    (keys / "no").write_bytes(new_key()[0][:10])
    with pytest.raises(PackRefused, match="no Ed25519 key"):
        read_key(keys / "no")


def test_what_lies_in_the_data_folder_is_offered_and_what_is_broken_there_is_told(tmp_path: Path, keys: Path) -> None:
    folder = tmp_path / "packs"
    (folder / "signers").mkdir(parents=True)
    library = Library(tmp_path)
    assert [one.pack.id for one in library.all()] == ["flood", "wildlife"]
    for name, body in whole(keys).items():
        path = folder / "parking" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
    (folder / "broken.zip").write_bytes(b"no archive")
    assert library.find("parking").trust == "unknown-signer"
    (folder / "signers" / "city.pub").write_bytes((keys / "takamatsu.pub").read_bytes())
    found = library.find("parking")
    assert (found.trust, found.signer) == ("signed", "city")
    assert [one.file for one in library.broken()] == ["broken.zip"]


def test_nobody_takes_the_name_of_a_pack_of_the_program(tmp_path: Path) -> None:
    text = (
        FILES[MANIFEST].replace(b'id = "parking"', b'id = "flood"').replace(b"parking.free-share", b"flood.free-share")
    )
    mock = {**FILES, MANIFEST: text}
    with pytest.raises(PackRefused, match="comes with the program"):
        Library(tmp_path).outside(write_archive(mock))
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "flood.zip").write_bytes(write_archive(mock))
    library = Library(tmp_path)
    assert [one.origin for one in library.all()] == ["shipped", "shipped"]
    assert "comes with the program" in library.broken()[0].why
