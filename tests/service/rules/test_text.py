"""Text and form say the same: whatever one holds, the other gives back; what is wrong is refused in both languages."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kumihimo.service.rules import form, text
from kumihimo.service.rules.definition import Action, Definition, Rule
from kumihimo.service.rules.fields import SET, Member, Part
from kumihimo.service.rules.refusal import RuleRefused

LETTERS = st.characters(
    exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"), include_characters=" \u3000"
)
LINES = st.text(LETTERS, max_size=20)
JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | LINES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LINES, inner, max_size=3),
    max_leaves=5,
)


def member(one: Member) -> st.SearchStrategy[Any]:
    return {
        "line": LINES,
        "text": st.lists(LINES, max_size=3).map("\n".join),
        "names": st.lists(LINES.map(str.strip).filter(bool), max_size=3, unique=True).map(tuple),
        "number": st.integers(0, 1_000_000),
        "flag": st.booleans(),
        "choice": st.sampled_from(one.choices or [""]),
        "value": JSON,
        "terms": st.dictionaries(LINES, LINES, max_size=3),
        "values": st.dictionaries(LINES, JSON, max_size=3),
    }[one.kind]


def models(part: Part) -> st.SearchStrategy[Any]:
    inner = {into: st.lists(models(below), max_size=2).map(tuple) for _, into, below in part.parts}
    plain = {one.name: one for one in part.members if not one.only}
    made = st.fixed_dictionaries({name: member(one) for name, one in plain.items()} | inner)

    def with_own(given_: dict[str, Any]) -> st.SearchStrategy[Any]:
        own = {one.name: member(one) for one in part.members if given_.get("do") in one.only}
        return st.fixed_dictionaries(own).map(lambda more: part.model(**given_, **more))

    return made.flatmap(with_own)


@settings(max_examples=60)
@given(models(SET))
@example(Definition(rules=(Rule(actions=(Action(do="change", value={}), Action(do="command", arguments={}))),)))
def test_text_and_form_give_back_what_they_were_made_of(definition: Definition) -> None:
    assert text.read(text.write(definition)) == definition
    assert form.definition_of(form.form_of(definition)) == definition


def test_every_member_of_a_model_stands_in_the_one_table() -> None:
    parts = [SET]
    while parts:
        part = parts.pop()
        assert {one.name for one in fields(part.model)} == {
            *(one.name for one in part.members),
            *(into for _, into, _ in part.parts),
        }
        parts += [below for _, _, below in part.parts]


@pytest.mark.parametrize(
    ("written", "en", "ja"),
    [
        ("name = ", "this is no TOML", "TOML として読めません"),
        ("nmae = 'a'", "nmae: there is no such member; there are name, title_ja", "nmae：この項目はありません"),
        ("name = 3", "name: give a text", "name：200 文字まで"),
        ("rule = 3", "rule: write [[rule]] tables", "[[rule]] の表"),
        ("[[rule]]\ntypes = 'A'", "rule[1].types: give a list", "rule[1].types：20 個まで"),
        ("[[rule]]\nrepeat = 'often'", "rule[1].repeat: choose one of each, rise", "each, rise から"),
        ("[[rule]]\nquiet_minutes = -1", "rule[1].quiet_minutes: give a whole number", "整数で"),
        ("[[rule]]\nquiet_minutes = true", "give a whole number", "整数で"),
        ("[[rule]]\n[[rule.join]]\ninside = 1", "rule[1].join[1].inside: give true or false", "true か false"),
        ("[[rule]]\n[[rule.then]]\nvalue = nan", "rule[1].then[1].value: give texts, finite numbers", "文字列、数"),
        ("[[rule]]\n[[rule.then]]\nvalue = 1979-05-27", "rule[1].then[1].value: give texts", "文字列、数"),
        ("[[rule]]\n[[rule.then]]\narguments = 1", "give a table", "名前と値の表"),
        ('name = "a\\u0000b"', "name: it holds a character that cannot be shown", "表示できない文字"),
        ("[[rule]]\n" * 51, "51 are given; at most 50", "51 個あります"),
        ("a = " + "[" * 100 + "]" * 100, "nested too deeply", "入れ子が深すぎます"),
        ("names = 1", "names: give a table of at most 1000 names", "1000 個まで"),
        ("[names]\n" + "".join(f"a{n} = 'x'\n" for n in range(1001)), "names: give a table of at most", "表を"),
        ("[names]\na = 1", "names.a: give a text", "names.a：200 文字まで"),
        ("#" * 70_000, "longer than 65536 bytes", "65536 バイトまで"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place_in_both_languages(written: str, en: str, ja: str) -> None:
    with pytest.raises(RuleRefused) as refused:
        text.read(written)
    assert en in refused.value.detail
    assert ja in refused.value.words.ja
    assert refused.value.document()["detailJa"] == refused.value.words.ja


@pytest.mark.parametrize(
    ("name", "value", "en"),
    [
        ("rule.count", "99", "rule: at most 50"),
        ("rule.count", "x", "rule: at most 50"),
        ("rule.0.quiet_minutes", "soon", "rule.0.quiet_minutes: give a whole number"),
        ("rule.0.then.0.value", "open", "rule.0.then.0.value: write JSON"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(name: str, value: str, en: str) -> None:
    fields_ = {"name": "a", "rule.count": "1", "rule.0.then.count": "1", "rule.0.then.0.do": "change", name: value}
    with pytest.raises(RuleRefused, match=en):
        form.definition_of(fields_)
