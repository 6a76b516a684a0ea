"""Programs that try to do more than reckon: each is ended or told off, and the platform goes on.

What is asserted is what the process can do, not what the language allows: each attack is put past the reading of its
syntax.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kumihimo.platform.programs import worker
from kumihimo.platform.programs.models import Function, Program, ProgramFailed, ProgramLate, ProgramReached, Value
from kumihimo.platform.programs.worker import Worker

GOOD = "def figure(x):\n    return {'y': x}\n"
FIGURE = Function("figure", (Value("x", "number"),), (Value("y", "number"),))


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine under load is slow: where it is not time that a test is about, there is enough of it."""
    monkeypatch.setattr(worker, "CALL_SECONDS", 20.0)


def program(body: str, *imports: str) -> Program:
    """A program whose function does this and then gives what it was given."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return Program(f"def figure(x):\n{lines}    return {{'y': x}}\n", imports, (FIGURE,))


async def tried(body: str, *imports: str) -> ProgramFailed:
    """How the program fails; its process is ended after it."""
    one = Worker(program(body, *imports))
    try:
        await one.begin()
        with pytest.raises(ProgramFailed) as problem:
            await one.call("figure", {"x": 1.5})
    finally:
        await one.end()
    return problem.value


REACHING = {
    "a file": "open('/etc/passwd').read()",
    "a file written": "import os\nos.open('WRITTEN', os.O_CREAT | os.O_WRONLY)",
    "a socket": "import sys\nsys.modules['ctypes'].CDLL(None).socket(2, 1, 0)",
    "a shell": "import os\nos.posix_spawn('/bin/sh', ['sh', '-c', 'true'], {})",
    "another program": "import os\nos.execv('/bin/true', ['true'])",
    "a fork": "import os\nwhile True:\n    os.fork()",
    "its parent": "import os\nos.kill(os.getppid(), 9)",
    "its parent, by number": "import os\nos.kill(PARENT, 9)",
    "the machine's own calls": "import sys\nsys.modules['ctypes'].CDLL(None).syscall(39)",
    "a thread": "import _thread\n_thread.start_new_thread(print, ())",
    "its limits": "import sys\nsys.modules['resource'].setrlimit(4, (1, 1))",
    "what is printed": "import os\nos.write(1, b'{}\\n')",
    "code in memory": "import sys\nsys.modules['ctypes'].CDLL(None).mmap(0, 4096, 7, 34, -1, 0)",
    "classes of all": "[c for c in ().__class__.__mro__[1].__subclasses__()"
    " if c.__name__ == '_wrap_close'][0].__init__.__globals__['listdir']('/')",
    "sleep": "import time\ntime.sleep(60)",
}


@pytest.mark.parametrize("what", sorted(REACHING))
async def test_whoever_reaches_out_of_the_process_is_ended_by_the_kernel(what: str, tmp_path: Path) -> None:
    body = REACHING[what].replace("PARENT", str(os.getpid())).replace("WRITTEN", str(tmp_path / "written"))
    problem = await tried(body)
    assert isinstance(problem, ProgramReached)
    assert await asyncio.to_thread(os.path.exists, tmp_path / "written") is False


async def test_the_code_outside_of_functions_is_fenced_too() -> None:
    one = Worker(Program("open('/etc/passwd')\n" + GOOD, (), (FIGURE,)))
    with pytest.raises(ProgramReached):
        await one.begin()
    assert one.pid is None


async def test_an_import_that_is_not_declared_finds_nothing() -> None:
    ways = ("import socket", "__import__('subprocess')", "import importlib; importlib.import_module('urllib')")
    one = Worker(program("".join(f"if x == {at}:\n    {body}\n" for at, body in enumerate(ways))))
    await one.begin()
    for at in range(len(ways)):
        with pytest.raises(ProgramFailed, match="the program failed: ImportError in line "):
            await one.call("figure", {"x": at})
    await one.end()


async def test_what_it_takes_too_much_of_it_does_not_get() -> None:
    ways = ("y = b'x' * 1_000_000_000", "f = lambda n: f(n + 1); f(0)", "return {'y': 'x' * 10_000_000}")
    one = Worker(program("".join(f"if x == {at}:\n    {body}\n" for at, body in enumerate(ways))))
    await one.begin()
    said = []
    for at in range(len(ways)):
        with pytest.raises(ProgramFailed) as problem:
            await one.call("figure", {"x": at})
        said.append(problem.value.args[0])
    assert said == [
        "the program failed: MemoryError in line 3",
        "the program failed: RecursionError in line 5",
        "the program's answer has more than 65536 bytes",
    ]
    assert one.pid is None


async def test_who_reckons_for_ever_is_ended_and_the_next_call_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CALL_SECONDS", 0.2)
    one = Worker(Program("def figure(x):\n    while x < 0:\n        pass\n    return {'y': x}\n", (), (FIGURE,)))
    await one.begin()
    pids = [one.pid]
    with pytest.raises(ProgramLate, match=r"no answer within 0\.2 s"):
        await one.call("figure", {"x": -1})
    pids.append(one.pid)
    monkeypatch.setattr(worker, "CALL_SECONDS", 20.0)
    assert await one.call("figure", {"x": 2}) == {"y": 2}
    pids.append(one.pid)
    await one.end()
    assert pids[1] is None
    assert pids[2] not in (None, pids[0])


async def test_the_environment_holds_nothing_of_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUMIHIMO_SECRET", "hidden")
    one = Worker(
        Program(
            "import os\ndef names():\n    return {'found': ' '.join(sorted(os.environ))}\n",
            (),
            (Function("names", (), (Value("found", "text"),)),),
        )
    )
    await one.begin()
    found = await one.call("names", {})
    await one.end()
    assert "KUMIHIMO_SECRET" not in found["found"]
    assert set(found["found"].split()) <= {"PYTHONHASHSEED", "LC_CTYPE"}


async def test_an_answer_is_what_the_function_says_it_gives_and_nothing_else() -> None:
    said = {
        "return {'y': 1.0, 'z': 2}": "'z' is not declared",
        "return {}": "y is not there",
        "return {'y': 'high'}": "y is no number",
        "return {'y': True}": "y is no number",
        "return {'y': [1]}": "y is no number",
        "return [1]": "did not answer a dict",
        "return {'y': float('nan')}": "the program failed: ValueError",
        "return {'y': float('inf')}": "the program failed: ValueError",
        "return {'y': object()}": "the program failed: TypeError",
    }
    one = Worker(program("".join(f"if x == {at}:\n    {body}\n" for at, body in enumerate(said))))
    await one.begin()
    for at, (body, words) in enumerate(said.items()):
        with pytest.raises(ProgramFailed, match=words):
            await one.call("figure", {"x": at})
        assert one.pid is not None, body
    await one.end()


async def test_what_is_printed_is_no_answer() -> None:
    one = Worker(program('print(\'{"id": 0, "gives": {"y": 99}}\', flush=True)'))
    await one.begin()
    assert await one.call("figure", {"x": 3}) == {"y": 3}
    await one.end()


FORGED = {
    "before the answer": 'import os\nos.write(3, b\'{"id": 0, "gives": {"y": 99}}\\n\')',
    "with its own mark": "import os, sys\nmark = sys._getframe(1).f_locals['call']['id'].encode()\n"
    'os.write(3, b\'{"id": "\' + mark + b\'", "gives": {"y": 7}}\\n\')',
}


async def test_a_forged_answer_is_taken_for_no_call_that_follows() -> None:
    found: dict[str, list[object]] = {}
    for name, body in FORGED.items():
        found[name] = []
        inner = "".join(f"    {line}\n" for line in body.splitlines())
        one = Worker(program(f"if x < 0:\n{inner}"))
        await one.begin()
        for value in (-1, 2, 3):
            try:
                found[name].append((await one.call("figure", {"x": value}))["y"])
            except ProgramFailed as problem:
                found[name].append(problem.args[0])
        await one.end()
    nobody = "the program gave an answer nobody asked for"
    assert found == {"before the answer": [nobody, 2, 3], "with its own mark": [7, nobody, 3]}


async def test_a_process_that_dies_in_the_middle_of_a_call_is_replaced() -> None:
    one = Worker(program("import os\nif x < 0:\n    os._exit(3)"))
    await one.begin()
    with pytest.raises(ProgramFailed, match=r"ended before it answered \(3\)"):
        await one.call("figure", {"x": -1})
    assert await one.call("figure", {"x": 1}) == {"y": 1}
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)
    with pytest.raises(ProgramFailed, match="ended before it answered"):
        await one.call("figure", {"x": 1})
    assert await one.call("figure", {"x": 1}) == {"y": 1}
    await one.end()


async def test_a_call_that_is_given_up_leaves_no_answer_for_the_next() -> None:
    one = Worker(program("import math\nif x < 0:\n    math.factorial(200_000)", "math"))
    await one.begin()
    call = asyncio.create_task(one.call("figure", {"x": -1}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert one.pid is None
    assert await one.call("figure", {"x": 7}) == {"y": 7}
    await one.end()


async def test_no_call_finds_what_another_left() -> None:
    body = (
        "def figure(x):\n    held = globals().setdefault('held', [])\n    held.append(x)\n    return {'y': len(held)}\n"
    )
    one = Worker(Program(body, (), (FIGURE,)))
    await one.begin()
    assert [(await one.call("figure", {"x": 1}))["y"] for _ in range(3)] == [1, 1, 1]
    await one.end()


async def test_words_of_a_failing_program_hold_no_value() -> None:
    problem = await tried("class Secret(ValueError):\n    pass\nraise Secret('Taro Yamada', x)")
    assert problem.args[0] == "the program failed: ValueError in line 4"
    assert "ValueError in line 4" in problem.ja
