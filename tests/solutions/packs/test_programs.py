"""The program of a pack as its manifest declares it: what is refused before anything runs, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.export import manifest_text, renamed
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.models import Held
from kumihimo.solutions.packs.programs import change_of, check_program, hindrance_of

FILES = dict(read_path(Path(__file__).parent / "heat"))


def changed(file: str, old: str, new: str) -> dict[str, bytes]:
    text = FILES[file].decode()
    assert old in text
    return {**FILES, file: text.replace(old, new, 1).encode()}


BAD = {
    "an import": (changed("program.py", "import statistics", "import os"), "program.py: line 3: import os is not"),
    "no function": (changed("program.py", "def heat", "def heats"), "program.py: there is no function heat"),
    "other arguments": (
        changed("program.py", "humidity: float, around", "wet: float, around"),
        "line 16: what heat takes is not",
    ),
    "no Python": (changed("program.py", "def heat(", "def heat(("), "program.py: line 16: it is no Python"),
    "a module": (changed(MANIFEST, '["statistics"]', '["statistics", "socket"]'), "'socket' is no module"),
    "no attribute": (
        changed(MANIFEST, '"heatLevel", "warmerThanAround"]', '"warmerThanAround"]'),
        "heatLevel is no attribute of the pack's models",
    ),
    "a unit": (
        changed(
            MANIFEST,
            'name = "warmerThanAround", type = "number", unit = "CEL"',
            'name = "warmerThanAround", type = "number"',
        ),
        "the unit of warmerThanAround is CEL in the model",
    ),
    "bounds of a text": (changed(MANIFEST, 'type = "text"', 'type = "text", most = 3'), "heatLevel is no number"),
    "gives entities": (changed(MANIFEST, 'type = "text"', 'type = "entities"'), "no function gives entities"),
    "rules without it": (
        changed(MANIFEST, 'does = ["compute"]\n\n[[cases]]', 'does = ["change"]\n\n[[cases]]'),
        "[program] and rules that compute go together",
    ),
    "another file": ({**FILES, "more.py": b"x = 1\n"}, "no programs but the one .py that [program] names"),
    "no .py": (
        {
            **{
                ("program.so" if name == "program.py" else name): body
                for name, body in changed(MANIFEST, 'file = "program.py"', 'file = "program.so"').items()
            }
        },
        "the file of [program] is one .py file",
    ),
    "a case of another": (changed(MANIFEST, 'entity = "heat"', 'entity = "cold"'), "none of the program's functions"),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_a_program_that_is_not_as_it_says_is_refused_with_its_place(what: str) -> None:
    files, words = BAD[what]
    with pytest.raises(PackRefused) as problem:
        held(files, "outside", {})
    assert words in problem.value.detail


def test_the_pack_is_whole_and_its_manifest_can_be_written_again() -> None:
    found = held(FILES, "outside", {})
    copy = renamed(found.pack, "heat-of-ours", {})
    again = read_pack({MANIFEST: manifest_text(copy).encode()})
    assert again.program == found.pack.program
    assert found.program is not None
    assert found.program.imports == ("statistics",)


def test_what_becomes_of_the_program() -> None:
    first = held(FILES, "outside", {})
    other = held(changed("program.py", "HOT = 80", "HOT = 81"), "outside", {})
    declared = held(changed(MANIFEST, "most = 150", "most = 140"), "outside", {})
    words = held(changed(MANIFEST, 'version = "1.0.0"', 'version = "1.0.1"'), "outside", {})
    without = replace(first, pack=read_pack({MANIFEST: (Path(__file__).parent / "air" / MANIFEST).read_bytes()}))
    assert [change_of(first, one) for one in (other, declared, words, without)] == [
        "changed",
        "changed",
        "same",
        "gone",
    ]
    assert (change_of(None, first), change_of(None, without)) == ("new", "none")


def with_trust(trust: str) -> Held:
    return replace(held(FILES, "outside", {}), trust=trust)  # type: ignore[arg-type]


def test_a_program_needs_a_signature_and_a_yes() -> None:
    for trust in ("unsigned", "unknown-signer"):
        with pytest.raises(PackRefused, match="not with --unsigned either"):
            check_program(with_trust(trust), "new", said_yes=True)
    with pytest.raises(PackRefused, match=r"brings a program; look at it \(program.py\), then say --program"):
        check_program(with_trust("signed"), "new", said_yes=False)
    with pytest.raises(PackRefused, match="another program than the one that runs"):
        check_program(with_trust("signed"), "changed", said_yes=False)
    check_program(with_trust("signed"), "new", said_yes=True)
    check_program(with_trust("signed"), "same", said_yes=False)


async def test_where_no_programs_run_the_pack_is_told_to_be_hindered() -> None:
    said = await hindrance_of(None, held(FILES, "outside", {}))
    assert said is not None
    assert said.en == "this platform runs no programs of packs"
