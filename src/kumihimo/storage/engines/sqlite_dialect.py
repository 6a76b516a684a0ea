"""How SQLite says what the engines say differently; the functions behind it are in sqlite_functions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from kumihimo.storage.database import EACH, MEMBERS

_COLUMNS = (
    "CASE @.type WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number' WHEN 'text' THEN 'string' "
    "WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' WHEN 'null' THEN 'null' ELSE 'object' END AS kind, "
    "CASE WHEN @.type IN ('integer', 'real') THEN CAST(@.value AS REAL) END AS num, "
    "CASE @.type WHEN 'text' THEN @.value WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' END AS txt"
)

_JSON = (
    "(CASE WHEN @.type IN ('object', 'array') THEN @.value WHEN @.type IN ('true', 'false', 'null') THEN @.type "
    "ELSE json_quote(@.value) END)"
)


def quote(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _json_path(keys: Sequence[str]) -> str:
    return quote("$" + "".join("." + json.dumps(key, ensure_ascii=False) for key in keys))


def segments(path: Sequence[str]) -> list[tuple[list[str], str]]:
    """The path cut at its "*", EACH and MEMBERS steps, each part with the step behind it: (["a"], "*"), (["b"], "")."""
    found: list[tuple[list[str], str]] = []
    keys: list[str] = []
    for step in path:
        if step in ("*", EACH, MEMBERS):
            found.append((keys, step))
            keys = []
        else:
            keys.append(step)
    return [*found, (keys, "")]


def _elements(document: str, keys: Sequence[str], step: str) -> str:
    """A table of the array's elements, or of the object's members, at the keys.

    At the end of the way (no step), and for EACH, a value that is no array stands for itself.
    """
    path = _json_path(keys)
    if step == MEMBERS:
        return f"json_each(CASE WHEN json_type({document}, {path}) = 'object' THEN {document} -> {path} ELSE '[]' END)"
    itself = f"WHEN json_type({document}, {path}) IS NOT NULL THEN json_array(json({document} -> {path})) "
    alone = "" if step == "*" else itself
    return (
        f"json_each(CASE WHEN json_type({document}, {path}) = 'array' THEN {document} -> {path} {alone}ELSE '[]' END)"
    )


class SqliteDialect:
    """The answers of SQLite; see `storage.database.Dialect`."""

    name: Literal["sqlite", "postgres"] = "sqlite"

    def any_of(self, column: str, parameter: str) -> str:
        """A condition that the column is one of the JSON array of texts bound at `parameter`."""
        return f"{column} IN (SELECT value FROM json_each({parameter}))"

    def json_values(self, document: str, path: Sequence[str], beside: str = "") -> str:
        """A table of the values at the path; it may name columns of the query around it (as in EXISTS)."""
        tables = []
        cuts = segments(path)
        named = "NULL"
        for place, (keys, step) in enumerate(cuts):
            tables.append(f"{_elements(document, keys, step)} AS ks{place}")
            if beside and place == len(cuts) - 1:
                named = f"({document} ->> {_json_path([*keys[:-1], beside])})"
            document = _JSON.replace("@", f"ks{place}")
        leaf = f"ks{len(cuts) - 1}"
        return f"(SELECT {_COLUMNS.replace('@', leaf)}, {named} AS beside FROM {' JOIN '.join(tables)})"

    def json_text(self, document: str, key: str) -> str:
        """The member of the JSON text column's object, as text: of a string what it says, of all else its JSON."""
        return f"({document} ->> {_json_path([key])})"

    def moment_text(self, micros: str) -> str:
        """A moment in microseconds as ISO 8601 text in UTC."""
        seconds = f"strftime('%Y-%m-%dT%H:%M:%S', {micros} / 1000000, 'unixepoch')"
        return f"({seconds} || printf('.%06dZ', {micros} % 1000000))"

    def json_at(self, document: str, path: Sequence[str]) -> str:
        """The value at the path as JSON text; NULL where there is none."""
        return f"({document} -> {_json_path(path)})"

    def matches_pattern(self, text: str, parameter: str) -> str:
        """A condition that the text matches the pattern bound at `parameter` (RE2)."""
        return f"matches_pattern({text}, {parameter})"

    def geo_relation(self, geometry: str, relation: str, parameter: str) -> str:
        """A condition between a stored GeoJSON text and the bound one; planar."""
        return f"geo_relation({geometry}, {quote(relation)}, {parameter})"

    def geo_distance(self, geometry: str, parameter: str) -> str:
        """Metres between a stored GeoJSON text and the bound one; geodesic, WGS84."""
        return f"geo_distance({geometry}, {parameter})"

    def stored_bytes(self) -> str:
        """Bytes of the scope's file, pages that are free again among them; what still stands in the WAL too."""
        return "(SELECT c.page_count * s.page_size FROM pragma_page_count AS c, pragma_page_size AS s)"


DIALECT = SqliteDialect()
