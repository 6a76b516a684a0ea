"""The program of a pack: what in its declaration or its text is wrong, and who may run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from kumihimo.platform.programs import source
from kumihimo.platform.programs.door import Programs
from kumihimo.platform.programs.models import ProgramFailed, ProgramsUnsafe
from kumihimo.solutions.packs.errors import PackRefused, refused
from kumihimo.solutions.packs.models import (
    Case,
    Files,
    FunctionEntry,
    Held,
    Model,
    Pack,
    ProgramChange,
    Said,
    ValueEntry,
)

_NUMBERS: Final = frozenset({"number", "integer"})


def program_faults(pack: Pack, models: Mapping[str, Model]) -> Iterator[Said]:
    """What the declaration says that the pack does not, and the other way round."""
    computes = any("compute" in one.does for one in pack.rules)
    if computes != (pack.program is not None):
        yield Said(
            ja="[program] と、規則の動作 compute は必ず一緒に書きます",
            en="[program] and rules that compute go together: a program is called by the pack's own rules alone",
        )
    if pack.program is None:
        return
    if not pack.program.file.endswith(".py"):
        yield Said(ja="[program] の file は .py のファイルです", en="the file of [program] is one .py file")
    for function in pack.program.functions:
        yield from _of_function(function, models)


def _of_function(one: FunctionEntry, models: Mapping[str, Model]) -> Iterator[Said]:
    ja, en = f"関数 {one.name}", f"function {one.name}"
    for given in (*one.takes, *one.gives):
        bounded = given.least is not None or given.most is not None or given.unit is not None
        if bounded and given.type not in _NUMBERS:
            yield Said(
                ja=f"{ja}: {given.name} は数ではないので、unit、least、most は書けません",
                en=f"{en}: {given.name} is no number, so it has no unit, least or most",
            )
    for names in ([each.name for each in one.takes], [each.name for each in one.gives]):
        for name in sorted({each for each in names if names.count(each) > 1}):
            yield Said(ja=f"{ja}: {name} が 2 回あります", en=f"{en}: {name} is there twice")
    for given in one.gives:
        yield from _of_given(given, models, ja, en)


def _of_given(one: ValueEntry, models: Mapping[str, Model], ja: str, en: str) -> Iterator[Said]:
    having = [model for model in models.values() if one.name in model.attributes]
    if not having:
        yield Said(
            ja=f"{ja}: {one.name} はパックのモデルの属性ではありません",
            en=f"{en}: {one.name} is no attribute of the pack's models",
        )
    if one.type == "entities":
        yield Said(
            ja=f"{ja}: {one.name}: entities は渡すだけの型です", en=f"{en}: {one.name}: no function gives entities"
        )
    units = {model.units[one.name] for model in having if one.name in model.units}
    if units and units != {one.unit}:
        yield Said(
            ja=f"{ja}: {one.name} の単位は、モデルでは {', '.join(sorted(units))} です",
            en=f"{en}: the unit of {one.name} is {', '.join(sorted(units))} in the model",
        )


def case_faults(pack: Pack, one: Case) -> Iterator[Said]:
    """What is wrong with a case that calls a function."""
    if one.does != "compute":
        return
    names = [] if pack.program is None else [each.name for each in pack.program.functions]
    if one.entity not in names:
        yield Said(
            ja=f"{one.entity!r} はプログラムの関数ではありません",
            en=f"{one.entity!r} is none of the program's functions",
        )
    if not isinstance(one.value, dict):
        yield Said(
            ja="関数に渡す値を value = { 名前 = 値 } で書きます", en="say what it is given as value = { name = value }"
        )


def source_faults(pack: Pack, files: Files) -> Iterator[Said]:
    """What in the program's text would end it, with the line; it is read, never run."""
    entry = pack.program
    if entry is None or entry.file not in files:
        return
    functions = [one.function() for one in entry.functions]
    for fault in source.faults_of(files[entry.file], entry.imports, functions):
        yield Said(ja=f"{entry.file}: {fault.ja}", en=f"{entry.file}: {fault.en}")


def change_of(before: Held | None, held: Held) -> ProgramChange:
    """What becomes of the program by going from one pack to another."""
    old, new = None if before is None else before.program, held.program
    if new is None:
        return "none" if old is None else "gone"
    if old is None:
        return "new"
    return "same" if old.mark == new.mark else "changed"


async def hindrance_of(programs: Programs | None, held: Held) -> Said | None:
    """Why the pack's program cannot be run on this platform; None where it can, or where there is none."""
    program = held.program
    if program is None:
        return None
    if programs is None:
        return Said(ja="この基盤ではパックのプログラムは動きません", en="this platform runs no programs of packs")
    try:
        await programs.try_program(program)
    except ProgramsUnsafe as problem:
        return Said(ja=problem.ja, en=problem.en)
    except ProgramFailed as problem:
        return Said(ja=f"プログラムを試すと: {problem.ja}", en=f"its program was tried: {problem.en}")
    return None


def check_program(held: Held, change: ProgramChange, *, said_yes: bool) -> None:
    """PackRefused where a program is not signed by whom the platform trusts, or nobody said yes to it."""
    if held.pack.program is None:
        return
    if held.trust not in ("shipped", "signed"):
        raise refused(
            f"{held.name} brings a program, and nobody whom this platform trusts signed it; a program is not taken"
            " unsigned, not with --unsigned either: have it signed, and lay the signer's key into"
            " packs/signers of the data folder",
            f"{held.name} にはプログラムがありますが、この基盤が信頼する人の署名がありません。プログラムのあるパックは"
            " --unsigned でも導入できません。署名者の鍵をデータフォルダーの packs/signers に置いてください",
        )
    if change in ("new", "changed") and not said_yes:
        what = "brings a program" if change == "new" else "brings another program than the one that runs"
        ja = "プログラムがあります" if change == "new" else "プログラムが、いま動いているものから変わっています"
        raise PackRefused(
            f"{held.name} {what}; look at it ({held.pack.program.file}), then say --program on the command line"
        ).said(f"{held.name} には{ja}。内容（{held.pack.program.file}）を確かめ、コマンドで --program を付けてください")
