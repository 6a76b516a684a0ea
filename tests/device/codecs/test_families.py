from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import Reading
from kumihimo.device.codecs.families import FAMILIES, decode
from kumihimo.device.codecs.table import VOCAB
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words

AT = "2024-06-23T14:20:00+09:00"
MICROS = times.micros(times.parse(AT))

RECORDED: list[tuple[str, str, list[tuple[str, Any, str]]]] = [
    ("river-gauge", f'{{"observedAt":"{AT}","level":3.51}}', [("waterLevel", 3.51, "MTR")]),
    ("river-gauge", f'{{"level":-0.4,"observedAt":"{AT}","battery":12.6}}',
     [("waterLevel", -0.4, "MTR"), ("batteryVoltage", 12.6, "VLT")]),
    ("river-gauge", f'[{{"observedAt":"{AT}","level":1}},{{"observedAt":"{AT}","level":1.0}}]',
     [("waterLevel", 1, "MTR"), ("waterLevel", 1.0, "MTR")]),
    ("rain-gauge", f'{{"observedAt":"{AT}","rain":0}}', [("precipitation", 0, "MMT")]),
    ("rain-gauge", f'{{"observedAt":"{AT}","rain":43.5,"unknown":"passed over"}}', [("precipitation", 43.5, "MMT")]),
    ("counter", f'{{"observedAt":"{AT}","count":12}}', [("count", 12, "")]),
    ("sign", f'{{"observedAt":"{AT}","state":"showing","text":"避難"}}',
     [("state", "showing", ""), ("shownText", "避難", "")]),
    ("siren", f'{{"observedAt":"{AT}","state":"silent"}}', [("state", "silent", "")]),
]  # fmt: skip


def device(family: str = "river-gauge", **settings: Any) -> Device:
    return Device("g1", family, "gauge", "urn:ngsi-ld:X:1", "https://x/X", settings)


@pytest.mark.parametrize(("family", "body", "wanted"), RECORDED)
def test_recorded_samples(family: str, body: str, wanted: list[tuple[str, Any, str]]) -> None:
    found = decode(family, body.encode(), device(family))
    assert found == [
        Reading("urn:ngsi-ld:X:1", "https://x/X", VOCAB + name, value, MICROS, unit, "g1")
        for name, value, unit in wanted
    ]
    assert [type(one.value) for one in found if isinstance(one, Reading)] == [type(value) for _, value, _ in wanted]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("3.51", "is a text"),
        ("３．５１", "is a text"),
        ("*", "missing value"),
        ("", "missing value"),
        ("---", "missing value"),
        (None, "missing value"),
        (True, "not a number"),
        ([1], "not a number"),
        ({"value": 1}, "not a number"),
        (60.1, "outside"),
        (-20.1, "outside"),
        (10**400, "outside"),
    ],
)
def test_a_value_that_is_no_level_is_refused_in_words(value: Any, words: str) -> None:
    body = dumps({"observedAt": AT, "level": 0}).replace(b'"level":0', b'"level":' + dumps(value))
    (found,) = decode("river-gauge", body, device())
    assert isinstance(found, Words)
    assert words in found.en
    assert "level" in found.ja


@pytest.mark.parametrize(
    "moment",
    [
        "2024-06-23T14:20:00",
        "2024-06-23T24:00:00+09:00",
        "2024-06-23",
        "",
        "0000-01-01T00:00:00Z",
        "２０２４-06-23T14:20:00Z",
    ],
)
def test_a_moment_without_zone_or_outside_the_day_is_refused_with_the_right_form(moment: str) -> None:
    (found,) = decode("river-gauge", dumps({"observedAt": moment, "level": 1}), device())
    assert isinstance(found, Words)
    assert "2024-06-23T14:20:00+09:00" in found.en


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"3.51", "JSON object"),
        (b'{"level": NaN}', "JSON"),
        (b'{"level": Infinity}', "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "no reading"),
        (b"[[]]", "JSON object"),
        (b"[" * 100 + b"]" * 100, "deep"),
        (b'{"observedAt":"2024-06-23T14:20:00Z"}', "level is missing"),
        (b'{"level":1}', "observedAt"),
        (b'{"observedAt":5,"level":1}', "observedAt"),
        (b"[" + b",".join([b"{}"] * 101) + b"]", "at most 100"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_in_words(body: bytes, words: str) -> None:
    try:
        (found,) = decode("river-gauge", body, device())
    except Refused as refusal:
        found = refusal.words
    assert isinstance(found, Words)
    assert words in found.en


def test_one_bad_object_spoils_no_other() -> None:
    good = {"observedAt": AT, "level": 1}
    found = decode("river-gauge", dumps([good, {"observedAt": AT, "level": "*"}, good]), device())
    assert [type(one) for one in found] == [Reading, Words, Reading]


def test_a_device_may_have_its_own_range_and_attribute() -> None:
    own = device(min=300, max=400, attribute="https://x/elevation")
    for level in (299.5, 400.5):
        assert isinstance(decode("river-gauge", dumps({"observedAt": AT, "level": level}), own)[0], Words)
    found, battery = decode("river-gauge", dumps({"observedAt": AT, "level": 349.72, "battery": 12}), own)
    assert isinstance(found, Reading)
    assert isinstance(battery, Reading)
    assert (found.attribute, found.value) == ("https://x/elevation", 349.72)


@pytest.mark.parametrize("state", ["", "x" * 41, "a\nb", 5, None])
def test_a_state_is_a_short_text(state: Any) -> None:
    (found,) = decode("sign", dumps({"observedAt": AT, "state": state}), device("sign"))
    assert isinstance(found, Words)


def test_a_family_that_is_not_known_is_refused() -> None:
    with pytest.raises(Refused, match="no device family"):
        decode("toaster", b"{}", device("toaster"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
messages = st.binary(max_size=60) | (
    st.dictionaries(st.sampled_from(["observedAt", "level", "rain", "state", "battery"]), json_values | st.just(AT))
    | json_values
).map(lambda value: dumps(value) if _fits(value) else b"{}")


def _fits(value: Any) -> bool:
    try:
        dumps(value)
    except (TypeError, ValueError, UnicodeEncodeError):
        return False
    return True


@given(st.sampled_from(sorted(FAMILIES)), messages)
def test_any_message_is_readings_or_words(family: str, body: bytes) -> None:
    try:
        found = decode(family, body, device(family))
    except Refused as refusal:
        found = [refusal.words]
    assert found
    assert all(isinstance(one, Reading | Words) for one in found)
