"""How PostgreSQL with PostGIS says what the engines say differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kumihimo.storage.database import MEMBERS
from kumihimo.storage.engines.sqlite_dialect import quote, segments

_RELATIONS = {
    "equals": "ST_Equals",
    "disjoint": "ST_Disjoint",
    "intersects": "ST_Intersects",
    "within": "ST_Within",
    "contains": "ST_Contains",
    "overlaps": "ST_Overlaps",
}
_LARGEST = "1.7976931348623157e308"

BY_CODE = 'COLLATE "C"'
"""Texts are compared by their code points, as SQLite and Python do, whatever alphabet the database was made with."""


def _geometry(text: str) -> str:
    """The geometry; one that crosses itself as the valid one of the same lines, for which relations are defined."""
    return f"ST_MakeValid(ST_GeomFromGeoJSON(({text})::text))"


def _number(value: str) -> str:
    """The number as a double; beyond its range infinite, as SQLite has it."""
    exact = f"({value} #>> '{{}}')::numeric"
    return (
        f"CASE WHEN jsonb_typeof({value}) <> 'number' THEN NULL WHEN {exact} > {_LARGEST} THEN 'Infinity' "
        f"WHEN {exact} < -{_LARGEST} THEN '-Infinity' ELSE ({exact})::double precision END"
    )


def _elements(place: int, step: str) -> str:
    """A table of the array's elements, or of the object's members; at the end, and for EACH, what is no array stands
    for itself.
    """
    found = f"kx{place}.v"
    if step == MEMBERS:
        kind = f"jsonb_typeof({found})"
        return f"jsonb_each(CASE WHEN {kind} = 'object' THEN {found} ELSE '{{}}'::jsonb END) AS ks{place}(k, v)"
    alone = "" if step == "*" else f"WHEN {found} IS NOT NULL THEN jsonb_build_array({found}) "
    return (
        f"jsonb_array_elements(CASE WHEN jsonb_typeof({found}) = 'array' THEN {found} {alone}"
        f"ELSE '[]'::jsonb END) AS ks{place}(v)"
    )


class PostgresDialect:
    """The answers of PostgreSQL; see `storage.database.Dialect`."""

    name: Literal["sqlite", "postgres"] = "postgres"

    def any_of(self, column: str, parameter: str) -> str:
        """A condition that the column is one of the JSON array of texts bound at `parameter`."""
        return f"{column} = ANY (ARRAY(SELECT jsonb_array_elements_text(({parameter}::text)::jsonb)))"

    def json_values(self, document: str, path: Sequence[str], beside: str = "") -> str:
        """A table of the values at the path; it may name columns of the query around it (as in EXISTS)."""
        tables = []
        cuts = segments(path)
        value = f"({document})::jsonb"
        named = "NULL"
        for place, (keys, step) in enumerate(cuts):
            steps = "".join(f" -> {quote(key)}" for key in keys)
            if beside and place == len(cuts) - 1:
                named = f"({value}{''.join(f' -> {quote(key)}' for key in keys[:-1])} ->> {quote(beside)})"
            tables.append(f"LATERAL (SELECT ({value}{steps}) AS v) AS kx{place}, LATERAL {_elements(place, step)}")
            value = f"ks{place}.v"
        return (
            f"(SELECT CASE jsonb_typeof({value}) WHEN 'array' THEN 'object' ELSE jsonb_typeof({value}) END AS kind, "
            f"{_number(value)} AS num, "
            f"(CASE WHEN jsonb_typeof({value}) IN ('string', 'boolean') THEN {value} #>> '{{}}' END) {BY_CODE} AS txt, "
            f"CAST({named} AS TEXT) AS beside "
            f"FROM {', '.join(tables)})"
        )

    def json_text(self, document: str, key: str) -> str:
        """The member of the JSON text column's object, as text: of a string what it says, of all else its JSON."""
        return f"(({document})::jsonb ->> {quote(key)})"

    def moment_text(self, micros: str) -> str:
        """A moment in microseconds as ISO 8601 text in UTC."""
        moment = f"(TIMESTAMP 'epoch' + {micros} * INTERVAL '1 microsecond')"
        return f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

    def json_at(self, document: str, path: Sequence[str]) -> str:
        """The value at the path as JSON text; NULL where there is none."""
        # json and not jsonb, which would put members in an order of its own.
        return f"(({document})::json #> ARRAY[{', '.join(quote(key) for key in path)}])::text"

    def matches_pattern(self, text: str, parameter: str) -> str:
        """A condition that the text matches the pattern bound at `parameter`."""
        return f"({text}) ~ ({parameter}::text)"

    def geo_relation(self, geometry: str, relation: str, parameter: str) -> str:
        """A condition between a stored GeoJSON text and the bound one; planar."""
        return f"{_RELATIONS[relation]}({_geometry(geometry)}, {_geometry(parameter)})"

    def geo_distance(self, geometry: str, parameter: str) -> str:
        """Metres between a stored GeoJSON text and the bound one; geodesic, WGS84."""
        return f"ST_Distance({_geometry(geometry)}::geography, {_geometry(parameter)}::geography)"

    def stored_bytes(self) -> str:
        """Bytes of the schema's tables with their indexes and what lies beside them (TOAST)."""
        return (
            "(SELECT CAST(COALESCE(SUM(pg_total_relation_size(oid)), 0) AS BIGINT) FROM pg_class "
            "WHERE relkind IN ('r', 'm', 'p') AND relnamespace = current_schema()::regnamespace)"
        )


DIALECT = PostgresDialect()
