"""A program read by its syntax alone, never run: is it small, does it import only what it declares, is all of it there.

This tells whoever writes a program what would end it; what keeps the town safe is the process that it runs in.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from kumihimo.platform.programs.models import MAX_FUNCTIONS, MAX_IMPORTS, MAX_SOURCE, MAX_VALUES, MODULES, Function

_REACHING: Final = frozenset(
    (
        *("__import__", "breakpoint", "compile", "eval", "exec", "exit", "globals", "help", "input", "locals"),
        *("open", "quit", "vars"),
    )
)
"""Names that a program which only reckons has no use for."""
_TOP: Final = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a program, and in which line (0: in none)."""

    line: int
    ja: str
    en: str


def faults_of(body: bytes, imports: Collection[str], functions: Collection[Function]) -> list[Fault]:
    """All that is wrong; [] where the program can be tried."""
    declared = list(_of_declared(imports, functions))
    if len(body) > MAX_SOURCE:
        return [*declared, _said(0, f"{MAX_SOURCE} バイトを超えています", f"it has more than {MAX_SOURCE} bytes")]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = body[: problem.start].count(b"\n") + 1
        return [*declared, _said(line, "UTF-8 ではありません", "it is not in UTF-8")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as problem:
        return [*declared, _said(problem.lineno or 0, "Python として読めません", f"it is no Python: {problem.msg}")]
    except (ValueError, RecursionError, MemoryError) as problem:
        why = type(problem).__name__
        return [*declared, _said(0, f"Python として読めません（{why}）", f"it cannot be read as Python: {why}")]
    return [*declared, *_of_tree(tree, imports, functions)]


def _said(line: int, ja: str, en: str) -> Fault:
    return Fault(line, f"{line} 行目: {ja}" if line else ja, f"line {line}: {en}" if line else en)


def _of_declared(imports: Collection[str], functions: Collection[Function]) -> Iterator[Fault]:
    for name in sorted(set(imports) - MODULES):
        yield _said(
            0,
            f"モジュール {name!r} は使えません。使えるのは {', '.join(sorted(MODULES))} です",
            f"{name!r} is no module that a program may import; there are {', '.join(sorted(MODULES))}",
        )
    if len(imports) > MAX_IMPORTS:
        yield _said(0, f"imports は {MAX_IMPORTS} 個までです", f"imports are at most {MAX_IMPORTS}")
    names = [one.name for one in functions]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield _said(0, f"関数 {name!r} が 2 回あります", f"the function {name!r} is declared twice")
    if any(max(len(one.takes), len(one.gives)) > MAX_VALUES or not one.gives for one in functions):
        yield _said(
            0,
            f"関数の takes は {MAX_VALUES} 個まで、gives は 1〜{MAX_VALUES} 個です",
            f"a function takes at most {MAX_VALUES} values and gives 1 to {MAX_VALUES}",
        )
    if not names or len(names) > MAX_FUNCTIONS:
        yield _said(0, f"関数は 1〜{MAX_FUNCTIONS} 個です", f"declare 1 to {MAX_FUNCTIONS} functions")


def _of_tree(tree: ast.Module, imports: Collection[str], functions: Collection[Function]) -> Iterator[Fault]:
    for node in ast.walk(tree):
        yield from _of_node(node, imports)
    for one in tree.body:
        if not isinstance(one, _TOP) and not _is_words(one):
            yield _said(
                one.lineno,
                "最上位に書けるのは import、def、class、代入だけです",
                "only imports, functions, classes and assignments may stand outside of functions",
            )
    made = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    for function in functions:
        if (found := made.get(function.name)) is None:
            yield _said(0, f"関数 {function.name} がありません", f"there is no function {function.name}")
        elif not _takes(found, [one.name for one in function.takes]):
            yield _said(
                found.lineno,
                f"関数 {function.name} の引数が、宣言の takes と違います",
                f"what {function.name} takes is not what is declared under takes",
            )


def _of_node(node: ast.AST, imports: Collection[str]) -> Iterator[Fault]:
    if isinstance(node, ast.Import):
        named = [one.name for one in node.names]
    elif isinstance(node, ast.ImportFrom):
        named = ["." if node.level else node.module or ""]
    elif isinstance(node, ast.Name) and node.id in _REACHING:
        yield _said(
            node.lineno,
            f"{node.id} は使えません。計算だけをするプログラムには要りません",
            f"{node.id} may not be used; a program that reckons needs none of it",
        )
        return
    elif isinstance(node, ast.Attribute) and node.attr.startswith("__"):
        yield _said(node.lineno, f"{node.attr} は使えません", f"{node.attr} may not be used")
        return
    elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
        yield _said(node.lineno, "async は使えません", "nothing here may be async")
        return
    else:
        return
    for name in named:
        if name not in imports and not (name == "collections.abc" and "collections" in imports):
            yield _said(
                node.lineno,
                f"import {name} は imports に宣言されていません",
                f"import {name} is not declared under imports",
            )


def _is_words(one: ast.stmt) -> bool:
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)


def _takes(found: ast.FunctionDef, names: list[str]) -> bool:
    """Whether it can be called by exactly these names."""
    spec = found.args
    if spec.posonlyargs or spec.vararg or spec.kwarg or found.decorator_list:
        return False
    return sorted(one.arg for one in (*spec.args, *spec.kwonlyargs)) == sorted(names)
