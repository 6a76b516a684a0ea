"""Texts in the order of a language; the expected orders are those of ICU."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData, OperationNotSupported
from kumihimo.platform.broker.collation import collation

ORDERS = [
    ("und", ["", " ", "_", "-", ",", ".", "$", "€", "0", "1", "10", "2", "a", "A", "á", "Á", "ab", "b", "z", "あ"]),
    ("und", ["resume", "Resume", "résumé", "Résumé", "resumes"]),
    ("und", ["cote", "coté", "côte", "côté"]),
    ("fr", ["cote", "coté", "côte", "côté"]),
    ("fr-CA", ["cote", "côte", "coté", "côté"]),
    ("und", ["ad", "ae", "æ", "af", "o", "ø", "p", "ss", "ß", "st"]),
    ("und", ["z", "я", "あ", "ア", "い", "か", "が", "か゚", "き", "一", "福"]),
    ("und", ["x1", "x10", "x2"]),
    ("und-u-kn-true", ["x1", "x2", "x02a", "x10", "x100"]),
    ("en-u-kf-upper", ["A", "a", "Á", "á", "B", "b"]),
    ("de", ["Ahre", "Ähre", "Arm", "Zebra"]),
    ("de-u-co-phonebk", ["Ad", "Ähre", "Af", "Öl", "Ofen", "Zebra"]),
    ("sv", ["Zebra", "Åre", "Ähre", "Örn"]),
    ("da", ["Zebra", "Ære", "Øre", "Åre"]),
    ("es", ["nz", "ña", "o"]),
    ("cs", ["cz", "čas", "d", "hz", "chata", "i"]),
    ("pl", ["a", "ą", "b", "c", "ć", "d", "l", "ł", "m", "z", "ź", "ż"]),
    ("tr", ["c", "ç", "d", "g", "ğ", "h", "ı", "i", "j", "o", "ö", "p"]),
    # JIS X 0208: by reading in the first level, 亜 before 一 before 福; kanji outside of it come last.
    ("ja", ["あ", "ん", "亜", "一", "雨", "川", "福", "丂"]),
    ("ja", ["1", "１", "A", "Ａ", "ｱ", "い"]),
    ("und-u-ka-shifted", ["de luge", "de-luge", "deluge", "deluges"]),
    ("und-x-icu", ["a", "A", "b"]),
    ("root", ["a", "A", "b"]),
    ("und-u-co-direct", ["A", "b", "á", "か", "川", "福"]),
    ("en-Latn-US", ["a", "A", "b"]),
]


@pytest.mark.parametrize(("tag", "texts"), ORDERS, ids=[f"{number}-{tag}" for number, (tag, _) in enumerate(ORDERS)])
def test_orders(tag: str, texts: list[str]) -> None:
    mixed = sorted(texts)
    Random(1).shuffle(mixed)
    if "shifted" in tag:
        mixed.sort()  # what differs in blanks alone is equal here, and keeps its place
    assert sorted(mixed, key=collation(tag).key) == texts


EQUALS = [
    ("und-u-ks-level1", "résumé", "RESUME"),
    ("und-u-ks-level2", "resume", "RESUME"),
    ("und-u-ks-level1", "ア", "あ"),
    ("und-u-ks-level2", "ｱ", "あ"),
    ("und-u-ka-shifted", "de-luge", "deluge"),
    ("und", "é", "e\u0301"),
    ("und-u-ks-identic", "é", "e\u0301"),
]


@pytest.mark.parametrize(("tag", "one", "other"), EQUALS)
def test_what_counts_as_equal(tag: str, one: str, other: str) -> None:
    assert collation(tag).key(one) == collation(tag).key(other)


def test_what_a_strength_tells_apart() -> None:
    assert collation("und-u-ks-level1-kc-true").key("a") < collation("und-u-ks-level1-kc-true").key("A")
    assert collation("und-u-ks-level2").key("e") < collation("und-u-ks-level2").key("é")
    assert collation("und").key("の") < collation("und").key("ノ")


@pytest.mark.parametrize(
    "tag", ["", "!!nope", "not a tag!", "a", "en_US", "en-u-ks-level9", "en-u-kn-perhaps", "en-", "x" * 200, "日本語"]
)
def test_what_is_no_collation(tag: str) -> None:
    with pytest.raises(BadRequestData):
        collation(tag)


@pytest.mark.parametrize("tag", ["zh", "ko", "th", "en-u-co-phonebk", "de-u-co-pinyin", "en-u-kr-latn-digit"])
def test_what_is_a_collation_but_not_here(tag: str) -> None:
    with pytest.raises(OperationNotSupported):
        collation(tag)


@given(st.lists(st.text(max_size=12), max_size=6), st.sampled_from([tag for tag, _ in ORDERS]))
def test_every_text_has_a_place(texts: list[str], tag: str) -> None:
    key = collation(tag).key
    ordered = sorted(texts, key=key)
    assert sorted(ordered, key=key) == ordered
