import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.ids import is_uri
from kumihimo.cli.tables import Table, read_table

SHELTERS = "番号,名称,緯度,経度,収容人数,電話番号\n1,中央小学校,36.06,136.22,300,0776001122\n2,東公民館,,136.2,１２,\n"


def read(text: str, encoding: str = "utf-8", **options: str) -> Table:
    return read_table(text.encode(encoding), name="shelters.csv", entity_type="EvacuationShelter", **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_towns_csv_in_any_of_its_encodings(encoding: str) -> None:
    first, second = read(SHELTERS, encoding).entities
    assert first["id"] == "urn:ngsi-ld:EvacuationShelter:1"
    assert first["名称"]["value"] == "中央小学校"
    assert first["収容人数"]["value"] == 300
    assert first["電話番号"]["value"] == "0776001122"
    assert first["location"]["value"] == {"type": "Point", "coordinates": [136.22, 36.06]}
    assert "location" not in second


def test_a_row_without_a_place_is_kept_and_told() -> None:
    assert read(SHELTERS).problems == ["line 3: latitude or longitude is missing or no number; kept without a place"]


def test_too_many_cells_are_told_with_their_line() -> None:
    table = read("a,b\n1,2,3\n4,5\n")
    assert len(table.entities) == 1
    assert table.problems == ["line 2: 3 cells under 2 headings"]


def test_quoted_line_breaks_belong_to_the_cell() -> None:
    assert read('id,memo\n1,"a\nb"\n').entities[0]["memo"]["value"] == "a\nb"


def test_headings_that_are_the_same_or_reserved_get_names_of_their_own() -> None:
    table = read("type,name,name,\nx,1,2,3\n")
    assert {"type_", "name", "name_"} <= table.entities[0].keys()
    assert table.entities[0]["type"] == "EvacuationShelter"


@pytest.mark.parametrize(
    ("raw", "name", "words"),
    [
        (b"\xff\xfe\x81", "a.csv", "neither UTF-8 nor CP932"),
        (b"", "a.csv", "no header"),
        (b"{", "a.json", "not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(raw: bytes, name: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        read_table(raw, name=name, entity_type="T")


def test_an_unknown_id_column_names_those_there_are() -> None:
    with pytest.raises(BadRequestData, match="there are a, b"):
        read("a,b\n1,2\n", id_column="c")


def test_json_items_without_an_id_are_told() -> None:
    table = read_table(b'[{"id":"urn:a:1","type":"T"},{"type":"T"},3]', name="a.json", entity_type="")
    assert [entity["id"] for entity in table.entities] == ["urn:a:1"]
    assert len(table.problems) == 2


@given(st.text(max_size=200))
def test_any_text_gives_entities_with_ids_or_a_problem(text: str) -> None:
    try:
        table = read(text)
    except (Problem, UnicodeEncodeError):
        return
    assert all(is_uri(entity["id"]) for entity in table.entities)
