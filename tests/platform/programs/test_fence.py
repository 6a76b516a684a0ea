"""The filter as the kernel reads it: what of all system calls it lets through, on each kind of machine."""

from __future__ import annotations

import struct

import pytest

from kumihimo.platform.programs.fence import ANSWERS, MACHINES, REQUESTS, fence_of

KILL, ALLOW = 0x80000000, 0x7FFF0000
OTHER = {"x86_64": MACHINES["aarch64"].arch, "aarch64": MACHINES["x86_64"].arch}


def judged(steps: bytes, number: int, arch: int, arguments: tuple[int, ...] = ()) -> int:
    """What the filter makes of a call: the few instructions of classic BPF that it may consist of, done here."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    held, at = 0, 0
    while True:
        code, yes, no, value = struct.unpack_from("=HBBI", steps, at * 8)
        at += 1
        if code == 0x20:
            [held] = struct.unpack_from("=I", data, value)
        elif code == 0x15:
            at += yes if held == value else no
        elif code == 0x45:
            at += yes if held & value else no
        else:
            assert code == 0x06, code
            return int(value)


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_nothing_passes_but_memory_clocks_the_two_pipes_and_the_end(name: str) -> None:
    machine = MACHINES[name]
    steps = fence_of(machine)
    named = {machine.read, machine.write, machine.mmap, machine.mprotect, machine.futex, *machine.plain}
    passed = {one for one in range(1024) if judged(steps, one, machine.arch, (99, 99, 0)) == ALLOW}
    assert passed == {*machine.plain, machine.mmap, machine.mprotect}
    assert {one for one in range(1024) if one not in named and judged(steps, one, machine.arch) == ALLOW} == set()


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_reading_is_of_the_one_pipe_and_writing_of_the_other(name: str) -> None:
    machine = MACHINES[name]
    steps = fence_of(machine)
    read = [one for one in range(20) if judged(steps, machine.read, machine.arch, (one,)) == ALLOW]
    written = [one for one in range(20) if judged(steps, machine.write, machine.arch, (one,)) == ALLOW]
    assert (read, written) == ([REQUESTS], [ANSWERS])


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_no_memory_that_can_be_run_and_no_futex_of_other_processes(name: str) -> None:
    machine = MACHINES[name]
    steps = fence_of(machine)
    for number in (machine.mmap, machine.mprotect):
        assert judged(steps, number, machine.arch, (0, 4096, 3)) == ALLOW
        assert judged(steps, number, machine.arch, (0, 4096, 4)) == KILL
        assert judged(steps, number, machine.arch, (0, 4096, 7)) == KILL
    assert judged(steps, machine.futex, machine.arch, (0, 128)) == ALLOW
    assert judged(steps, machine.futex, machine.arch, (0, 0)) == KILL


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_the_calls_of_another_machine_do_not_pass(name: str) -> None:
    machine = MACHINES[name]
    steps = fence_of(machine)
    assert {judged(steps, one, OTHER[name], (0,)) for one in range(1024)} == {KILL}
    assert {judged(steps, 0x40000000 | one, machine.arch, (0,)) for one in range(1024)} == {KILL}
