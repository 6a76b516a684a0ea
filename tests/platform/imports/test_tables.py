import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.ids import is_uri
from kumihimo.platform.imports.load import free_in
from kumihimo.platform.imports.tables import Table, read_table
from kumihimo.platform.jsonld.contexts import Contexts

SHELTERS = "番号,名称,緯度,経度,収容人数,電話番号\n1,中央小学校,36.06,136.22,300,0776001122\n2,東公民館,,136.2,１２,\n"


def free(name: str) -> bool:
    return name not in ("id", "type", "location", "observedAt")


def read(text: str, encoding: str = "utf-8", **options: str) -> Table:
    return read_table(text.encode(encoding), name="shelters.csv", entity_type="EvacuationShelter", free=free, **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
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
        (b"\xff\xfe\x81", "a.csv", "begins as UTF-16, but is none"),
        (b"\x81", "a.csv", "neither UTF-8, UTF-16 nor CP932"),
        ("番号".encode("utf-32"), "a.csv", "or the file is in another encoding"),
        ("番号,名\n1,x\n".encode("utf-16-le"), "a.csv", "or the file is in another encoding"),
        (b"a,b\n\x82\xa0,\xf0\x40\n", "a.csv", "line 2 holds the character U\\+E000"),
        (b"", "a.csv", "no header"),
        (b"{", "a.json", "not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(raw: bytes, name: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        read_table(raw, name=name, entity_type="T", free=free)


def test_an_unknown_id_column_names_those_there_are() -> None:
    with pytest.raises(BadRequestData, match="there are a, b"):
        read("a,b\n1,2\n", id_column="c")


def test_json_items_without_an_id_are_told() -> None:
    table = read_table(b'[{"id":"urn:a:1","type":"T"},{"type":"T"},3]', name="a.json", entity_type="", free=free)
    assert [entity["id"] for entity in table.entities] == ["urn:a:1"]
    assert len(table.problems) == 2


@given(st.text(max_size=200))
def test_any_text_gives_entities_with_ids_or_a_problem(text: str) -> None:
    try:
        table = read(text)
    except (Problem, UnicodeEncodeError):
        return
    assert all(is_uri(entity["id"]) for entity in table.entities)


def test_excels_unicode_text_has_tabs() -> None:
    table = read("番号\t名称,住所\n1\tあ,い\n", "utf-16")
    assert (table.encoding, table.entities[0]["id"]) == ("utf-16", "urn:ngsi-ld:EvacuationShelter:1")
    assert table.entities[0]["名称_住所"]["value"] == "あ,い"


@pytest.mark.parametrize("raw", [b"a,b\n1,x\0y\n2,z\n", b'[{"id":"urn:a:1","type":"T","x":"\\u0000"}]'])
def test_u_0000_is_never_an_entitys(raw: bytes) -> None:
    name = "a.json" if raw.startswith(b"[") else "a.csv"
    if name == "a.json":
        with pytest.raises(BadRequestData, match="U\\+0000"):
            read_table(raw, name=name, entity_type="T", free=free)
        return
    table = read_table(raw, name=name, entity_type="T", free=free)
    assert [entity["b"]["value"] for entity in table.entities] == ["z"]
    assert table.problems == ["line 2: it holds the character U+0000; it is not written"]


def test_an_id_that_stands_twice_is_told_and_written_once() -> None:
    table = read("ID,名称\nA,一\nB,二\nA,三\n")
    assert (table.rows, len(table.entities)) == (3, 2)
    assert table.entities[0]["名称"]["value"] == "一"
    [problem] = table.problems
    assert "line 4: its id urn:ngsi-ld:EvacuationShelter:A stands in line 2 already" in problem


@pytest.mark.parametrize("given", ["ＩＤ", "ID", "id", " 名称（正式） ", "名称(正式)"])
def test_the_id_column_may_be_named_as_it_stands_in_the_file(given: str) -> None:
    ids = [entity["id"] for entity in read("ＩＤ,名称（正式）\nA,B\n", id_column=given).entities]
    assert ids in (["urn:ngsi-ld:EvacuationShelter:A"], ["urn:ngsi-ld:EvacuationShelter:B"])


def test_core_terms_are_no_attributes_names() -> None:
    [entity] = read("location,observedAt,id,緯度,経度\nx,y,1,36.0,136.0\n").entities
    assert (entity["location_"]["value"], entity["observedAt_"]["value"]) == ("x", "y")
    assert entity["location"]["type"] == "GeoProperty"


def test_a_heading_longer_than_any_name_is_cut() -> None:
    table = read_table(
        f"番号,{'長' * 600},{'長' * 700}\n1,2,3\n".encode(), name="a.csv", entity_type="T", free=free_in(Contexts())
    )
    assert [len(name) for name in table.columns.values()] == [2, 200, 201]
