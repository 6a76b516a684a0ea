"""The packs that can be installed: those that come with the program, and those that the operator laid into the data
folder, at packs/ (folders, .zip, .tar, .tar.gz).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from kumihimo.base.errors import ResourceNotFound
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE, read_archive, read_path
from kumihimo.solutions.packs.errors import PackRefused, refused
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.models import Files, Held
from kumihimo.solutions.packs.signature import Signers, read_signers

log = logging.getLogger(__name__)
WINGS: Final = "kumihimo.solutions"
FOLDER: Final = "packs"
SIGNERS: Final = "signers"
_ENDINGS: Final = (".zip", ".tar", ".tar.gz", ".tgz")
_Mark = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A file in the folder of packs that is none that can be taken, and why."""

    file: str
    problem: PackRefused

    @property
    def why(self) -> str:
        """The reason, for programs."""
        return self.problem.detail


class Library:
    """data: the data folder. What comes with the program is read once, the folder when something in it changed."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self._shipped: list[Held] | None = None
        self._mark: _Mark | None = None
        self._outside: tuple[list[Held], list[Broken]] = ([], [])

    def signers(self) -> Signers:
        """The signers that the operator trusts."""
        return read_signers(self._folder / SIGNERS)

    def all(self) -> list[Held]:
        """All packs, by id and version; what came with the program first among the same."""
        return sorted([*self._of_program(), *self._of_folder()[0]], key=lambda one: (one.pack.id, one.origin))

    def shipped(self) -> list[Held]:
        """Those that came with the program."""
        return self._of_program()

    def broken(self) -> list[Broken]:
        """What lies in the folder and cannot be taken."""
        return self._of_folder()[1]

    def find(self, id_: str) -> Held:
        """The pack of this id. ResourceNotFound; PackRefused where two of that id are there."""
        found = [one for one in self.all() if one.pack.id == id_]
        if not found:
            known = ", ".join(sorted({one.pack.id for one in self.all()})) or "none"
            raise ResourceNotFound(f"there is no pack {id_[:64]!r} here; there are {known}")
        if len(found) > 1:
            raise refused(
                f"there are {len(found)} packs {id_!r}; take all but one out of the folder {FOLDER}/",
                f"パック {id_!r} が {len(found)} 個あります。フォルダー {FOLDER}/ に 1 つだけ残してください",
            )
        return found[0]

    def outside(self, raw: bytes) -> Held:
        """The pack of an archive that somebody brings. PackRefused."""
        return self.brought(read_archive(raw))

    def brought(self, files_: Files) -> Held:
        """The pack of files that somebody brings. PackRefused, also where its id is that of one of the program's."""
        found = held(files_, "outside", self.signers())
        if any(one.pack.id == found.pack.id for one in self._of_program()):
            raise _taken(found.pack.id)
        return found

    def _of_program(self) -> list[Held]:
        if self._shipped is None:
            self._shipped = [held(found, "shipped", {}) for found in _shipped()]
        return self._shipped

    def _of_folder(self) -> tuple[list[Held], list[Broken]]:
        mark = _mark(self._folder)
        if mark != self._mark:
            self._outside, self._mark = self._read(), mark
        return self._outside

    def _read(self) -> tuple[list[Held], list[Broken]]:
        taken: list[Held] = []
        broken: list[Broken] = []
        signers = self.signers()
        own = {one.pack.id for one in self._of_program()}
        for path in _candidates(self._folder):
            try:
                found = held(read_path(path), "outside", signers)
            except PackRefused as problem:
                broken.append(Broken(path.name, problem))
                log.warning("a pack in the data folder cannot be taken", extra={"file": path.name})
                continue
            if found.pack.id in own:
                broken.append(Broken(path.name, _taken(found.pack.id)))
            else:
                taken.append(found)
        return taken, broken


def _taken(id_: str) -> PackRefused:
    return refused(
        f"a pack {id_!r} comes with the program; give this one another id",
        f"パック {id_!r} は基盤に付属しています。別の id にしてください",
    )


def _candidates(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and (path.name.endswith(_ENDINGS) or (path.is_dir() and (path / MANIFEST).is_file()))
    ]


def _mark(folder: Path) -> _Mark:
    """Tells whether anything in the folder changed."""
    if not folder.is_dir():
        return ()
    return tuple(
        (str(path), stat.st_mtime_ns, stat.st_size) for path in sorted(folder.rglob("*")) for stat in (path.stat(),)
    )


def _shipped() -> Iterator[Files]:
    """The files of each wing that has a manifest: what the manifest names, and no more."""
    for wing in sorted(files(WINGS).iterdir(), key=lambda one: one.name):
        manifest = wing.joinpath(MANIFEST)
        if wing.is_dir() and manifest.is_file():
            yield _named(wing, manifest.read_bytes())


def _named(wing: Traversable, manifest: bytes) -> Files:
    found = {MANIFEST: manifest}
    for name in read_pack(found).named_files():
        place = wing.joinpath(*name.split("/"))
        if place.is_file() and name != SIGNATURE:
            found[name] = place.read_bytes()
    return found
