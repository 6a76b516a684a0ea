"""`kumihimo solution …` on files that nobody has open: from a folder to a town and back."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.cli.main import app

PARKING = Path(__file__).parents[1] / "solutions" / "packs" / "parking"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PARKING, tmp_path / "parking")
    return tmp_path


def told(words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, words.split())
    return answer.exit_code, answer.output


def test_a_pack_is_checked_signed_installed_set_exported_and_removed(folder: Path) -> None:
    at = "--tenant town --data data"
    assert told("tenant add town --data data")[0] == 0
    code, said = told("solution check ./parking --data data")
    assert (code, said.count("passed:"), "FAILED" in said) == (0, 7, False)
    assert told("solution key city")[0] == 0
    assert told("solution sign ./parking --key city")[0] == 0
    assert told("solution pack ./parking --out parking.zip")[0] == 0
    code, said = told(f"solution install parking.zip {at} --apply")
    assert (code, "nobody whom this platform trusts signed it" in said) == (1, True)
    (folder / "data" / "packs" / "signers").mkdir(parents=True)
    shutil.copy(folder / "city.pub", folder / "data" / "packs" / "signers")
    code, said = told(f"solution install parking.zip {at} --set few_spaces=3")
    assert code == 0
    assert "trust: signed by city" in said
    assert "right: resident may not read, subscribe: OffStreetParking (only telephone)" in said
    assert said.endswith("nothing was changed; say --apply to do it\n")
    assert told(f"solution install parking.zip {at} --set few_spaces=3 --apply")[1].endswith("done\n")
    assert told(f"solution set parking few_spaces=4 {at}")[0] == 0
    code, said = told(f"solution show parking {at} --format json")
    assert json.loads(said)[0]["values"] == {"few_spaces": "4"}
    assert told(f"solution upgrade parking.zip {at}")[1].splitlines()[0] == "upgrade parking 1.0.0 (now 1.0.0)"
    assert told(f"solution export parking --as ours --out ours.zip {at}")[0] == 0
    assert "ours 1.0.0: unsigned" in told("solution check ours.zip --data data")[1]
    assert "take-away policies pack-parking" in told(f"solution remove parking {at} --apply")[1]
    rows = json.loads(told(f"solution list {at} --format json")[1])
    assert {row["pack"]: row["installed"] for row in rows} == {"flood": "", "wildlife": ""}


def test_a_pack_with_a_program_is_taken_signed_and_with_a_yes(folder: Path) -> None:
    shutil.copytree(PARKING.parent / "heat", folder / "heat")
    at = "--tenant town --data data"
    assert told("tenant add town --data data")[0] == 0
    code, said = told("solution check ./heat --data data")
    assert (code, said.count("passed:"), "FAILED" in said) == (0, 3, False)
    code, said = told(f"solution install ./heat {at} --unsigned --program --apply")
    assert (code, "not with --unsigned either" in said) == (1, True)
    assert told("solution key city")[0] == 0
    assert told("solution sign ./heat --key city")[0] == 0
    (folder / "data" / "packs" / "signers").mkdir(parents=True)
    shutil.copy(folder / "city.pub", folder / "data" / "packs" / "signers")
    code, said = told(f"solution install ./heat {at}")
    assert code == 0
    assert "program: this pack brings a program; it needs a trusted signature, and --program" in said
    assert "program.py: one file of Python that can do nothing but reckon; it imports statistics" in said
    assert "program: heat(temperature: number CEL -60..60, humidity: number P1 0..100, around: entities) gives" in said
    code, said = told(f"solution install ./heat {at} --apply")
    assert (code, "then say --program on the command line" in said) == (1, True)
    assert told(f"solution install ./heat {at} --program --apply")[1].endswith("done\n")
    assert "program: the same program as runs already" in told(f"solution upgrade ./heat {at}")[1]


def test_what_cannot_be_is_told(folder: Path) -> None:
    assert told("tenant add town --data data")[0] == 0
    manifest = (folder / "parking" / "solution.toml").read_text()
    (folder / "parking" / "solution.toml").write_text(
        manifest.replace("expect = { value = 0.15 }", "expect = { value = 0.5 }")
    )
    for words, code, why in (
        ("check ./parking", 1, "FAILED: the share of free spaces: parking.free-share is 0.15, not 0.5"),
        ("install ./parking --tenant town --unsigned --apply", 1, "does not pass its own tests on this platform"),
        ("install nothing --tenant town", 1, "there is no pack 'nothing' here; there are flood"),
        ("install ./nothing.zip --tenant town", 1, "cannot be read"),
        ("install flood --tenant town --set a=1", 1, "flood has no parameter 'a'"),
        ("install flood --tenant town --set a", 2, "is no NAME=VALUE"),
        ("upgrade flood --tenant town", 1, "flood is not installed in town"),
        ("remove flood --tenant town", 1, "tenant 'town' has no pack 'flood'"),
        ("town --tenant town --trait sea", 1, "'sea' is no trait of a town"),
    ):
        answered, said = told(f"solution {words} --data data")
        assert (answered, why in said) == (code, True), (words, said)


def test_what_lies_among_the_packs_and_is_none_is_said_and_hides_no_other(folder: Path) -> None:
    shutil.copytree(PARKING, folder / "data" / "packs" / "parking")
    with zipfile.ZipFile(folder / "data" / "packs" / "evil.zip", "w") as archive:
        archive.writestr("../evil.txt", "x")
    code, said = told("solution list --data data")
    assert (code, "parking" in said) == (0, True)
    assert "evil.zip cannot be taken: '../evil.txt' is no path inside a pack" in said
    table = CliRunner().invoke(app, ["solution", "list", "--data", "data", "--format", "json"]).stdout
    assert json.loads(table)[1]["pack"] == "parking"


def test_a_pack_that_cannot_be_installed_as_it_is_says_so_before(folder: Path) -> None:
    assert told("tenant add town --data data")[0] == 0
    alone = "nobody whom this platform trusts signed it: it is taken with --unsigned alone"
    assert alone in told("solution install ./parking --tenant town --data data")[1]
    assert alone not in told("solution install ./parking --tenant town --data data --unsigned")[1]
    manifest = folder / "parking" / "solution.toml"
    manifest.write_text(
        manifest.read_text().replace('id = "parking"', 'id = "flood"').replace("parking.free", "flood.free")
    )
    code, said = told("solution check ./parking --data data")
    assert (code, "a pack 'flood' comes with the program" in " ".join(said.split())) == (1, True)


def test_what_a_pack_does_not_have_is_not_shown(folder: Path) -> None:
    shutil.copytree(PARKING, folder / "data" / "packs" / "parking")
    code, said = told("solution show parking --data data")
    heads = [line.partition(":")[0] for line in said.splitlines() if not line.startswith(" ")]
    assert (code, heads[:2], "cases" in heads) == (0, ["pack", "version"], True)
    assert not {"signer", "changed_from", "program"} & set(heads)
