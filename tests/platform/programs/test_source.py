"""A program read by its syntax: what is told to whoever writes it, with the line."""

from __future__ import annotations

import pytest

from kumihimo.platform.programs.models import MAX_SOURCE, Function, Value
from kumihimo.platform.programs.source import faults_of

FUNCTIONS = (Function("figure", (Value("x", "number"),), (Value("y", "number"),)),)
GOOD = (
    b'"""Words."""\nimport math\nfrom collections.abc import Mapping\nLEAST = 2\ndef figure(x):\n    return {"y": x}\n'
)


def said(body: bytes, imports: tuple[str, ...] = (), functions: tuple[Function, ...] = FUNCTIONS) -> list[str]:
    return [one.en for one in faults_of(body, imports, functions)]


def test_a_program_that_reckons_has_no_fault() -> None:
    assert said(GOOD, ("math", "collections")) == []


BAD = {
    "line 1: import os is not declared under imports": b"import os\n",
    "line 2: import socket is not declared under imports": b"\nfrom socket import socket\n",
    "line 1: import . is not declared under imports": b"from . import x\n",
    "line 1: import os.path is not declared under imports": b"import os.path as math\n",
    "line 1: __import__ may not be used; a program that reckons needs none of it": b"a = __import__('os')\n",
    "line 1: open may not be used; a program that reckons needs none of it": b"a = open\n",
    "line 1: __class__ may not be used": b"a = ().__class__\n",
    "line 1: only imports, functions, classes and assignments may stand outside of functions": b"print(1)\n",
    "line 1: nothing here may be async": b"async def f(): pass\n",
}


@pytest.mark.parametrize("words", sorted(BAD))
def test_what_would_end_it_is_said_with_its_line(words: str) -> None:
    assert said(BAD[words] + b"def figure(x):\n    return {}\n") == [words]


def test_what_is_no_python_is_said_and_never_run() -> None:
    assert said(b"def figure(x:\n")[0].startswith("line 1: it is no Python:")
    assert said(b"\n\xff\n") == ["line 2: it is not in UTF-8"]
    assert said(b"x = '" + b"a" * MAX_SOURCE + b"'\n") == [f"it has more than {MAX_SOURCE} bytes"]
    for deep in (b"(" * 30_000, b"-" * 60_000 + b"1\n", b"+".join([b"1"] * 30_000), b"x = " + b"[" * 150 + b"]" * 150):
        assert said(deep)
    assert said(b"x = 1\x00\n")


def test_what_is_declared_must_be_there_and_be_known() -> None:
    assert said(b"x = 1\n") == ["there is no function figure"]
    assert said(b"def figure(z):\n    return {}\n") == ["line 1: what figure takes is not what is declared under takes"]
    assert said(b"def figure(*x):\n    return {}\n") == [
        "line 1: what figure takes is not what is declared under takes"
    ]
    assert said(GOOD, ("math", "collections", "os"))[0].startswith("'os' is no module that a program may import")
    assert said(GOOD, ("math", "collections"), ()) == ["declare 1 to 10 functions"]
    idle = (Function("figure", (Value("x", "number"),), ()),)
    assert said(GOOD, ("math", "collections"), idle) == ["a function takes at most 20 values and gives 1 to 20"]
    assert said(GOOD, ("math", "collections"), FUNCTIONS * 2) == ["the function 'figure' is declared twice"]


def test_every_fault_is_said_in_japanese_too() -> None:
    for words, body in BAD.items():
        [fault] = faults_of(body + b"def figure(x):\n    return {}\n", (), FUNCTIONS)
        assert fault.ja.startswith(f"{fault.line} 行目: "), words
