"""`kumihimo import-history`: a file of observations, however long, first shown, then written, and gone on with."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from kumihimo.app.wire import read_preload
from kumihimo.base import times
from kumihimo.base.errors import BadRequestData, LdContextNotAvailable, Problem
from kumihimo.base.settings import Settings
from kumihimo.cli.reach import Perform, reached
from kumihimo.cli.say import fail, say, warn
from kumihimo.cli.words import said, t
from kumihimo.platform.imports.load import free_in, import_key, reader_of
from kumihimo.platform.imports.observations import Layout
from kumihimo.platform.imports.pieces import SHOWN, Piece
from kumihimo.platform.imports.rows import from_entities
from kumihimo.platform.imports.scan import Scan, scan
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.contexts import Contexts

_ENTITIES_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was told: where it goes, how it is read, and whether entities may come to be."""

    tenant: str
    layout: Layout
    may_create: bool
    again: bool


def units_of(given: Iterable[str]) -> dict[str, str]:
    """Units by heading, from HEADING=CODE."""
    found = {}
    for one in given:
        heading, equals, code = one.rpartition("=")
        if not (heading and equals and code):
            raise BadRequestData(f"--unit is HEADING=CODE, like 水位=MTR, not {one!r}")
        found[heading] = code
    return found


def import_history(settings: Settings, file: Path, wanted: Wanted, *, apply: bool) -> int:
    """Reads the file, shows what was understood, or writes it. 0, or 1 where something was refused."""
    try:
        with file.open("rb") as opened:
            source = _Source(opened, file.name, wanted, Contexts(preload=read_preload(settings.context_preload)))
            if not apply:
                return asyncio.run(_show(source))
            return asyncio.run(_reach_and_write(settings, source))
    except OSError as problem:
        raise BadRequestData(f"{file} cannot be read: {problem.strerror}") from problem


class _Source:
    """The file, understood; whether it is the same still."""

    def __init__(self, opened: BinaryIO, name: str, wanted: Wanted, contexts: Contexts) -> None:
        self._opened = opened
        self._stat = self._look()
        self.name = name
        self.wanted = wanted
        self.contexts = contexts
        self.scan: Scan = scan(opened)
        self.reader = reader_of(opened, name, self.scan, wanted.layout, free_in(contexts))

    def _look(self) -> tuple[int, int]:
        found = os.fstat(self._opened.fileno())
        return found.st_size, found.st_mtime_ns

    @property
    def import_id(self) -> str:
        """The same for the same content read in the same way, wherever the file lies."""
        return import_key(self.scan, self.wanted.layout, may_create=self.wanted.may_create)

    def pieces(self, skip: int = 0) -> Iterator[Piece]:
        """The pieces. BadRequestData where the file changes while it is read."""
        for piece in self.reader.pieces(skip):
            if self._look() != self._stat:
                raise BadRequestData("the file changed while it was read")
            yield piece


# --- showing ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Seen:
    """What a reading of the whole file adds up to."""

    rows: int = 0
    refused: int = 0
    missing: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, piece: Piece) -> None:
        """Takes a piece in."""
        self.rows += piece.rows
        self.refused += piece.refused
        self.missing += piece.missing
        if piece.first is not None and piece.last is not None:
            self.first = piece.first if self.first is None else min(self.first, piece.first)
            self.last = piece.last if self.last is None else max(self.last, piece.last)


async def _show(source: _Source) -> int:
    seen, problems, entities = _Seen(), list[str](), dict[str, None]()
    _say_columns(source)
    with _bar() as bar:
        task = bar.add_task("read", total=source.scan.size)
        for piece in source.pieces():
            await _judge(source, piece)
            seen.add(piece)
            problems += piece.problems[: SHOWN - len(problems)]
            if len(entities) < _ENTITIES_COUNTED:
                entities.update(dict.fromkeys(_entities(piece)))
            bar.update(task, completed=piece.bytes)
    more = "more than " if len(entities) >= _ENTITIES_COUNTED else ""
    say(f"{seen.rows} observations of {more}{len(entities)} entities{_span(seen)}")
    for name in list(entities)[:3]:
        say(f"  {name}")
    if seen.missing:
        say(f"  {seen.missing} rows hold no value")
    _warn_of(problems, seen.refused)
    say("Nothing was written. Run it again with --apply to write.")
    return 1 if seen.refused else 0


def _say_columns(source: _Source) -> None:
    say(f"{source.name}: {source.scan.size} bytes, encoding {source.scan.encoding}")
    for heading, meaning in source.reader.columns.items():
        say(f"  {heading} -> {meaning}")
    if source.reader.columns:
        say(f"  a moment without a zone is one of {source.wanted.layout.zone} (--zone)")


async def _judge(source: _Source, piece: Piece) -> None:
    """Takes what the platform would refuse; an @context that only the platform has is left to it."""
    if "entities" not in piece.body:
        return

    async def resolve(given: Any) -> Context:
        try:
            return await source.contexts.resolve(given)
        except LdContextNotAvailable:
            return source.contexts.core

    found = await from_entities(piece.body["entities"], resolve)
    piece.refused += found.refused
    piece.problems += found.reasons
    piece.rows = len(found.rows)


def _entities(piece: Piece) -> list[str]:
    if "entities" in piece.body:
        return [str(one.get("id")) for one in piece.body["entities"]]
    return [one[0] for one in piece.body["series"]]


def _span(seen: _Seen) -> str:
    if seen.first is None or seen.last is None:
        return ""
    return f", {times.text(times.from_micros(seen.first))} to {times.text(times.from_micros(seen.last))}"


def _warn_of(problems: list[str], count: int) -> None:
    for problem in problems[:SHOWN]:
        warn(f"  {problem}")
    if count > len(problems[:SHOWN]):
        warn(f"  … and {count - len(problems[:SHOWN])} more")


def _bar() -> Progress:
    percent = TextColumn("{task.percentage:>3.0f}%")
    return Progress(TextColumn("{task.description}"), BarColumn(), percent, TimeRemainingColumn(), transient=True)


# --- writing ---------------------------------------------------------------------------------------------


async def _reach_and_write(settings: Settings, source: _Source) -> int:
    async with reached(settings) as do:
        return await _write(do, source)


async def _write(do: Perform, source: _Source) -> int:
    run = await _begin(do, source)
    if run is None:
        return 0
    problems: list[str] = []
    with _bar() as bar:
        task = bar.add_task("import", total=source.scan.size)
        try:
            await _send_all(do, source, run, problems, bar, task)
            run = await _settle(do, source, bar)
        except (Problem, ConnectionError) as problem:
            raise fail(t("cli.history.stopped", position=run["position"], why=said(problem))) from problem
    say(
        f"{run['stored']} stored, {run['duplicates']} there already, {run['corrected']} corrected, {run['refused']} "
        f"refused; {run['settled']} became the current value"
    )
    _warn_of(problems, run["refused"])
    return 1 if run["refused"] else 0


async def _begin(do: Perform, source: _Source) -> dict[str, Any] | None:
    """How far the import is; None where it is done."""
    given = {
        "tenant": source.wanted.tenant,
        "import": source.import_id,
        "title": source.name,
        "again": source.wanted.again,
    }
    try:
        begun = await do("history-begin", given)
    except ConnectionError as problem:
        raise fail(str(problem)) from problem
    run, instead = begun["run"], begun["instead"]
    if run["state"] == "done":
        when = times.text(times.from_micros(run["changed_at"]))
        say(f"This file was imported already ({run['stored']} stored, {when}); --again imports it anew.")
        return None
    if instead is not None:
        say(
            f"An import of {instead['title']} stopped behind record {instead['position']}; the file, or how it is read,"
            " has changed, so this one begins at the start. What is there already is not written twice."
        )
    if run["position"]:
        say(f"Goes on behind record {run['position']}, where the import stopped.")
    found: dict[str, Any] = run
    return found


async def _send_all(
    do: Perform, source: _Source, run: dict[str, Any], problems: list[str], bar: Progress, task: TaskID
) -> None:
    """Hands over the pieces one after the other; the next is read while the one before is written."""
    pieces = source.pieces(run["position"])
    piece = await asyncio.to_thread(next, pieces, None)
    while piece is not None:
        given = {
            **piece.body,
            "tenant": source.wanted.tenant,
            "import": source.import_id,
            "before": run["position"],
            "after": piece.after,
            "refused": piece.refused,
            "create": source.wanted.may_create,
        }
        reading = asyncio.create_task(asyncio.to_thread(next, pieces, None))
        try:
            taken = await do("history-take", given)
        except BaseException:
            await asyncio.wait([reading])  # its file is about to be closed
            raise
        run.update(taken["run"])
        problems += (piece.problems + taken["reasons"])[: SHOWN - len(problems)]
        bar.update(task, completed=piece.bytes)
        piece = await reading


async def _settle(do: Perform, source: _Source, bar: Progress) -> dict[str, Any]:
    task = bar.add_task("current state", total=None)
    while True:
        run: dict[str, Any] = await do("history-settle", {"tenant": source.wanted.tenant, "import": source.import_id})
        bar.update(task, advance=1)
        if run["state"] == "done":
            return run
