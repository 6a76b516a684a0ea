"""Entities over time as NGSI-LD writes them (clause 5.2.20): one to a line, or an array of them, read as a stream.

An entity of very many instances is cut into pieces of some; of an array no more than one entity is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.jsontext import dumps, loads
from kumihimo.base.times import micros, parse
from kumihimo.platform.imports.pieces import PIECE_BYTES, PIECE_ROWS, Piece
from kumihimo.platform.imports.scan import Scan

MAX_ENTITY = 64 * 1024 * 1024
_INSTANCES = 500
"""Instances of one attribute in one record; the position of an import counts records."""
_PART_BYTES = 1024 * 1024
MAX_PART = 4 * 1024 * 1024
"""Of what cannot be cut: an instance has at most 2 MiB, and one message to a running platform 8."""
_HEAD = ("id", "@id", "type", "@type", "@context")
_BLOCK = 1 << 18
_TOKEN = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_QUOTE, _BRACE = b'"{'
_SPACE = b" \t\r\n,"


class Evolutions:
    """The file; `pieces` reads it."""

    def __init__(self, file: BinaryIO, scan: Scan) -> None:
        if scan.encoding != "utf-8-sig":
            raise BadRequestData(f"JSON is UTF-8; this file is {scan.encoding}")
        self._file, self._scan = file, scan
        self.columns: dict[str, str] = {}

    def pieces(self, skip: int = 0) -> Iterator[Piece]:
        """The records behind the first `skip`."""
        piece, size = Piece(skip, {"entities": []}), 0
        for place, record, length in islice(self._records(), skip, None):
            piece.after += 1
            if isinstance(record, str):
                piece.refuse(place, record)
            else:
                piece.body["entities"].append(record)
                piece.rows += _look(record, piece)
            size += length
            if piece.rows + piece.refused >= PIECE_ROWS or size > PIECE_BYTES:
                piece.bytes = min(self._file.tell(), self._scan.size)
                yield piece
                piece, size = Piece(piece.after, {"entities": []}), 0
        piece.bytes = self._scan.size
        yield piece

    def _records(self) -> Iterator[tuple[str, dict[str, Any] | str, int]]:
        """Place, a piece of an entity or why it cannot be read, and about how many bytes it has."""
        for number, raw in enumerate(self._texts(), 1):
            place = f"entity {number}"
            if raw is None:
                yield place, f"it has more than {MAX_ENTITY} bytes; cut it into several with the same id", 0
                continue
            try:
                entity = loads(raw, max_bytes=MAX_ENTITY)
            except Problem as problem:
                yield place, problem.detail, 0
                continue
            if not isinstance(entity, dict):
                yield place, "an entity is a JSON object", 0
                continue
            for part, length in _parts(entity, len(raw)):
                if length > MAX_PART:
                    yield place, f"a piece of it that cannot be cut has {length} bytes; at most {MAX_PART} are taken", 0
                else:
                    yield place, part, length

    def _texts(self) -> Iterator[bytes | None]:
        """The JSON text of each object; None for one that is too long."""
        self._file.seek(0)
        start = self._file.read(3)
        self._file.seek(3 if start == b"\xef\xbb\xbf" else 0)
        cut = _Cut()
        while block := self._file.read(_BLOCK):
            yield from cut.feed(block)
        if cut.rest():
            yield cut.rest()


class _Cut:
    """Finds where the objects of an array, or of lines, begin and end; reads each byte once."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0
        self._depth = 0
        self._start = -1
        self._in_text = False
        self._too_long = False
        self._stray = b""

    def rest(self) -> bytes:
        """What is no whole object: the one that the file ends in, else the first that stands beside them."""
        return bytes(self._held[self._start :]) if self._start >= 0 else self._stray

    def feed(self, block: bytes) -> Iterator[bytes | None]:
        """The objects that end in what was fed so far; None for one that is too long."""
        self._held += block
        while self._next():
            token = self._held[self._at - 1]
            if token == _QUOTE:
                self._in_text = True
            elif token in b"{[":
                if self._start < 0 and token == _BRACE:
                    self._start = self._at - 1
                self._depth += self._start >= 0
            elif self._start >= 0:
                self._depth -= 1
                if self._depth == 0:
                    yield None if self._too_long else bytes(self._held[self._start : self._at])
                    self._start, self._too_long = -1, False
        self._shrink()

    def _next(self) -> bool:
        """Goes behind the next token outside of texts; False where the block holds no more."""
        if self._in_text:
            inside = _INSIDE.match(self._held, self._at)
            self._at = self._at if inside is None else inside.end()
            if self._at >= len(self._held) or self._held[self._at] != _QUOTE:
                return False
            self._at += 1
            self._in_text = False
        found = _TOKEN.search(self._held, self._at)
        end = len(self._held) if found is None else found.start()
        if self._start < 0 and not self._stray:
            self._stray = bytes(self._held[self._at : end + (found is not None and found[0] == b'"')]).strip(_SPACE)
        self._at = end if found is None else found.end()
        return found is not None

    def _shrink(self) -> None:
        """Lets go of what was read; of an object that is too long all but where it ends."""
        if self._start >= 0 and self._at - self._start > MAX_ENTITY:
            self._too_long = True
        keep = self._start if self._start >= 0 and not self._too_long else self._at
        del self._held[:keep]
        self._at -= keep
        self._start = 0 if self._start >= 0 else -1


def _parts(entity: dict[str, Any], length: int) -> Iterator[tuple[dict[str, Any], int]]:
    """The entity itself, or pieces of it with some instances of one attribute each."""
    least = 1 if length > _PART_BYTES else _INSTANCES
    lists = {name: value for name, value in entity.items() if isinstance(value, list) and len(value) > least}
    many = {name: value for name, value in lists.items() if all(isinstance(one, dict) for one in value)}
    if not many:
        yield entity, length
        return
    head: dict[str, Any] = {name: entity[name] for name in _HEAD if name in entity}
    rest = {name: value for name, value in entity.items() if name not in many}
    if len(rest) > len(head):
        yield rest, len(dumps(rest))
    for name, value in many.items():
        step = max(1, min(_INSTANCES, len(value) * _PART_BYTES // (len(dumps(value)) + 1)))
        for start in range(0, len(value), step):
            part = {**head, name: value[start : start + step]}
            yield part, len(dumps(part))


def _look(entity: dict[str, Any], piece: Piece) -> int:
    """Notes the moments of the entity's instances; how many there are."""
    count = 0
    for name, value in entity.items():
        if name in _HEAD:
            continue
        for one in value if isinstance(value, list) else [value]:
            count += 1
            observed = one.get("observedAt") if isinstance(one, dict) else None
            if isinstance(observed, str):
                try:
                    piece.saw(micros(parse(observed)))
                except ValueError:
                    continue  # the platform says what is wrong with it
    return count
