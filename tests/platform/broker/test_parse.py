from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData, Problem, TooComplexQuery
from kumihimo.platform.broker.models import QAnd, QOr, QPath, QRange, QTerm, TypeAnd, TypeOr
from kumihimo.platform.broker.parse import Reading, check_pattern, parse_geo, parse_q, parse_types, renamed_q
from kumihimo.platform.broker.patterns import compiled
from kumihimo.platform.broker.scopes import matches_scope, parse_scope_q


def x(name: str) -> str:
    return "x:" + name


def q(text: str) -> Any:
    return parse_q(text, x)


def term(attribute: str, operator: Any, *values: Any) -> QTerm:
    return QTerm(QPath(("x:" + attribute,)), operator, values)


def test_a_text_of_a_body_may_be_copied_from_an_address() -> None:
    text = 'a=="足羽%20川",5;b!="90%";c=="%e7%a6%8f";d=="%00","%ff";e==%22urn:x:1%22'
    assert parse_q(text, x, Reading(in_body=True)) == QAnd(
        (
            term("a", "==", "足羽%20川", 5, "足羽 川"),
            term("b", "!=", "90%"),
            term("c", "==", "%e7%a6%8f", "福"),
            term("d", "==", "%00", "%ff"),
            term("e", "==", "%22urn:x:1%22", "urn:x:1"),
        )
    )
    assert q('c=="%e7%a6%8f"') == term("c", "==", "%e7%a6%8f")


@pytest.mark.parametrize("text", ["a==..1", "a==..", "a!=1,..5", 'a==.."b"', "a>..1"])
def test_a_range_has_both_ends(text: str) -> None:
    with pytest.raises(BadRequestData, match="lower end of the range"):
        q(text)
    assert q('a=="..1"') == term("a", "==", "..1")


@pytest.mark.parametrize("text", ["a{255}{255}", "(a{200}){200}", "[z-a]", "[水-あ]"])
def test_what_is_said_of_a_pattern_is_text(text: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        check_pattern(text)
    assert "b'" not in refused.value.detail
    assert text in refused.value.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", term("a", "exists")),
        ("!a", term("a", "absent")),
        ("! a.b[c]", QTerm(QPath(("x:a", "x:b"), "", ("c",)), "absent")),
        ("!a;b", QAnd((term("a", "absent"), term("b", "exists")))),
        ("a==1", term("a", "==", 1)),
        ("a != 1.5", term("a", "!=", 1.5)),
        ("a>=-2e3", term("a", ">=", -2000.0)),
        ("a==true", term("a", "==", True)),
        ('a=="true"', term("a", "==", "true")),
        ('a=="1"', term("a", "==", "1")),
        ("a==1,2,3", term("a", "==", 1, 2, 3)),
        ("a==1..5", term("a", "==", QRange(1, 5))),
        ("a!=0.5..1.5,7", term("a", "!=", QRange(0.5, 1.5), 7)),
        ('a=="あ".."ん"', term("a", "==", QRange("あ", "ん"))),
        ('a==b.."c"', term("a", "==", QRange("b", "c"))),
        ('a=="b"..c', term("a", "==", QRange("b", "c"))),
        ('水位=="福井市"', term("水位", "==", "福井市")),
        ('a=="<>\\"\';=()|,[]~!"', term("a", "==", "<>\"';=()|,[]~!")),
        ('a=="\\u798f\\ud83d\\ude00\\n"', term("a", "==", "福😀\n")),
        ("a==urn:ngsi-ld:Gauge:1", term("a", "==", "urn:ngsi-ld:Gauge:1")),
        ("a==https://example.org/x?y#z", None),
        ("a>2024-06-23T10:00:00.5Z", term("a", ">", "2024-06-23T10:00:00.5Z")),
        ("a==2024-06-01..2024-06-30", term("a", "==", QRange("2024-06-01", "2024-06-30"))),
        ("a.b.c==1", QTerm(QPath(("x:a", "x:b", "x:c")), "==", (1,))),
        ("a.observedAt>2024", QTerm(QPath(("x:a",), "observedAt"), ">", (2024,))),
        ("modifiedAt>2024-01-01", QTerm(QPath((), "modifiedAt"), ">", ("2024-01-01",))),
        ("unitCode==1", term("unitCode", "==", 1)),
        ("a[city]==1", QTerm(QPath(("x:a",), "", ("city",)), "==", (1,))),
        ("a.b[c.d]", QTerm(QPath(("x:a", "x:b"), "", ("c", "d")), "exists")),
        ('a["deep key"]', QTerm(QPath(("x:a",), "", ("deep key",)), "exists")),
        ("https://e.org/v1.2/a==1", QTerm(QPath(("x:https://e.org/v1.2/a",)), "==", (1,))),
        ("https://e.org/a.observedAt==1", QTerm(QPath(("x:https://e.org/a",), "observedAt"), "==", (1,))),
        ("a~=^b.*", term("a", "~=", "^b[^\n]*")),
        ("a~=(b|c);d", QAnd((term("a", "~=", "(?:b|c)"), term("d", "exists")))),
        ('a~="b;c|d"', term("a", "~=", "b;c|d")),
        ("(a~=b)", term("a", "~=", "b")),
        ("a;b|c", QOr((QAnd((term("a", "exists"), term("b", "exists"))), term("c", "exists")))),
        ("a;(b|c)", QAnd((term("a", "exists"), QOr((term("b", "exists"), term("c", "exists")))))),
    ],
)
def test_q_is_read(text: str, expected: Any) -> None:
    if expected is not None:
        assert q(text) == expected
    else:
        assert q(text).values == (text.split("==")[1],)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("a==", 4),
        ("a==1;", 6),
        ("(a==1", 6),
        ("a==1)", 5),
        ("a=1", 2),
        ('a=="b', 4),
        ('a=="\\q"', 5),
        ("a..b", 1),
        ("a[]", 3),
        ("a[b", 4),
        ("a>1..2", 3),
        ('a==1.."b"', 4),
        ("a==true..false", 4),
        ("a==1,,2", 6),
        ("a~=", 4),
        ('a=="\\ud800"', 5),
        ('a=="\\u0000"', 5),
        ("a!b", 2),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, at: int) -> None:
    with pytest.raises(BadRequestData, match=f"at character {at} "):
        q(text)


@pytest.mark.parametrize(
    "text",
    ["a" * 8193, ";".join(["a"] * 101), "(" * 21 + "a" + ")" * 21, "a==" + ",".join(["1"] * 501)],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(TooComplexQuery):
        q(text)


@given(st.text(alphabet='ab.水;|()[],"<>=!~ 1\\u{}*+?^$-:/', max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (q, lambda one: parse_types(one, x), check_pattern, parse_scope_q):
        with contextlib.suppress(Problem):
            read(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_any_quoted_text_comes_back(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert q(f'a=="{quoted}"') == term("a", "==", text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a)\\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        "(?i)a",
        "(?P<n>a)",
        "[[:alpha:]",
        "\\bword",
        "\\pL",
        "\\x41",
        "a**",
        "*a",
        "^*",
        "(a",
        "a)",
        "[a",
        "a{2",
        "a{300}",
        "a{3,2}",
        "[b-a]",
        "a" * 513,
        "((((a{200}){200}){200}){200}){200}",
        "\\",
    ],
)
def test_patterns_that_the_engines_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(BadRequestData):
        check_pattern(pattern)


def test_a_checked_pattern_is_taken_again_and_means_the_same() -> None:
    for pattern in ("^a.b[\\d-]\\w+?$", "[]a]", "x{2,3}|(?:y\\.z)*", "[^\\]\\\\]", "\\S\\D", "}]"):
        once = check_pattern(pattern)
        again = check_pattern(once)
        for text in ("a福b1x", "]", "xxx", "y.z", "\\", "a\nb", "", "}]", "1"):
            assert bool(compiled(once).search(text)) == bool(compiled(again).search(text))


def test_types() -> None:
    assert parse_types("A", x) == "x:A"
    assert parse_types("A,B|C", x) == TypeOr(("x:A", "x:B", "x:C"))
    assert parse_types("(A;B),C", x) == TypeOr((TypeAnd(("x:A", "x:B")), "x:C"))
    assert parse_types("A;(B|雨量計)", x) == TypeAnd(("x:A", TypeOr(("x:B", "x:雨量計"))))
    for text in ("", "A,", "(A", "A)", ";A", "A B"):
        with pytest.raises(BadRequestData):
            parse_types(text, x)
    for text in ("(" * 21 + "A" + ")" * 21, "A," * 200 + "A"):
        with pytest.raises(TooComplexQuery):
            parse_types(text, x)


def test_geo_queries() -> None:
    near = parse_geo("near;maxDistance==2000", "Point", "[136.2, 36.1]", "", x)
    assert (near.relation, near.max_distance, near.min_distance) == ("near", 2000.0, None)
    assert near.property == "https://uri.etsi.org/ngsi-ld/location"
    assert near.geometry == {"type": "Point", "coordinates": [136.2, 36.1]}
    assert parse_geo("near;minDistance==5", "Point", [1, 2], "p", x).property == "x:p"
    square = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    assert parse_geo("within", "Polygon", square, "", x).relation == "within"


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates"),
    [
        ("near", "Point", "[1,2]"),
        ("near;maxDistance==-1", "Point", "[1,2]"),
        ("near;maxDistance==1;minDistance==1", "Point", "[1,2]"),
        ("touches", "Point", "[1,2]"),
        ("within;maxDistance==1", "Point", "[1,2]"),
        ("within", "Circle", "[1,2]"),
        ("within", "Point", "[1,2"),
        ("within", "Point", "[1,200]"),
        ("within", "", "[1,2]"),
        ("", "Point", "[1,2]"),
        ("within", "Point", ""),
    ],
)
def test_broken_geo_queries_are_refused(georel: str, geometry: str, coordinates: str) -> None:
    with pytest.raises(BadRequestData):
        parse_geo(georel, geometry, coordinates, "", x)


@pytest.mark.parametrize(
    ("text", "scopes", "answer"),
    [
        ("/a/b", ["/a/b"], True),
        ("/a/b", ["/a/b/c"], False),
        ("a/b", ["/a/b"], True),
        ("/a/+", ["/a/福井"], True),
        ("/a/+", ["/a/b/c"], False),
        ("/a/#", ["/a"], True),
        ("/a/#", ["/a/b/c"], True),
        ("/a/#", ["/ab"], False),
        ("/#", ["/x"], True),
        ("/a;/b", ["/a", "/b"], True),
        ("/a;/b", ["/a"], False),
        ("(/a,/c);/b", ["/c", "/b"], True),
    ],
)
def test_scopes(text: str, scopes: list[str], answer: bool) -> None:
    assert matches_scope(scopes, parse_scope_q(text)) is answer


@given(
    st.lists(
        st.sampled_from(["a", "b.c", "d.observedAt", "!e", "f[k]", 'g=="a"', "h>1", "i==1..2,3", "(j|k)"]), min_size=1
    ),
    st.sampled_from([";", " ; ", "|"]),
)
def test_renaming_a_q_gives_what_asks_the_same_under_the_new_names(terms: list[str], between: str) -> None:
    text = between.join(terms)
    renamed = renamed_q(text, x, str.upper)
    assert parse_q(renamed, lambda name: x(name.lower())) == q(text)
    assert renamed_q(renamed, x, str.lower) == text
    assert len(renamed) == len(text)
