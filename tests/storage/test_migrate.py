"""How schema files are cut and which parts a file still needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import StorageRefused
from kumihimo.storage.migrate import OWN, cut, parts_of, pending

statements = st.lists(st.from_regex(r"CREATE TABLE [a-z]{1,9} \(id TEXT\);", fullmatch=True), min_size=1, max_size=6)


@given(statements)
def test_parts_come_back_in_order(bodies: list[str]) -> None:
    source = "".join(f"-- version {number}\n{body}\n\n" for number, body in enumerate(bodies, start=1))
    parts = cut("room", source)
    assert [part.sql for part in parts] == bodies
    assert [part.version for part in parts] == list(range(1, len(bodies) + 1))
    assert (parts[0].digest == parts[-1].digest) is (bodies[0] == bodies[-1])


@pytest.mark.parametrize(
    "source",
    [
        "CREATE TABLE a (id TEXT);\n-- version 1\n",
        "-- version 2\nx",
        "-- version 1\nx\n-- version 3\ny",
        "-- version 0\n",
    ],
)
def test_a_file_that_is_not_numbered_from_one(source: str) -> None:
    with pytest.raises(ValueError, match="room"):
        cut("room", source)


def test_the_digest_does_not_hang_on_blank_lines() -> None:
    assert cut("room", "-- version 1\nx;\n\n\n-- version 2\ny;")[0] == cut("room", "-- version 1\n\nx;\n")[0]


def test_what_is_pending() -> None:
    (part,) = parts_of(OWN, "sqlite")
    assert pending([OWN], "sqlite", {}, "here") == [part]
    assert pending([OWN], "sqlite", {("storage", 1): part.digest}, "here") == []
    with pytest.raises(StorageRefused, match="here holds the tables of 'stranger', which this program does not know"):
        pending([OWN], "sqlite", {("storage", 1): part.digest, ("stranger", 9): "x"}, "here")
    with pytest.raises(StorageRefused, match="here: version 1 of the tables of 'storage' was edited"):
        pending([OWN], "sqlite", {("storage", 1): "other"}, "here")
    with pytest.raises(StorageRefused, match="at version 2, this program knows them up to 1"):
        pending([OWN], "sqlite", {("storage", 1): part.digest, ("storage", 2): "x"}, "here")
