"""Families that a pack declares: what a table tells is read, exactly; what it cannot tell is refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.base.ports import Reading
from kumihimo.device.codecs.declared import CodecTable, FieldTable, faults_of, read_table, table_text
from kumihimo.device.codecs.families import decode
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words

NOW = times.micros(times.parse("2026-11-26T09:00:00+09:00"))
EIGHT = times.micros(times.parse("2026-11-26T08:00:00+09:00"))


def table(form: str, *fields: dict[str, Any], **more: Any) -> CodecTable:
    """A codec as a manifest's table tells it."""
    many = [{"attribute": f"a{place}", **one} if "equals" not in one else one for place, one in enumerate(fields)]
    return msgspec.convert({"form": form, "fields": many, **more}, CodecTable)


def read(codec: CodecTable, body: bytes, most: int = 10) -> list[Reading | Words]:
    assert faults_of(codec) == []
    device = Device("d", "air.node", "", "urn:x:1", "X", table=table_text(codec))
    return decode(device.family, body, device, most, arrived=NOW)


def values(codec: CodecTable, body: bytes) -> list[Any]:
    found = read(codec, body)
    assert all(isinstance(one, Reading) for one in found), found
    return [one.value for one in found if isinstance(one, Reading)]


def why(codec: CodecTable, body: bytes) -> str:
    try:
        found = read(codec, body)
    except Refused as refusal:
        return refusal.words.en
    return next(one.en for one in found if isinstance(one, Words))


UNSIGNED, SIGNED, FLOAT = ({"at": 0, "kind": kind} for kind in ("unsigned", "signed", "float"))
BYTES: list[tuple[dict[str, Any], str, list[Any]]] = [
    ({**UNSIGNED, "bytes": 2}, "0102", [258]),
    ({**UNSIGNED, "bytes": 2, "endian": "little"}, "0102", [513]),
    ({**SIGNED, "bytes": 2}, "ffff", [-1]),
    ({**SIGNED, "bytes": 3, "endian": "little"}, "feffff", [-2]),
    ({**SIGNED, "bytes": 2, "scale": 0.01}, "092f", [23.51]),
    ({**UNSIGNED, "scale": 0.1, "offset": -40}, "ff", [-14.5]),
    ({**UNSIGNED, "scale": 10, "offset": 1}, "07", [71]),
    ({**UNSIGNED, "bits": [4, 4]}, "a7", [10]),
    ({**SIGNED, "bits": [0, 3]}, "07", [-1]),
    ({**UNSIGNED, "bytes": 2, "bits": [6, 4]}, "03c0", [15]),
    ({**FLOAT, "bytes": 4}, "41bc0000", [23.5]),
    ({**FLOAT, "bytes": 2, "endian": "little"}, "003c", [1.0]),
    ({"at": 0, "kind": "flag", "bits": [7, 1]}, "80", [True]),
    ({**UNSIGNED, "codes": {"2": "raining"}}, "02", ["raining"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "body", "wanted"), BYTES)
def test_bytes_are_read_where_they_lie(field: dict[str, Any], body: str, wanted: list[Any]) -> None:
    found = values(table("binary", field, length=len(body) // 2), bytes.fromhex(body))
    assert found == wanted
    assert [type(one) for one in found] == [type(one) for one in wanted]


def test_a_value_that_says_there_is_none_is_passed_over() -> None:
    nan = {**FLOAT, "at": 1, "bytes": 4}
    codec = table("binary", {**UNSIGNED, "none": [255]}, nan, length=5)
    assert values(codec, b"\x07" + struct.pack(">f", float("nan"))) == [7]
    assert values(codec, b"\xff" + struct.pack(">f", 2.5)) == [2.5]
    assert "no value in it" in why(codec, b"\xff" + struct.pack(">f", float("nan")))


REFUSED: list[tuple[CodecTable, bytes, str]] = [
    (table("binary", UNSIGNED, length=2), b"x", "it has 1 bytes; a message of this family has 2"),
    (table("binary", {**UNSIGNED, "most": 9}, length=1), b"\x0a", "outside what this family can measure ( to 9)"),
    (table("binary", {**FLOAT, "bytes": 8}, length=8), struct.pack(">d", float("inf")), "no finite number"),
    (table("binary", UNSIGNED, {"at": 1, "kind": "unsigned", "equals": 3}, length=2), b"\1\4", "of this family"),
    (table("binary", {**UNSIGNED, "codes": {"0": "no"}}, length=1), b"\1", "the code '1' is none"),
    (table("binary", {"at": 0, "kind": "flag"}, length=1), b"\2", "neither true nor false"),
    (table("binary", UNSIGNED, length=1, carried={"at": "/d", "as": "hex"}), b'{"d": "zz"}', "no payload in hex"),
    (table("binary", UNSIGNED, length=1, carried={"at": "/d", "as": "base64"}), b'{"d": 7}', "no payload in base64"),
    (table("json", {"at": "/t", "kind": "number"}), b"{}", "is missing"),
    (table("json", {"at": "/t", "kind": "number"}), b'{"t": "1.5.1"}', "no finite number"),
    (table("json", {"at": "/t", "kind": "number"}), b'{"t": 1' + b"0" * 400 + b"}", "no finite number"),
    (table("json", {"at": "/t", "kind": "text"}), b'{"t": "a\\nb"}', "must be a text"),
    (table("json", {"at": "/t", "kind": "number"}, many="/r"), b'{"r": 5}', "no array of readings"),
    (table("json", {"at": "/t", "kind": "number"}, many="/r"), b'{"r": []}', "no reading in it"),
    (table("json", {"at": "", "kind": "number"}, many=""), json.dumps([1] * 11).encode(), "send at most 10"),
    (table("json", {"at": "/t", "kind": "number"}), b"[" * 80, "not readable as JSON"),
    (table("json", {"at": "/t", "kind": "number"}, time={"as": "iso", "at": "/at"}), b'{"t":1,"at":"2026-11-26"}',
     "the time cannot be read"),
    (table("json", {"at": "/t", "kind": "number"}, time={"as": "epoch-s", "at": "/at"}), b'{"t":1,"at":0}',
     "set the device's clock"),
    (table("csv", {"at": "t", "kind": "number"}), b"x\n1\n", "must name the column 't'"),
    (table("csv", {"at": "t", "kind": "number"}), b"t,t\n1,2\n", "must name the column 't'"),
    (table("csv", {"at": "t", "kind": "number"}), b"t\n\xe6\xb0\n", "not in utf-8"),
    (table("csv", {"at": "t", "kind": "number"}), b't\n"1\n', "cannot be read"),
    (table("csv", {"at": "t", "kind": "number"}), "t\n２\n".encode(), "no finite number"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "body", "words"), REFUSED)
def test_what_cannot_be_read_is_refused_in_words(codec: CodecTable, body: bytes, words: str) -> None:
    assert words in why(codec, body)


def test_times_are_those_that_the_message_says() -> None:
    field = {"at": "/t", "kind": "number"}
    for way, said in (("iso", '"2026-11-25T23:00:00Z"'), ("jst", '"2026/11/26 08:00"'), ("epoch-s", "1795647600"),
                      ("epoch-ms", "1795647600000")):  # fmt: skip
        (found,) = read(table("json", field, time={"as": way, "at": "/at"}), f'{{"t": 1, "at": {said}}}'.encode())
        assert isinstance(found, Reading), (way, found)
        assert found.observed_at == EIGHT
    in_bytes = table("binary", UNSIGNED, length=5, time={"as": "epoch-s", "at": 1})
    (found,) = read(in_bytes, b"\1" + (1795647600).to_bytes(4, "big"))
    assert isinstance(found, Reading)
    assert found.observed_at == EIGHT
    (found,) = read(table("json", field), b'{"t": 1}')
    assert isinstance(found, Reading)
    assert found.observed_at == NOW


def test_lines_of_a_logger_are_read_each_by_itself() -> None:
    codec = table(
        "csv", {"at": "気温", "kind": "number", "none": ["***", -99]}, {"at": "雨", "kind": "flag", "needed": False},
        encoding="cp932", separator=";", time={"as": "jst", "at": "日時"},
    )  # fmt: skip
    body = "日時;気温;雨\n2026-11-26 08:00;-1.5;1\n2026-11-26 08:00;***;\n2026-11-26 08:00;-99.0;0\n"
    found = read(codec, body.encode("cp932"))
    assert [one.value if isinstance(one, Reading) else None for one in found] == [-1.5, True, None, False]
    assert {one.observed_at for one in found if isinstance(one, Reading)} == {EIGHT}
    bare = table("csv", {"at": 1, "kind": "number"}, heading=False)
    assert values(bare, b"x,1\ny,2\n") == [1, 2]
    assert "is missing" in why(bare, b"x\n")


CANNOT = {
    "overlaps": table("binary", {**UNSIGNED, "bytes": 2}, {"at": 1, "kind": "unsigned"}, length=2),
    "overlaps time": table("binary", UNSIGNED, length=4, time={"as": "epoch-s", "at": 0}),
    "a1 overlaps a0": table("binary", {**UNSIGNED, "bits": [0, 4]}, {**UNSIGNED, "bits": [3, 1]}, length=1),
    "beyond the length": table("binary", {**UNSIGNED, "bytes": 2}, length=1),
    "bits lie beyond": table("binary", {**UNSIGNED, "bits": [6, 3]}, length=1),
    "the unit 'XX'": table("binary", {**UNSIGNED, "unit": "XX"}, length=1),
    "a float has 2, 4 or 8": table("binary", {**FLOAT, "bytes": 3}, length=3),
    "binary has no kind number": table("binary", {"at": 0, "kind": "number"}, length=1),
    "json has no kind signed": table("json", {"at": "/a", "kind": "signed"}),
    "which needs it": table("binary", UNSIGNED),
    "at is a number": table("binary", {"at": "/a", "kind": "unsigned"}, length=1),
    "no JSON Pointer": table("json", {"at": "a", "kind": "number"}),
    "no field has an attribute": table("binary", {**UNSIGNED, "equals": 1}, length=1),
    "is there twice": table("json", {"at": "/a", "kind": "number"}, {"at": "/b", "kind": "number", "attribute": "a0"}),
    "are finite": table("json", {"at": "/a", "kind": "number", "none": [float("nan")]}),
    "scale is not 0": table("json", {"at": "/a", "kind": "number", "scale": 0}),
    "least is more than most": table("json", {"at": "/a", "kind": "number", "least": 2, "most": 1}),
    "are for numbers": table("json", {"at": "/a", "kind": "text", "scale": 2}),
    "in bytes none and equals are numbers": table("binary", {**UNSIGNED, "none": ["x"]}, length=1),
    "many belongs to json": table("csv", {"at": "a", "kind": "number"}, many="/a"),
    "carried belongs to binary": table("csv", {"at": "a", "kind": "number"}, carried={"at": "/a", "as": "hex"}),
    "epoch-s or epoch-ms": table("binary", UNSIGNED, length=5, time={"as": "iso", "at": 1}),
    "at is needed for all but arrival": table("json", {"at": "/a", "kind": "number"}, time={"as": "iso"}),
    "bytes, bits, endian belong": table("json", {"at": "/a", "kind": "number", "bytes": 2}),
    "either attribute or equals": table("json", {"at": "/a", "kind": "number"}, {"at": "/b", "kind": "number",
                                                                               "attribute": "b", "equals": 1}),
}  # fmt: skip


@pytest.mark.parametrize(("words", "codec"), CANNOT.items())
def test_what_a_table_cannot_tell_is_refused_in_both_languages(words: str, codec: CodecTable) -> None:
    found = faults_of(codec)
    assert any(words in one.en for one in found), found
    assert all(one.ja and one.ja != one.en for one in found)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"at": 0, "kind": "unsigned", "formula": "x * 2"}, "unknown field `formula`"),
        ({"at": 0, "kind": "unsigned", "scale": "x * 2"}, "Expected `int | float`, got `str`"),
        ({"at": 0, "kind": "unsigned", "bytes": 9}, "<= 8"),
        ({"at": -1, "kind": "unsigned"}, ">= 0"),
        ({"at": 0, "kind": "eval"}, "Invalid enum value"),
    ],
)
def test_there_is_no_expression_in_a_table(field: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="fields") as refused:
        table("binary", field, length=1)
    assert words in str(refused.value)


# --- whatever the table, whatever the message ----------------------------------------------------------------


@st.composite
def layouts(draw: st.DrawFn) -> tuple[CodecTable, list[int], bytes]:
    """Integers one beside the other in bytes, with what they are and the message that says so."""
    fields, raw, body = [], [], b""
    for place in range(draw(st.integers(1, 5))):
        size, is_signed = draw(st.integers(1, 8)), draw(st.booleans())
        endian = draw(st.sampled_from(["big", "little"]))
        low, high = (-(1 << size * 8 - 1), (1 << size * 8 - 1) - 1) if is_signed else (0, (1 << size * 8) - 1)
        number = draw(st.integers(low, high))
        kind = "signed" if is_signed else "unsigned"
        scale = draw(st.sampled_from([1, 2, 10, -3]))
        fields.append({"at": len(body), "kind": kind, "bytes": size, "endian": endian, "scale": scale, "offset": place})
        body += number.to_bytes(size, endian, signed=is_signed)  # type: ignore[arg-type]  # one of the two
        raw.append(number * scale + place)
    return table("binary", *fields, length=len(body)), raw, body


@settings(max_examples=60)
@given(layouts())
def test_what_is_written_by_a_table_is_read_by_it(layout: tuple[CodecTable, list[int], bytes]) -> None:
    codec, wanted, body = layout
    assert values(codec, body) == wanted
    assert read_table(table_text(codec)) == codec


@settings(max_examples=60)
@given(st.integers(-32768, 32767), st.sampled_from(["0.1", "0.01", "0.5", "0.005"]))
def test_a_scaled_value_is_the_one_that_a_person_would_write(raw: int, scale: str) -> None:
    codec = table("binary", {**SIGNED, "bytes": 2, "scale": float(scale)}, length=2)
    (found,) = values(codec, raw.to_bytes(2, "big", signed=True))
    assert round(found / float(scale)) == raw
    assert len(repr(abs(found)).partition(".")[2]) <= 3


ANY = [codec for codec, _, _ in REFUSED] + [
    table("csv", {"at": 0, "kind": "flag"}, heading=False, encoding="cp932"),
    table("json", {"at": "/0/a~1b", "kind": "number", "codes": {"1": "one"}}, time={"as": "epoch-ms", "at": "/1"}),
    table("binary", UNSIGNED, length=1, carried={"at": "/d", "as": "base64"}, time={"as": "jst", "at": "/t"}),
]
_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["t", "at", "d", "r"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.sampled_from(ANY), st.binary(max_size=24) | _TEXT.map(lambda one: json.dumps(one).encode()))
def test_no_message_breaks_a_table(codec: CodecTable, body: bytes) -> None:
    try:
        found = read(codec, body)
    except Refused as refusal:
        found = [refusal.words]
    assert found
    assert all(isinstance(one, Words) or one.observed_at > 0 for one in found)


def test_a_field_says_by_itself_which_it_is() -> None:
    codec = table("json", {"at": "/t", "kind": "number"})
    assert isinstance(codec.fields[0], FieldTable)
    assert (codec.fields[0].attribute, codec.time.as_) == ("a0", "arrival")
