"""Reads a town's own CSV (commas, or the tabs of Excel's Unicode text) or NGSI-LD JSON into entities, and says what it
guessed (自治体CSV取込).

Guessing is by header words in Japanese and English; what could not be read is reported row by row.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri
from kumihimo.base.jsontext import holds_nul, loads
from kumihimo.platform.imports.encoding import decode

MAX_FILE = 256 * 1024 * 1024
LATITUDE = ("緯度", "latitude", "lat")
LONGITUDE = ("経度", "longitude", "lon", "lng")
IDENTIFIER = ("id", "identifier", "識別子", "no", "no.", "番号", "全国地方公共団体コード_id")
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?\Z", re.ASCII)
_LONGEST_NAME = 200
_BAD_NAME = re.compile(r"[^\w]", re.UNICODE)


@dataclass(slots=True)
class Table:
    """What a file turned out to hold: entities, how columns were read, and the rows that could not be.

    places names where each id was first met; rows counts all, also those that could not be read, and repeated those
    that came under an id that was there already.
    """

    encoding: str
    columns: dict[str, str] = field(default_factory=dict)
    entities: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    rows: int = 0
    repeated: int = 0

    def take(self, entity: dict[str, Any], place: str) -> None:
        """Adds an entity, or the problem why not: what stands twice would overwrite itself unseen."""
        first = self.places.setdefault(entity["id"], place)
        if first != place:
            self.repeated += 1
            self.problems.append(f"{place}: its id {entity['id']} stands in {first} already; it is not written")
        elif holds_nul(entity):
            self.problems.append(f"{place}: it holds the character U+0000; it is not written")
        else:
            self.entities.append(entity)

    def drop(self, refused: dict[str, str]) -> None:
        """Takes out the entities, by id, that cannot be written, and says why."""
        self.entities = [entity for entity in self.entities if entity["id"] not in refused]
        self.problems += [f"{self.places[entity_id]}: {why}" for entity_id, why in refused.items()]


Free = Callable[[str], bool]
"""Whether a name can be an attribute's; core terms such as location mean something of their own."""


def read_table(raw: bytes, *, name: str, entity_type: str, free: Free, id_column: str = "") -> Table:
    """The entities of a CSV or JSON file. BadRequestData where the file as a whole cannot be read."""
    if len(raw) > MAX_FILE:
        raise BadRequestData(f"{name} has {len(raw)} bytes; at most {MAX_FILE} are read")
    text, encoding = decode(raw)
    if name.lower().endswith((".json", ".jsonld")):
        return _read_json(text, encoding)
    return _read_csv(text, encoding, entity_type, id_column, free)


def _read_json(text: str, encoding: str) -> Table:
    found = loads(text.encode(), max_bytes=MAX_FILE)
    entities = found if isinstance(found, list) else [found]
    table = Table(encoding)
    table.rows = len(entities)
    for number, entity in enumerate(entities, 1):
        if isinstance(entity, dict) and is_uri(entity.get("id")):
            table.take(entity, f"item {number}")
        else:
            table.problems.append(f"item {number}: an entity is an object with an id that is a URI")
    return table


def _read_csv(text: str, encoding: str, entity_type: str, id_column: str, free: Free) -> Table:
    if not entity_type:
        raise BadRequestData("a CSV file needs --type, the type of its entities")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text))
    header = [heading_of(cell) for cell in next(rows, [])]
    if not any(header):
        raise BadRequestData("the file has no header line")
    table = Table(encoding)
    names = attribute_names(header, free)
    identifier = place_of(header, (heading_of(id_column),) if id_column else IDENTIFIER)
    if id_column and identifier is None:
        raise BadRequestData(f"there is no column {id_column!r}; there are {', '.join(header)}")
    place = (place_of(header, LATITUDE), place_of(header, LONGITUDE))
    table.columns = {cell: names[index] for index, cell in enumerate(header) if names[index]}
    for number, row in _rows(rows, table):
        table.rows += 1
        if len(row) > len(header):
            table.problems.append(f"line {number}: {len(row)} cells under {len(header)} headings")
            continue
        table.take(_entity(row, number, names, identifier, place, entity_type, table), f"line {number}")
    return table


def delimiter(text: str) -> str:
    """A tab where the header line has as many of these as commas."""
    header = text[: text.find("\n")] if "\n" in text else text
    return "\t" if header.count("\t") >= max(1, header.count(",")) else ","


def heading_of(cell: str) -> str:
    """A heading as it is compared: full-width letters as half-width ones, no spaces around it."""
    return unicodedata.normalize("NFKC", cell).strip()


def _rows(rows: Iterator[list[str]], table: Table) -> Iterator[tuple[int, list[str]]]:
    number = 1
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as problem:
            table.problems.append(f"line {number}: {problem}")
            continue
        if any(cell.strip() for cell in row):
            yield number, row


def place_of(header: Sequence[str], words: Sequence[str]) -> int | None:
    """The place of the first word that is a heading, however its letters are cased."""
    lowered = [cell.lower() for cell in header]
    return next((lowered.index(word.lower()) for word in words if word.lower() in lowered), None)


def attribute_names(header: Sequence[str], free: Free) -> list[str]:
    """A name for each column that NGSI-LD takes: letters of any script, digits and "_"; "" for a blank heading."""
    names: list[str] = []
    for cell in header:
        name = _BAD_NAME.sub("_", cell).strip("_")[:_LONGEST_NAME]
        if name and not name[0].isalpha():
            name = "c_" + name
        while name and (name in names or not free(name)):
            name += "_"
        names.append(name)
    return names


def _entity(
    row: list[str],
    number: int,
    names: list[str],
    identifier: int | None,
    place: tuple[int | None, int | None],
    entity_type: str,
    table: Table,
) -> dict[str, Any]:
    local = row[identifier].strip() if identifier is not None and identifier < len(row) else ""
    entity: dict[str, Any] = {"id": urn(entity_type, local or str(number)), "type": entity_type}
    for name, cell in zip(names, row, strict=False):
        if name and cell.strip():
            entity[name] = {"type": "Property", "value": plain_value(cell.strip())}
    point = _point(row, place)
    if point is not None:
        entity["location"] = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": point}}
    elif None not in place:
        table.problems.append(f"line {number}: latitude or longitude is missing or no number; kept without a place")
    return entity


def urn(entity_type: str, local: str) -> str:
    """The id of an entity that a file names by a short word."""
    clean = re.sub(r"[^\w.:-]", "_", unicodedata.normalize("NFKC", local))
    return f"urn:ngsi-ld:{entity_type}:{clean}"


def plain_value(cell: str) -> str | int | float:
    """A number where it is one for certain; codes with leading zeros stay text."""
    if len(cell) > 15 or not _NUMBER.match(cell):
        return cell
    return float(cell) if "." in cell else int(cell)


def _point(row: list[str], place: tuple[int | None, int | None]) -> list[float] | None:
    latitude, longitude = place
    if latitude is None or longitude is None or max(latitude, longitude) >= len(row):
        return None
    try:
        lat, lon = (float(unicodedata.normalize("NFKC", row[one]).strip()) for one in (latitude, longitude))
    except ValueError:
        return None
    return [lon, lat] if -90 <= lat <= 90 and -180 <= lon <= 180 else None
