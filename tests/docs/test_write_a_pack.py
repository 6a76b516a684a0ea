"""The pack of the tutorial is written from the tutorial alone, does what it says, and is the one that the tests use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields
from typer.testing import CliRunner

from kumihimo.cli.main import app
from kumihimo.device.codecs.declared import CarriedTable, FieldTable, TimeTable
from kumihimo.solutions.packs.archive import read_path
from kumihimo.solutions.packs.manifest import read_pack
from kumihimo.solutions.packs.models import CodecEntry, Pack, Part, Said

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "write-a-pack.md").read_text()
FILE = re.compile(r"```\w+ (\S+)\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
KEPT = ROOT / "tests" / "solutions" / "packs" / "parking"


def written(folder: Path) -> Path:
    """The files that the page tells a reader to write."""
    folder.mkdir()
    for name, text in FILE.findall(PAGE):
        path = folder / name
        path.write_text((path.read_text() + "\n" if path.exists() else "") + text)
    return folder


def test_whoever_follows_the_tutorial_has_a_pack_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "parking")
    monkeypatch.chdir(tmp_path)
    said = ""
    for command in (line for block in COMMANDS.findall(PAGE) for line in block.splitlines()):
        answer = CliRunner().invoke(app, command.removeprefix("kumihimo ").split())
        assert answer.exit_code == 0, (command, answer.output)
        said += answer.output
    assert "7 tests passed; the pack can be installed" in said
    assert "few_spaces = 10" in said
    assert said.count("nothing was changed; say --apply to do it") == 2
    assert (tmp_path / "parking-1.0.0.zip").is_file()


def test_the_rules_of_the_tutorial_go_by_the_packs_short_names_and_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "parking")
    [manifest], [rules] = (
        re.findall(rf"```toml\n({begin}.*?)```", PAGE, re.DOTALL) for begin in (r"\[\[rules\]\]", "name = ")
    )
    (folder / "solution.toml").write_text((folder / "solution.toml").read_text() + "\n" + manifest)
    (folder / "few.toml").write_text(rules)
    monkeypatch.chdir(tmp_path)
    install = "solution install ./parking --tenant mytown --data ./town --unsigned --apply"
    for command in ("tenant add mytown --data ./town", install):
        answer = CliRunner().invoke(app, command.split())
        assert answer.exit_code == 0, (command, answer.output)
    shown = CliRunner().invoke(app, ["rule", "show", "parking-few", "--tenant", "mytown", "--data", "./town"])
    assert 'availableSpotNumber = "https://example.org/parking/availableSpotNumber"' in shown.output
    (folder / "few.toml").write_text(rules.replace('["availableSpotNumber"]', '["telephone"]'))
    answer = CliRunner().invoke(app, install.split())
    assert "it watches what the manifest does not say under watches: telephone" in answer.output


def test_the_pack_of_the_tests_is_that_of_the_tutorial(tmp_path: Path) -> None:
    mine, kept = read_path(written(tmp_path / "parking")), read_path(KEPT)
    assert read_pack(mine) == read_pack(kept)
    assert {name: body for name, body in mine.items() if name not in {"solution.toml", "start.jsonld"}} == {
        name: body for name, body in kept.items() if name not in {"solution.toml", "start.jsonld"}
    }


def parts(part: type[Part]) -> Iterator[type[Part]]:
    for below in part.__subclasses__():
        yield below
        yield from parts(below)


OF_CODECS = (CodecEntry, FieldTable, TimeTable, CarriedTable)


@pytest.mark.parametrize("part", sorted({*parts(Part), *OF_CODECS} - {Pack, Said}, key=str))
def test_the_reference_names_all_that_a_manifest_may_say(part: type[Struct]) -> None:
    page = (ROOT / "docs" / "reference" / "packs.md").read_text()
    names = {one.encode_name for one in fields(part)}
    assert {name for name in names if f"`{name}`" not in page and f"`{name} =" not in page} == set()


def test_the_reference_names_every_table() -> None:
    page = (ROOT / "docs" / "reference" / "packs.md").read_text()
    names = {one.encode_name for one in fields(Pack)}
    assert {one for one in names if not re.search(rf"`\[{{0,2}}{one}\]{{0,2}}`", page)} == set()
