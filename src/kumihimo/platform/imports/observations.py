"""A CSV of observations: a row for each moment of a station, with its values beside it or one to a row.

Columns are found by their headings, in Japanese and English. Read as a stream: nothing but a piece is in memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from typing import Any, BinaryIO

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri
from kumihimo.platform.imports.moments import Moments, zone_of
from kumihimo.platform.imports.pieces import PIECE_BYTES, PIECE_ROWS, Piece
from kumihimo.platform.imports.scan import Scan
from kumihimo.platform.imports.tables import (
    LATITUDE,
    LONGITUDE,
    Free,
    attribute_names,
    delimiter,
    heading_of,
    place_of,
    plain_value,
    urn,
)
from kumihimo.platform.jsonld.names import check_name

STATION = (
    "entity", "entityid", "entity_id", "id", "identifier", "識別子", "station", "station_id", "stationid",
    "観測所番号", "観測所コード", "観測所記号", "観測局コード", "測定局コード", "局番", "地点番号", "地点コード",
    "観測所", "観測所名", "観測局", "測定局", "地点", "地点名", "device", "端末", "no", "no.", "番号",
)  # fmt: skip
TIME = (
    "observedat", "observed_at", "timestamp", "datetime", "date_time", "日時", "観測日時", "測定日時", "計測日時",
    "年月日時", "年月日時分", "観測時刻", "測定時刻", "時刻日時",
)  # fmt: skip
DATE = ("date", "day", "日付", "年月日", "観測日", "測定日", "観測年月日")
CLOCK = ("time", "時刻", "時間", "観測時間", "時")
MISSING = frozenset(
    {"", "-", "--", "---", "*", "**", "***", "×", "///", "#", "欠測", "欠", "na", "n/a", "nan", "null", "none"}
)
_HEAD_ROWS = 1000
_BLOCK = 1 << 17


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is to be read; what is "" or empty is found by the headings.

    entity is the one entity of a file without a column of stations. name_column and value_column are those of the long
    shape, in which each row says which attribute it is of. units gives UN/CEFACT codes by heading.
    """

    entity_type: str = ""
    entity: str = ""
    id_column: str = ""
    time_columns: tuple[str, ...] = ()
    zone: str = "JST"
    name_column: str = ""
    value_column: str = ""
    columns: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)


def layout_from(given: Mapping[str, Any]) -> Layout:
    """The layout of which `dataclasses.asdict` made JSON. BadRequestData for a member that there is not."""
    members: Any = {name: tuple(one) if isinstance(one, list) else one for name, one in given.items()}
    try:
        return Layout(**members)
    except TypeError as problem:
        raise BadRequestData(f"this says nothing about reading a table: {problem}") from problem


@dataclass(frozen=True, slots=True)
class _Value:
    """A column of values: its place, heading, attribute and unit, and whether it holds numbers alone."""

    place: int
    heading: str
    attribute: str
    unit: str
    numeric: bool


class Observations:
    """The file, understood: `columns` tells how by heading, `pieces` reads it."""

    def __init__(self, file: BinaryIO, scan: Scan, layout: Layout, free: Free) -> None:
        """BadRequestData where a column that is needed is not there, or was named and is not."""
        if not layout.entity_type:
            raise BadRequestData("a CSV file needs --type, the type of its entities")
        check_name(layout.entity_type, "the type of an entity")
        self._file, self._scan, self._layout, self._free = file, scan, layout, free
        self._moments = Moments(zone_of(layout.zone))
        head = list(islice(self._rows(), 1 + _HEAD_ROWS))
        self._header = [heading_of(cell) for cell in head[0][1]] if head else []
        if not any(self._header):
            raise BadRequestData("the file has no header line")
        self._times = self._time_places()
        self._station = self._station_place()
        self._long = self._long_places()
        self._values = self._value_columns([row for _, row in head[1:]])
        self._names: dict[str, str] = {}
        self._entity = lru_cache(maxsize=65_536)(self._find_entity)

    @property
    def columns(self) -> dict[str, str]:
        """Heading to what it is read as."""
        found = {self._header[place]: "the moment of observation" for place in self._times}
        if self._station is not None:
            found[self._header[self._station]] = f"the entity, urn:ngsi-ld:{self._layout.entity_type}:…"
        if self._long is not None:
            found[self._header[self._long[0]]] = "the attribute's name"
            found[self._header[self._long[1]]] = "its value"
        for one in self._values:
            unit = f", unit {one.unit}" if one.unit else ""
            found[one.heading] = f"{one.attribute} ({'number' if one.numeric else 'text'}{unit})"
        return {cell: found.get(cell, "left out") for cell in self._header if cell}

    # --- the header --------------------------------------------------------------------------------------

    def _named(self, name: str) -> int:
        place = place_of(self._header, (heading_of(name),))
        if place is None:
            raise BadRequestData(f"there is no column {name!r}; there are {', '.join(self._header)}")
        return place

    def _time_places(self) -> tuple[int, ...]:
        if self._layout.time_columns:
            return tuple(self._named(name) for name in self._layout.time_columns)
        whole = place_of(self._header, TIME)
        if whole is not None:
            return (whole,)
        day, clock = place_of(self._header, DATE), place_of(self._header, CLOCK)
        if day is None and clock is None:
            raise BadRequestData(
                f"no column says when; name it with --time-column. There are {', '.join(self._header)}"
            )
        return tuple(place for place in (day, clock) if place is not None)

    def _station_place(self) -> int | None:
        if self._layout.entity:
            if not is_uri(self._layout.entity):
                raise BadRequestData(f"{self._layout.entity[:80]!r} is no entity id; it must be a URI")
            return None
        place = self._named(self._layout.id_column) if self._layout.id_column else place_of(self._header, STATION)
        if place is None:
            raise BadRequestData(
                "no column says which entity; name it with --id-column, or give the one entity of the file with "
                f"--entity. There are {', '.join(self._header)}"
            )
        return place

    def _long_places(self) -> tuple[int, int] | None:
        if not self._layout.name_column and not self._layout.value_column:
            return None
        if not (self._layout.name_column and self._layout.value_column):
            raise BadRequestData("the long shape needs both --name-column and --value-column")
        return self._named(self._layout.name_column), self._named(self._layout.value_column)

    def _value_columns(self, rows: Sequence[Sequence[str]]) -> list[_Value]:
        for heading in self._layout.units:
            if self._long is None:
                self._named(heading)
        if self._long is not None:
            return []
        taken = {*self._times, self._station, place_of(self._header, LATITUDE), place_of(self._header, LONGITUDE)}
        wanted = {self._named(name) for name in self._layout.columns} or set(range(len(self._header))) - taken
        names = attribute_names(self._header, self._free)
        found = [self._value_column(place, names[place], rows) for place in sorted(wanted) if names[place]]
        if not found:
            raise BadRequestData(f"no column holds values; there are {', '.join(self._header)}")
        return found

    def _value_column(self, place: int, name: str, rows: Sequence[Sequence[str]]) -> _Value:
        cells = [row[place].strip() for row in rows if place < len(row)]
        values = [plain_value(cell) for cell in cells if cell.lower() not in MISSING]
        texts = sum(isinstance(one, str) for one in values)
        numeric = bool(values) and texts * 10 <= len(values)  # a few marks among numbers are refused row by row
        heading = self._header[place]
        unit = next((code for key, code in self._layout.units.items() if heading_of(key) == heading), "")
        return _Value(place, heading, name, unit, numeric)

    # --- the rows ----------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of each row that is not empty, the header's first; [] for one that cannot be read."""
        self._file.seek(0)
        text = io.TextIOWrapper(io.BufferedReader(_Kept(self._file), _BLOCK), self._scan.encoding, newline="")
        first = text.readline()
        lines = csv.reader(chain([first], text), delimiter=delimiter(first))
        while True:
            try:
                row = next(lines)
            except StopIteration:
                return
            except csv.Error:
                yield lines.line_num, []
                continue
            if any(cell.strip() for cell in row):
                yield lines.line_num, row

    def pieces(self, skip: int = 0) -> Iterator[Piece]:
        """The rows behind the first `skip`, cut so that a piece has some 5,000 values."""
        rows = islice(self._rows(), 1 + skip, None)
        piece, size = self._piece(skip), 0
        places: dict[tuple[str, str], int] = {}
        for line, row in rows:
            piece.after += 1
            size += sum(map(len, row))
            self._take(piece, places, line, row)
            if piece.rows + piece.refused >= PIECE_ROWS or size > PIECE_BYTES:
                piece.bytes = min(self._file.tell(), self._scan.size)
                yield piece
                piece, places, size = self._piece(piece.after), {}, 0
        piece.bytes = self._scan.size
        yield piece

    @staticmethod
    def _piece(after: int) -> Piece:
        return Piece(after, {"series": [], "of": [], "at": [], "values": []})

    def _take(self, piece: Piece, places: dict[tuple[str, str], int], line: int, row: list[str]) -> None:
        place = f"line {line}"
        if not row:
            piece.refuse(place, "it is no row of a CSV, or a cell is longer than 131,072 letters")
            return
        if len(row) > len(self._header):
            piece.refuse(place, f"{len(row)} cells under {len(self._header)} headings")
            return
        row += [""] * (len(self._header) - len(row))
        try:
            seen = self._moments(" ".join([row[one].strip() for one in self._times]))
            entity = self._entity("" if self._station is None else row[self._station])
            found = self._found(row)
        except ValueError as problem:
            piece.refuse(place, str(problem))
            return
        piece.missing += not found
        for attribute, unit, value in found:
            key = (entity, attribute)
            number = places.get(key)
            if number is None:
                number = places[key] = len(places)
                piece.body["series"].append([entity, self._layout.entity_type, attribute, unit])
            piece.body["of"].append(number)
            piece.body["at"].append(seen)
            piece.body["values"].append(value)
        if found:
            piece.rows += len(found)
            piece.saw(seen)

    def _find_entity(self, cell: str) -> str:
        if self._station is None:
            return self._layout.entity
        cell = cell.strip()
        if not cell:
            raise ValueError("it does not say which entity")
        entity = cell if cell.startswith("urn:") and is_uri(cell) else urn(self._layout.entity_type, cell)
        if not is_uri(entity):
            raise ValueError(f"{cell[:40]!r} makes no entity id")
        return entity

    def _found(self, row: Sequence[str]) -> list[tuple[str, str, Any]]:
        """Attribute, unit and value of what the row tells; what is missing is left out."""
        if self._long is not None:
            return self._long_found(row[self._long[0]], row[self._long[1]].strip())
        found = []
        for one in self._values:
            cell = row[one.place].strip()
            value: Any = plain_value(cell) if one.numeric else cell
            if type(value) is str and cell.lower() in MISSING:
                continue
            if one.numeric and isinstance(value, str):
                raise ValueError(f"{one.heading} is {cell[:40]!r}, and the column's others are numbers")
            if "\0" in cell:
                raise ValueError(f"{one.heading} holds the character U+0000")
            found.append((one.attribute, one.unit, value))
        return found

    def _long_found(self, name: str, cell: str) -> list[tuple[str, str, Any]]:
        if cell.lower() in MISSING:
            return []
        attribute = self._names.get(name)
        if attribute is None:
            attribute = self._names[name] = attribute_names([heading_of(name)], self._free)[0]
        if not attribute:
            raise ValueError("it does not say which attribute")
        if "\0" in cell:
            raise ValueError("its value holds the character U+0000")
        unit = self._layout.units.get(heading_of(name), "")
        return [(attribute, unit, plain_value(cell))]


class _Kept(io.RawIOBase):
    """A way to a file that is not closed with it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)
