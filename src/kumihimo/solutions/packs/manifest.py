"""A pack out of its files: the manifest read, and held against the files and against itself (see faults)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from kumihimo.base import jsontext, tomltext
from kumihimo.base.errors import Problem
from kumihimo.base.texts import parse_texts
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE
from kumihimo.solutions.packs.errors import PackRefused, refused
from kumihimo.solutions.packs.faults import faults_of
from kumihimo.solutions.packs.misfits import misfit
from kumihimo.solutions.packs.models import Files, Held, Origin, Pack, Said, Trust
from kumihimo.solutions.packs.parameters import PLACE
from kumihimo.solutions.packs.programs import source_faults
from kumihimo.solutions.packs.signature import Signers, signer_of

MAX_MANIFEST: Final = 256 * 1024
_BESIDE: Final = re.compile(r"(?:README|LICEN[CS]E|NOTICE|CHANGELOG)[A-Za-z0-9._-]*\Z")
_PYTHON: Final = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".whl", ".js", ".sh", ".exe")


def held(files: Files, origin: Origin, signers: Signers) -> Held:
    """The pack of these files, whole and true to itself. PackRefused with every fault that was found."""
    pack = read_pack(files)
    faults = [*_of_files(pack, files, origin), *faults_of(pack), *_of_places(pack, files)]
    if faults:
        raise _refused(f"{pack.id} {pack.version}", faults)
    if origin == "shipped":
        return Held(pack, files, origin, "shipped")
    trust, signer = _trust(pack, files, signers)
    return Held(pack, files, origin, trust, signer)


def _refused(name: str, faults: list[Said]) -> PackRefused:
    """The refusal with every fault, in both languages."""
    found = [one.en for one in faults]
    said = PackRefused(f"{name}: " + "; ".join(found), faults=found)
    return said.said(f"{name}: " + "；".join(one.ja for one in faults))


def _trust(pack: Pack, files: Files, signers: Signers) -> tuple[Trust, str]:
    key = signer_of(pack, files)
    if key is None:
        return "unsigned", ""
    names = [name for name, known in signers.items() if known == key]
    return ("signed", names[0]) if names else ("unknown-signer", "")


def read_pack(files: Files) -> Pack:
    """What solution.toml says. PackRefused where it cannot be read, with the place of the fault."""
    raw = files.get(MANIFEST)
    if raw is None:
        raise refused(f"there is no {MANIFEST}, so this is no pack", f"{MANIFEST} がないので、パックではありません")
    if len(raw) > MAX_MANIFEST:
        raise refused(f"{MANIFEST} has more than {MAX_MANIFEST} bytes", f"{MANIFEST} は {MAX_MANIFEST} バイトまでです")
    try:
        return msgspec.convert(tomltext.loads(raw.decode("utf-8-sig")), Pack)
    except UnicodeDecodeError as problem:
        raise _not_utf8(MANIFEST, problem) from problem
    except tomltext.NestedTooDeep as problem:
        raise refused(f"{MANIFEST} is nested too deep: {problem}", f"{MANIFEST} の入れ子が深すぎます") from problem
    except tomllib.TOMLDecodeError as problem:
        raise refused(
            f"{MANIFEST} is no TOML: {problem}", f"{MANIFEST} は TOML として読めません（{problem}）"
        ) from problem
    except msgspec.ValidationError as problem:
        words = misfit(str(problem))
        raise refused(f"{MANIFEST}: {words.en}", f"{MANIFEST} の {words.ja}") from problem


def _not_utf8(name: str, problem: UnicodeDecodeError) -> PackRefused:
    place = problem.start + 1
    return refused(f"{name} is not in UTF-8 (byte {place})", f"{name} は UTF-8 ではありません（{place} バイト目）")


# --- against its files --------------------------------------------------------------------------------------


def _of_files(pack: Pack, files: Files, origin: Origin) -> Iterator[Said]:
    named = pack.named_files()
    for name in sorted(set(named) - set(files)):
        yield Said(
            ja=f"{MANIFEST} が名前を挙げるファイル {name!r} がありません",
            en=f"the file {name!r} that it names is not there",
        )
    for name in sorted({*named, *files}):
        if name.lower().endswith(_PYTHON) and not (pack.program and name == pack.program.file and name[-3:] == ".py"):
            yield Said(
                ja=f"{name!r} はプログラムです。パックのプログラムは [program] に書いた .py の 1 つだけです",
                en=f"{name!r} is a program: a pack holds tables, no programs but the one .py that [program] names",
            )
        elif name not in {MANIFEST, SIGNATURE, *named} and not _BESIDE.match(name):
            yield Said(
                ja=f"ファイル {name!r} は {MANIFEST} のどこにも書かれていません",
                en=f"the file {name!r} is named nowhere in {MANIFEST}",
            )
    if origin == "outside" and pack.python:
        yield Said(
            ja="Python があると python に書かれていますが、それは基盤に付属するパックだけに許されます。"
            "外部のパックのプログラムは [program] に書きます",
            en="it says that it has Python; only packs that come with the platform may say python, others [program]",
        )
    yield from _of_texts(pack, files)
    yield from source_faults(pack, files)
    for name in (*pack.start, *pack.sample, *((pack.context,) if pack.context else ())):
        if name in files:
            yield from _of_json(name, files[name], is_list=name != pack.context)


def _of_texts(pack: Pack, files: Files) -> Iterator[Said]:
    if pack.texts is None or pack.texts not in files:
        return
    try:
        parse_texts(files[pack.texts].decode("utf-8"), pack.texts)
    except (UnicodeDecodeError, ValueError) as problem:
        yield Said(
            ja=f"{pack.texts}: 文言の表として読めません。キーごとに ja と en が必要です（{problem}）",
            en=f"{pack.texts}: {problem}",
        )


def _of_json(name: str, body: bytes, *, is_list: bool) -> Iterator[Said]:
    try:
        found = jsontext.loads(body)
    except Problem as problem:
        yield Said(ja=f"{name}: JSON として読めません（{problem.detail}）", en=f"{name}: {problem.detail}")
        return
    if is_list and not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        yield Said(
            ja=f"{name}: エンティティのファイルは、オブジェクトの JSON 配列です",
            en=f"{name}: a file of entities is a JSON array of objects",
        )
    if not is_list and not (isinstance(found, dict) and "@context" in found):
        yield Said(
            ja=f'{name}: コンテキストのファイルは、"@context" のあるオブジェクトです',
            en=f'{name}: a context file is an object with "@context"',
        )


def _of_places(pack: Pack, files: Files) -> Iterator[Said]:
    """Each @{name} in a file of rules is a parameter of the pack's."""
    known = {one.name for one in pack.parameters}
    for name in (one.file for one in pack.rules):
        try:
            text = files.get(name, b"").decode("utf-8")
        except UnicodeDecodeError as problem:
            place = problem.start + 1
            yield Said(
                ja=f"{name}: UTF-8 ではありません（{place} バイト目）", en=f"{name}: not in UTF-8 (byte {place})"
            )
            continue
        for one in sorted(set(PLACE.findall(text)) - known):
            yield Said(
                ja=f"{name}: @{{{one}}} はパックのパラメーターではありません",
                en=f"{name}: @{{{one}}} is no parameter of the pack",
            )


def entities_of(held_pack: Held, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The entities of these files, which `held` has seen to be JSON arrays of objects."""
    return [one for name in names for one in jsontext.loads(held_pack.files[name])]
