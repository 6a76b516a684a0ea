"""NGSI-LD over time, cut out of an array or out of lines, wherever the blocks of the file end."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.imports import evolutions
from kumihimo.platform.imports.evolutions import Evolutions
from kumihimo.platform.imports.pieces import Piece
from kumihimo.platform.imports.scan import scan

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='"\\{}[]水a ', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='"\\{}[a', max_size=3), inner),
    max_leaves=8,
)
ENTITIES = st.lists(st.dictionaries(st.text(alphabet='"{}a水', max_size=4), VALUES, max_size=4), max_size=6)


def pieces(raw: bytes, skip: int = 0) -> list[Piece]:
    file = io.BytesIO(raw)
    return list(Evolutions(file, scan(file)).pieces(skip))


def entities(raw: bytes, skip: int = 0) -> list[Any]:
    return [entity for piece in pieces(raw, skip) for entity in piece.body["entities"]]


@given(ENTITIES, st.integers(1, 40), st.booleans(), st.booleans())
def test_objects_are_found_whole_wherever_blocks_end(docs: list[Any], block: int, lines: bool, ascii_: bool) -> None:
    text = "\r\n".join(json.dumps(one, ensure_ascii=ascii_) for one in docs)
    raw = (text if lines else json.dumps(docs, ensure_ascii=ascii_, indent=1)).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolutions, "_BLOCK", block)
        assert entities(raw) == docs
        assert entities(b"\xef\xbb\xbf" + raw) == docs


def test_an_entity_of_many_instances_is_cut_and_gone_on_with() -> None:
    many = [{"value": n, "observedAt": f"2024-06-23T00:00:{n % 60:02}Z"} for n in range(12_000)]
    doc = {"id": "urn:a:1", "type": "T", "@context": [], "level": many, "name": {"value": "x"}}
    raw = json.dumps([doc, {"id": "urn:a:2", "type": "T", "level": many[:3]}]).encode()
    found = pieces(raw)
    assert [piece.rows for piece in found] == [5001, 5000, 2003]
    assert found[0].body["entities"][:2] == [
        {"id": "urn:a:1", "type": "T", "@context": [], "name": {"value": "x"}},
        {"id": "urn:a:1", "type": "T", "@context": [], "level": many[:500]},
    ]
    assert [one for part in entities(raw)[1:-1] for one in part["level"]] == many
    assert entities(raw, skip=found[0].after) == [one for piece in found[1:] for one in piece.body["entities"]]
    assert found[0].first is not None


def test_what_is_no_entity_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolutions, "MAX_ENTITY", 200)
    monkeypatch.setattr(evolutions, "_BLOCK", 64)
    long = json.dumps({"id": "urn:a:1", "long": "x" * 150, "longer": ["x"] * 40})
    (piece,) = pieces(f'{{"id":"urn:a:1"}}\n{{"id":1,}}\n{long}\n{{"id":"urn:a:2"}}\n{{"id":'.encode())
    assert [one["id"] for one in piece.body["entities"]] == ["urn:a:1", "urn:a:2"]
    assert [one.split(":")[0] for one in piece.problems] == ["entity 2", "entity 3", "entity 5"]
    assert "more than 200 bytes" in piece.problems[1]


@pytest.mark.parametrize(
    "text", ["id,time\n1,2\n", '"id"', 'x{"id":"urn:a:1"}', '{"id":"urn:a:1"} 5', '[{"id":"urn:a:1"']
)
def test_what_stands_beside_the_entities_is_told(text: str) -> None:
    assert sum(piece.refused for piece in pieces(text.encode())) == 1


def test_json_is_utf_8() -> None:
    with pytest.raises(BadRequestData, match="JSON is UTF-8"):
        pieces('{"id":"水"}'.encode("cp932"))


def test_large_instances_come_in_small_pieces_and_what_cannot_be_cut_is_refused() -> None:
    large = [{"value": "x" * 300_000, "observedAt": "2024-06-23T00:00:00Z"}] * 20
    doc = {"id": "urn:a:1", "type": "T", "level": large}
    raw = json.dumps([doc, {"id": "urn:a:2", "type": "T", "level": {"value": "x" * 5_000_000}}]).encode()
    found = pieces(raw)
    assert sum(piece.rows for piece in found) == 20
    assert max(len(json.dumps(piece.body)) for piece in found) < 4_000_000
    assert [problem for piece in found for problem in piece.problems] == [
        "entity 2: a piece of it that cannot be cut has 5000054 bytes; at most 4194304 are taken"
    ]
